// What is seen before anybody concludes: which event is the fatal one, which values tie an earlier one to it, who called; and who is machinery.
#include "inquiry/inquest.h"

#include <gtest/gtest.h>

#include "scene/testing/fake_scene.h"

namespace inquest::inquiry {
namespace {

using oops::EventKind;
using scene::testing::FakeScene;

constexpr uint64_t kObject = 0xffff888004a0d000;

struct Pair {
  FakeScene scene;
  Dossier dossier;
  explicit Pair(std::vector<oops::Register> earlier, uint64_t fault = kObject + 0x18) {
    scene.add_event(EventKind::kWarning, "WARNING", std::move(earlier)).event.time = 5.0;
    auto& fatal = scene.add_event(EventKind::kPagingRequest, "BUG: unable to handle page fault", {{"rip", FakeScene::kText}});
    fatal.event.fault_address = fault;
    fatal.event.time = 5.25;
  }
  Observations seen() { return observe(scene, dossier); }
};

TEST(Observe, AnEqualValueLinksTwoEvents) {
  Pair p({{"rax", 1}, {"rsi", kObject + 0x18}});
  p.scene.event_at(0).registers = {{"rsi", kObject + 0x18, "&node->leaves", "", "", "", "", 0, "", {}}};
  Observations seen = p.seen();
  ASSERT_EQ(seen.links.size(), 1u);
  EXPECT_EQ(seen.links[0].from_event, "E1");
  EXPECT_EQ(seen.links[0].to_event, "E2");
  EXPECT_EQ(seen.links[0].from_register, "rsi");
  EXPECT_EQ(seen.links[0].to_what, "fault address");
  EXPECT_EQ(seen.links[0].value, kObject + 0x18);
  EXPECT_EQ(seen.links[0].plus, 0);
  EXPECT_EQ(seen.links[0].meaning, "&node->leaves");
  ASSERT_TRUE(seen.warning);
  EXPECT_EQ(seen.warning->id, "E1");
  ASSERT_TRUE(seen.gap_milliseconds);
  EXPECT_DOUBLE_EQ(*seen.gap_milliseconds, 250.0);
}

TEST(Observe, TheNearestObjectStartBelowTheFaultIsLinked) {
  Pair p({{"rax", kObject - 0x100}, {"rbx", kObject}, {"rcx", kObject + 0x20}});
  Observations seen = p.seen();
  ASSERT_EQ(seen.links.size(), 1u);
  EXPECT_EQ(seen.links[0].from_register, "rbx");
  EXPECT_EQ(seen.links[0].plus, 0x18);
}

TEST(Observe, WithAnEqualValueTheObjectIsAddedWhenNear) {
  Pair near({{"rbx", kObject}, {"rsi", kObject + 0x18}});
  EXPECT_EQ(near.seen().links.size(), 2u);
  Pair far({{"rbx", kObject - 0x200}, {"rsi", kObject + 0x18}});
  EXPECT_EQ(far.seen().links.size(), 1u);
}

TEST(Observe, OutOfReachIsNoLink) {
  Pair p({{"rbx", kObject - 0x1000}});
  Observations seen = p.seen();
  EXPECT_TRUE(seen.links.empty());
  EXPECT_FALSE(seen.warning);
  EXPECT_FALSE(seen.gap_milliseconds);
}

TEST(Observe, SmallNumbersTextAndStackPointersLinkNothing) {
  EXPECT_TRUE(Pair({{"rax", 8}}, 8).seen().links.empty());
  EXPECT_TRUE(Pair({{"rax", 0xfffffffffffffff4}}, 0xfffffffffffffff4).seen().links.empty());
  EXPECT_TRUE(Pair({{"rax", FakeScene::kText + 0x10}}, FakeScene::kText + 0x10).seen().links.empty());
  EXPECT_TRUE(Pair({{"rsp", kObject}, {"sp", kObject}, {"x29", kObject}, {"gs", kObject}}, kObject).seen().links.empty());
}

TEST(Observe, WhatComesAfterTheFatalEventExplainsNothing) {
  FakeScene scene;
  scene.add_event(EventKind::kPagingRequest, "BUG").event.fault_address = kObject;
  scene.add_event(EventKind::kWarning, "WARNING", {{"rdi", kObject}});
  Dossier dossier;
  Observations seen = observe(scene, dossier);
  ASSERT_TRUE(seen.fatal);
  EXPECT_EQ(seen.fatal->id, "E1");
  EXPECT_FALSE(seen.warning);
}

TEST(Observe, APanicGivesWayToTheOopsBehindIt) {
  FakeScene scene;
  scene.add_event(EventKind::kPanic, "Kernel panic");
  scene.add_event(EventKind::kGeneralProtection, "general protection fault");
  scene.add_event(EventKind::kInvalidOpcode, "invalid opcode");
  Dossier dossier;
  EXPECT_EQ(observe(scene, dossier).fatal->id, "E2");
}

TEST(Observe, APanicAloneIsFatalAndWarningsAreNot) {
  FakeScene scene;
  Dossier dossier;
  EXPECT_FALSE(observe(scene, dossier).fatal);
  scene.add_event(EventKind::kWarning, "WARNING");
  EXPECT_FALSE(observe(scene, dossier).fatal);
  scene.add_event(EventKind::kPanic, "Kernel panic");
  EXPECT_EQ(observe(scene, dossier).fatal->id, "E2");
}

TEST(Observe, TheLinkRegisterIsTheCallerWhenTheStackShowsNone) {
  FakeScene scene;
  auto& e = scene.add_event(EventKind::kPagingRequest, "Unable to handle", {{"pc", kObject}});
  e.link = FakeScene::kText + 0x40;
  e.event.link.symbol = "twig_poll";
  e.event.link.offset = 0x40;
  Dossier dossier;
  Observations seen = observe(scene, dossier);
  ASSERT_EQ(seen.caller_frames.size(), 1u);
  EXPECT_EQ(seen.caller_frames[0].symbol, "twig_poll");
  EXPECT_EQ(seen.caller_how, "lr");
  scene.event_at(0).link = kObject;
  EXPECT_TRUE(observe(scene, dossier).caller_frames.empty());
}

TEST(ListShape, ReadsEmptiedPoisonedAndUnreadableLists) {
  FakeScene scene;
  EXPECT_FALSE(list_shape(scene, kObject).readable);
  scene.put_words(kObject, {kObject, kObject});
  ListShape emptied = list_shape(scene, kObject);
  EXPECT_TRUE(emptied.self_next && emptied.self_prev && !emptied.poison);
  scene.put_words(kObject, {0xdead000000000100, 0xdead000000000122});
  EXPECT_TRUE(list_shape(scene, kObject).poison);
  scene.put_words(kObject, {0xdead000000000100, 0xdead000000000200});
  EXPECT_TRUE(list_shape(scene, kObject).poison);
  scene.put_words(kObject, {0xdead000000000100, kObject});
  EXPECT_FALSE(list_shape(scene, kObject).poison);
}

TEST(Dossier, SaysEachClaimOnce) {
  Dossier dossier;
  EXPECT_EQ(dossier.add(Origin::kLog, "one", ""), "F1");
  EXPECT_EQ(dossier.add(Origin::kCode, "two", ""), "F2");
  EXPECT_EQ(dossier.add(Origin::kLog, "one", "bt"), "F1");
  EXPECT_EQ(dossier.evidence().size(), 2u);
}

TEST(Dossier, IdentityIsEvidenceOnlyWhenKnown) {
  FakeScene scene;
  Dossier dossier;
  EXPECT_EQ(add_identity(scene, dossier, kObject, "it"), "");
  scene.put_slab(kObject, 64, "twigs", true);
  EXPECT_EQ(add_identity(scene, dossier, kObject + 8, "it"), "F1");
  EXPECT_EQ(dossier.evidence()[0].command, "kmem ffff888004a0d008");
}

TEST(Machinery, FilesDecideWhereTheyAreKnown) {
  EXPECT_TRUE(is_machinery("anything", "lib/radix-tree.c"));
  EXPECT_TRUE(is_machinery("anything", "kernel/rcu/tree.c"));
  EXPECT_TRUE(is_machinery("anything", "include/linux/list.h"));
  EXPECT_FALSE(is_machinery("list_sort_mine", "drivers/twig.c"));
  EXPECT_FALSE(is_machinery("futex_wait", "kernel/futex.c"));
  EXPECT_TRUE(is_machinery("rcu_do_batch", ""));
  EXPECT_TRUE(is_machinery("", ""));
  EXPECT_FALSE(is_machinery("twig_poll", ""));
}

scene::FrameView frame(const char* symbol, std::vector<scene::SourceRef> source = {}, const char* module = "") {
  scene::FrameView f;
  f.symbol = symbol;
  f.module = module;
  f.source = std::move(source);
  return f;
}

TEST(Guilty, TheInnermostFrameThatIsNotMachinery) {
  Guilty g = guilty_of({frame("kfree", {{"kfree", "mm/slub.c", 4000, false}}), frame("twig_drop", {{"twig_drop", "drivers/twig.c", 12, false}}),
                        frame("twig_poll", {{"twig_poll", "drivers/twig.c", 90, false}})});
  EXPECT_EQ(g.function, "twig_drop");
  EXPECT_EQ(g.file, "drivers/twig.c");
  EXPECT_EQ(g.line, 12);
}

TEST(Guilty, AModulesFrameWithItsOwnLibFolder) {
  Guilty g = guilty_of({frame("twig_drop", {{"twig_drop", "lib/twig.c", 5, false}}, "twigs")});
  EXPECT_EQ(g.function, "twig_drop");
  EXPECT_EQ(g.module, "twigs");
}

TEST(Guilty, AHelperInlinedFromAHeaderIsNotBlamed) {
  std::vector<scene::SourceRef> inlined = {{"list_del", "include/linux/list.h", 120, true}, {"twig_unlink", "drivers/twig.c", 33, true}, {"twig_drop", "drivers/twig.c", 60, false}};
  EXPECT_EQ(guilty_of({frame("twig_drop", inlined)}).function, "twig_unlink");
  EXPECT_EQ(guilty_of({frame("twig_drop", inlined, "twigs")}).line, 33);
}

TEST(Guilty, UnreliableGarbageAndNamelessFramesAreLeftOut) {
  auto guess = frame("old_news"), wild = frame("stray");
  guess.reliable = false;
  wild.garbage = true;
  EXPECT_EQ(guilty_of({guess, wild, frame(""), frame("twig_poll")}).function, "twig_poll");
}

TEST(Guilty, FramesWithoutFilesGoByName) {
  EXPECT_EQ(guilty_of({frame("__list_add_valid"), frame("mutex_lock"), frame("twig_poll")}).function, "twig_poll");
  EXPECT_EQ(guilty_of({frame("list_mine", {}, "twigs")}).function, "list_mine");
  EXPECT_EQ(guilty_of({frame("kfree"), frame("worker_thread"), frame("kthread"), frame("ret_from_fork")}).function, "");
}

}  // namespace
}  // namespace inquest::inquiry
