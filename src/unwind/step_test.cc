#include <gtest/gtest.h>

#include "unwind/testing/fake_kernel.h"

namespace inquest::unwind {
namespace {

using debuginfo::RegisterRule;
using debuginfo::UnwindRow;
using testing::FakeKernel;
using namespace arch::x86;

// caller: push %rbx; mov %rdi,%rbx; mov 0x10(%rbx),%rax; 8: call *%rax; a: mov %rax,%rdx; pop %rbx; ret
const char kIndirectCaller[] = "53 4889fb 488b4310 ffd0 4889c2 5b c3";

UnwindRow orc(int64_t cfa_offset, UnwindRow::Shape shape = UnwindRow::Shape::kCall) {
  UnwindRow row;
  row.shape = shape;
  row.cfa_register = kRsp;
  row.cfa_offset = cfa_offset;
  row.rules[kRip] = {RegisterRule::Kind::kAtCfa, 0, -8, {}};
  return row;
}

class X86 : public ::testing::Test {
 protected:
  X86() : kernel(arch::x86_64()) {
    kernel.function("root", 0x0, "90 e8fb0f0000 90");                   // call 0x1001: into no function's start
    kernel.function("caller", 0x100, kIndirectCaller);
    kernel.function("leaf", 0x200, "53 90 90 90 5b c3");
    kernel.function("direct", 0x300, "53 e8fafeffff 90 5b c3");         // push %rbx; call leaf; at +6
    kernel.function("other", 0x400, "53 90 90 5b c3");
    row("root", 0x7, orc(0, UnwindRow::Shape::kEnd));
    row("caller", 0xf, orc(16));
    row("leaf", 6, orc(16));
    row("direct", 9, orc(16));
    row("other", 5, orc(16));
    regs.set(kRsp, kernel.stack().value + 0x1000);
  }
  void row(const char* name, uint64_t size, const UnwindRow& r) {
    kernel.table().ranges.push_back({kernel.at(name).value, kernel.at(name).value + size, r});
  }
  Stack walk(VirtualAddress pc) {
    regs.set(kRip, pc.value);
    program = &kernel.program();
    return Unwinder(*program, kernel.oracle()).unwind(regs);
  }
  const object::Program* program = nullptr;
  FakeKernel kernel;
  arch::Registers regs;
};

TEST_F(X86, WalksByOrcToTheRoot) {
  kernel.draw(0x1000, "0x5 direct+6 0x5 root+6");
  Stack s = walk(kernel.at("leaf", 2));
  EXPECT_EQ(FakeKernel::text_of(s), "leaf+0x2 direct+0x6 root+0x6");
  EXPECT_EQ(s.end, End::kRoot);
  EXPECT_TRUE(s.reached_root());
  EXPECT_EQ(s.frames[0].trust, Trust::kContext);
  EXPECT_EQ(s.frames[1].trust, Trust::kCfi);
  EXPECT_EQ(s.frames[1].stack, StackKind::kTask);
  EXPECT_TRUE(s.frames[1].pc_is_return);
  EXPECT_EQ(s.frames[0].cfa.value, kernel.stack().value + 0x1010);
  // No row says so, but the code does: both functions pushed rbx.
  EXPECT_EQ(s.frames[1].registers.get(kRbx), 5u);
  EXPECT_EQ(s.frames[2].registers.get(kRbx), 5u);
}

TEST_F(X86, AWildCallIsTracedByTheTopOfTheStack) {
  kernel.draw(0x1000, "caller+0xa 0x6 root+6");
  regs.set(kRdi, 0x1234);
  Stack s = walk(VirtualAddress(0xffff8c2002647010));
  EXPECT_EQ(FakeKernel::text_of(s), "(garbage) caller+0xa root+0x6");
  EXPECT_EQ(s.frames[1].trust, Trust::kStackTop);
  EXPECT_FALSE(s.frames[1].tail_calls_missing);
  EXPECT_EQ(s.frames[1].registers.get(kRdi), 0x1234u);  // as it was at the call
  EXPECT_EQ(s.end, End::kRoot);
}

TEST_F(X86, ANullCallIsOneToo) {
  kernel.draw(0x1000, "caller+0xa 0x6 root+6");
  EXPECT_EQ(FakeKernel::text_of(walk(VirtualAddress(0))), "(garbage) caller+0xa root+0x6");
}

TEST_F(X86, WithNoReturnAddressOnTopTheStackIsScannedAndSaysSo) {
  kernel.draw(0x1000, "0x7 caller+0x9 ^0x20 caller+0xa 0x6 root+6");  // caller+9 is behind no call
  Stack s = walk(VirtualAddress(0x41414141));
  EXPECT_EQ(FakeKernel::text_of(s), "(garbage) caller+0xa root+0x6");
  EXPECT_EQ(s.frames[1].trust, Trust::kScan);
  EXPECT_FALSE(s.frames[1].registers.get(kRdi));
}

TEST_F(X86, GarbageWithNothingBehindItEndsTheWalk) {
  Stack s = walk(VirtualAddress(0x41414141));
  EXPECT_EQ(s.frames.size(), 1u);
  EXPECT_EQ(s.end, End::kGarbage);
  EXPECT_NE(s.why.find("0x41414141"), std::string::npos);
}

TEST_F(X86, InterruptedRegistersAreExact) {
  kernel.function("interrupt", 0x500, "90 90 90 90");
  row("interrupt", 4, orc(8, UnwindRow::Shape::kRegisters));
  // pt_regs: r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs flags rsp ss
  kernel.draw(0x1008, "15 14 13 12 6 3 11 10 9 8 0 1 2 4 5 -1 leaf+1 0x10 0x246 ^0x1200 0x18");
  kernel.draw(0x1200, "0x5 direct+6 0x5 root+6");
  Stack s = walk(kernel.at("interrupt", 2));
  EXPECT_EQ(FakeKernel::text_of(s), "interrupt+0x2 leaf+0x1 direct+0x6 root+0x6");
  EXPECT_TRUE(s.frames[1].interrupted);
  EXPECT_FALSE(s.frames[1].pc_is_return);
  EXPECT_EQ(s.frames[1].trust, Trust::kPtRegs);
  EXPECT_EQ(s.frames[1].pt_regs_at.value, kernel.stack().value + 0x1008);
  EXPECT_EQ(s.frames[1].registers.get(kRdi), 5u);
}

TEST_F(X86, UserRegistersEndTheWalk) {
  kernel.function("entry", 0x500, "90 90 90 90");
  row("entry", 4, orc(0, UnwindRow::Shape::kRegisters));
  kernel.draw(0x1000, "15 14 13 12 6 3 11 10 9 8 0 1 2 4 5 89 0x4cef76 0x33 0x246 0x7ffe0000 0x2b");
  Stack s = walk(kernel.at("entry", 2));
  EXPECT_EQ(FakeKernel::text_of(s), "entry+0x2 (user)");
  EXPECT_EQ(s.end, End::kUser);
  EXPECT_EQ(s.frames[1].pc.value, 0x4cef76u);
}

TEST_F(X86, BogusSavedRegistersAreNoFrame) {
  kernel.function("entry", 0x500, "90 90 90 90");
  row("entry", 4, orc(0, UnwindRow::Shape::kRegisters));
  kernel.draw(0x1000, "15 14 13 12 6 3 11 10 9 8 0 1 2 4 5 89 0xffff8c20026d5000 0xffff8c20 0x246 0x7ffe0000 0x2b");
  Stack s = walk(kernel.at("entry", 2));
  EXPECT_EQ(FakeKernel::text_of(s), "entry+0x2");
  EXPECT_EQ(s.end, End::kGarbage);
}

TEST_F(X86, TailCallsAreMarked) {
  kernel.draw(0x1000, "0x5 direct+6 0x5 root+6");  // direct called leaf, but we are in other
  Stack s = walk(kernel.at("other", 2));
  EXPECT_EQ(FakeKernel::text_of(s), "other+0x2 direct+0x6 root+0x6");
  EXPECT_TRUE(s.frames[1].tail_calls_missing);
  EXPECT_FALSE(s.frames[2].tail_calls_missing);
}

TEST_F(X86, AStackThatDoesNotGrowUpIsNotFollowed) {
  UnwindRow down = orc(16);
  down.cfa_offset = -16;
  kernel.function("down", 0x500, "90 90 90 90");
  row("down", 4, down);
  kernel.draw(0xfe0, "0x5 direct+6 0x5 root+6");
  Stack s = walk(kernel.at("down", 2));
  EXPECT_EQ(s.frames.size(), 1u);
  EXPECT_EQ(s.end, End::kGarbage);
}

TEST_F(X86, OffTheStackIsNotFollowed) {
  UnwindRow away = orc(0);
  away.cfa_register = kRbp;
  kernel.function("away", 0x500, "90 90 90 90");
  row("away", 4, away);
  regs.set(kRbp, kernel.text().value + 0x3000);
  Stack s = walk(kernel.at("away", 2));
  EXPECT_EQ(s.end, End::kGarbage);
  EXPECT_EQ(s.frames.size(), 1u);
}

TEST_F(X86, AnIndirectRowCrossesToTheOtherStack) {
  // The IRQ stack's top word holds the old rsp: "movq %rsp,(%tos); movq %tos,%rsp; call" (arch/x86/include/asm/irq_stack.h).
  UnwindRow indirect = orc(0);
  indirect.cfa_indirect = true;
  indirect.cfa_after_indirect = 8;
  kernel.function("on_irq", 0x500, "90 e8fafaffff 90");
  row("on_irq", 7, indirect);
  kernel.draw(0x1000, "^0x2000");
  kernel.draw(0x2000, "root+6");
  Stack s = walk(kernel.at("on_irq", 6));
  EXPECT_EQ(FakeKernel::text_of(s), "on_irq+0x6 root+0x6");
}

TEST_F(X86, ArgumentsThatTheCalleeKeepsAreKnownAtTheCall) {
  // keeper: push %rbx; mov %rdi,%rbx; 4: call *%rax (to leaf); user calls keeper directly.
  kernel.function("keeper", 0x500, "53 4889fb ffd0 5b c3");
  kernel.function("user", 0x600, "53 e8fafeffff 90 5b c3");
  row("keeper", 8, orc(16));
  row("user", 9, orc(16));
  kernel.draw(0x1000, "0x77 keeper+6 0x5 user+6 0x6 root+6");
  Stack s = walk(kernel.at("leaf", 2));
  ASSERT_EQ(FakeKernel::text_of(s), "leaf+0x2 keeper+0x6 user+0x6 root+0x6");
  // leaf pushed keeper's rbx, which was user's rdi at its call.
  EXPECT_EQ(s.frames[1].registers.get(kRbx), 0x77u);
  EXPECT_FALSE(s.frames[2].registers.get(kRdi));
  CallRegisters at_call = registers_at_call(*program, s, 2);
  EXPECT_EQ(at_call.registers.get(kRdi), 0x77u);
  EXPECT_EQ(at_call.how[kRdi], "kept by keeper in rbx");
}

}  // namespace
}  // namespace inquest::unwind
