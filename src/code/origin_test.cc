// Where values came from in hand-made functions with variables: each step with what the registers, the stack and memory still tell.
#include "code/origin.h"

#include <gtest/gtest.h>

#include "code/testing/described_code.h"

namespace inquest::code {
namespace {

using testing::DescribedCode;
using testing::Named;
using arch::x86::kRax, arch::x86::kRcx, arch::x86::kRdi, arch::x86::kRsp;
constexpr const char* kTypes = "struct ops { void *open, *close; }; struct peer { long id; struct ops *ops; int state; };"
                               "struct handle { long flags; struct peer *peer; };";

class OriginTest : public ::testing::Test {
 protected:
  explicit OriginTest(const char* types = kTypes) : d(arch::x86_64(), types), handle(d.kernel.data(0x100)), peer(d.kernel.data(0x200)) {}
  // `hex` as the function "open", entered with h; where `at` is, these registers are known.
  std::vector<OriginStep> origin(std::string_view hex, uint64_t at, unsigned reg, std::initializer_list<std::pair<unsigned, uint64_t>> known,
                                 std::vector<Named> named = {{"h", "struct handle *", kRdi, 0, 4}}) {
    VirtualAddress entry = d.function("open", 0x100, hex, named);
    for (auto [r, value] : known) registers.set(r, value);
    flow.emplace(d.flow("open"));
    return origin_of(*flow, *flow->code().index_of(entry + at), reg, registers);
  }
  DescribedCode d;
  VirtualAddress handle, peer;
  arch::Registers registers;
  std::optional<ValueFlow> flow;
};

// 0: mov 8(%rdi),%rax; 4: mov 8(%rax),%rcx; 8: mov (%rcx),%rdx; b: ret
constexpr const char* kTwoLoads = "488b4708 488b4808 488b11 c3";

TEST_F(OriginTest, ThroughTwoPointersToTheParameter) {
  d.kernel.put(handle, "handle.peer", peer);
  d.kernel.put(peer, "peer.ops", 0x99);  // changed since
  d.debug.lines[(d.kernel.text() + 0x104).value] = {"drivers/open.c", 17, 0};
  auto steps = origin(kTwoLoads, 8, kRcx, {{kRdi, handle.value}, {kRax, peer.value}, {kRcx, 0x77}}, {{"h", "struct handle *"}});
  ASSERT_EQ(steps.size(), 3u);
  EXPECT_EQ(steps[0].text, "h->peer->ops");
  EXPECT_EQ(steps[0].type, "struct ops *");
  EXPECT_EQ(steps[0].birth, Birth::kLoaded);
  EXPECT_EQ(steps[0].value, 0x77u);
  EXPECT_EQ(steps[0].value_how, "the register");
  EXPECT_TRUE(steps[0].value_then);
  EXPECT_EQ(steps[0].address, (peer + 8).value);
  EXPECT_EQ(steps[0].now, 0x99u);
  ASSERT_TRUE(steps[0].object);
  EXPECT_EQ(steps[0].object->name(), "peer");
  EXPECT_EQ(steps[0].offset, 8);
  EXPECT_EQ(steps[0].members, std::vector<std::string>{"ops"});
  EXPECT_EQ(steps[0].at, d.kernel.at("open", 4));
  ASSERT_FALSE(steps[0].source.empty());
  EXPECT_EQ(steps[0].source[0].line, 17);
  EXPECT_EQ(steps[1].text, "h->peer");
  EXPECT_EQ(steps[1].value, peer.value);
  EXPECT_EQ(steps[1].value_how, "in rax");
  EXPECT_EQ(steps[1].now, peer.value);
  EXPECT_EQ(steps[2].variable, "h");
  EXPECT_EQ(steps[2].birth, Birth::kParameter);
  EXPECT_EQ(steps[2].parameter_register, kRdi);
  EXPECT_EQ(steps[2].value, handle.value);
}

TEST_F(OriginTest, WhatMemorySaysNowIsNotOfThen) {
  d.kernel.put(handle, "handle.peer", peer);
  auto steps = origin(kTwoLoads, 8, kRcx, {{kRdi, handle.value}, {kRcx, 0x77}}, {{"h", "struct handle *"}});  // rax is not known
  ASSERT_EQ(steps.size(), 3u);
  EXPECT_EQ(steps[1].value, peer.value);
  EXPECT_EQ(steps[1].value_how, "in memory now");
  EXPECT_FALSE(steps[1].value_then);
  EXPECT_EQ(steps[0].address, (peer + 8).value);
}

TEST_F(OriginTest, WithoutRegistersTheWayIsKnownAndNoValue) {
  auto steps = origin(kTwoLoads, 8, kRcx, {}, {{"h", "struct handle *"}});
  ASSERT_EQ(steps.size(), 3u);
  for (const auto& s : steps) EXPECT_FALSE(s.value || s.address || s.now) << s.text;
  EXPECT_NE(steps[0].why_not_now, "");
}

TEST_F(OriginTest, MemoryThatIsNotInTheDump) {
  auto steps = origin(kTwoLoads, 4, kRax, {{kRdi, d.kernel.missing().value}, {kRax, 5}}, {{"h", "struct handle *"}});
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0].address, (d.kernel.missing() + 8).value);
  EXPECT_EQ(steps[0].value, 5u);
  EXPECT_FALSE(steps[0].now);
  EXPECT_NE(steps[0].why_not_now, "");
}

