// What the walk over instructions knows without DWARF: hand-made functions of a few bytes on both architectures.
#include "code/value_flow.h"

#include <gtest/gtest.h>

#include "arch/arch.h"
#include "code/questions.h"
#include "unwind/testing/fake_kernel.h"

namespace inquest::code {
namespace {

using unwind::testing::FakeKernel;
using Kind = Expression::Kind;

struct Walk {
  explicit Walk(const arch::Arch& arch, std::string_view hex) : kernel(arch) {
    entry = kernel.function("twig", 0, hex);
    auto code = FunctionCode::at(kernel.program(), entry);
    EXPECT_TRUE(code.ok());
    if (code.ok()) flow.emplace(*code);
  }
  FakeKernel kernel;
  VirtualAddress entry;
  std::optional<ValueFlow> flow;
};

// mov %rdi,%rax; mov $7,%ecx; mov %rdi,(%rdi); mov %rax,8(%rdi); ret
constexpr const char* kSelf = "4889f8 b907000000 48893f 48894708 c3";

TEST(ValueFlow, EntryRegistersAndConstantsAreCarriedOn) {
  Walk w(arch::x86_64(), kSelf);
  ASSERT_TRUE(w.flow);
  const auto& arch = w.flow->code().program().arch();
  auto copy = w.flow->register_before(2, arch.result);
  ASSERT_TRUE(known(copy));
  EXPECT_EQ(copy->kind, Kind::kEntry);
  EXPECT_EQ(copy->reg, arch.parameters[0]);
  auto seven = w.flow->register_before(2, arch.parameters[3]);
  ASSERT_TRUE(known(seven));
  EXPECT_EQ(seven->kind, Kind::kConstant);
  EXPECT_EQ(seven->number, 7u);
}

TEST(ValueFlow, RegistersThatAreNotFollowedAreUnknown) {
  Walk w(arch::x86_64(), "660fefc0 4889f8 c3");  // pxor %xmm0,%xmm0; mov %rdi,%rax; ret
  ASSERT_TRUE(w.flow);
  const auto& vector = w.flow->code().instructions().front().destination;
  EXPECT_GE(vector.reg, arch::kRegisterCount);
  EXPECT_FALSE(known(w.flow->register_before(1, vector.reg)));
}

TEST(StoresThroughParameter, FindsSelfPointers) {
  Walk w(arch::x86_64(), kSelf);
  ASSERT_TRUE(w.flow);
  auto stores = stores_through_parameter(*w.flow);
  ASSERT_EQ(stores.size(), 2u);
  EXPECT_EQ(stores[0].offset, 0);
  EXPECT_EQ(stores[1].offset, 8);
  for (const auto& s : stores) EXPECT_EQ(s.value_offset, int64_t{0});
}

TEST(StoresThroughParameter, FindsAPairOnAarch64) {
  Walk w(arch::aarch64(), "000000a9 c0035fd6");  // stp x0, x0, [x0]; ret
  ASSERT_TRUE(w.flow);
  auto stores = stores_through_parameter(*w.flow);
  ASSERT_EQ(stores.size(), 2u);
  EXPECT_EQ(stores[1].offset, 8);
  EXPECT_EQ(stores[1].value_offset, int64_t{0});
}

TEST(ConditionOfTrap, CompareAndBranchOnX86) {
  Walk w(arch::x86_64(), "4839f7 7501 c3 0f0b c3");  // cmp %rsi,%rdi; jne 1f; ret; 1: ud2; ret
  ASSERT_TRUE(w.flow);
  auto c = condition_of_trap(*w.flow, w.entry + 6);
  ASSERT_TRUE(c);
  EXPECT_EQ(c->relation, "!=");
  EXPECT_EQ(c->compare, w.entry);
  EXPECT_TRUE(c->left_register && c->right_register);
}

TEST(ConditionOfTrap, CompareAndBranchOnAarch64) {
  Walk w(arch::aarch64(), "1f0001eb 41000054 c0035fd6 000021d4 c0035fd6");  // cmp x0, x1; b.ne 1f; ret; 1: brk #0x800; ret
  ASSERT_TRUE(w.flow);
  auto c = condition_of_trap(*w.flow, w.entry + 12);
  ASSERT_TRUE(c);
  EXPECT_EQ(c->relation, "!=");
  EXPECT_EQ(c->left, "%x0");
  EXPECT_EQ(c->right, "%x1");
}

TEST(ValueFlow, PathsThatDisagreeGiveUnknownAndALoopSettles) {
  Walk w(arch::x86_64(), "b801000000 4885ff 7405 b802000000 90 c3");  // eax = 1; if (rdi) eax = 2; nop; ret
  ASSERT_TRUE(w.flow);
  const auto& arch = w.flow->code().program().arch();
  EXPECT_FALSE(known(w.flow->register_before(4, arch.result)));
  EXPECT_TRUE(known(w.flow->register_before(4, arch.parameters[0])));
  Walk loop(arch::x86_64(), "4883c708 4885ff 75f7 c3");  // do rdi += 8; while (rdi)
  ASSERT_TRUE(loop.flow);
  EXPECT_FALSE(known(loop.flow->register_before(0, arch.parameters[0])));
}

}  // namespace
}  // namespace inquest::code
