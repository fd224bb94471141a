// Pictures gathered from scenes of a few lines.
#include "inquiry/pictures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scene/testing/fake_scene.h"

namespace inquest::inquiry {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using oops::EventKind;
using Kind = scene::Identity::Kind;

constexpr uint64_t kObject = 0xffff888004a0d000, kHead = kObject + 0x18;

// A FakeScene that knows sizes too.
struct Scene : scene::testing::FakeScene {
  std::map<std::string, uint64_t> sizes;
  std::optional<uint64_t> size_of(const std::string& type) const override {
    auto it = sizes.find(type);
    return it == sizes.end() ? std::nullopt : std::optional(it->second);
  }
  void put_member(const std::string& type, const char* path, uint64_t offset, uint64_t size, unsigned bits = 0, unsigned shift = 0) {
    scene::MemberView m{path, "long", offset, size};
    m.bit_size = bits;
    m.bit_shift = shift;
    uint64_t covers = bits ? (shift + bits + 7) / 8 : size;
    for (uint64_t at = offset; at < offset + covers; at++) members[{type, at}].push_back(m);
  }
};

TEST(WordShape, IsToldByBitsThenByIdentity) {
  EXPECT_EQ(shape_of(0, 8, Kind::kUnknown), WordShape::kZero);
  EXPECT_EQ(shape_of(kObject, kObject, Kind::kSlab), WordShape::kSelf);
  EXPECT_EQ(shape_of(kObject, kObject + 8, Kind::kSlab), WordShape::kSelf);
  EXPECT_EQ(shape_of(kObject, kObject + 16, Kind::kSlab), WordShape::kObject);
  EXPECT_EQ(shape_of(0xdead000000000122, 8, Kind::kNonCanonical), WordShape::kPoison);
  EXPECT_EQ(shape_of(0x6b6b6b6b6b6b6b6b, 8, Kind::kNonCanonical), WordShape::kPoison);
  EXPECT_EQ(shape_of(0xa56b6b6b6b6b6b6b, 8, Kind::kNonCanonical), WordShape::kPoison);
  EXPECT_EQ(shape_of(0x0064726f77656874, 8, Kind::kUser), WordShape::kText);  // "thewor d" cut by its NUL
  EXPECT_EQ(shape_of(0x6400726f77656874, 8, Kind::kNonCanonical), WordShape::kStray);
  EXPECT_EQ(shape_of(7, 8, Kind::kUnknown), WordShape::kNumber);
  EXPECT_EQ(shape_of(0x12345, 8, Kind::kUser), WordShape::kNumber);
  EXPECT_EQ(shape_of(0x7f0012345678, 8, Kind::kUser), WordShape::kUser);
  EXPECT_EQ(shape_of(kObject, 8, Kind::kUnmapped), WordShape::kStray);
}

TEST(MemoryWindow, SaysWhatCannotBeReadAndWhereObjectsBegin) {
  Scene scene;
  scene.put_slab(kObject, 0x20, "twig", true);
  scene.put_words(kObject, {1, 2, 3, 4, 5});
  auto window = memory_window(scene, kObject, 6);
  ASSERT_THAT(window.words, SizeIs(6));
  EXPECT_EQ(window.words[1].value, 2u);
  EXPECT_FALSE(window.words[5].value);
  EXPECT_EQ(window.words[5].why_not, "filtered");
  EXPECT_EQ(window.words[5].shape, WordShape::kUnread);
  ASSERT_THAT(window.objects, SizeIs(1));
  EXPECT_EQ(window.objects[0].start, kObject);
  EXPECT_EQ(window.objects[0].free, true);
  EXPECT_EQ(window.command, "rd ffff888004a0d000 6");
}

TEST(MemoryWindow, EndsAtTheEndOfTheAddressSpace) {
  Scene scene;
  EXPECT_LE(memory_window(scene, ~uint64_t{0} - 15, 10).words.size(), 2u);
}

TEST(StructLayout, UnionArmsAreSideBySideAndKeepTheirSiblings) {
  Scene scene;
  scene.sizes["struct twig"] = 0x30;
  scene.put_member("struct twig", "depth", 0, 4);
  scene.put_member("struct twig", "leaves.next", 0x18, 8);
  scene.put_member("struct twig", "rcu.next", 0x18, 8);
  scene.put_member("struct twig", "leaves.prev", 0x20, 8);
  scene.put_member("struct twig", "rcu.func", 0x20, 8);
  scene.put_member("struct twig", "end", 0x28, 8);
  scene.put_words(kObject + 0x18, {kHead, 0});
  auto layout = struct_layout(scene, "struct twig", 0x18, kObject);
  ASSERT_TRUE(layout);
  ASSERT_THAT(layout->blocks, SizeIs(4));  // depth, padding, the union, end
  EXPECT_THAT(layout->blocks[1].arms, SizeIs(0));
  EXPECT_EQ(layout->blocks[1].size, 0x14u);
  const auto& both = layout->blocks[2];
  EXPECT_EQ(both.size, 0x10u);
  ASSERT_THAT(both.arms, SizeIs(2));
  EXPECT_EQ(both.arms[0][0].path, "leaves.next");
  EXPECT_EQ(both.arms[0][1].path, "leaves.prev");
  EXPECT_EQ(both.arms[1][1].path, "rcu.func");
  EXPECT_TRUE(both.arms[1][0].marked);
  EXPECT_FALSE(both.arms[1][1].marked);
  EXPECT_EQ(both.arms[0][0].value, hex(kHead));
  EXPECT_FALSE(layout->cut_before || layout->cut_after);
}

TEST(StructLayout, ElementsOfAnArrayAndBitFieldsAreOneMember) {
  Scene scene;
  scene.sizes["struct twig"] = 40;
  scene.put_member("struct twig", "on", 0, 4, 1, 0);
  scene.put_member("struct twig", "kind", 0, 4, 9, 1);
  for (int i = 0; i < 4; i++) scene.put_member("struct twig", ("slots[" + std::to_string(i) + "]").c_str(), uint64_t(8 + 8 * i), 8);
  auto layout = struct_layout(scene, "struct twig", 16, std::nullopt);
  ASSERT_TRUE(layout);
  ASSERT_THAT(layout->blocks, SizeIs(3));
  EXPECT_EQ(layout->blocks[0].arms.at(0).at(0).path, "on:1, kind:9");
  EXPECT_EQ(layout->blocks[0].size, 2u);
  ASSERT_THAT(layout->blocks[2].arms.at(0), SizeIs(1));
  EXPECT_EQ(layout->blocks[2].arms[0][0].path, "slots[0…3]");
  EXPECT_TRUE(layout->blocks[2].arms[0][0].marked);
}

TEST(StructLayout, NeedsATypeAndAPlaceInIt) {
  Scene scene;
  scene.sizes["struct twig"] = 8;
  EXPECT_FALSE(struct_layout(scene, "struct twig", 0, std::nullopt));  // no member known
  scene.put_member("struct twig", "a", 0, 8);
  EXPECT_TRUE(struct_layout(scene, "struct twig", 7, std::nullopt));
  EXPECT_FALSE(struct_layout(scene, "struct twig", 8, std::nullopt));
  EXPECT_FALSE(struct_layout(scene, "struct branch", 0, std::nullopt));
}

struct NullCase {
  Scene scene;
  Inquiry inquiry;
  NullCase() {
    auto& e = scene.add_event(EventKind::kNullDereference, "BUG: NULL", {{"rax", 0}});
    e.event.fault_address = 0x14;
    e.touch.emplace();
    e.touch->instruction = "mov 0x14(%rax),%eax";
    e.touch->text = "link->rate";
    e.touch->base_text = "link";
    e.touch->base_register = "rax";
    e.touch->base_value = 0;
    e.touch->origin_text = "station->link";
    e.touch->origin_address = kHead;
    e.touch->reads = true;
    inquiry.seen.fatal = &scene.events().front();
    inquiry.verdicts.resize(1);
  }
};

TEST(Journey, GoesFromTheLoadToTheFault) {
  NullCase c;
  c.scene.put_words(kHead, {0});
  auto steps = journey_of(c.scene, c.inquiry);
  ASSERT_THAT(steps, SizeIs(3));
  EXPECT_EQ(steps[0].title, "station->link");
  EXPECT_THAT(steps[0].note, HasSubstr("still holds it"));
  EXPECT_FALSE(steps[0].changed);
  EXPECT_EQ(steps[1].title, "link");
  EXPECT_EQ(steps[2].kind, JourneyStep::Kind::kFault);
  EXPECT_EQ(steps[2].value, "0x14");
}

TEST(Journey, SaysWhenMemoryChangedAndWhenItCannotBeRead) {
  NullCase c;
  EXPECT_THAT(journey_of(c.scene, c.inquiry)[0].note, HasSubstr("not in the dump"));
  c.scene.put_words(kHead, {kObject});
  auto steps = journey_of(c.scene, c.inquiry);
  EXPECT_TRUE(steps[0].changed);
  EXPECT_THAT(steps[0].note, HasSubstr("changed"));
}

TEST(Pictures, ShowThePlaceTheNullPointerWasLoadedFrom) {
  NullCase c;
  c.scene.put_slab(kObject, 0x40, "station", false);
  c.scene.put_words(kObject, {1, 2, 3, 0, 5, 6, 7, 8});
  auto pictures = gather_pictures(c.scene, c.inquiry);
  ASSERT_THAT(pictures.memory, SizeIs(1));
  const auto& words = pictures.memory[0].words;
  ASSERT_EQ(words.size(), 16u);  // the object and four words on either side
  EXPECT_EQ(words[7].address, kHead);
  EXPECT_THAT(words[7].marks, ElementsAre("station->link was loaded from here"));
  EXPECT_THAT(pictures.memory[0].objects, SizeIs(1));
}

TEST(Pictures, OfALogHoldNoMemory) {
  NullCase c;
  c.scene.put_words(kHead, {0});
  c.scene.without_dump();
  auto pictures = gather_pictures(c.scene, c.inquiry);
  EXPECT_THAT(pictures.memory, SizeIs(0));
  EXPECT_FALSE(pictures.layout);
}

TEST(WaitGraph, TheCycleIsThereWithWhoWaitsBehindIt) {
  scene::LockGraphView view;
  auto task = [](uint64_t address, int pid) { return scene::TaskView{address, pid, "t" + std::to_string(pid), "UN", std::nullopt}; };
  view.locks.resize(3);
  for (size_t i = 0; i < 3; i++) {
    view.locks[i].address = 0x1000 * (i + 1);
    view.locks[i].kind = i == 2 ? "completion" : "mutex";
  }
  view.locks[0].text = "&a->gate";
  for (int pid = 1; pid <= 12; pid++) {
    scene::WaitView wait;
    wait.task = task(uint64_t(pid), pid);
    wait.lock = pid == 2 ? 1 : 0;
    view.locks[wait.lock].waits.push_back(view.waits.size());
    view.waits.push_back(wait);
  }
  view.locks[2].waits = {5};
  scene::LockHolder holder;
  holder.task = task(2, 2);
  holder.sure = true;
  view.locks[0].holders = {holder};
  holder.task = task(1, 1);
  holder.sure = false;
  view.locks[1].holders = {holder};
  view.cycles = {{0, 1}};
  auto graph = wait_graph(view);
  ASSERT_TRUE(graph);
  size_t ring = 0, tasks = 0;
  for (const auto& n : graph->nodes) {
    ring += n.in_cycle;
    tasks += !n.lock;
  }
  EXPECT_EQ(ring, 4u);   // two tasks and their two locks
  EXPECT_EQ(tasks, 8u);  // and six of the ten that wait behind them
  EXPECT_EQ(graph->nodes[0].label, "&a->gate");
  EXPECT_EQ(graph->edges.back().label, "perhaps held by");
  EXPECT_FALSE(wait_graph(scene::LockGraphView{}));
}

}  // namespace
}  // namespace inquest::inquiry