TEST_F(OriginTest, TheStackStillHoldsWhatWasSpilled) {
  // 0: sub $0x18,%rsp; 4: mov %rdi,8(%rsp); 9: mov (%rdi),%rax; c: xor %edi,%edi; e: mov (%rax),%rdx; 11: ret
  uint64_t now = d.kernel.stack().value + 0x1000;
  d.kernel.put(d.kernel.stack() + 0x1008, handle);
  d.kernel.put(handle, 0x4711);
  auto steps = origin("4883ec18 48897c2408 488b07 31ff 488b10 c3", 14, kRax, {{kRsp, now}, {kRdi, 0}, {kRax, 0x4711}}, {});
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0].address, handle.value);
  EXPECT_EQ(steps[0].now, 0x4711u);
  EXPECT_EQ(steps[1].value, handle.value);
  EXPECT_EQ(steps[1].value_how, "on the stack");
  EXPECT_TRUE(steps[1].value_then);
  EXPECT_EQ(steps[1].birth, Birth::kParameter);
  EXPECT_EQ(steps[1].parameter_register, kRdi);
}

TEST_F(OriginTest, ANarrowLoadHasANarrowValue) {
  d.kernel.put(peer, "peer.state", 0x88776655);
  d.kernel.put(peer + 20, 0xffffffff, 4);
  // 0: mov 0x10(%rdi),%eax; 3: ret
  auto steps = origin("8b4710 c3", 3, kRax, {{kRdi, peer.value}, {kRax, 0xffffffff88776655}}, {{"p", "struct peer *"}});
  ASSERT_FALSE(steps.empty());
  EXPECT_EQ(steps[0].size, 4u);
  EXPECT_EQ(steps[0].value, 0x88776655u);
  EXPECT_EQ(steps[0].now, 0x88776655u);
}

TEST_F(OriginTest, HowValuesAreBorn) {
  d.function("find_peer", 0x400, "31c0 c3");
  d.kernel.variable("table", d.kernel.text() + 0x2000);
  struct Case {
    const char* hex;
    uint64_t at;
    Birth birth;
  } cases[] = {
      {"e8fb000000 c3", 5, Birth::kCall},                // call find_peer
      {"b807000000 c3", 5, Birth::kConstant},            // mov $7,%eax
      {"488d05d91c0000 c3", 7, Birth::kSymbol},          // lea table(%rip),%rax
      {"4889f8 4821f0 c3", 6, Birth::kComputed},         // mov %rdi,%rax; and %rsi,%rax
      {"488d4708 c3", 4, Birth::kComputed},              // lea 8(%rdi),%rax
      {"4889f8 c3", 3, Birth::kParameter},               // mov %rdi,%rax
  };
  uint64_t offset = 0x300;
  std::vector<std::pair<VirtualAddress, const Case*>> placed;
  for (const Case& c : cases) placed.emplace_back(d.function("case" + std::to_string(offset), offset, c.hex), &c), offset += 0x10;
  for (auto [entry, c] : placed) {
    auto code = FunctionCode::at(d.program(), entry);
    ASSERT_TRUE(code.ok());
    ValueFlow f(*code);
    auto steps = origin_of(f, *(*code)->index_of(entry + c->at), kRax, registers);
    ASSERT_FALSE(steps.empty()) << c->hex;
    EXPECT_EQ(steps[0].birth, c->birth) << c->hex << ": " << name_of(steps[0].birth);
    if (c->birth == Birth::kCall) {
      EXPECT_EQ(steps[0].callee, "find_peer");
    }
    if (c->birth == Birth::kConstant) {
      EXPECT_EQ(steps[0].value, 7u);
    }
    if (c->birth == Birth::kSymbol) {
      EXPECT_EQ(steps[0].value, d.kernel.at("table").value);
    }
  }
}

TEST_F(OriginTest, AnOffsetGoesOnToItsBase) {
  auto steps = origin("488d4708 90 c3", 4, kRax, {{kRdi, handle.value}}, {{"h", "struct handle *"}});
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0].text, "&h->peer");
  EXPECT_EQ(steps[0].value, handle.value + 8);
  EXPECT_EQ(steps[1].variable, "h");
}

TEST_F(OriginTest, AnOffsetInARegisterTellsItsBase) {
  // 0: lea 8(%rdi),%rcx; 4: mov (%rdi),%rax; 7: xor %edi,%edi; 9: ret
  auto steps = origin("488d4f08 488b07 31ff c3", 9, kRax, {{kRcx, handle.value + 8}, {kRax, 1}}, {{"h", "struct handle *", kRdi, 0, 7}});
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[1].value, handle.value);
  EXPECT_EQ(steps[1].value_how, "from rcx");
}

TEST_F(OriginTest, PathsThatDisagreeEndTheWay) {
  // test %rsi,%rsi; je 1f; mov (%rdi),%rax; jmp 2f; 1: mov 8(%rdi),%rax; 2: ret
  EXPECT_TRUE(origin("4885f6 7405 488b07 eb04 488b4708 c3", 14, kRax, {{kRax, 1}}, {}).empty());
}

TEST_F(OriginTest, AChainWithoutEndIsCut) {
  std::string hex;
  for (int i = 0; i < 40; i++) hex += "488b3f";  // mov (%rdi),%rdi
  auto steps = origin(hex + "c3", 120, kRdi, {{kRdi, 0}}, {});
  EXPECT_EQ(steps.size(), size_t(kMaxOriginSteps));
}

TEST_F(OriginTest, RegistersThatDoNotExistHaveNone) {
  EXPECT_TRUE(origin(kTwoLoads, 8, arch::kNoRegister, {}, {}).empty());
  EXPECT_TRUE(origin_of(*flow, 0, arch::kRegisterCount, registers).empty());
  EXPECT_TRUE(origin_of(*flow, 0, ExpressionRef(), registers).empty());
}

}  // namespace
}  // namespace inquest::code
