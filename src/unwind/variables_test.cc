#include <fmt/format.h>
#include <gtest/gtest.h>

#include "unwind/testing/fake_debug.h"
#include "unwind/testing/fake_kernel.h"

namespace inquest::unwind {
namespace {

using namespace std::string_literals;
using debuginfo::RegisterRule;
using debuginfo::UnwindRow;
using testing::FakeDebug;
using testing::FakeKernel;
using namespace arch::x86;

// Three functions: user calls keeper, keeper (which keeps its first argument in rbx) calls leaf through a register.
class Variables : public ::testing::Test {
 protected:
  Variables() : kernel(arch::x86_64()), debug(std::make_shared<FakeDebug>(arch::x86_64())) {
    kernel.function("leaf", 0x200, "53 90 90 90 5b c3");
    kernel.function("keeper", 0x500, "53 4889fb ffd0 5b c3");       // push %rbx; mov %rdi,%rbx; 4: call *%rax; 6: …
    kernel.function("user", 0x600, "93 e8fafeffff 90 5b c3");       // xchg %eax,%ebx; 1: call keeper; 6: …
    kernel.function("other", 0x700, "53 e8fafaffff 90 5b c3");      // the same, but calls leaf
    kernel.function("root", 0x0, "90 90 90 90 90 90 90 90");
    for (auto [name, size] : {std::pair{"leaf", 6}, {"keeper", 8}, {"user", 9}, {"other", 9}}) {
      UnwindRow row;
      row.cfa_register = kRsp;
      row.cfa_offset = 16;
      kernel.table().ranges.push_back({kernel.at(name).value, kernel.at(name, uint64_t(size)).value, row});
    }
    UnwindRow end;
    end.shape = UnwindRow::Shape::kEnd;
    kernel.table().ranges.push_back({kernel.at("root").value, kernel.at("root", 8).value, end});
    add("leaf", 6, {{"a", &debug->long_type, true, 0, 6, "\xa3\x01\x55\x9f"s}, {"gone", &debug->long_type, false, 0, 0, ""}});
    add("keeper", 8,
        {{"p", &debug->long_type, true, 0, 8, "\xf3\x01\x55\x9f"s},                 // DW_OP_GNU_entry_value(rdi)
         {"q", &debug->int_type, true, 0, 8, "\xa3\x01\x54\x9f"s},                  // entry value of rsi
         {"k", &debug->long_type, false, 0, 8, "\x53"s},                            // rbx
         {"clobbered", &debug->long_type, false, 0, 8, "\x52"s},                    // rcx
         {"slot", &debug->long_type, false, 0, 8, "\x91\x70"s}});                   // fbreg -16: where rbx was pushed
    add("user", 9, {{"arg", &debug->long_type, true, 0, 5, "\x55"s},                // rdi, up to one byte before the call's end
                    {"second", &debug->int_type, true, 0, 5, "\x54"s}});            // rsi
    // At the call in user: rdi = rbx, rsi = 5.
    debuginfo::CallSite site;
    site.return_address = file("user", 6);
    site.callee = "keeper";
    site.parameters.push_back({5, {}, debug->expression("\x73\x01"s), 0});             // rdi: breg rbx + 1
    site.parameters.push_back({4, {}, debug->expression("\x35"s), 0});                 // rsi: lit5
    debug->functions_[2].sites.push_back(site);
  }
  uint64_t file(const char* name, uint64_t offset) { return kernel.at(name).value - kernel.text().value + 0x1000 + offset; }
  void add(const char* name, uint64_t size, std::vector<FakeDebug::Variable> variables) {
    for (auto& v : variables) v.low += file(name, 0), v.high += file(name, 0);
    debug->functions_.push_back({name, file(name, 0), file(name, size), std::move(variables), {}});
  }
  Stack walk(const char* picture) {
    kernel.draw(0x1000, picture);
    kernel.file().load_debug = [d = debug, text = kernel.text()] { return object::LoadedDebug{d, {{0x1000, 0x4000, text}}, ""}; };
    arch::Registers regs;
    regs.set(kRsp, kernel.stack().value + 0x1000);
    regs.set(kRip, kernel.at("leaf", 2).value);
    program = &kernel.program();
    return Unwinder(*program, kernel.oracle()).unwind(regs);
  }
  std::optional<uint64_t> value(const Stack& s, size_t frame, const std::string& name, std::string* how = nullptr) {
    for (const FrameVariable& v : variables_of(*program, s, frame)) {
      if (v.name != name) continue;
      if (how) *how = v.value ? v.how : v.why_not;
      if (!v.value) return std::nullopt;
      return v.value->as_unsigned().maybe();
    }
    ADD_FAILURE() << "no variable " << name;
    return std::nullopt;
  }
  FakeKernel kernel;
  std::shared_ptr<FakeDebug> debug;
  const object::Program* program = nullptr;
};

const char kPicture[] = "0x77 keeper+6 0x76 user+6 0x5 root+6";

TEST_F(Variables, RegistersAndStackSlots) {
  Stack s = walk(kPicture);
  ASSERT_EQ(FakeKernel::text_of(s), "leaf+0x2 keeper+0x6 user+0x6 root+0x6");
  std::string how;
  EXPECT_EQ(value(s, 1, "k", &how), 0x77u);
  EXPECT_EQ(how, "in rbx");
  EXPECT_EQ(value(s, 1, "slot", &how), 0x76u);
  EXPECT_EQ(value(s, 1, "clobbered", &how), std::nullopt);
  EXPECT_EQ(how, "register rcx is not known here");
  EXPECT_EQ(value(s, 0, "gone", &how), std::nullopt);
  EXPECT_EQ(how, "optimized out");
}

TEST_F(Variables, EntryValuesComeFromTheCallSite) {
  Stack s = walk(kPicture);
  std::string how;
  EXPECT_EQ(value(s, 1, "p", &how), 0x77u);  // the caller's rbx, pushed by keeper, + 1
  EXPECT_EQ(how, "entry value through the caller");
  EXPECT_EQ(value(s, 1, "q"), 5u);
}

TEST_F(Variables, ElseFromWhatTheFunctionStillKeeps) {
  debug->functions_[2].sites.clear();
  Stack s = walk(kPicture);
  std::string how;
  EXPECT_EQ(value(s, 1, "p", &how), 0x77u);
  EXPECT_EQ(how, "kept by keeper in rbx, entry value through the caller");
  EXPECT_EQ(value(s, 1, "q", &how), std::nullopt);
  EXPECT_EQ(how, "the value of rsi at entry is not known any more");
}

TEST_F(Variables, NotAcrossACallToSomebodyElse) {
  Stack s = walk("0x77 keeper+6 0x76 other+6 0x5 root+6");
  ASSERT_EQ(s.frames.size(), 4u);
  EXPECT_TRUE(s.frames[2].tail_calls_missing);  // other called leaf
  EXPECT_FALSE(registers_at_call(*program, s, 2).registers.get(kRdi));
}

TEST_F(Variables, AliveWhenTheCallWasMade) {
  Stack s = walk(kPicture);
  std::string how;
  EXPECT_EQ(value(s, 2, "arg", &how), 0x77u);
  EXPECT_EQ(how, "in rdi, kept by keeper in rbx");
  EXPECT_EQ(value(s, 2, "second", &how), std::nullopt);
}

TEST_F(Variables, ThroughATailCallThatCanBeFollowed) {
  // middle: mov %rdi,%rsi; mov $7,%edi; jmp keeper. user calls it; its frame is gone.
  kernel.function("middle", 0x680, "4889fe bf07000000 e973feffff");
  kernel.function("user", 0x600, "93 e87a000000 90 5b c3");
  Stack s = walk(kPicture);
  ASSERT_EQ(FakeKernel::text_of(s), "leaf+0x2 keeper+0x6 user+0x6 root+0x6");
  EXPECT_TRUE(s.frames[2].tail_calls_missing);
  std::string how;
  EXPECT_EQ(value(s, 1, "p", &how), 7u);
  EXPECT_EQ(value(s, 1, "q", &how), 0x77u);
  EXPECT_EQ(how, "entry value through the caller and middle");
}

TEST_F(Variables, NotThroughOneThatMayComeTwoWays) {
  // middle: je keeper; jmp other; other: jmp keeper.
  kernel.function("middle", 0x680, "0f847afeffff e975000000");
  kernel.function("other", 0x700, "e9fbfdffff");
  kernel.function("user", 0x600, "93 e87a000000 90 5b c3");
  Stack s = walk(kPicture);
  std::string how;
  EXPECT_EQ(value(s, 1, "q", &how), std::nullopt);
}

// A function whose rdi is in rsi, too, until that is used for something else; then it calls keeper.
class LastPlace : public Variables {
 protected:
  // push %rbx; mov %rdi,%rbx; mov %rdi,%rsi; 7: `middle`; then call keeper; nop; pop %rbx; ret
  Stack walk_with(const std::string& middle, FakeDebug::Variable variable) {
    uint64_t call = 7 + testing::from_hex(middle).size();
    std::string relative = fmt::format("{:08x}", __builtin_bswap32(uint32_t(0x500 - (0x800 + int(call) + 5))));
    kernel.function("host", 0x800, "53 4889fb 4889fe" + middle + "e8" + relative + "90 5b c3");
    UnwindRow row;
    row.cfa_register = kRsp;
    row.cfa_offset = 16;
    kernel.table().ranges.push_back({kernel.at("host").value, kernel.at("host", call + 8).value, row});
    add("host", call + 8, {std::move(variable)});
    return walk(fmt::format("0x77 keeper+6 0x76 host+{} 0x5 root+6", call + 5).c_str());
  }
};

TEST_F(LastPlace, IsRememberedWhenItsRegisterIsTaken) {
  // xor %esi,%esi: the place ends behind it.
  Stack s = walk_with("31f6", {"v", &debug->long_type, false, 7, 9, "\x54"s});
  std::string how;
  EXPECT_EQ(value(s, 2, "v", &how), 0x76u);
  EXPECT_TRUE(how.starts_with("last known at host+0x9, ")) << how;
  EXPECT_EQ(variables_of(*program, s, 2)[0].basis, Basis::kEarlier);
}

TEST_F(LastPlace, ThatEndsForNoReasonWasAssignedAgain) {
  Stack s = walk_with("90 90 90", {"v", &debug->long_type, false, 7, 9, "\x54"s});
  std::string how;
  EXPECT_EQ(value(s, 2, "v", &how), std::nullopt);
  EXPECT_EQ(how, "not kept behind host+0x9");
}

TEST_F(LastPlace, IsForgottenInALoop) {
  // xor %esi,%esi; 9: test %eax,%eax; jne 9
  Stack s = walk_with("31f6 85c0 75fc", {"v", &debug->long_type, false, 7, 9, "\x54"s});
  EXPECT_EQ(value(s, 2, "v"), std::nullopt);
}

TEST_F(LastPlace, IsForgottenBehindACallWhoseResultNobodyReads) {
  // call *%rdx; xor %eax,%eax: what it gave back may have been v's.
  Stack s = walk_with("ffd2 31c0", {"v", &debug->long_type, false, 7, 8, "\x54"s});
  EXPECT_EQ(value(s, 2, "v"), std::nullopt);
}

TEST_F(LastPlace, IsRememberedBehindACallWhoseResultIsRead) {
  // call *%rdx; test %eax,%eax: v would be there.
  Stack s = walk_with("ffd2 85c0", {"v", &debug->long_type, false, 7, 8, "\x54"s});
  EXPECT_EQ(value(s, 2, "v"), 0x76u);
}

TEST_F(LastPlace, WhatOneWayAssignsIsNotKnown) {
  // test %edx,%edx; je d; mov $5,%esi; (v is in rsi all the while) d: xor %esi,%esi
  Stack s = walk_with("85d2 7405 be05000000 31f6", {"v", &debug->long_type, false, 7, 0x12, "\x54"s});
  EXPECT_EQ(value(s, 2, "v"), std::nullopt);
}

TEST_F(LastPlace, WhatNoWayAssignsIsKnown) {
  Stack s = walk_with("85d2 7405 9090909090 31f6", {"v", &debug->long_type, false, 7, 0x12, "\x54"s});
  EXPECT_EQ(value(s, 2, "v"), 0x76u);
}

TEST_F(LastPlace, IsForgottenWhereSomethingIsComputedWithIt) {
  // xor %esi,%esi; lea 1(%rbx),%rax: it may be "v++".
  Stack s = walk_with("31f6 488d4301", {"v", &debug->long_type, false, 7, 9, "\x54"s});
  EXPECT_EQ(value(s, 2, "v"), std::nullopt);
}

TEST_F(LastPlace, IsRememberedWhereItIsComparedOnly) {
  // xor %esi,%esi; test %rbx,%rbx; jne behind
  Stack s = walk_with("31f6 4885db 7500", {"v", &debug->long_type, false, 7, 9, "\x54"s});
  EXPECT_EQ(value(s, 2, "v"), 0x76u);
}

TEST_F(LastPlace, ConstantsThatNotAllWaysHaveAreNotKnown) {
  // test %edx,%edx; je d; call *%rax; test %eax,%eax (its result is v); d: nop
  const std::string code = "85d2 7404 ffd0 85c0 90";
  Stack s = walk_with(code, {"v", &debug->int_type, false, 0, 0xb, "\x30\x9f"s});
  EXPECT_EQ(value(s, 2, "v"), std::nullopt);
}

TEST_F(LastPlace, MayBeAConstantByWhatWasTested) {
  // call *%rdx; test %rax,%rax; jne behind keeper's call; xor %eax,%eax
  Stack s = walk_with("ffd2 4885c0 7508 31c0", {"v", &debug->long_type, false, 9, 0x10, "\x50"s});
  std::string how;
  EXPECT_EQ(value(s, 2, "v", &how), 0u);
  EXPECT_EQ(how, "last known at host+0x10, as was tested");
}

TEST_F(Variables, WhatIsKeptForTheCallerIsNoVariable) {
  // keeper does not touch r12, in which debuginfo puts a variable.
  debug->functions_[1].variables.push_back({"v", &debug->long_type, false, file("keeper", 0), file("keeper", 8), "\x5c"s});
  kernel.draw(0x1000, kPicture);
  Stack s = walk(kPicture);
  for (Frame& frame : s.frames) frame.registers.set(12, 0x99);
  std::string how;
  EXPECT_EQ(value(s, 1, "v", &how), std::nullopt);
  EXPECT_EQ(how, "register r12 still has the caller's value");
  s.frames[2].registers.set(12, 0x98);                                        // then somebody changed it
  EXPECT_EQ(value(s, 1, "v"), 0x99u);
}

TEST_F(Variables, ABoolIsZeroOrOne) {
  debuginfo::Type bool_type{debug.get(), 3, debuginfo::TypeKind::kBool, "_Bool", 1, false, false};
  debug->functions_[1].variables = {{"b", &bool_type, false, file("keeper", 0), file("keeper", 8), "\x53"s}};
  Stack s = walk(kPicture);
  std::string how;
  EXPECT_EQ(value(s, 1, "b", &how), std::nullopt);
  EXPECT_EQ(how, "0x77 is no bool");
}

TEST_F(Variables, APieceThatIsNotKnownIsSaid) {
  // 8 bytes in rbx, 8 nowhere.
  debug->types.add("struct pair { long first; long second; };");
  debug->functions_[1].variables = {{"s", debug->type("struct pair"), false, file("keeper", 0), file("keeper", 8), "\x53\x93\x08\x93\x08"s}};
  Stack s = walk(kPicture);
  auto all = variables_of(*program, s, 1);
  ASSERT_EQ(all.size(), 1u);
  ASSERT_TRUE(all[0].value) << all[0].why_not;
  EXPECT_TRUE(all[0].partly);
  EXPECT_EQ(object::print_short(*all[0].value), "{ first = 119,  second = <not known> }");
  EXPECT_FALSE(all[0].value->member("second").value().as_unsigned().ok());
}

TEST_F(Variables, AnIndirectCallThatCannotBeFollowedPassesNothing) {
  // leaf's `a` is its entry rdi; keeper called it through rax, of which nothing is left.
  Stack s = walk(kPicture);
  std::string how;
  EXPECT_EQ(value(s, 0, "a", &how), std::nullopt);
}

}  // namespace
}  // namespace inquest::unwind
