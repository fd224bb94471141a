// Causes told by the value that did the harm, each on a scene of a few lines; what they must not say counts as much.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "inquiry/inquest.h"
#include "scene/testing/fake_scene.h"

namespace inquest::inquiry {
namespace {

using oops::EventKind;
using scene::testing::FakeScene;
using testing::HasSubstr;

constexpr uint64_t kObject = 0xffff888003300000, kSize = 128, kPc = FakeScene::kText + 0x40;

const Verdict* find(const Inquiry& inquiry, const std::string& cause) {
  for (const Verdict& v : inquiry.verdicts)
    if (v.cause == cause) return &v;
  return nullptr;
}

// A fault at `base` + 8 through `twig->leaf`, which was loaded from `kObject` + 0x10.
FakeScene reached(uint64_t base, std::optional<uint64_t> now = std::nullopt) {
  FakeScene scene;
  auto& e = scene.add_event(EventKind::kPagingRequest, "BUG: unable to handle page fault", {{"rax", base}});
  e.event.fault_address = base + 8;
  e.event.function = "twig_grow";
  e.pc = kPc;
  e.source = {{"twig_grow", "drivers/twig/twig.c", 40, false}};
  scene::TouchView t;
  t.pc = kPc;
  t.reads = true;
  t.base_register = "rax";
  t.base_value = base;
  t.displacement = 8;
  t.object = "struct leaf";
  t.base_text = "twig->leaf";
  e.touch = t;
  scene::OriginView load;
  load.text = "twig->leaf";
  load.birth = "loaded";
  load.value = base;
  load.value_then = true;
  load.address = kObject + 0x10;
  load.now = now.value_or(base);
  load.object = "struct twig";
  load.offset = 0x10;
  load.members = {"leaf"};
  scene.origins[{"E1", "rax"}] = {load};
  return scene;
}

TEST(Shape, EachByItsValue) {
  EXPECT_EQ(shape_of(0), Shape::kNull);
  EXPECT_EQ(shape_of(0x5800), Shape::kNull);
  EXPECT_EQ(shape_of(uint64_t(-12)), Shape::kErrno);
  EXPECT_EQ(shape_of(0x6b6b6b6b6b6b6b7b), Shape::kFreePoison);
  EXPECT_EQ(shape_of(0x006b6b6b6b6b6b7b), Shape::kFreePoison);  // as arm64 prints it
  EXPECT_EQ(shape_of(0x5a5a5a5a5a5a5a5a), Shape::kUnsetPoison);
  EXPECT_EQ(shape_of(0xdead000000000122), Shape::kListPoison);
  EXPECT_EQ(shape_of(0xdead0000000000f0), Shape::kListPoison);
  EXPECT_EQ(shape_of(0x4b4a494847464544), Shape::kAscii);
  EXPECT_EQ(shape_of(0x55d0124f2bd0, 47), Shape::kUser);
  EXPECT_EQ(shape_of(0xffff888003300000, 47), Shape::kKernel);
  EXPECT_EQ(shape_of(0xe820178040f08807, 47), Shape::kNonCanonical);
  EXPECT_THAT(shape_words(uint64_t(-12), Shape::kErrno), HasSubstr("ENOMEM"));
}

TEST(UseAfterFree, PoisonInAFreeObjectIsSure) {
  FakeScene scene = reached(0x6b6b6b6b6b6b6b6b);
  scene.put_slab(kObject, kSize, "twig", true);
  Inquiry inquiry = inquire(scene);
  EXPECT_EQ(inquiry.verdicts.front().cause, "use-after-free");
  EXPECT_GE(inquiry.verdicts.front().confidence, 0.95);
  EXPECT_EQ(inquiry.verdicts.front().object.type, "struct twig");
  EXPECT_EQ(inquiry.verdicts.front().object.member, "leaf");
  EXPECT_EQ(inquiry.verdicts.front().guilty.function, "twig_grow");
}

TEST(UseAfterFree, AStrayValueInALivingObjectIsNone) {
  FakeScene scene = reached(0xe820178040f08807);
  scene.put_slab(kObject, kSize, "twig", false);
  Inquiry inquiry = inquire(scene);
  EXPECT_FALSE(find(inquiry, "use-after-free"));
  EXPECT_EQ(inquiry.verdicts.front().cause, "wild-pointer");
  EXPECT_LT(inquiry.verdicts.front().confidence, 0.8);
}

TEST(UseAfterFree, AJumpIntoAFreeObjectIsNone) {
  FakeScene scene;
  scene.add_event(EventKind::kPagingRequest, "BUG: unable to handle page fault", {{"rip", kObject + 0x18}}).event.fault_address = kObject + 0x18;
  scene.put_slab(kObject, kSize, "twig", true);
  EXPECT_FALSE(find(inquire(scene), "use-after-free"));
}

TEST(WildPointer, AnErrorPointerIsNamedWithTheCallThatReturnedIt) {
  FakeScene scene = reached(uint64_t(-12));
  scene::OriginView call;
  call.birth = "call";
  call.callee = "leaf_find";
  call.text = "leaf";
  scene.origins[{"E1", "rax"}] = {call};
  Inquiry inquiry = inquire(scene);
  EXPECT_EQ(inquiry.verdicts.front().cause, "wild-pointer");
  EXPECT_THAT(inquiry.verdicts.front().summary, HasSubstr("leaf_find"));
  EXPECT_THAT(inquiry.verdicts.front().summary, HasSubstr("ENOMEM"));
}

TEST(ListCorruption, AFollowedPoisonIsOne) {
  Inquiry inquiry = inquire(reached(0xdead000000000100));
  EXPECT_EQ(inquiry.verdicts.front().cause, "list-corruption");
}

TEST(RaceCleared, NeedsATestOfTheSameMemoryOrAChange) {
  EXPECT_FALSE(find(inquire(reached(0)), "race-cleared"));
  FakeScene tested = reached(0);
  tested.checks[{"E1", "rax"}] = {kPc - 0x20, "twig->leaf against 0", {{"twig_grow", "drivers/twig/twig.c", 38, false}}};
  tested.clearers[{"struct twig", 0x10}] = {{"twig_cut", FakeScene::kText + 0x900, {{"twig_cut", "drivers/twig/twig.c", 80, false}}}};
  Inquiry inquiry = inquire(tested);
  EXPECT_EQ(inquiry.verdicts.front().cause, "race-cleared");
  EXPECT_THAT(inquiry.verdicts.front().summary, HasSubstr("twig_cut"));
  EXPECT_TRUE(find(inquire(reached(0, kObject)), "race-cleared"));  // the memory holds a pointer now
}

TEST(BitFlip, OneRepairIsOneSeveralAreNone) {
  constexpr uint64_t kFlipped = kObject ^ (uint64_t{1} << 40);
  FakeScene scene = reached(kFlipped);
  scene.put_slab(kObject, kSize, "leaf", false);
  Inquiry inquiry = inquire(scene);
  ASSERT_TRUE(find(inquiry, "bit-flip"));
  EXPECT_THAT(find(inquiry, "bit-flip")->summary, HasSubstr("bit 40"));
  scene.put_slab(kFlipped ^ (uint64_t{1} << 41), kSize, "leaf", false);
  EXPECT_FALSE(find(inquire(scene), "bit-flip"));
}

TEST(OutOfBoundsWrite, ARunOverTheBorderNamesTheObjectBefore) {
  FakeScene scene = reached(0x4141414141414141);
  scene.put_slab(kObject, kSize, "twig", false);
  std::vector<uint64_t> words(256, 0);
  for (size_t i = 26; i < 34; i++) words[i] = 0x4141414141414141;
  scene.put_words(kObject - 256, words);
  scene::Identity before;
  before.kind = scene::Identity::Kind::kSlab;
  before.cache = "twig";
  before.object_start = kObject - kSize;
  before.object_size = kSize;
  scene.neighbours[kObject + 0x10] = before;
  Inquiry inquiry = inquire(scene);
  // The word at kObject + 0x10 is words[34]: it must be part of the run to be what was used.
  EXPECT_FALSE(find(inquiry, "out-of-bounds-write"));
  words[34] = 0x4141414141414141;
  scene.put_words(kObject - 256, words);
  Inquiry hit = inquire(scene);
  ASSERT_TRUE(find(hit, "out-of-bounds-write"));
  EXPECT_EQ(hit.verdicts.front().cause, "out-of-bounds-write");
  EXPECT_THAT(hit.verdicts.front().summary, HasSubstr(hex(kObject - kSize)));
}

TEST(StackOverflow, TheCycleIsNamed) {
  FakeScene scene;
  scene.add_event(EventKind::kStackGuard, "BUG: TASK stack guard page was hit at 0000000012345678");
  std::vector<scene::FrameView> frames;
  for (int i = 0; i < 9; i++) {
    scene::FrameView f;
    f.symbol = i % 3 == 0 ? "leaf_walk" : i % 3 == 1 ? "twig_walk" : "tree_walk";
    f.address = FakeScene::kText + 0x100 + uint64_t(i);
    frames.push_back(f);
  }
  scene.event_at(0).frames = frames;
  Inquiry inquiry = inquire(scene);
  EXPECT_EQ(inquiry.verdicts.front().cause, "stack-overflow");
  EXPECT_GE(inquiry.verdicts.front().confidence, 0.95);
  EXPECT_THAT(inquiry.verdicts.front().summary, HasSubstr("tree_walk -> twig_walk -> leaf_walk"));
}

TEST(OutOfMemory, TheEaterIsBlamedNotWhoAskedLast) {
  FakeScene scene;
  auto& e = scene.add_event(EventKind::kOutOfMemory, "dd invoked oom-killer").event;
  e.comm = "dd";
  e.panicked = true;
  e.memory.ram_pages = 1000;
  e.memory.anon_pages = 800;
  e.memory.slab_unreclaimable_pages = 10;
  e.memory.tasks = {{"dd", 5, 3}, {"awk", 6, 790}};
  Inquiry inquiry = inquire(scene);
  EXPECT_EQ(inquiry.verdicts.front().cause, "out-of-memory");
  EXPECT_EQ(inquiry.verdicts.front().guilty.task, "awk");
  e.memory.slab_unreclaimable_pages = 700;
  e.memory.slabs = {{"twig", 100, 100}, {"leaf", 2700, 2700}};
  Inquiry leak = inquire(scene);
  EXPECT_EQ(leak.verdicts.front().cause, "memory-leak");
  EXPECT_EQ(leak.verdicts.front().object.cache, "leaf");
}

TEST(Suspect, ALockupHasNone) {
  FakeScene scene = reached(0xe820178040f08807);
  scene.event_at(0).event.kind = EventKind::kSoftLockup;
  scene.event_at(0).event.fault_address.reset();
  EXPECT_FALSE(find(inquire(scene), "wild-pointer"));
}

}  // namespace
}  // namespace inquest::inquiry
