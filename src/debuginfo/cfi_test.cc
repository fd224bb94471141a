// Sections are written as hex, lengths are filled in: "cie <bytes after the id>", "fde <bytes after the CIE pointer>".
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <sstream>

#include "debuginfo/unwind_row.h"

namespace inquest::debuginfo {
namespace {

std::vector<std::byte> section(const char* text, bool eh) {
  std::vector<std::byte> out;
  std::istringstream lines(text);
  std::string line;
  uint32_t cie = 0;
  auto put32 = [&](size_t at, uint32_t v) { std::memcpy(out.data() + at, &v, 4); };
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string kind, byte;
    if (!(words >> kind)) continue;
    size_t start = out.size();
    out.resize(start + 8);
    if (kind == "cie") cie = uint32_t(start);
    put32(start + 4, kind == "cie" ? (eh ? 0 : 0xffffffff) : eh ? uint32_t(start + 4 - cie) : cie);
    while (words >> byte) out.push_back(std::byte(std::stoul(byte, nullptr, 16)));
    while (out.size() % 4) out.push_back(std::byte{0});
    put32(start, uint32_t(out.size() - start - 4));
  }
  return out;
}

std::string show(const std::optional<UnwindRow>& row) {
  if (!row) return "none";
  std::string text = row->cfa_expression ? fmt::format("cfa expression of {}", row->cfa_expression->bytes.size())
                                         : fmt::format("cfa r{}{:+}", row->cfa_register, row->cfa_offset);
  if (row->signal) text += " signal";
  if (row->shape == UnwindRow::Shape::kEnd) text += " end";
  static constexpr const char* kKinds[] = {"",  "undefined", "same",       "at cfa",          "cfa",
                                           "r", "at r",      "expression", "value expression"};
  for (size_t i = 0; i < row->rules.size(); i++) {
    const RegisterRule& r = row->rules[i];
    if (r.kind == RegisterRule::Kind::kUnspecified) continue;
    text += fmt::format(", {}: {}", i, kKinds[unsigned(r.kind)]);
    if (r.kind == RegisterRule::Kind::kAtCfa || r.kind == RegisterRule::Kind::kCfaPlus)
      text += fmt::format("{:+}", r.offset);
    if (r.kind == RegisterRule::Kind::kRegister) text += fmt::format("{}", r.reg);
    if (r.expression.bytes.size()) text += fmt::format(" of {}", r.expression.bytes.size());
  }
  return text;
}

std::string rows(const char* text, std::initializer_list<uint64_t> addresses, bool eh = false, uint64_t address = 0) {
  std::vector<std::byte> bytes = section(text, eh);
  auto table = make_cfi_table(bytes, address, eh, ByteOrder::kLittle);
  std::string out;
  for (uint64_t a : addresses) out += (out.empty() ? "" : "\n") + show(table->row(a));
  return out;
}

// Version 1, no augmentation, code factor 1, data factor -8, return address 16; cfa = r7+8, r16 at cfa-8. GCC's, for
// x86_64.
#define CIE "cie 01 00 01 78 10 0c 07 08 90 01\n"

TEST(Cfi, PushAndPop) {
  const char* text = CIE "fde 00 10 00 00 00 00 00 00  20 00 00 00 00 00 00 00  41 0e 10 86 02 43 0d 06 54 0c 07 08 c6";
  EXPECT_EQ(rows(text, {0xfff, 0x1000, 0x1001, 0x1003, 0x1004, 0x1017, 0x1018, 0x101f, 0x1020}),
            "none\n"
            "cfa r7+8, 7: cfa+0, 16: at cfa-8\n"
            "cfa r7+16, 6: at cfa-16, 7: cfa+0, 16: at cfa-8\n"
            "cfa r7+16, 6: at cfa-16, 7: cfa+0, 16: at cfa-8\n"
            "cfa r6+16, 6: at cfa-16, 7: cfa+0, 16: at cfa-8\n"
            "cfa r6+16, 6: at cfa-16, 7: cfa+0, 16: at cfa-8\n"
            "cfa r7+8, 7: cfa+0, 16: at cfa-8\n"
            "cfa r7+8, 7: cfa+0, 16: at cfa-8\n"
            "none");
}

TEST(Cfi, RememberRestoreAndAdvances) {
  const char* text =
      CIE "fde 00 10 00 00 00 00 00 00  00 10 00 00 00 00 00 00  0e 10 0a 02 10 0e 20 03 00 01 0b 04 00 01 00 00 0e 30";
  EXPECT_EQ(rows(text, {0x1000, 0x1010, 0x1110, 0x1210}),
            "cfa r7+16, 7: cfa+0, 16: at cfa-8\ncfa r7+32, 7: cfa+0, 16: at cfa-8\n"
            "cfa r7+16, 7: cfa+0, 16: at cfa-8\ncfa r7+48, 7: cfa+0, 16: at cfa-8");
}

TEST(Cfi, EveryRule) {
  const char* text = CIE
      "fde 00 10 00 00 00 00 00 00  10 00 00 00 00 00 00 00  05 00 02 11 01 7e 14 02 03 15 03 7d 07 04 08 05 09 0a 0b "
      "10 0c 01 35 16 0d 02 31 32 "
      "2f 0e 02 12 07 7e 13 7d 0f 01 9c 2e 10 07 10";
  EXPECT_EQ(rows(text, {0x1000}),
            "cfa expression of 1 end, 0: at cfa-16, 1: at cfa+16, 2: cfa-24, 3: cfa+24, 4: undefined, 5: same, 7: "
            "cfa+0, 10: r11, "
            "12: expression of 1, 13: value expression of 2, 14: at cfa+16, 16: undefined");
}

TEST(Cfi, Aarch64) {
  // Version 4 (address size 8, segment size 0), data factor -8, return address x30; paciasp: negate_ra_state, stp x29,
  // x30, [sp, #-32]!
  const char* text =
      "cie 04 00 08 00 04 78 1e 0c 1f 00\nfde 00 00 01 08 00 80 ff ff  40 00 00 00 00 00 00 00  41 2d 41 0e 20 9d 04 "
      "9e 03 4c dd de 0e 00 2d";
  EXPECT_EQ(rows(text, {0xffff800008010000, 0xffff800008010008, 0xffff800008010038}),
            "cfa r31+0, 31: cfa+0\ncfa r31+32, 29: at cfa-32, 30: at cfa-24, 31: cfa+0\ncfa r31+0, 31: cfa+0");
}

TEST(Cfi, EhFrame) {
  // "zRS": pc-relative signed 4 bytes, a signal frame. The FDE's pointer is at section + 0x20.
  const char* text = "cie 01 7a 52 53 00 01 78 10 01 1b 0c 07 08 90 01\nfde e0 0f 00 00 10 00 00 00 00 41 0e 10";
  EXPECT_EQ(rows(text, {0x401000, 0x40100f, 0x401010}, true, 0x400000),
            "cfa r7+8 signal, 7: cfa+0, 16: at cfa-8\ncfa r7+16 signal, 7: cfa+0, 16: at cfa-8\nnone");
}

TEST(Cfi, Malformed) {
  EXPECT_EQ(rows("", {0x1000}), "none");
  EXPECT_EQ(rows("fde 00 10 00 00 00 00 00 00  20 00 00 00 00 00 00 00", {0x1000}), "none");  // its CIE is itself
  EXPECT_EQ(rows("cie 09 00 01 78 10\nfde 00 10 00 00 00 00 00 00  20 00 00 00 00 00 00 00", {0x1000}),
            "none");  // version 9
  EXPECT_EQ(rows(CIE "fde 00 10 00 00 00 00 00 00  20 00 00 00 00 00 00 00 0b", {0x1000}),
            "none");  // restore without remember
  EXPECT_EQ(rows(CIE "fde 00 10 00 00 00 00 00 00  20 00 00 00 00 00 00 00 3f", {0x1000}),
            "none");  // unknown instruction
  EXPECT_EQ(rows(CIE "fde f0 ff ff ff ff ff ff ff  20 00 00 00 00 00 00 00", {0xfffffffffffffff0}),
            "none");  // wraps around
}

}  // namespace
}  // namespace inquest::debuginfo
