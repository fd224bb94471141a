// Wild calls, NULL dereferences and what is left, each on a scene of a few lines; what they must not say counts as much.
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "inquiry/inquest.h"
#include "scene/testing/fake_scene.h"

namespace inquest::inquiry {
namespace {

using oops::EventKind;
using scene::testing::FakeScene;
using testing::HasSubstr;

constexpr uint64_t kStray = 0xffff888012345678, kReturn = FakeScene::kText + 0x100;

const Verdict* find(const Inquiry& inquiry, const std::string& cause) {
  for (const Verdict& v : inquiry.verdicts)
    if (v.cause == cause) return &v;
  return nullptr;
}

FakeScene jumped(uint64_t to) {
  FakeScene scene;
  scene.add_event(EventKind::kPagingRequest, "BUG: unable to handle page fault", {{"rip", to}, {"rdi", 0x1234}}).event.fault_address = to;
  return scene;
}

void add_stack(FakeScene& scene, uint64_t to) {
  scene::FrameView wild, caller;
  wild.address = to;
  wild.garbage = true;
  caller.address = kReturn;
  caller.symbol = "twig_poll";
  caller.module = "twigs";
  caller.trust = "call";
  scene.set_crashed({wild, caller});
}

TEST(WildCall, JumpToDataIsOne) {
  Inquiry inquiry = inquire(jumped(kStray));
  const Verdict& v = inquiry.verdicts.front();
  EXPECT_EQ(v.cause, "wild-call");
  EXPECT_DOUBLE_EQ(v.confidence, 0.5);
  EXPECT_THAT(v.summary, HasSubstr(hex(kStray)));
  EXPECT_FALSE(v.would_settle.empty());
}

TEST(WildCall, IsSurerWithTheCallerAndSurerStillWithTheMember) {
  FakeScene scene = jumped(kStray);
  add_stack(scene, kStray);
  Inquiry with_caller = inquire(scene);
  EXPECT_DOUBLE_EQ(with_caller.verdicts.front().confidence, 0.6);
  EXPECT_EQ(with_caller.verdicts.front().guilty.function, "twig_poll");
  EXPECT_EQ(with_caller.seen.caller_how, "call");
  scene::CallView call;
  call.pc = kReturn - 3;
  call.indirect = true;
  call.target_text = "twig->ops->poll";
  call.object = "struct twig_ops";
  call.member = "poll";
  scene.calls[kReturn] = call;
  Inquiry with_member = inquire(scene);
  const Verdict& v = with_member.verdicts.front();
  EXPECT_DOUBLE_EQ(v.confidence, 0.7);
  EXPECT_EQ(v.object.type, "struct twig_ops");
  EXPECT_EQ(v.object.member, "poll");
  EXPECT_THAT(v.summary, HasSubstr("twig->ops->poll held"));
}

TEST(WildCall, ADirectCallNamesNoMember) {
  FakeScene scene = jumped(kStray);
  add_stack(scene, kStray);
  scene::CallView call;
  call.callee = "twig_next";
  scene.calls[kReturn] = call;
  EXPECT_DOUBLE_EQ(inquire(scene).verdicts.front().confidence, 0.6);
}

TEST(WildCall, ReadsTextAsText) {
  EXPECT_THAT(inquire(jumped(0x64726f7773736170)).verdicts.front().summary, HasSubstr("As text it reads \"password\""));
  EXPECT_THAT(inquire(jumped(kStray)).verdicts.front().summary, testing::Not(HasSubstr("As text")));
}

TEST(WildCall, CodeIsNone) {
  FakeScene scene;
  scene.add_event(EventKind::kPagingRequest, "BUG: unable to handle page fault", {{"rip", FakeScene::kText + 8}}).event.fault_address = kStray;
  Inquiry inquiry = inquire(scene);
  EXPECT_FALSE(inquiry.seen.jumped_to);
  EXPECT_FALSE(find(inquiry, "wild-call"));
}

TEST(WildCall, ALogMustSayThatTheFaultIsAtThePc) {
  FakeScene scene = jumped(kStray);
  scene.without_dump();
  EXPECT_TRUE(find(inquire(scene), "wild-call"));
  scene.event_at(0).event.function = "twig_poll";
  EXPECT_FALSE(find(inquire(scene), "wild-call"));
  scene.event_at(0).event.function = "0xffff888012345678";
  EXPECT_TRUE(find(inquire(scene), "wild-call"));
  scene.event_at(0).event.fault_address = kStray + 8;
  EXPECT_FALSE(find(inquire(scene), "wild-call"));
}

TEST(WildCall, NeedsAPc) {
  FakeScene scene;
  scene.add_event(EventKind::kPagingRequest, "BUG: unable to handle page fault").event.fault_address = kStray;
  EXPECT_FALSE(find(inquire(scene), "wild-call"));
}

FakeScene touched(uint64_t fault, std::optional<uint64_t> base, int64_t displacement, const std::string& object) {
  FakeScene scene;
  auto& e = scene.add_event(EventKind::kNullDereference, "BUG: kernel NULL pointer dereference", {{"rip", FakeScene::kText + 8}});
  e.event.fault_address = fault;
  e.event.function = "twig_read";
  e.touch.emplace();
  e.touch->pc = FakeScene::kText + 8;
  e.touch->instruction = "mov 0x18(%rdi),%rax";
  e.touch->reads = true;
  e.touch->base_register = "rdi";
  e.touch->base_value = base;
  e.touch->displacement = displacement;
  e.touch->object = object;
  scene.members[{"struct twig", 0x18}] = {{"ops", "struct twig_ops *", 0x18, 8, true, false}};
  return scene;
}

TEST(NullDereference, BaseZeroAndAMemberIsNearlySure) {
  FakeScene scene = touched(0x18, 0, 0x18, "struct twig");
  Inquiry anonymous = inquire(scene);
  EXPECT_EQ(anonymous.verdicts.front().cause, "null-dereference");
  EXPECT_DOUBLE_EQ(anonymous.verdicts.front().confidence, 0.9);
  scene.event_at(0).touch->base_variable = scene.event_at(0).touch->base_text = "twig";
  Inquiry named = inquire(scene);
  const Verdict& v = named.verdicts.front();
  EXPECT_DOUBLE_EQ(v.confidence, 0.95);
  EXPECT_EQ(v.object.type, "struct twig");
  EXPECT_EQ(v.object.member, "ops");
  EXPECT_THAT(v.summary, HasSubstr("twig is NULL, and twig_read reads through it: ops of struct twig (offset 0x18)."));
}

TEST(NullDereference, BaseZeroWithoutATypeIsLessSure) {
  Inquiry inquiry = inquire(touched(0x18, 0, 0x18, ""));
  EXPECT_DOUBLE_EQ(inquiry.verdicts.front().confidence, 0.8);
  EXPECT_EQ(inquiry.verdicts.front().object.type, "");
}

TEST(NullDereference, SmallAddressOverABaseThatIsNotZero) {
  Inquiry inquiry = inquire(touched(0x18, 0x10, 8, "struct twig"));
  EXPECT_EQ(inquiry.verdicts.front().cause, "null-dereference");
  EXPECT_DOUBLE_EQ(inquiry.verdicts.front().confidence, 0.6);
  EXPECT_EQ(inquiry.verdicts.front().object.type, "");
}

TEST(NullDereference, ABaseThatDoesNotAddUpIsNotBelieved) {
  EXPECT_DOUBLE_EQ(inquire(touched(0x30, 0, 0x18, "")).verdicts.front().confidence, 0.6);
}

TEST(NullDereference, LargeAddressIsNone) {
  EXPECT_FALSE(find(inquire(touched(kStray, kStray - 0x18, 0x18, "struct twig")), "null-dereference"));
  EXPECT_FALSE(find(inquire(touched(0x20018, 0x20000, 0x18, "struct twig")), "null-dereference"));
}

TEST(NullDereference, AFarMemberOfNullIsOneButOnlySoFar) {
  EXPECT_TRUE(find(inquire(touched(0x2018, 0, 0x2018, "struct twig")), "null-dereference"));
  EXPECT_FALSE(find(inquire(touched(0x7f0000000000, 0, 0x18, "struct twig")), "null-dereference"));
}

TEST(NullDereference, BlamesTheFunctionAroundSharedHelpers) {
  FakeScene scene = touched(0x18, 0, 0x18, "struct twig");
  scene.event_at(0).source = {{"list_empty", "include/linux/list.h", 290, true}, {"twig_has_leaves", "drivers/twig.c", 12, true}, {"twig_read", "drivers/twig.c", 40, false}};
  Inquiry inquiry = inquire(scene);
  EXPECT_EQ(inquiry.verdicts.front().guilty.function, "twig_has_leaves");
  EXPECT_EQ(inquiry.verdicts.front().guilty.line, 12);
}

TEST(NullDereference, ALogAloneAsksForMore) {
  FakeScene scene;
  scene.without_dump();
  scene.add_event(EventKind::kNullDereference, "BUG: kernel NULL pointer dereference").event.fault_address = 8;
  Inquiry inquiry = inquire(scene);
  EXPECT_DOUBLE_EQ(inquiry.verdicts.front().confidence, 0.6);
  EXPECT_THAT(inquiry.verdicts.front().would_settle, testing::Contains(HasSubstr("the log does not name the pointer")));
}

TEST(NullDereference, NoFaultAddressIsNone) {
  FakeScene scene;
  scene.add_event(EventKind::kGeneralProtection, "general protection fault");
  EXPECT_FALSE(find(inquire(scene), "null-dereference"));
}

TEST(Unknown, AHealthyKernelIsAccusedOfNothing) {
  FakeScene scene;
  Inquiry inquiry = inquire(scene);
  ASSERT_EQ(inquiry.verdicts.size(), 1u);
  const Verdict& v = inquiry.verdicts.front();
  EXPECT_EQ(v.cause, "unknown");
  EXPECT_EQ(v.confidence, 0);
  EXPECT_EQ(v.guilty.function, "");
  EXPECT_TRUE(v.evidence.empty());
  EXPECT_THAT(v.summary, HasSubstr("dumped alive"));
}

TEST(Unknown, WarningsAreToldButAccuseNobody) {
  FakeScene scene;
  auto& warning = scene.add_event(EventKind::kWarning, "WARNING: at drivers/twig.c:7");
  warning.frames.resize(1);
  warning.frames[0].symbol = "twig_poll";
  Inquiry inquiry = inquire(scene);
  ASSERT_EQ(inquiry.verdicts.size(), 1u);
  EXPECT_EQ(inquiry.verdicts[0].confidence, 0);
  EXPECT_EQ(inquiry.verdicts[0].guilty.function, "");
  EXPECT_EQ(inquiry.verdicts[0].evidence.size(), 1u);
}

TEST(Unknown, SaysWhatWouldHelp) {
  FakeScene log;
  log.without_dump();
  log.add_event(EventKind::kGeneralProtection, "general protection fault");
  EXPECT_THAT(inquire(log).verdicts.front().would_settle, testing::ElementsAre(HasSubstr("a crash dump")));
  FakeScene dump;
  dump.add_event(EventKind::kGeneralProtection, "general protection fault");
  EXPECT_TRUE(inquire(dump).verdicts.front().would_settle.empty());
}

TEST(Weigh, TheSurestIsFirstAndUnknownGivesWay) {
  FakeScene scene = jumped(kStray);
  Inquiry inquiry = inquire(scene);
  for (size_t i = 1; i < inquiry.verdicts.size(); i++) EXPECT_GE(inquiry.verdicts[i - 1].confidence, inquiry.verdicts[i].confidence);
  EXPECT_FALSE(find(inquiry, "unknown"));
}

TEST(Weigh, WhoLosesIsSpokenOfOnce) {
  FakeScene scene = jumped(kStray);
  scene.event_at(0).event.registers = {{"rip", kStray}, {"rdi", kStray}};
  scene.put_words(kStray, {kStray, kStray});
  add_stack(scene, kStray);
  scene::CallView call;
  call.indirect = true;
  call.object = "struct rcu_head";
  scene.calls[kReturn] = call;
  Inquiry inquiry = inquire(scene);
  ASSERT_EQ(inquiry.verdicts.size(), 2u);
  EXPECT_EQ(inquiry.verdicts[0].cause, "wild-call") << "a head that nobody warned of and whose callback is not known proves less than the call";
  const auto& others = inquiry.verdicts[0].alternatives;
  EXPECT_EQ(std::count_if(others.begin(), others.end(), [&](const Alternative& a) { return a.cause == inquiry.verdicts[1].cause; }), 1);
}

TEST(NullCall, IsToldFromAWildOne) {
  FakeScene scene = jumped(0);
  Inquiry inquiry = inquire(scene);
  EXPECT_EQ(inquiry.verdicts.front().cause, "null-call");
  EXPECT_FALSE(find(inquiry, "wild-call"));
  EXPECT_FALSE(find(inquiry, "null-dereference"));
  EXPECT_FALSE(find(inquire(jumped(kStray)), "null-call"));
}

TEST(Examiners, EachHasItsPage) {
  ASSERT_FALSE(examiners().empty());
  EXPECT_STREQ(examiners().back().cause, "unknown");
  for (const Examiner& e : examiners()) {
    std::ifstream page(std::string(INQUEST_SOURCE_DIR) + "/docs/causes/" + e.cause + ".md");
    EXPECT_TRUE(page.good()) << e.cause;
  }
}

}  // namespace
}  // namespace inquest::inquiry
