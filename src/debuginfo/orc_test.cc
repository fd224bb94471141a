// ORC tables are written as texts, one entry a line: "address sp_reg+sp_offset bp_reg+bp_offset bits", numbers in hex
// but offsets.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <sstream>

#include "debuginfo/unwind_row.h"

namespace inquest::debuginfo {
namespace {

constexpr uint64_t kIpAddress = 0x10000;

struct Tables {
  std::vector<std::byte> ips, entries;
  explicit Tables(const char* text) {
    std::istringstream lines(text);
    uint64_t address;
    int sp_reg, sp_offset, bp_reg, bp_offset;
    unsigned bits;
    while (lines >> std::hex >> address >> std::dec >> sp_reg >> sp_offset >> bp_reg >> bp_offset >> std::hex >> bits) {
      int32_t relative = int32_t(address - (kIpAddress + ips.size()));
      put(ips, relative);
      put(entries, int16_t(sp_offset));
      put(entries, int16_t(bp_offset));
      put(entries, uint16_t(sp_reg | bp_reg << 4 | bits << 8));
    }
  }
  template <typename T>
  static void put(std::vector<std::byte>& out, T value) {
    out.resize(out.size() + sizeof value);
    std::memcpy(out.data() + out.size() - sizeof value, &value, sizeof value);
  }
};

std::string show(const std::optional<UnwindRow>& row) {
  if (!row) return "none";
  static constexpr const char* kShapes[] = {"call", "regs", "partial", "end"};
  std::string text = kShapes[unsigned(row->shape)];
  if (row->signal) text += " signal";
  if (row->shape == UnwindRow::Shape::kEnd) return text;
  text += fmt::format(" r{}{:+}", row->cfa_register, row->cfa_offset);
  if (row->cfa_indirect) text += fmt::format(" indirect{:+}", row->cfa_after_indirect);
  const RegisterRule& bp = row->rules[6];
  if (bp.kind == RegisterRule::Kind::kAtCfa) text += fmt::format(" bp at cfa{:+}", bp.offset);
  if (bp.kind == RegisterRule::Kind::kAtRegister) text += fmt::format(" bp at r{}{:+}", bp.reg, bp.offset);
  return text;
}

std::string rows(const char* text, std::initializer_list<uint64_t> addresses, std::optional<Bytes> header = {}) {
  Tables tables(text);
  auto table = make_orc_table(tables.ips, tables.entries, kIpAddress, header);
  std::string out;
  for (uint64_t a : addresses) out += (out.empty() ? "" : "; ") + show(table->row(a));
  return out;
}

TEST(Orc, Layout4_14) {
  const char* text =
      "1000 5 8 0 0 0 \n"     // call
      "1001 5 16 1 -16 0 \n"  // push %rbp
      "1004 4 16 1 -16 0 \n"  // mov %rsp,%rbp
      "1010 10 0 4 0 0 \n"    // nothing ORC has
      "1020 5 0 0 0 1 \n"     // pt_regs
      "1030 5 0 0 0 2 \n"     // iret frame
      "1040 9 8 0 0 0 \n"     // (sp)+8
      "1050 8 -8 4 0 0 \n"    // (bp-8), bp at bp
      "1060 0 0 0 0 4 \n"     // end of stack
      "1070 0 0 0 0 0 \n";    // undefined
  EXPECT_EQ(rows(text, {0xfff, 0x1000, 0x1001, 0x1003, 0x100f, 0x1010}),
            "none; call r7+8; call r7+16 bp at cfa-16; call r7+16 bp at cfa-16; call r6+16 bp at cfa-16; none");
  EXPECT_EQ(
      rows(text, {0x1020, 0x1030, 0x1040, 0x1050, 0x1060, 0x1070, 0x9000}),
      "regs signal r7+0; partial signal r7+0; call r7+0 indirect+8; call r6-8 indirect+0 bp at r6+0; end; none; none");
}

TEST(Orc, Layout6_3) {
  EXPECT_EQ(
      rows("1000 5 8 0 0 0 \n 1010 5 0 0 0 5 \n 1020 5 168 0 0 1 \n 1030 0 0 0 0 8", {0x1000, 0x1010, 0x1020, 0x1030}),
      "call r7+8; regs signal r7+0; regs r7+168; end");
}

TEST(Orc, Layout6_4) {
  const char* text =
      "1000 5 8 0 0 2 \n 1008 5 24 1 -16 2 \n 1010 5 0 0 0 b \n 1020 5 0 0 0 c \n 1030 0 0 0 0 1 \n 1040 0 0 0 0 0";
  std::string expected = "call r7+8; call r7+24 bp at cfa-16; regs signal r7+0; partial signal r7+0; end; none";
  EXPECT_EQ(rows(text, {0x1000, 0x1008, 0x1010, 0x1020, 0x1030, 0x1040}), expected);
  std::byte header[20] = {};
  EXPECT_EQ(rows(text, {0x1000, 0x1008, 0x1010, 0x1020, 0x1030, 0x1040}, Bytes(header)), expected);
}

TEST(Orc, UnsortedModulesAreSortedAndTerminatorsGiveWay) {
  EXPECT_EQ(rows("3000 5 32 0 0 0 \n 3010 0 0 0 0 0 \n 1000 5 8 0 0 0 \n 2000 0 0 0 0 0 \n 2000 5 16 0 0 0",
                 {0x1000, 0x2000, 0x3000, 0x3010}),
            "call r7+8; call r7+16; call r7+32; none");
}

TEST(Orc, PartsOfTables) {
  EXPECT_EQ(rows("", {0x1000}), "none");
  Tables tables("1000 5 8 0 0 0 \n 2000 5 16 0 0 0");
  auto table = make_orc_table(tables.ips, Bytes(tables.entries).first(9), kIpAddress, std::nullopt);
  EXPECT_EQ(show(table->row(0x2000)), "call r7+8");  // the second entry is cut off
}

}  // namespace
}  // namespace inquest::debuginfo
