#include "unwind/entry_flow.h"

#include <gtest/gtest.h>

#include "unwind/branch_outcome.h"
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

std::optional<EntryFlow> flow_with_births(const arch::Arch& arch, std::string_view hex, uint64_t offset, std::optional<uint64_t> current_at = {}) {
  std::string code = from_hex(hex);
  return EntryFlow::analyse(arch, as_bytes_of(code), kEntry, kEntry + offset, {nullptr, true, {}, current_at});
}

TEST(EntryFlow, WhatWasTestedIsKnown) {
  // nop; 5: call *%rcx; test %eax,%eax; jne 17; mov %eax,%ebx; d: call *%rcx; cmp $7,%rax; jne 19; 15: call *%rcx; 17: ret; nop; 19: call *%rcx; ret
  const char code[] = "0f1f440000 ffd1 85c0 750c 89c3 ffd1 4883f807 7504 ffd1 c3 90 ffd1 c3";
  auto f = flow_with_births(arch::x86_64(), code, 0xd);
  ASSERT_TRUE(f);
  EXPECT_EQ(f->state().told(f->state().registers[kRbx], 4), 0u);
  EXPECT_FALSE(f->state().told(f->state().registers[kRbx], 8));       // only eax was tested
  f = flow_with_births(arch::x86_64(), code, 0x15);
  EXPECT_EQ(f->state().told(f->state().registers[kRax], 8), 7u);
  EXPECT_EQ(f->state().told(f->state().registers[kRbx], 4), 0u);      // still, of the first call's result
  f = flow_with_births(arch::x86_64(), code, 0x19);
  EXPECT_FALSE(f->state().told(f->state().registers[kRax], 4));       // reached because it was not
}

TEST(EntryFlow, WhatIsMadeAnewInALoopIsNotWhatItWas) {
  // nop; 5: call *%rcx; mov %rax,%rbx; a: call *%rdx; test %rax,%rax; je 5; 11: call *%rcx; ret
  const char code[] = "0f1f440000 ffd1 4889c3 ffd2 4885c0 74f4 ffd1 c3";
  auto f = flow_with_births(arch::x86_64(), code, 0xa);
  ASSERT_TRUE(f);
  EXPECT_FALSE(f->state().told(f->state().registers[kRbx], 8));       // the last round's rax was 0, not this one's
  EXPECT_EQ(f->state().registers[kRbx], f->state().registers[kRax]);
  f = flow_with_births(arch::x86_64(), code, 0x11);
  EXPECT_NE(f->state().registers[kRbx].born, f->state().registers[kRax].born);
  // nop; 5: mov %rax,%rbx; call *%rcx; test %rbx,%rbx; je 5: what rbx was when the loop was last begun is not what rax is.
  f = flow_with_births(arch::x86_64(), "0f1f440000 4889c3 ffd1 4885db 74f6 ffd1 c3", 5);
  EXPECT_FALSE(f->state().told(f->state().registers[kRax], 8));
}

TEST(EntryFlow, RegistersThatMeetAlikeStayAlike) {
  // test %rdx,%rdx; je d; mov %rdi,%rsi; mov %rdi,%rax; jmp 13; d: mov %rcx,%rsi; mov %rcx,%rax; 13: mov %rax,%rbx; 16: call *%r11
  auto f = flow_with_births(arch::x86_64(), "4885d2 7408 4889fe 4889f8 eb06 4889ce 4889c8 4889c3 41ffd3 c3", 0x16);
  ASSERT_TRUE(f);
  EXPECT_TRUE(same_origin(f->state().registers[kRsi], f->state().registers[kRbx]));
  EXPECT_FALSE(same_origin(f->state().registers[kRsi], f->state().registers[kRdi]));
  arch::Registers now;
  now.set(kRsp, 0x1000);
  now.set(kRbx, 42);
  EXPECT_EQ(f->find(f->state().registers[kRsi], now, *f->cfa(now), no_memory)->value, 42u);
}

TEST(EntryFlow, BothWaysToldTheSame) {
  // Two results, both tested to be 0 before they meet in rbx: test %rsi,%rsi; je f; call *%rcx; mov %eax,%ebx; test; jne 1b; jmp 17;
  // f: call *%rdx; mov %eax,%ebx; test; jne 1b; 17: call *%rcx
  auto f = flow_with_births(arch::x86_64(), "4885f6 740a ffd1 89c3 85c0 750e eb08 ffd2 89c3 85c0 7504 ffd1 eb00 c3", 0x17);
  ASSERT_TRUE(f);
  EXPECT_EQ(f->state().registers[kRbx], (EntryValue{kConstantBase, 4, false, 0}));
}

