#include "arch/arch.h"

#include <gtest/gtest.h>

#include <vector>

namespace inquest::arch {
namespace {

std::vector<std::byte> words(size_t lead, size_t count, size_t tail) {
  std::vector<std::byte> bytes(lead + 8 * count + tail);
  for (size_t i = 0; i < count; i++) bytes[lead + 8 * i] = std::byte(i + 1);
  return bytes;
}

TEST(Arch, FindsByNameAndMachine) {
  EXPECT_EQ(find("x86_64"), &x86_64());
  EXPECT_EQ(find("arm64"), &aarch64());
  EXPECT_EQ(find_machine(183), &aarch64());
  EXPECT_EQ(find("riscv64"), nullptr);
  EXPECT_EQ(find_machine(0), nullptr);
}

TEST(Arch, RegisterNamesRoundTrip) {
  for (const Arch* a : all_archs()) {
    for (unsigned i = 0; i < a->register_count; i++) EXPECT_EQ(a->register_number(a->register_name(i)), i);
    EXPECT_EQ(a->register_name(99), "?");
    EXPECT_EQ(a->register_number(""), std::nullopt);
    EXPECT_EQ(a->register_number("a name far too long to be one"), std::nullopt);
  }
}

TEST(Arch, OtherNamesOfRegistersX86) {
  const Arch& a = x86_64();
  struct {
    const char* name;
    unsigned number;
  } cases[] = {{"rip", 16}, {"eip", 16},  {"ip", 16},   {"RAX", 0},       {"eax", 0},     {"ax", 0},   {"al", 0},
               {"%rdi", 5}, {"sp", 7},    {"esp", 7},   {"eflags", 17},   {"EFLAGS", 17}, {"cr2", 23}, {"R08", 8},
               {"r8d", 8},  {"r15w", 15}, {"r10b", 10}, {"ORIG_RAX", 18}, {"bx", 3}};
  for (auto& c : cases) EXPECT_EQ(a.register_number(c.name), c.number) << c.name;
  for (const char* name : {"rzx", "e", "r16", "x0", "8", "r", "rd", "xmm0"})
    EXPECT_EQ(a.register_number(name), std::nullopt) << name;
}

TEST(Arch, OtherNamesOfRegistersA64) {
  const Arch& a = aarch64();
  struct {
    const char* name;
    unsigned number;
  } cases[] = {{"x0", 0},  {"w0", 0},  {"w30", 30},    {"lr", 30},  {"fp", 29},
               {"sp", 31}, {"pc", 32}, {"pstate", 33}, {"X19", 19}, {"ip0", 16}};
  for (auto& c : cases) EXPECT_EQ(a.register_number(c.name), c.number) << c.name;
  for (const char* name : {"x31", "xzr", "w99", "x", "rax"}) EXPECT_EQ(a.register_number(name), std::nullopt) << name;
}

TEST(Arch, PtRegsX86) {
  auto regs = x86_64().from_pt_regs(words(0, 21, 0));
  ASSERT_TRUE(regs);
  EXPECT_EQ(regs->get(x86::kR15), 1u);
  EXPECT_EQ(regs->get(x86::kRdi), 15u);
  EXPECT_EQ(regs->get(x86::kRip), 17u);
  EXPECT_EQ(regs->get(x86::kSs), 21u);
  EXPECT_EQ(regs->get(x86::kGsBase), std::nullopt);
  EXPECT_EQ(x86_64().from_pt_regs(words(0, 20, 7)), std::nullopt);
}

TEST(Arch, PrstatusX86) {
  auto regs = x86_64().from_prstatus(words(112, 27, 8));
  ASSERT_TRUE(regs);
  EXPECT_EQ(regs->get(x86::kRsp), 20u);
  EXPECT_EQ(regs->get(x86::kGsBase), 23u);
  EXPECT_EQ(x86_64().prstatus_offset + 27 * 8 + 8, x86_64().prstatus_size);
  EXPECT_EQ(x86_64().from_prstatus(words(112, 10, 0)), std::nullopt);
}

TEST(Arch, PrstatusA64) {
  auto regs = aarch64().from_prstatus(words(112, 34, 8));
  ASSERT_TRUE(regs);
  EXPECT_EQ(regs->get(a64::kX30), 31u);
  EXPECT_EQ(regs->get(a64::kSp), 32u);
  EXPECT_EQ(regs->get(a64::kPc), 33u);
  EXPECT_EQ(regs->get(a64::kPstate), 34u);
  EXPECT_EQ(aarch64().prstatus_offset + 34 * 8 + 8, aarch64().prstatus_size);
}

TEST(Arch, StripsPointerAuthentication) {
  uint64_t mask = 0xff7f'0000'0000'0000;
  EXPECT_EQ(strip_pac(0x1234'ffff'c008'1234 | uint64_t{1} << 55, mask), 0xffff'ffff'c008'1234 | mask);
  EXPECT_EQ(strip_pac(0x1200'8000'1234'5678, mask), 0x0000'8000'1234'5678u);
  EXPECT_EQ(strip_pac(0x1234, 0), 0x1234u);
}

}  // namespace
}  // namespace inquest::arch
