// C expressions over a kernel drawn by hand: one struct with all that C has, a few globals.
#include "shell/c_expression.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unwind/testing/fake_kernel.h"

namespace inquest::shell {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using unwind::testing::FakeKernel;

constexpr const char* kTypes = R"(
struct list_head { struct list_head *next, *prev; };
enum mood { CALM = 3, LOUD = 9 };
struct cabin { int state; unsigned char doors; char name[8]; };
struct lift { long top; unsigned int low : 3, high : 5; struct cabin cabins[3]; struct cabin *best; struct list_head queue; enum mood mood; };
struct lift *lift;
struct lift spare;
unsigned long big;
int small;
)";

class CExpressionTest : public ::testing::Test {
 protected:
  CExpressionTest() {
    kernel.function("lift_run", 0x100, "90 90 c3");
    kernel.describe(kTypes);
    kernel.variable("lift", kernel.data(0x10));
    kernel.variable("spare", kernel.data(0x400), 0x80);
    kernel.variable("big", kernel.data(0x20));
    kernel.variable("small", kernel.data(0x28), 4);
    kernel.variable("untyped", kernel.data(0x30));
    kernel.put(kernel.data(0x10), at);
    kernel.put(kernel.data(0x20), ~uint64_t{0});
    kernel.put(kernel.data(0x28), uint64_t(uint32_t(-7)), 4);
    kernel.put(at, "lift.top", 1000);
    kernel.put(at + 8, 5 | 17 << 3, 4);
    kernel.put(at, "lift.mood", 9);
    VirtualAddress second = kernel.place(at, "lift.cabins") + 16;
    kernel.put(second, "cabin.state", 42);
    kernel.put(second, "cabin.name", 'A');
    kernel.put(at, "lift.best", second);
    kernel.put(at, "lift.queue", kernel.place(at, "lift.queue"));
  }
  std::string of(const std::string& text) {
    const auto& program = program_ ? *program_ : *(program_ = &kernel.program());
    auto value = evaluate(program, nullptr, text);
    return value.ok() ? print(*value, {}) : "! " + value.error().message();
  }
  std::string hex(VirtualAddress a) const { return fmt::format("{:#x}", a.value); }

  FakeKernel kernel{arch::x86_64()};
  VirtualAddress at = kernel.data(0x200);
  const object::Program* program_ = nullptr;
};

TEST_F(CExpressionTest, Members) {
  EXPECT_EQ(of("lift->top"), "1000");
  EXPECT_EQ(of("lift.top"), "1000") << "as gdb has it";
  EXPECT_EQ(of("(*lift).top"), "1000");
  EXPECT_EQ(of("lift->cabins[1].state"), "42");
  EXPECT_EQ(of("lift[0].cabins[1].state"), "42");
  EXPECT_EQ(of("lift->best->state"), "42");
  EXPECT_EQ(of("lift->low"), "5");
  EXPECT_EQ(of("lift->high"), "17");
  EXPECT_EQ(of("lift->mood"), "LOUD");
  EXPECT_EQ(of("spare.best"), "(struct cabin *) 0x0");
  EXPECT_THAT(of("*lift->best"), HasSubstr("state = 42"));
  EXPECT_THAT(of("lift->cabins"), StartsWith("{{"));
}

TEST_F(CExpressionTest, AddressesAndCasts) {
  EXPECT_EQ(of("&spare"), "(struct lift *) " + hex(kernel.data(0x400)));
  EXPECT_THAT(of("&lift->best"), StartsWith("(struct cabin **) " + hex(kernel.place(at, "lift.best"))));
  EXPECT_EQ(of("*(struct lift *)" + hex(at)).substr(0, 16), "{\n  top = 1000, ");
  EXPECT_EQ(of("((struct lift *)" + hex(at) + ")->cabins[1].state"), "42");
  EXPECT_EQ(of("((struct lift *)" + hex(at).substr(2) + ")->top"), "1000") << "an address as crash prints it";
  EXPECT_EQ(of("**(struct lift **)&lift").substr(0, 16), "{\n  top = 1000, ");
  EXPECT_EQ(of(fmt::format("((const struct lift *)((char *)&lift->queue - {}))->top", kernel.place(at, "lift.queue") - at)), "1000") << "container_of";
}

