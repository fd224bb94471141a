// Cycles of blocks in hand-made functions, and what keeps the code in them.
#include "code/loops.h"

#include <gtest/gtest.h>

#include "code/testing/described_code.h"

namespace inquest::code {
namespace {

using testing::DescribedCode;
using unwind::testing::FakeKernel;

constexpr const char* kTypes = "struct reel { int read, write; struct reel *next; };";

// 0: mov 8(%rdi),%rax; 4: test %rax,%rax; 7: je e; 9: mov %rax,%rdi; c: jmp 0; e: ret
constexpr const char* kToTheLast = "488b4708 4885c0 7405 4889c7 ebf2 c3";

struct Plain {
  explicit Plain(std::string_view hex, const arch::Arch& arch = arch::x86_64()) : kernel(arch) {
    entry = kernel.function("twig", 0x100, hex);
    auto code = FunctionCode::at(kernel.program(), entry);
    EXPECT_TRUE(code.ok());
    if (code.ok()) flow.emplace(*code);
  }
  std::optional<Loop> around(uint64_t offset) {
    auto index = flow->code().index_of(entry + offset);
    return index ? loop_around(*flow, *index) : std::nullopt;
  }
  FakeKernel kernel;
  VirtualAddress entry;
  std::optional<ValueFlow> flow;
};

TEST(Loops, ItsExtentItsLinesAndWhatItLooksAt) {
  DescribedCode d(arch::x86_64(), kTypes);
  VirtualAddress entry = d.function("wind", 0x100, kToTheLast, {{"reel", "struct reel *", arch::x86::kRdi, 0, 9}});
  for (auto [offset, number] : {std::pair{0, 21}, {4, 20}, {7, 24}, {9, 22}, {14, 30}}) d.line("wind", uint64_t(offset), number);
  ValueFlow flow = d.flow("wind");
  auto loop = loop_around(flow, *flow.code().index_of(entry));
  ASSERT_TRUE(loop);
  EXPECT_EQ(loop->low, entry);
  EXPECT_EQ(loop->high, entry + 14);
  EXPECT_EQ(loop->function, "wind");
  EXPECT_EQ(loop->file, "drivers/reel.c");
  EXPECT_EQ(loop->first_line, 21);  // of its branch and the instruction asked about
  EXPECT_EQ(loop->last_line, 24);
  EXPECT_TRUE(loop->leaves);
  ASSERT_EQ(loop->stays.size(), 1u);
  EXPECT_EQ(loop->stays[0].text, "reel->next != 0");
  ASSERT_TRUE(loop->object);
  EXPECT_EQ(loop->object->name(), "reel");
  EXPECT_EQ(loop->members, std::vector<std::string>{"next"});
  EXPECT_EQ(loop->pointer, "reel");
}

TEST(Loops, TwoMembersOfOneObject) {
  DescribedCode d(arch::x86_64(), kTypes);
  // 0: mov (%rdi),%eax; 2: cmp 4(%rdi),%eax; 5: jne 0; 7: ret
  VirtualAddress entry = d.function("drain", 0x100, "8b07 3b4704 75f9 c3", {{"reel", "struct reel *", arch::x86::kRdi}});
  ValueFlow flow = d.flow("drain");
  auto loop = loop_around(flow, *flow.code().index_of(entry));
  ASSERT_TRUE(loop);
  ASSERT_EQ(loop->stays.size(), 1u);
  EXPECT_EQ(loop->stays[0].text, "reel->read != reel->write");
  EXPECT_EQ(loop->members, (std::vector<std::string>{"read", "write"}));
}

TEST(Loops, OfTwoObjectsTheFirstIsNamed) {
  DescribedCode d(arch::x86_64(), std::string(kTypes) + "struct spool { int turns; };");
  // 0: mov (%rdi),%eax; 2: cmp (%rsi),%eax; 4: jne 0; 6: ret
  VirtualAddress entry = d.function("both", 0x100, "8b07 3b06 75fa c3", {{"reel", "struct reel *", arch::x86::kRdi}, {"spool", "struct spool *", arch::x86::kRsi}});
  ValueFlow flow = d.flow("both");
  auto loop = loop_around(flow, *flow.code().index_of(entry));
  ASSERT_TRUE(loop && loop->object);
  EXPECT_EQ(loop->stays[0].text, "reel->read != spool->turns");
  EXPECT_EQ(loop->object->name(), "reel");
  EXPECT_EQ(loop->members, std::vector<std::string>{"read"});
}

TEST(Loops, WhatIsBehindOrBeforeIsInNone) {
  Plain p(kToTheLast);
  EXPECT_FALSE(p.around(14));
  Plain straight("90 4885ff 7401 90 c3");
  for (uint64_t offset : {0, 1, 4, 6, 7}) EXPECT_FALSE(straight.around(offset)) << offset;
}

TEST(Loops, NothingLeavesAnEndlessOne) {
  Plain p("f390 ebfc c3");  // pause; jmp back
  auto loop = p.around(0);
  ASSERT_TRUE(loop);
  EXPECT_FALSE(loop->leaves);
  EXPECT_TRUE(loop->stays.empty());
  EXPECT_EQ(loop->function, "");  // no lines
}

TEST(Loops, ALoopThatCountsLeavesThoughItsConditionIsNotTold) {
  Plain p("ffcf 75fc c3");  // dec %edi; jne back
  auto loop = p.around(0);
  ASSERT_TRUE(loop);
  EXPECT_TRUE(loop->leaves);
  EXPECT_TRUE(loop->stays.empty());
}

TEST(Loops, AJumpIntoAnotherFunctionLeaves) {
  Plain p("4885ff 0f8400000100 ebf5");  // test %rdi,%rdi; je far away; jmp back
  auto loop = p.around(0);
  ASSERT_TRUE(loop);
  EXPECT_TRUE(loop->leaves);
  ASSERT_EQ(loop->stays.size(), 1u);
  EXPECT_EQ(loop->stays[0].relation, "!=");
}

TEST(Loops, AWayOutByFallingThroughStaysByTheJump) {
  Plain p("483937 75fb c3");  // cmp %rsi,(%rdi); jne back; ret
  auto loop = p.around(3);
  ASSERT_TRUE(loop);
  ASSERT_EQ(loop->stays.size(), 1u);
  EXPECT_EQ(loop->stays[0].relation, "!=");
}

TEST(Loops, TheInnerOneCannotBeToldFromTheOuterButItsConditionsAreBounded) {
  // Eight times cmp $1,%edi; je out; then jmp back; out: ret.
  std::string hex;
  for (int i = 0; i < 8; i++) hex += "83ff01 74" + std::string(1, "0123456789abcdef"[(((7 - i) * 5 + 2) >> 4) & 15]) + std::string(1, "0123456789abcdef"[((7 - i) * 5 + 2) & 15]);
  Plain p(hex + "ebd6 c3");
  auto loop = p.around(0);
  ASSERT_TRUE(loop);
  EXPECT_EQ(loop->high, p.entry + 42);
  EXPECT_EQ(loop->stays.size(), 4u);
}

TEST(Loops, Aarch64ComparesAndBranchesInOne) {
  Plain p("000440f9 e0ffffb5 c0035fd6", arch::aarch64());  // ldr x0, [x0, #8]; cbnz x0, back; ret
  auto loop = p.around(0);
  ASSERT_TRUE(loop);
  EXPECT_EQ(loop->high, p.entry + 8);
  ASSERT_EQ(loop->stays.size(), 1u);
  EXPECT_EQ(loop->stays[0].relation, "!=");
  EXPECT_FALSE(p.around(8));
}

}  // namespace
}  // namespace inquest::code
