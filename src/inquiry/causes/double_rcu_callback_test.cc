// The double call_rcu on scenes of a few lines: the whole story, the story with one part missing, and stories that only resemble it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "inquiry/inquest.h"
#include "scene/testing/fake_scene.h"

namespace inquest::inquiry {
namespace {

using oops::EventKind;
using scene::testing::FakeScene;

constexpr uint64_t kNode = 0xffff888004a0d000, kHead = kNode + 0x18, kReturn = FakeScene::kText + 0x2255;

scene::MemberView member(const char* path) { return {path, "void *", 0, 8, true, false}; }

struct Case {
  FakeScene scene;

  Case() {
    auto& warning = scene.add_event(EventKind::kWarning, "WARNING: at lib/tree.c:7", {{"rdi", kNode}, {"rsi", kHead}});
    warning.event.function = "drop_node";
    warning.event.time = 10.0;
    warning.registers = {{"rdi", kNode, "node", "struct twig *", "node", "drop_node", "struct twig", 0, "", {}},
                         {"rsi", kHead, "&node->leaves", "struct list_head *", "", "", "struct twig", 0x18, "leaves", {}}};
    warning.frames.resize(1);
    warning.frames[0].symbol = "release_twig";
    warning.frames[0].module = "twigs";
    auto& oops = scene.add_event(EventKind::kPagingRequest, "BUG: unable to handle page fault", {{"rip", kHead}, {"rdi", kHead}});
    oops.event.fault_address = kHead;
    oops.event.time = 10.0123;
    scene.set_crashed({});
    frames({{kHead, true}, {kReturn, false}});
    scene::CallView call;
    call.pc = kReturn - 5;
    call.indirect = true;
    call.instruction = "call *%rax";
    call.target_text = "rhp->func";
    call.object = "struct callback_head";
    call.member = "func";
    scene.calls[kReturn] = call;
    scene.put_slab(kNode, 0x40, "twig_cache", false);
    scene.put_words(kHead, {kHead, kHead});
    scene.members[{"struct twig", 0x18}] = {member("leaves.next"), member("rcu.next")};
    scene.members[{"struct twig", 0x20}] = {member("leaves.prev"), member("rcu.func")};
    scene.queued[{"struct twig", 0x18}] = {{"call_rcu", "twig_rcu_free", "&node->rcu", "drop_node", {}, FakeScene::kText + 0x77}};
    scene.stores["twig_rcu_free"] = {{0, 8, 0, {}, "INIT_LIST_HEAD", "list.h", 37}, {8, 8, 0, {}, "INIT_LIST_HEAD", "list.h", 38}};
  }
  void frames(const std::vector<std::pair<uint64_t, bool>>& addresses, const char* caller = "rcu_do_batch") {
    std::vector<scene::FrameView> all;
    for (auto [address, garbage] : addresses) {
      scene::FrameView frame;
      frame.address = address;
      frame.garbage = garbage;
      frame.symbol = garbage ? "" : caller;
      all.push_back(frame);
    }
    scene.set_crashed(all);
  }
};

const Verdict* find(const Inquiry& inquiry, const std::string& cause) {
  for (const Verdict& v : inquiry.verdicts)
    if (v.cause == cause) return &v;
  return nullptr;
}

TEST(DoubleRcuCallback, IsSureWhenEveryPartIsThere) {
  Case c;
  Inquiry inquiry = inquire(c.scene);
  const Verdict& v = inquiry.verdicts.front();
  EXPECT_EQ(v.cause, "double-rcu-callback");
  EXPECT_GE(v.confidence, 0.8);
  EXPECT_EQ(v.object.type, "struct twig");
  EXPECT_EQ(v.object.address, hex(kNode));
  EXPECT_EQ(v.object.member, "rcu");
  EXPECT_EQ(v.object.cache, "twig_cache");
  EXPECT_THAT(v.object.members, testing::ElementsAre("leaves.next", "rcu.next"));
  EXPECT_EQ(v.guilty.function, "release_twig");
  EXPECT_EQ(v.guilty.module, "twigs");
  EXPECT_THAT(v.summary, testing::HasSubstr("Its callback twig_rcu_free had already run"));
  EXPECT_TRUE(v.would_settle.empty());
}

TEST(DoubleRcuCallback, CitesEvidenceThatExistsOnceEach) {
  Case c;
  Inquiry inquiry = inquire(c.scene);
  const Verdict& v = inquiry.verdicts.front();
  for (const std::string& id : v.evidence) {
    EXPECT_EQ(std::count(v.evidence.begin(), v.evidence.end(), id), 1) << id;
    EXPECT_TRUE(std::any_of(inquiry.dossier.evidence().begin(), inquiry.dossier.evidence().end(), [&](const Evidence& e) { return e.id == id; })) << id;
  }
}

TEST(DoubleRcuCallback, SaysWhyItIsNoUseAfterFree) {
  Case c;
  const Verdict v = inquire(c.scene).verdicts.front();
  ASSERT_FALSE(v.alternatives.empty());
  EXPECT_EQ(v.alternatives[0].cause, "use-after-free");
  EXPECT_THAT(v.alternatives[0].why_not, testing::HasSubstr("the object is allocated"));
}

TEST(DoubleRcuCallback, IsLessSureWithoutTheCallbacksOwnStores) {
  Case whole, part;
  part.scene.stores.clear();
  double sure = inquire(whole.scene).verdicts.front().confidence;
  Inquiry inquiry = inquire(part.scene);
  EXPECT_EQ(inquiry.verdicts.front().cause, "double-rcu-callback");
  EXPECT_LT(inquiry.verdicts.front().confidence, sure);
  EXPECT_LT(inquiry.verdicts.front().confidence, 0.8);
}

TEST(DoubleRcuCallback, HalfAListOfTheCallbacksStoresIsNotEnough) {
  Case c;
  c.scene.stores["twig_rcu_free"].pop_back();
  EXPECT_LT(inquire(c.scene).verdicts.front().confidence, 0.8);
}

TEST(DoubleRcuCallback, StoresOfOtherValuesAreNotAnEmptiedList) {
  Case c;
  for (auto& s : c.scene.stores["twig_rcu_free"]) s.value_offset = 8;
  EXPECT_LT(inquire(c.scene).verdicts.front().confidence, 0.8);
}

TEST(DoubleRcuCallback, IsLessSureWhenTheWordsAreNoEmptiedList) {
  Case whole, part;
  part.scene.put_words(kHead, {0xffff888001234560, 0xffffffff81000777});
  Inquiry inquiry = inquire(part.scene);
  EXPECT_LT(find(inquiry, "double-rcu-callback")->confidence, inquire(whole.scene).verdicts.front().confidence);
}

TEST(DoubleRcuCallback, AClearedFuncIsStillAnEmptiedListWhenTheLoopClearsIt) {
  Case cleared, not_cleared;
  for (Case* c : {&cleared, &not_cleared}) c->scene.put_words(kHead, {kHead, 0});
  cleared.scene.calls[kReturn].cleared = true;
  EXPECT_GT(inquire(cleared.scene).verdicts.front().confidence, inquire(not_cleared.scene).verdicts.front().confidence);
}

TEST(DoubleRcuCallback, AsksForMemoryThatCouldNotBeRead) {
  Case unreadable;
  unreadable.scene = FakeScene();
  unreadable.scene.add_event(EventKind::kPagingRequest, "BUG: unable to handle page fault", {{"rip", kHead}, {"rdi", kHead}}).event.fault_address = kHead;
  unreadable.frames({{kHead, true}, {kReturn, false}});
  Inquiry inquiry = inquire(unreadable.scene);
  const Verdict* v = find(inquiry, "double-rcu-callback");
  ASSERT_TRUE(v);
  EXPECT_LE(v->confidence, 0.5);
  EXPECT_THAT(v->would_settle, testing::Contains(testing::HasSubstr("filtered")));
  EXPECT_THAT(v->would_settle, testing::Contains(testing::HasSubstr("nothing here shows who released it twice")));
}

TEST(DoubleRcuCallback, NeedsThePcToBeTheFirstArgument) {
  Case c;
  c.scene.event_at(1).event.registers[1].value = kHead + 0x100;
  Inquiry inquiry = inquire(c.scene);
  EXPECT_FALSE(find(inquiry, "double-rcu-callback"));
  EXPECT_EQ(inquiry.verdicts.front().cause, "wild-call");
}

TEST(DoubleRcuCallback, NeedsTheCallerToBeRcusLoop) {
  Case c;
  c.frames({{kHead, true}, {kReturn, false}}, "call_timer_fn");
  c.scene.calls[kReturn].object = "struct timer_list";
  Inquiry inquiry = inquire(c.scene);
  EXPECT_FALSE(find(inquiry, "double-rcu-callback"));
  EXPECT_EQ(inquiry.verdicts.front().cause, "wild-call");
}

TEST(DoubleRcuCallback, TakesTheTypeOfTheCacheWhenNoWarningNamesIt) {
  Case c;
  c.scene.event_at(0).registers.clear();
  c.scene.cache_types["twig_cache"] = "struct twig";
  EXPECT_EQ(inquire(c.scene).verdicts.front().object.type, "struct twig");
}

TEST(DoubleRcuCallback, TheRcuHeadItselfIsNotTheObject) {
  Case c;
  auto& registers = c.scene.event_at(0).registers;
  registers.insert(registers.begin(), {"rdx", kHead, "head", "struct callback_head *", "head", "call_rcu", "struct callback_head", 0, "", {}});
  EXPECT_EQ(inquire(c.scene).verdicts.front().object.type, "struct twig");
}

TEST(DoubleRcuCallback, ReadsALogAlone) {
  FakeScene log;
  log.without_dump();
  auto& e = log.add_event(EventKind::kPagingRequest, "Unable to handle kernel paging request", {{"pc", kHead}, {"x0", kHead}});
  e.event.fault_address = kHead;
  e.event.link.symbol = "rcu_do_batch";
  Inquiry inquiry = inquire(log);
  const Verdict* v = find(inquiry, "double-rcu-callback");
  ASSERT_TRUE(v);
  EXPECT_LE(v->confidence, 0.5);
  EXPECT_THAT(v->would_settle, testing::Contains(testing::HasSubstr("a crash dump")));
}

}  // namespace
}  // namespace inquest::inquiry
