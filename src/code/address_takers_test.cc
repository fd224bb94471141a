#include <gtest/gtest.h>

#include "code/questions.h"
#include "unwind/testing/fake_kernel.h"

namespace inquest::code {
namespace {

using unwind::testing::FakeKernel;

// The offsets in text() of the places found, for a target at text() + `target`.
std::vector<uint64_t> taken(FakeKernel& kernel, uint64_t target) {
  std::vector<uint64_t> offsets;
  for (VirtualAddress at : takers_of(kernel.program(), kernel.text() + target)) offsets.push_back(at - kernel.text());
  return offsets;
}

TEST(TakersX86, ALeaAndAMoveButNoCallAndNoJump) {
  FakeKernel kernel(arch::x86_64());
  kernel.function("work", 0x1000, "c3");
  kernel.function("lea", 0x100, "488d3df90e0000 c3");   // lea 0xef9(%rip),%rdi: 0x107 + 0xef9
  kernel.function("mov", 0x200, "48c7c700100081 c3");   // mov $0xffffffff81001000,%rdi
  kernel.function("call", 0x300, "e8fb0c0000 c3");
  kernel.function("jmp", 0x400, "e9fb0b0000");
  kernel.function("jcc", 0x500, "0f84fa0a0000 c3");
  kernel.function("near", 0x600, "488d3dfa090000 c3");  // one byte behind it
  kernel.function("nop", 0xff6, "662e0f1f840000000000");  // as assemblers pad
  EXPECT_EQ(taken(kernel, 0x1000), (std::vector<uint64_t>{0x103, 0x203}));
}

TEST(TakersX86, BackwardsAndAtTheVeryEndOfTheCode) {
  FakeKernel kernel(arch::x86_64());
  kernel.function("work", 0x1000, "c3");
  kernel.function("last", 0x3ff9, "488d3d00d0ffff");  // ends with text()
  EXPECT_EQ(taken(kernel, 0x1000), (std::vector<uint64_t>{0x3ffc}));
}

TEST(TakersX86, AModulesImmediateIsNoKernelAddress) {
  // A target below the last two gigabytes cannot be a sign-extended immediate: its low half proves nothing.
  FakeKernel kernel(arch::x86_64());
  kernel.function("mov", 0x200, "48c7c700100081 c3");
  EXPECT_TRUE(takers_of(kernel.program(), VirtualAddress(0xffffc90081001000)).empty());
}

// adrp xD, page(target); add xD, xN, #low — or what a test makes of them.
std::string adrp_add(unsigned d, uint64_t pages, unsigned n, uint64_t low, int between = 0) {
  auto hex = [](uint32_t word) {
    char text[9];
    std::snprintf(text, sizeof text, "%08x", __builtin_bswap32(word));
    return std::string(text);
  };
  std::string code = hex(uint32_t(0x90000000 | (pages & 3) << 29 | (pages >> 2 & 0x7ffff) << 5 | d));
  for (int i = 0; i < between; i++) code += hex(0xd503201f);
  return code + hex(uint32_t(0x91000000 | low << 10 | n << 5 | n));
}

TEST(TakersA64, AdrpAndAddOfOneRegister) {
  FakeKernel kernel(arch::aarch64());
  kernel.function("work", 0x2340, "c0035fd6");
  kernel.function("forward", 0x100, adrp_add(1, 2, 1, 0x340));
  kernel.function("backward", 0x3200, adrp_add(9, 0x1fffff, 9, 0x340));
  kernel.function("apart", 0x400, adrp_add(2, 2, 2, 0x340, 23));
  kernel.function("too_far", 0x600, adrp_add(2, 2, 2, 0x340, 24));
  kernel.function("other_register", 0x800, adrp_add(1, 2, 2, 0x340));
  kernel.function("other_page", 0x900, adrp_add(4, 3, 4, 0x340));
  kernel.function("other_low", 0xa00, adrp_add(5, 2, 5, 0x344));
  kernel.function("shifted", 0xb00, adrp_add(6, 2, 6, 0x1340));  // lsl #12
  EXPECT_EQ(taken(kernel, 0x2340), (std::vector<uint64_t>{0x104, 0x460, 0x3204}));
}

TEST(TakersA64, AnotherAdrpIntoTheRegisterEndsIt) {
  FakeKernel kernel(arch::aarch64());
  kernel.function("work", 0x2340, "c0035fd6");
  kernel.function("again", 0x100, adrp_add(1, 2, 7, 0) + adrp_add(1, 3, 1, 0x340));
  EXPECT_TRUE(taken(kernel, 0x2340).empty());
}

TEST(Takers, CodeThatIsNotInTheDumpHasNone) {
  FakeKernel kernel(arch::x86_64());
  kernel.function("lea", 0x100, "488d3df90e0000 c3");
  kernel.file().text_start = kernel.missing();
  EXPECT_TRUE(taken(kernel, 0x1000).empty());
}

TEST(Takers, ATextSizeThatLiesIsLeftOut) {
  FakeKernel kernel(arch::x86_64());
  kernel.function("lea", 0x100, "488d3df90e0000 c3");
  kernel.file().text_size = ~uint64_t{0} - 0x1000;
  EXPECT_TRUE(taken(kernel, 0x1000).empty());
  FakeKernel long_one(arch::x86_64());
  long_one.function("lea", 0x100, "488d3df90e0000 c3");
  long_one.file().text_size = 3 << 20;  // more than the dump holds: what is there is read
  EXPECT_EQ(taken(long_one, 0x1000), (std::vector<uint64_t>{0x103}));
}

}  // namespace
}  // namespace inquest::code
