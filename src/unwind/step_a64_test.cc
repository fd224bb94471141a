#include <gtest/gtest.h>

#include "unwind/testing/fake_kernel.h"

namespace inquest::unwind {
namespace {

using debuginfo::RegisterRule;
using debuginfo::UnwindRow;
using testing::FakeKernel;
using namespace arch::a64;

// paciasp; stp x29,x30,[sp,#-48]!; mov x29,sp; stp x19,x20,[sp,#16]; mov x19,x0; str w1,[sp,#44]; 18: blr x2;
// 1c: ldp x19,x20,[sp,#16]; ldp x29,x30,[sp],#48; autiasp; ret
const char kFrame[] = "3f2303d5 fd7bbda9 fd030091 f35301a9 f30300aa e12f00b9 40003fd6 f35341a9 fd7bc3a8 bf2303d5 c0035fd6";
const char kLeaf[] = "00040091 1f2003d5 c0035fd6";  // add x0,x0,#1; nop; ret
// nop; 4: blr x1; 8: nop: entry code, with no prologue of any kind
const char kEntryCode[] = "1f2003d5 20003fd6 1f2003d5";
const uint64_t kPac = 0xff7f000000000000;

class A64 : public ::testing::Test {
 protected:
  A64() : kernel(arch::aarch64()) {
    kernel.function("start", 0x0, kFrame);
    kernel.function("caller", 0x100, kFrame);
    kernel.function("leaf", 0x200, kLeaf);
    kernel.function("entry", 0x300, kEntryCode);
    regs.set(kSp, kernel.stack().value + 0x1000);
  }
  Stack walk(VirtualAddress pc, bool oracle = true, bool pc_is_return = false) {
    regs.set(kPc, pc.value);
    program = &kernel.program(kPac);
    return Unwinder(*program, oracle ? kernel.oracle() : StackOracle()).unwind(regs, pc_is_return);
  }
  // Frames of caller at ^0x1000 and start at ^0x1030, ended by a record of zeroes at ^0x1060.
  void draw_chain() {
    kernel.draw(0x1000, "^0x1030 start+0x1c 0x19 0x20");
    kernel.draw(0x1030, "^0x1060 entry+8 0x1900 0x20");
    regs.set(kX29, kernel.stack().value + 0x1000);
  }
  FakeKernel kernel;
  arch::Registers regs;
  const object::Program* program = nullptr;
};

TEST_F(A64, ByItsOwnCodeAndTheFinalRecord) {
  draw_chain();
  Stack s = walk(kernel.at("caller", 0x1c), true, true);
  EXPECT_EQ(FakeKernel::text_of(s), "caller+0x1c start+0x1c entry+0x8");
  EXPECT_EQ(s.end, End::kRoot);
  EXPECT_EQ(s.frames[1].registers.get(19), 0x19u);
  EXPECT_EQ(s.frames[2].registers.get(20), 0x20u);
  EXPECT_EQ(s.frames[1].registers.get(kSp), kernel.stack().value + 0x1030);
}

TEST_F(A64, AnInterruptedLeafsCallerIsInLr) {
  draw_chain();
  regs.set(kX30, kernel.at("caller", 0x1c).value);
  Stack s = walk(kernel.at("leaf", 4));
  EXPECT_EQ(FakeKernel::text_of(s), "leaf+0x4 caller+0x1c start+0x1c entry+0x8");
  EXPECT_EQ(s.frames[1].trust, Trust::kLinkRegister);
}

TEST_F(A64, BeforeThePrologueTheCallerIsInLrToo) {
  draw_chain();
  kernel.function("late", 0x400, kFrame);
  regs.set(kX30, kernel.at("caller", 0x1c).value);
  Stack s = walk(kernel.at("late", 4));
  EXPECT_EQ(FakeKernel::text_of(s), "late+0x4 caller+0x1c start+0x1c entry+0x8");
}

TEST_F(A64, ByCfiThatSaysLrIsUnchanged) {
  draw_chain();
  UnwindRow row;
  row.source = UnwindRow::Source::kDebugFrame;
  row.cfa_register = kSp;
  row.return_address_register = kX30;
  kernel.table().ranges.push_back({kernel.at("leaf").value, kernel.at("leaf").value + 12, row});
  regs.set(kX30, kernel.at("caller", 0x1c).value);
  Stack s = walk(kernel.at("leaf", 4));
  EXPECT_EQ(FakeKernel::text_of(s), "leaf+0x4 caller+0x1c start+0x1c entry+0x8");
  EXPECT_EQ(s.frames[1].trust, Trust::kCfi);
}

TEST_F(A64, AWildCallIsTracedByLr) {
  draw_chain();
  regs.set(kX30, kernel.at("caller", 0x1c).value);
  regs.set(0, 0xabc);
  Stack s = walk(VirtualAddress(0xffff4bbbc30626f0));
  EXPECT_EQ(FakeKernel::text_of(s), "(garbage) caller+0x1c start+0x1c entry+0x8");
  EXPECT_EQ(s.frames[1].trust, Trust::kLinkRegister);
  EXPECT_EQ(s.frames[1].registers.get(0), 0xabcu);
}

TEST_F(A64, AWildJumpWithNothingInLrFallsBackToTheRecord) {
  draw_chain();
  regs.set(kX30, 0);
  Stack s = walk(VirtualAddress(0));
  EXPECT_EQ(FakeKernel::text_of(s), "(garbage) start+0x1c entry+0x8");
  EXPECT_EQ(s.frames[1].trust, Trust::kFrameRecord);
  EXPECT_TRUE(s.frames[1].tail_calls_missing);
}

TEST_F(A64, SignedReturnAddressesAreStripped) {
  draw_chain();
  kernel.poke(0x1008, kernel.at("start", 0x1c).value & ~uint64_t{0x005a000000000000});
  Stack s = walk(kernel.at("caller", 0x1c), true, true);
  EXPECT_EQ(FakeKernel::text_of(s), "caller+0x1c start+0x1c entry+0x8");
}

TEST_F(A64, TheRecordInPtRegsGivesTheInterruptedRegisters) {
  draw_chain();
  // pt_regs at ^0x800, its stackframe (offset 304) at ^0x930 repeats x29 and pc.
  for (uint64_t i = 0; i < 29; i++) kernel.poke(0x800 + 8 * i, 0x100 + i);
  kernel.draw(0x800 + 8 * 29, "^0x1000 caller+0x1c ^0x1000 leaf+4 0x60400005");
  kernel.draw(0x930, "^0x1000 leaf+4");
  regs.set(kX29, kernel.stack().value + 0x930);
  regs.set(kSp, kernel.stack().value + 0x800);
  Stack s = walk(kernel.at("entry", 8), true, true);
  EXPECT_EQ(FakeKernel::text_of(s), "entry+0x8 leaf+0x4 caller+0x1c start+0x1c entry+0x8");
  ASSERT_GE(s.frames.size(), 2u);
  EXPECT_TRUE(s.frames[1].interrupted);
  EXPECT_FALSE(s.frames[1].pc_is_return);
  EXPECT_EQ(s.frames[1].registers.get(5), 0x105u);
}

TEST_F(A64, AFinalRecordInUserRegistersEndsInUserMode) {
  kernel.draw(0x3eb0 + 8 * 29, "0 0 0xfffffff0 0xaaaac000 0x80001000");
  regs.set(kX29, kernel.stack().value + 0x3eb0 + 304);
  regs.set(kSp, kernel.stack().value + 0x3eb0);
  Stack s = walk(kernel.at("entry", 8), true, true);
  EXPECT_EQ(FakeKernel::text_of(s), "entry+0x8 (user)");
  EXPECT_EQ(s.end, End::kUser);
}

TEST_F(A64, ALoopOfRecordsEnds) {
  kernel.function("asm", 0x500, "1f2003d5 20003fd6 1f2003d5");
  kernel.draw(0x1000, "^0x1000 asm+8");
  regs.set(kX29, kernel.stack().value + 0x1000);
  {
    Stack s = walk(kernel.at("asm", 8), true, true);
    EXPECT_LE(s.frames.size(), 2u);
    EXPECT_FALSE(s.reached_root());
  }
}

}  // namespace
}  // namespace inquest::unwind
