// The backward walk over hand-made functions: what it follows, what it must refuse to guess.
#include "code/journey.h"

#include <gtest/gtest.h>

#include "unwind/testing/fake_kernel.h"

namespace inquest::code {
namespace {

using unwind::testing::FakeKernel;
using Kind = JourneyStep::Kind;

// One function stopped at `offset`, with some registers known; stack memory is what was drawn.
struct Stopped {
  Stopped(const arch::Arch& arch, std::string_view hex, uint64_t offset, std::initializer_list<std::pair<unsigned, uint64_t>> known, std::string_view picture = "")
      : kernel(arch) {
    VirtualAddress entry = kernel.function("twig", 0, hex);
    kernel.draw(0x100, picture);
    program = &kernel.program();
    unwind::Frame frame;
    frame.pc = entry + offset;
    for (auto [reg, value] : known) frame.registers.set(reg, value);
    stack.frames.push_back(frame);
    flow = [this](VirtualAddress pc) {
      auto code = FunctionCode::at(*program, pc);
      return code.ok() ? std::make_shared<const ValueFlow>(*code) : std::shared_ptr<const ValueFlow>();
    };
  }
  Journey of(unsigned reg) { return journey_of(*program, flow, stack, 0, reg); }
  FakeKernel kernel;
  const object::Program* program = nullptr;
  unwind::Stack stack;
  FlowAt flow;
};

constexpr unsigned kRax = 0, kRcx = 2, kRbx = 3, kRdi = 5;

// mov 8(%rdi),%rax; mov (%rax),%rcx; ret
constexpr const char* kTwoLoads = "488b4708 488b08 c3";

TEST(Journey, ALoadedValueIsHeldAgainstMemory) {
  uint64_t object = 0xffffffff80000000 + 0x2000000 + 0x100;
  Stopped same(arch::x86_64(), kTwoLoads, 4, {{kRdi, object}, {kRax, 0x77}}, "0 0x77");
  Journey journey = same.of(kRax);
  ASSERT_FALSE(journey.steps.empty());
  EXPECT_EQ(journey.steps[0].kind, Kind::kLoad);
  EXPECT_EQ(journey.steps[0].address, object + 8);
  EXPECT_EQ(journey.steps[0].unchanged(), true);
  EXPECT_EQ(journey.load(), &journey.steps[0]);
  Stopped changed(arch::x86_64(), kTwoLoads, 4, {{kRdi, object}, {kRax, 0x77}}, "0 0x78");
  EXPECT_EQ(changed.of(kRax).steps[0].unchanged(), false);
}

TEST(Journey, APointerThatIsGoneGivesNoAddress) {
  // mov 8(%rdi),%rdi; mov (%rdi),%rax; ret: the object's address was overwritten, and nobody above tells it.
  Stopped lost(arch::x86_64(), "488b7f08 488b07 c3", 4, {{kRdi, 0x77}});
  Journey journey = lost.of(kRdi);
  ASSERT_FALSE(journey.steps.empty());
  EXPECT_EQ(journey.steps[0].kind, Kind::kLoad);
  EXPECT_FALSE(journey.steps[0].address);
  EXPECT_FALSE(journey.steps[0].unchanged());
}

TEST(Journey, ACopyThatWasLeftAloneTellsTheAddress) {
  uint64_t object = 0xffffffff80000000 + 0x2000000 + 0x100;
  // mov %rdi,%rbx; mov 8(%rdi),%rdi; mov (%rdi),%rax; ret
  Stopped copied(arch::x86_64(), "4889fb 488b7f08 488b07 c3", 7, {{kRdi, 0x77}, {kRbx, object}}, "0 0x77");
  Journey journey = copied.of(kRdi);
  ASSERT_FALSE(journey.steps.empty());
  EXPECT_EQ(journey.steps[0].address, object + 8);
  EXPECT_EQ(journey.steps[0].unchanged(), true);
}

TEST(Journey, TwoWaysAreNotOne) {
  // test %rdi,%rdi; je 1f; mov (%rdi),%rax; jmp 2f; 1: mov 8(%rsi),%rax; 2: mov (%rax),%rcx; ret
  Stopped two(arch::x86_64(), "4885ff 7405 488b07 eb04 488b4608 488b08 c3", 14, {{kRax, 0x77}});
  Journey journey = two.of(kRax);
  ASSERT_EQ(journey.steps.size(), 1u);
  EXPECT_EQ(journey.steps[0].kind, Kind::kSeveral);
  EXPECT_EQ(journey.steps[0].candidates.size(), 2u);
}

TEST(Journey, AConstantThatContradictsTheValueDidNotSetIt) {
  // test %rdi,%rdi; je 1f; mov (%rdi),%rax; jmp 2f; 1: xor %eax,%eax; nop; nop; 2: mov (%rax),%rcx; ret
  constexpr const char* kOrZero = "4885ff 7405 488b07 eb04 31c09090 488b08 c3";
  Stopped loaded(arch::x86_64(), kOrZero, 14, {{kRax, 0x77}});
  EXPECT_EQ(loaded.of(kRax).steps[0].kind, Kind::kLoad);
  Stopped zero(arch::x86_64(), kOrZero, 14, {{kRax, 0}});
  EXPECT_EQ(zero.of(kRax).steps[0].kind, Kind::kSeveral);
}

TEST(Journey, WhatACallReturnedEndsTheWay) {
  // call +0 (to itself's end); mov (%rax),%rcx; ret
  Stopped called(arch::x86_64(), "e800000000 488b08 c3", 5, {{kRax, 0}});
  Journey journey = called.of(kRax);
  ASSERT_EQ(journey.steps.size(), 1u);
  EXPECT_EQ(journey.steps[0].kind, Kind::kResult);
}

TEST(Journey, Aarch64PairsAreLoads) {
  uint64_t object = 0xffff800000000000 + 0x2000000 + 0x100;
  // ldp x1, x2, [x0, #8]; ldr x3, [x2]; ret
  Stopped pair(arch::aarch64(), "018840a9 430040f9 c0035fd6", 4, {{0, object}, {1, 5}, {2, 0x77}}, "0 5 0x77");
  Journey journey = pair.of(2);
  ASSERT_FALSE(journey.steps.empty());
  EXPECT_EQ(journey.steps[0].address, object + 16);
  EXPECT_EQ(journey.steps[0].unchanged(), true);
}

TEST(Reach, ACallDestroysWhatItMay) {
  FakeKernel kernel(arch::x86_64());
  VirtualAddress entry = kernel.function("twig", 0, "4889fb 4889f9 e800000000 c3");  // mov %rdi,%rbx; mov %rdi,%rcx; call; ret
  auto code = FunctionCode::at(kernel.program(), entry);
  ASSERT_TRUE(code.ok());
  RegisterSet written = written_between(**code, 2, 3);
  EXPECT_TRUE(written[kRcx]);
  EXPECT_FALSE(written[kRbx]);
  EXPECT_EQ(definitions_of(**code, 3, kRbx).single(), std::optional<size_t>(0));
  EXPECT_EQ(definitions_of(**code, 3, kRcx).single(), std::optional<size_t>(2));
  EXPECT_TRUE(definitions_of(**code, 0, kRdi).only_entry());
}

}  // namespace
}  // namespace inquest::code