TEST_F(CExpressionTest, Arithmetic) {
  EXPECT_EQ(of("1 + 2 * 3 - 4"), "3");
  EXPECT_EQ(of("(1 + 2) * 3"), "9");
  EXPECT_EQ(of("0x10 + 010 + 10"), "34");
  EXPECT_EQ(of("7 & ~2 | 8 ^ 1"), "13");
  EXPECT_EQ(of("1 << 4 >> 2"), "4");
  EXPECT_EQ(of("-7 / 2"), "-3");
  EXPECT_EQ(of("-7 % 4"), "-3");
  EXPECT_EQ(of("small + 1"), "-6");
  EXPECT_EQ(of("big"), "18446744073709551615");
  EXPECT_EQ(of("big + 1"), "0");
  EXPECT_EQ(of("10UL - 11"), "18446744073709551615");
  EXPECT_EQ(of("(-9223372036854775807 - 1) / -1"), "-9223372036854775808") << "no trap";
  EXPECT_EQ(of("LOUD + CALM"), "12");
  EXPECT_EQ(of("sizeof(struct cabin)"), "16");
  EXPECT_EQ(of("sizeof(struct cabin) * 3 == "), "! \"== \" is not understood here");
  EXPECT_EQ(of("sizeof lift->cabins"), "48");
  EXPECT_EQ(of("&lift->cabins[2] - &lift->cabins[0]"), "2");
  EXPECT_EQ(of("(lift->cabins + 1)->state"), "42");
  EXPECT_EQ(of("*(int *)(&lift->cabins[0] + 1)"), "42");
}

TEST_F(CExpressionTest, WhatIsWrongIsOneLine) {
  for (auto [text, words] : {std::pair{"lift->", "a member's name is missing before the end"}, {"lift->nosuch", "has no member nosuch"}, {"nosuch", "no variable nosuch"},
                             {"*small", "* needs a pointer"}, {"&5", "& needs something"}, {"&lift->low", "a bit-field has no address"}, {"1 / 0", "division by zero"},
                             {"1 << 64", "a shift by 64"}, {"spare + 1", "struct lift is no number"}, {"(1", "\")\" is missing"}, {"1 2", "not understood behind that"},
                             {"12abc", "no number"}, {"lift = 0", "not understood"}, {"(struct nosuch *)1", "no struct nosuch"}, {"(struct lift)1", "nothing can be cast to struct lift"},
                             {"*(void *)1", "points at nothing typed"}, {"untyped + 1", "the type of that symbol is not known"}, {"lift:run", "no module"}, {"lift[&small]", "no index"},
                             {"0x1ffffffffffffffff", "more than 64 bits"}, {"", "a name or number is missing"}, {"lift->cabins[1", "\"]\" is missing"}, {"runqueues:0", "per-CPU"}}) {
    std::string said = of(text);
    EXPECT_THAT(said, StartsWith("! ")) << text;
    EXPECT_THAT(said, HasSubstr(words)) << text;
    EXPECT_EQ(said.find('\n'), std::string::npos) << text;
  }
}

TEST_F(CExpressionTest, DepthAndLengthAreBounded) {
  EXPECT_THAT(of(std::string(4000, '(') + "1"), HasSubstr("levels inside one another"));
  EXPECT_THAT(of(std::string(4000, '-') + "1"), HasSubstr("levels inside one another"));
  EXPECT_THAT(of("lift" + std::string(4000, '[')), HasSubstr("missing before"));
  EXPECT_THAT(of(std::string(5000, '1')), HasSubstr("longer than"));
  EXPECT_THAT(of("(char " + std::string(20, '*') + ")1"), HasSubstr("too many levels of pointers"));
  EXPECT_EQ(of(std::string(40, '(') + "1" + std::string(40, ')')), "1");
}

TEST_F(CExpressionTest, SymbolsAndUnreadableMemory) {
  EXPECT_THAT(of("lift_run"), HasSubstr("<lift_run>"));
  EXPECT_THAT(of("&lift_run"), HasSubstr("<lift_run>"));
  EXPECT_EQ(of("&untyped"), "(void *) " + hex(kernel.data(0x30)));
  EXPECT_EQ(of("*(int *)&untyped"), "0");
  EXPECT_THAT(of("((struct lift *)" + hex(kernel.missing()) + ")->top + 1"), StartsWith("! "));
  auto lost = evaluate(*program_, nullptr, "*(struct lift *)" + hex(kernel.missing()));
  ASSERT_TRUE(lost.ok()) << "reading is done by who prints";
  EXPECT_FALSE(check_readable(*lost).ok());
  EXPECT_TRUE(check_readable(*evaluate(*program_, nullptr, "*lift")).ok());
  EXPECT_EQ(address_of(*evaluate(*program_, nullptr, "*lift")).value_or(0), at.value);
  EXPECT_EQ(address_of(*evaluate(*program_, nullptr, "lift")).value_or(0), at.value);
  EXPECT_EQ(address_of(*evaluate(*program_, nullptr, "lift->cabins[1]")).value_or(0), kernel.place(at, "lift.cabins").value + 16);
}

}  // namespace
}  // namespace inquest::shell