TEST(EntryFlow, WaysThatWhatWasGivenExcludesAreNotGone) {
  // test %edi,%edi; js b; mov $4,%ebx; jmp 10; b: mov $9,%ebx; 10: cmp $7,%rsi; ja 19; 16: call *%rcx; nop; 19: call *%rdx; ret
  std::string code = from_hex("85ff 7807 bb04000000 eb05 bb09000000 4883fe07 7703 ffd1 90 ffd2 c3");
  auto with = [&](uint64_t rdi, uint64_t rsi, uint64_t at) {
    FlowOptions options;
    options.births = true;
    options.given = [=](const EntryValue& value, unsigned size) -> std::optional<uint64_t> {
      if (value.base == kRdi && size <= 4) return rdi + uint64_t(value.offset);
      return value.base == kRsi ? std::optional(rsi + uint64_t(value.offset)) : std::nullopt;
    };
    return EntryFlow::analyse(arch::x86_64(), as_bytes_of(code), kEntry, kEntry + at, options);
  };
  EXPECT_EQ(with(1, 0, 0x16)->state().registers[kRbx].offset, 4);
  EXPECT_EQ(with(0x80000000, 0, 0x16)->state().registers[kRbx].offset, 9);
  EXPECT_FALSE(with(1, 8, 0x16));                                      // it did not come there
  EXPECT_TRUE(with(1, 7, 0x16));
  EXPECT_FALSE(with(1, ~uint64_t{0}, 0x16));                          // above is not greater
}

TEST(EntryFlow, BranchesOnKnownValues) {
  using arch::Condition;
  FlowComparison byte{{}, ~uint64_t{0}, 0x80, 1};
  EXPECT_EQ(is_taken(Condition::kLess, byte, 0x180), false);          // equal in the byte compared
  EXPECT_EQ(is_taken(Condition::kEqual, byte, 0x180), true);
  EXPECT_EQ(is_taken(Condition::kGreater, byte, 1), true);            // 1 > -128
  EXPECT_EQ(is_taken(Condition::kAbove, byte, 1), false);
  FlowComparison bit{{}, 4, 0, 8};
  EXPECT_EQ(is_taken(Condition::kBitSet, bit, 6), true);
  EXPECT_EQ(is_taken(Condition::kEqual, bit, 3), true);               // test $4: zero
  EXPECT_FALSE(is_taken(Condition::kOther, bit, 3));
}

TEST(EntryFlow, AMaskedIndexIsTheIndexOrZero) {
  // nop; call *%rcx; cmp $9,%rax; sbb %rdx,%rdx; mov %eax,%esi; and %edx,%esi; call *%rcx
  auto f = flow_with_births(arch::x86_64(), "0f1f440000 ffd1 4883f809 4819d2 89c6 21d6 ffd1 c3", 0x12);
  ASSERT_TRUE(f);
  EXPECT_EQ(f->state().registers[kRsi].base, kMaskedBase);
  EXPECT_EQ(f->state().registers[kRsi].born, f->state().registers[kRax].born);
}

TEST(EntryFlow, CurrentIsKnown) {
  auto f = flow_with_births(arch::x86_64(), "65488b1c25c0fb0100 ffd0 c3", 9, 0x1fbc0);  // mov %gs:0x1fbc0,%rbx
  ASSERT_TRUE(f);
  EXPECT_EQ(f->state().registers[kRbx].base, kCurrentBase);
  f = flow_with_births(arch::x86_64(), "65488b1c25c0fb0100 ffd0 c3", 9, 0x1fbc8);
  EXPECT_NE(f->state().registers[kRbx].base, kCurrentBase);
  f = flow_with_births(arch::aarch64(), "134138d5 20003fd6 c0035fd6", 4);                // mrs x19, sp_el0; blr x1
  ASSERT_TRUE(f);
  EXPECT_EQ(f->state().registers[19].base, kCurrentBase);
}

TEST(EntryFlow, NarrowSlotsLieSideBySide) {
  // sub $0x18,%rsp; mov %edi,8(%rsp); mov %esi,0xc(%rsp); mov %dl,0x10(%rsp); call *%rcx
  auto f = flow(arch::x86_64(), "4883ec18 897c2408 8974240c 88542410 ffd1 c3", 16);
  ASSERT_TRUE(f);
  arch::Registers now;
  now.set(kRsp, 0x1000);
  EXPECT_EQ(f->entry_value(kRdi, now, *f->cfa(now), no_memory)->slot.value, 0x1008u);
  EXPECT_EQ(f->entry_value(kRsi, now, *f->cfa(now), no_memory)->slot.value, 0x100cu);
  EXPECT_EQ(f->entry_value(kRdx, now, *f->cfa(now), no_memory)->width, 1u);
}

TEST(EntryFlow, BytesThatAreNoCodeDoNotHurt) {
  std::string noise;
  for (int i = 0; i < 4000; i++) noise += char(i * 2654435761u >> 13);
  for (const arch::Arch* arch : arch::all_archs())
    for (uint64_t at : {0, 400, 3996})
      for (bool births : {false, true}) (void)EntryFlow::analyse(*arch, as_bytes_of(noise), kEntry, kEntry + at, {nullptr, births, {}, {}});
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
