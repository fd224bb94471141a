#include "unwind/entry_flow.h"

#include <gtest/gtest.h>

#include "unwind/testing/fake_kernel.h"

namespace inquest::unwind {
namespace {

using testing::from_hex;
using namespace arch::x86;
using arch::a64::kX29;
using arch::a64::kX30;

constexpr VirtualAddress kEntry(0xffffffff81000000);

// push %rbx; mov %rdi,%rbx; push %rbp; sub $0x18,%rsp; mov %rsi,8(%rsp); lea -8(%rdx),%rbp; test %rax,%rax; je 24;
// 1b: call *%rax; add $0x18,%rsp; pop %rbp; pop %rbx; ret; 24: nop; mov 8(%rsp),%rsi; 2a: call *%rcx; xor %ebx,%ebx; nop;
// 2f: call *%r11; jmp 24
const char kX86[] =
    "f30f1efa 53 4889fb 55 4883ec18 4889742408 488d6af8 4885c0 7409 ffd0 4883c418 5d 5b c3"
    "90 488b742408 ffd1 31db 90 41ffd3 ebf0";

std::optional<EntryFlow> flow(const arch::Arch& arch, std::string_view hex, uint64_t offset) {
  std::string code = from_hex(hex);
  return EntryFlow::analyse(arch, as_bytes_of(code), kEntry, kEntry + offset);
}

Result<uint64_t> no_memory(VirtualAddress at) { return at.value; }  // a slot's content is its own address

TEST(EntryFlow, FindsTheFrameAndWhatItKeeps) {
  auto f = flow(arch::x86_64(), kX86, 0x1b);
  ASSERT_TRUE(f);
  arch::Registers now;
  now.set(kRsp, 0x1000);
  now.set(kRbx, 77);
  now.set(kRbp, 100);
  ASSERT_TRUE(f->cfa(now));
  EXPECT_EQ(f->cfa(now)->value, 0x1000u + 0x18 + 8 + 8 + 8);
  VirtualAddress cfa = *f->cfa(now);
  EXPECT_EQ(f->slot_of(kRbx), -16);
  EXPECT_EQ(f->slot_of(kRbp), -24);
  EXPECT_EQ(f->slot_of(kRip), -8);
  EXPECT_EQ(f->entry_value(kRdi, now, cfa, no_memory)->value, 77u);
  EXPECT_EQ(f->entry_value(kRdx, now, cfa, no_memory)->value, 108u);  // rbp is rdx - 8
  auto rsi = f->entry_value(kRsi, now, cfa, no_memory);
  ASSERT_TRUE(rsi);
  EXPECT_EQ(rsi->slot.value, 0x1008u);
  EXPECT_FALSE(f->entry_value(kRcx, now, cfa, no_memory));            // nobody kept it, and its register is not known
}

TEST(EntryFlow, WhatPathsDisagreeOnIsUnknown) {
  // The loop at 24 is also reached with rbx cleared.
  auto f = flow(arch::x86_64(), kX86, 0x2a);
  ASSERT_TRUE(f);
  arch::Registers now;
  now.set(kRsp, 0x1000);
  now.set(kRbx, 77);
  EXPECT_FALSE(f->entry_value(kRdi, now, *f->cfa(now), no_memory));
  EXPECT_EQ(f->slot_of(kRbx), -16);                                   // the saved one is safe
}

TEST(EntryFlow, BeforeThePrologueAndBehindTheEpilogue) {
  auto f = flow(arch::x86_64(), kX86, 0);
  arch::Registers now;
  now.set(kRsp, 0x1000);
  EXPECT_EQ(f->cfa(now)->value, 0x1008u);
  f = flow(arch::x86_64(), kX86, 0x23);
  EXPECT_EQ(f->cfa(now)->value, 0x1008u);
  EXPECT_EQ(f->state().registers[kRbx].base, kRbx);
}

TEST(EntryFlow, AnArgumentsHomeWhoseAddressIsGivenAwayIsNotBelieved) {
  // sub $0x18,%rsp; mov %rsi,8(%rsp); lea 8(%rsp),%rdi; call *%rax; ret
  auto f = flow(arch::x86_64(), "4883ec18 4889742408 488d7c2408 ffd0 c3", 14);
  ASSERT_TRUE(f);
  arch::Registers now;
  now.set(kRsp, 0x1000);
  EXPECT_FALSE(f->entry_value(kRsi, now, *f->cfa(now), no_memory));
}

TEST(EntryFlow, NarrowMovesKeepLowBytes) {
  // push %rbx; mov %edi,%ebx; call *%rax
  auto f = flow(arch::x86_64(), "53 89fb ffd0 5b c3", 3);
  arch::Registers now;
  now.set(kRsp, 0x1000);
  now.set(kRbx, 5);
  auto rdi = f->entry_value(kRdi, now, *f->cfa(now), no_memory);
  ASSERT_TRUE(rdi);
  EXPECT_EQ(rdi->width, 4u);
}

TEST(EntryFlow, ConstantsFrameAddressesAndLoads) {
  // sub $0x18,%rsp; mov $5,%esi; lea 8(%rsp),%rdx; mov 0x68(%rdi),%rcx; 14: call *%rax
  auto f = flow(arch::x86_64(), "4883ec18 be05000000 488d542408 488b4f68 ffd0", 18);
  ASSERT_TRUE(f);
  EXPECT_EQ(f->state().registers[kRsi], (EntryValue{kConstantBase, 8, false, 5}));
  EXPECT_EQ(f->state().registers[kRdx], (EntryValue{kCfaBase, 8, false, -24}));
  EXPECT_EQ(f->state().registers[kRcx], (EntryValue{kRdi, 8, true, 0x68}));
  arch::Registers now;
  now.set(kRsp, 0x1000);
  now.set(kRcx, 1);
  EXPECT_FALSE(f->entry_value(kRsi, now, *f->cfa(now), no_memory));
}

TEST(EntryFlow, BytesThatAreNoCodeDoNotHurt) {
  std::string noise;
  for (int i = 0; i < 4000; i++) noise += char(i * 2654435761u >> 13);
  for (const arch::Arch* arch : arch::all_archs())
    for (uint64_t at : {0, 400, 3996}) (void)EntryFlow::analyse(*arch, as_bytes_of(noise), kEntry, kEntry + at);
}

// paciasp; stp x29,x30,[sp,#-48]!; mov x29,sp; stp x19,x20,[sp,#16]; mov x19,x0; str w1,[sp,#44]; 18: blr x2;
// ldp x19,x20,[sp,#16]; ldp x29,x30,[sp],#48; autiasp; ret
const char kA64[] = "3f2303d5 fd7bbda9 fd030091 f35301a9 f30300aa e12f00b9 40003fd6 f35341a9 fd7bc3a8 bf2303d5 c0035fd6";

TEST(EntryFlow, Aarch64FramesAndLeaves) {
  auto f = flow(arch::aarch64(), kA64, 0x18);
  ASSERT_TRUE(f);
  arch::Registers now;
  now.set(arch::a64::kSp, 0x1000);
  now.set(19, 77);
  ASSERT_TRUE(f->cfa(now));
  EXPECT_EQ(f->cfa(now)->value, 0x1030u);
  EXPECT_EQ(f->slot_of(kX30), -40);
  EXPECT_EQ(f->slot_of(kX29), -48);
  EXPECT_EQ(f->slot_of(19), -32);
  EXPECT_EQ(f->slot_of(20), -24);
  EXPECT_EQ(f->entry_value(0, now, *f->cfa(now), no_memory)->value, 77u);
  EXPECT_EQ(f->entry_value(1, now, *f->cfa(now), no_memory)->width, 4u);
  f = flow(arch::aarch64(), kA64, 4);  // the prologue has not run
  EXPECT_EQ(f->state().registers[kX30].base, kX30);
  f = flow(arch::aarch64(), kA64, 0x28);
  EXPECT_EQ(f->state().registers[kX30].base, kX30);
  EXPECT_EQ(f->cfa(now)->value, 0x1000u);
}

TEST(EntryFlow, Aarch64StackSwitchIsCrossedByTheFramePointer) {
  // stp x29,x30,[sp,#-16]!; mov x29,sp; mov sp,x16; c: blr x1; mov sp,x29; ldp x29,x30,[sp],#16; ret
  auto f = flow(arch::aarch64(), "fd7bbfa9 fd030091 1f020091 20003fd6 bf030091 fd7bc1a8 c0035fd6", 0xc);
  ASSERT_TRUE(f);
  arch::Registers now;
  now.set(arch::a64::kSp, 0x9000);
  now.set(kX29, 0x1000);
  EXPECT_EQ(f->cfa(now)->value, 0x1010u);
  EXPECT_EQ(f->state().registers[19].base, 19);
}

}  // namespace
}  // namespace inquest::unwind
