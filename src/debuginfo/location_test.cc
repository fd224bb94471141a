#include "debuginfo/location.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace inquest::debuginfo {
namespace {

std::vector<std::byte> hex(std::string_view text) {
  std::vector<std::byte> bytes;
  for (size_t i = 0; i + 1 < text.size();) {
    if (text[i] == ' ') {
      i++;
      continue;
    }
    bytes.push_back(std::byte(std::stoul(std::string(text.substr(i, 2)), nullptr, 16)));
    i += 2;
  }
  return bytes;
}

// Registers 0..9 hold 0x1000 * number; memory at a holds a + 1; base types: DIE n is n % 16 bytes, signed from 16 up.
EvaluationContext world() {
  EvaluationContext c;
  c.reg = [](unsigned n) -> Result<uint64_t> {
    if (n < 10) return uint64_t{0x1000} * n;
    return Error(ErrorCode::kNotFound, fmt::format("register {} is lost", n));
  };
  c.memory = [](VirtualAddress a, unsigned) -> Result<uint64_t> {
    if (a.value == 0xbad) return Error(ErrorCode::kUnreadable, "page filtered out");
    return a.value + 1;
  };
  c.cfa = []() -> Result<uint64_t> { return 0x7000; };
  c.frame_base = []() -> Result<uint64_t> { return 0x6000; };
  c.entry_value = [](Bytes block) -> Result<uint64_t> {
    if (block.size() == 1 && std::to_integer<unsigned>(block[0]) == 0x55) return 0x5555;
    return Error(ErrorCode::kNotFound, "the entry value of rsi is not known");
  };
  c.parameter_ref = [](uint64_t die) -> Result<uint64_t> { return die; };
  c.indexed_address = [](uint64_t i) -> Result<uint64_t> { return i * 0x100; };
  c.to_runtime = [](uint64_t a) { return a + 0x10000000; };
  c.base_type = [](uint64_t die) -> Result<ExpressionType> {
    return ExpressionType{uint8_t(die % 16), die >= 16, die == 99};
  };
  return c;
}

std::string show(const Result<Location>& location) {
  if (!location.ok()) return std::string(name_of(location.error().code())) + ": " + location.error().message();
  std::string text;
  for (const Piece& p : *location) {
    static constexpr const char* kKinds[] = {"memory", "register", "value", "bytes", "pointer", "nowhere"};
    if (!text.empty()) text += " | ";
    text += kKinds[unsigned(p.kind)];
    if (p.kind == Piece::Kind::kNowhere)
      text += " (" + p.why + ")";
    else if (p.kind == Piece::Kind::kBytes)
      text += fmt::format(" of {}", p.bytes.size());
    else
      text += fmt::format(" {:#x}", p.value);
    if (p.offset) text += fmt::format("{:+}", p.offset);
    if (p.bit_size) text += fmt::format(" bits {}", p.bit_size);
    if (p.bit_offset) text += fmt::format(" at {}", p.bit_offset);
  }
  return text;
}

std::string run(std::string_view text, const EvaluationContext& context = world()) {
  std::vector<std::byte> bytes = hex(text);
  Expression e;
  e.bytes = bytes;
  e.unit_offset = 0;
  return show(evaluate(e, context));
}

TEST(Location, Forms) {
  EXPECT_EQ(run(""), "nowhere (optimized out)");
  EXPECT_EQ(run("55"), "register 0x5");
  EXPECT_EQ(run("90 21"), "register 0x21");
  EXPECT_EQ(run("75 10"), "memory 0x5010");    // breg5 16
  EXPECT_EQ(run("75 70 9f"), "value 0x4ff0");  // breg5 -16; stack_value
  EXPECT_EQ(run("91 78"), "memory 0x5ff8");    // fbreg -8
  EXPECT_EQ(run("9c"), "memory 0x7000");
  EXPECT_EQ(run("03 1020304000000000"), "memory 0x50302010");
  EXPECT_EQ(run("a1 03"), "memory 0x10000300");  // addrx is relocated, constx is not
  EXPECT_EQ(run("a2 03 9f"), "value 0x300");
  EXPECT_EQ(run("9e 03 010203"), "bytes of 3");
  EXPECT_EQ(run("a0 34120000 7c"), "pointer 0x1234-4");
  EXPECT_EQ(run("f2 34120000 04"), "pointer 0x1234+4");
  EXPECT_EQ(run("55 f0"), "register 0x5");  // GNU_uninit
  EXPECT_EQ(run("fa 40000000 9f"), "value 0x40");
}

TEST(Location, Pieces) {
  EXPECT_EQ(run("50 93 08 51 93 08"), "register 0x0 bits 64 | register 0x1 bits 64");
  EXPECT_EQ(run("50 93 04 93 04"), "register 0x0 bits 32 | nowhere (optimized out) bits 32");
  EXPECT_EQ(run("75 00 9d 05 03 31 9f 9d 03 00"), "memory 0x5000 bits 5 at 3 | value 0x1 bits 3");
  // What is not known spoils its piece only, whatever was computed on it.
  EXPECT_EQ(run("7f 00 06 23 08 93 08 51 93 08"), "nowhere (register 15 is lost) bits 64 | register 0x1 bits 64");
}

TEST(Location, MissingIsNotAnError) {
  EXPECT_EQ(run("a3 01 55 9f"), "value 0x5555");
  EXPECT_EQ(run("f3 01 54 9f"), "nowhere (the entry value of rsi is not known)");
  EXPECT_EQ(run("f3 01 54 9f", {}), "nowhere (the entry value of register 4 is not known)");
  EXPECT_EQ(run("0b ad 0b 06 9f"), "nowhere (page filtered out)");  // const2s 0xbad; deref
  EXPECT_EQ(run("75 00", {}), "nowhere (register 5 is not known)");
  EXPECT_EQ(run("91 00", {}), "nowhere (the frame base is not known)");
  EXPECT_EQ(run("e0"), "nowhere (DWARF operation 0xe0 is not supported)");
  EXPECT_EQ(run("98 0000"), "nowhere (DWARF operation 0x98 is not supported)");
}

TEST(Location, Malformed) {
  EXPECT_EQ(run("22"), "corrupt: expression: stack empty before offset 0x1");
  EXPECT_EQ(run("03 0102").substr(0, 9), "truncated");
  EXPECT_EQ(run("01"), "corrupt: expression: unknown opcode 0x1 at offset 0x0");
  EXPECT_EQ(run("31 30 1b"), "corrupt: expression: division by zero");
  EXPECT_EQ(run("2f fdff"), "limit: expression of more than 10000 steps");
  EXPECT_EQ(run("2f f0ff"), "corrupt: expression: jump to offset -13");
  EXPECT_EQ(run("9f"), "corrupt: expression: stack empty before offset 0x1");
  EvaluationContext deep = world();
  deep.depth = kMaxExpressionDepth + 1;
  EXPECT_EQ(run("31", deep), "limit: expressions nested too deeply");
}

uint64_t value(std::string_view text, std::optional<uint64_t> initial = {}) {
  std::vector<std::byte> bytes = hex(text);
  Expression e;
  e.bytes = bytes;
  auto v = evaluate_value(e, world(), initial);
  return v.ok() ? *v : 0xdead'0000'0000'0000 + uint64_t(v.error().code());
}

TEST(Value, Arithmetic) {
  EXPECT_EQ(value("35 33 1c"), 2u);                 // 5 - 3
  EXPECT_EQ(value("09 f8 32 1b"), uint64_t(-4));    // -8 / 2, signed
  EXPECT_EQ(value("09 ff 33 1d"), UINT64_MAX % 3);  // unsigned
  EXPECT_EQ(value("09 80 09 ff 1b"), 128u);
  EXPECT_EQ(value("0d ffffffff 31 25"), 0x7fffffffffffffffu);
  EXPECT_EQ(value("09 f0 32 26"), uint64_t(-4));  // shra
  EXPECT_EQ(value("31 08 40 24"), 0u);            // shl by 64
  EXPECT_EQ(value("09 fb 19"), 5u);
  EXPECT_EQ(value("30 20"), UINT64_MAX);
  EXPECT_EQ(value("09 ff 31 2d"), 1u);        // -1 < 1
  EXPECT_EQ(value("31 32 33 17 12 22"), 4u);  // rot: 3 1 2; dup; plus
  EXPECT_EQ(value("35 15 00 1e"), 25u);       // pick 0, mul
  EXPECT_EQ(value("31 28 0100 32 33"), 3u);   // bra over lit2
  EXPECT_EQ(value("23 10", 0x100), 0x110u);
  EXPECT_EQ(value("55"), 0x5000u);  // a register's value
  EXPECT_EQ(value("9e 02 3412"), 0x1234u);
  EXPECT_EQ(value("75 00 94 04"), 0x5001u);
}

TEST(Value, Typed) {
  // breg1 - 1 (0xfff), as signed 1 byte is -1, as unsigned 4 bytes 0xffffffff, generic again.
  EXPECT_EQ(value("71 7f a8 11 a8 04 a8 00"), 0xffffffffu);
  EXPECT_EQ(value("a5 01 02 23 01 a8 00"), 0x1001u);                // regval_type reg 1 as 2 bytes
  EXPECT_EQ(value("a4 14 04 feffffff 32 1b a8 00"), uint64_t(-1));  // const_type int -2 / 2
  EXPECT_EQ(value("a4 04 04 feffffff 32 1b a8 00"), 0x7fffffffu);   // unsigned
  EXPECT_EQ(value("f4 01 01 ff 31 22 f7 00"), 0u);                  // 8-bit wraps
  EXPECT_EQ(value("75 00 a6 01 04"), 0x5001u & 0xffffffff);
  EXPECT_EQ(value("a8 63") >> 48, 0xdeadu);
  EXPECT_EQ(value("71 00 a8 63"), 0xdead'0000'0000'0000 + uint64_t(ErrorCode::kUnsupported));
}

TEST(Relation, OfRegisters) {
  auto relation = [](std::string_view text) -> std::string {
    std::vector<std::byte> bytes = hex(text);
    Expression e;
    e.bytes = bytes;
    auto r = register_relation(e);
    return r ? fmt::format("{}{:+}{}", r->reg, r->offset, r->in_memory ? " memory" : "") : "none";
  };
  EXPECT_EQ(relation("55"), "5+0");
  EXPECT_EQ(relation("75 70 9f"), "5-16");
  EXPECT_EQ(relation("75 08"), "5+8 memory");
  EXPECT_EQ(relation("75 00 23 18 9f"), "5+24");
  EXPECT_EQ(relation("75 00 48 1c 9f"), "5-24");
  EXPECT_EQ(relation("92 21 08 9f"), "33+8");
  EXPECT_EQ(relation("75 00 06 9f"), "none");
  EXPECT_EQ(relation("55 93 04"), "none");
  EXPECT_EQ(relation("91 00"), "none");
  EXPECT_EQ(relation(""), "none");
}

}  // namespace
}  // namespace inquest::debuginfo
