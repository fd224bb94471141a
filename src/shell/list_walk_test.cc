// Lists drawn into a kernel's data: whole ones of each form, and broken ones.
#include "shell/list_walk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unwind/testing/fake_kernel.h"

namespace inquest::shell {
namespace {

using debuginfo::TypeKind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using unwind::testing::FakeKernel;

constexpr const char* kTypes = R"(
struct list_head { struct list_head *next, *prev; };
struct hlist_node { struct hlist_node *next; struct hlist_node **pprev; };
struct hlist_nulls_node { struct hlist_nulls_node *next; struct hlist_nulls_node **pprev; };
struct guest { long room; struct list_head in; struct hlist_node hash; struct hlist_nulls_node nulls; struct guest *friend; };
)";

class ListWalkTest : public ::testing::Test {
 protected:
  ListWalkTest() { kernel.describe(kTypes); }
  ListLink link(std::string_view member) {
    auto found = link_of(kernel.debug()->types.find(TypeKind::kStruct, "guest"), member);
    return found ? *found : ListLink{};
  }
  VirtualAddress guest(uint64_t i) const { return kernel.data(0x1000 + 0x100 * i); }
  VirtualAddress in(uint64_t i) const { return kernel.place(guest(i), "guest.in"); }
  void ring_of_three() { kernel.ring({head, in(0), in(1), in(2)}); }
  ListWalk walk(ListPlan plan) { return walk_list(kernel.program().memory(), plan); }

  FakeKernel kernel{arch::x86_64()};
  VirtualAddress head = kernel.data(0x100);
};

TEST_F(ListWalkTest, LinksOfMembers) {
  EXPECT_EQ(link("in").offset, 8u);
  EXPECT_EQ(link("in").next, 0u);
  EXPECT_EQ(link("in").prev, 8u);
  EXPECT_EQ(link("in.next").offset, 8u) << "the pointer in the link means the link";
  EXPECT_EQ(link("hash").offset, 24u);
  EXPECT_FALSE(link("hash").prev) << "pprev points at a pointer";
  EXPECT_FALSE(link("hash").nulls);
  EXPECT_TRUE(link("nulls").nulls);
  EXPECT_EQ(link("friend").offset, 0u);
  EXPECT_EQ(link("friend").next, 56u);
  EXPECT_FALSE(link_of(kernel.debug()->types.find(TypeKind::kStruct, "guest"), "room"));
  EXPECT_FALSE(link_of(kernel.debug()->types.find(TypeKind::kStruct, "guest"), "none"));
}

TEST_F(ListWalkTest, ARingFromItsHeadAndFromAnElement) {
  ring_of_three();
  auto from_head = walk({head, true, link("in"), {}});
  EXPECT_THAT(from_head.elements, ElementsAre(guest(0), guest(1), guest(2)));
  EXPECT_EQ(from_head.stopped + from_head.broken, "");
}

TEST_F(ListWalkTest, AnElementFirst) {
  kernel.ring({in(0), in(1), in(2)});
  EXPECT_THAT(walk({in(1), false, link("in"), {}}).elements, ElementsAre(guest(1), guest(2), guest(0)));
}

TEST_F(ListWalkTest, AnEmptyList) {
  kernel.ring({head});
  auto empty = walk({head, true, link("in"), {}});
  EXPECT_TRUE(empty.elements.empty());
  EXPECT_EQ(empty.stopped, "");
}

TEST_F(ListWalkTest, HashChainsAndPlainPointers) {
  kernel.put(head, kernel.place(guest(0), "guest.hash").value | 1);  // a lock in bit 0 of the head
  kernel.put(guest(0), "guest.hash.next", kernel.place(guest(2), "guest.hash"));
  kernel.put(head + 8, kernel.place(guest(1), "guest.nulls"));
  kernel.put(guest(1), "guest.nulls.next", 7);
  kernel.put(guest(3), "guest.friend", guest(1));
  const auto& memory = kernel.program().memory();
  EXPECT_THAT(walk_list(memory, {head, true, link("hash"), {}}).elements, ElementsAre(guest(0), guest(2)));
  auto nulls = walk_list(memory, {head + 8, true, link("nulls"), {}});
  EXPECT_THAT(nulls.elements, ElementsAre(guest(1)));
  EXPECT_EQ(nulls.stopped, "") << "7 is the end of bucket 3";
  EXPECT_THAT(walk_list(memory, {guest(3), false, link("friend"), {}}).elements, ElementsAre(guest(3), guest(1)));
}

TEST_F(ListWalkTest, ACycleThatIsNoRing) {
  ring_of_three();
  kernel.put(in(2), in(1));
  auto cycle = walk({head, true, link("in"), {}});
  EXPECT_THAT(cycle.elements, ElementsAre(guest(0), guest(1), guest(2)));
  EXPECT_THAT(cycle.stopped, HasSubstr("a cycle"));
  EXPECT_THAT(cycle.stopped, HasSubstr("number 2"));
}

TEST_F(ListWalkTest, ALinkBackThatDoesNotFit) {
  ring_of_three();
  kernel.put(in(1) + 8, in(2));
  auto broken = walk({head, true, link("in"), {}});
  EXPECT_EQ(broken.elements.size(), 3u);
  EXPECT_EQ(broken.stopped, "");
  EXPECT_THAT(broken.broken, HasSubstr("but its prev is"));
}

TEST_F(ListWalkTest, MemoryThatCannotBeRead) {
  ring_of_three();
  kernel.put(in(1), uint64_t{0xdead000000000100});  // LIST_POISON1
  auto poisoned = walk({head, true, link("in"), {}});
  EXPECT_THAT(poisoned.elements, ElementsAre(guest(0), guest(1)));
  EXPECT_THAT(poisoned.stopped, HasSubstr("leads to dead000000000100, which cannot be read"));
}

TEST_F(ListWalkTest, AStartThatCannotBeRead) {
  auto none = walk({kernel.missing(), false, {}, {}});
  EXPECT_TRUE(none.elements.empty());
  EXPECT_THAT(none.stopped, HasSubstr("cannot be read"));
}

TEST_F(ListWalkTest, LimitAndEnd) {
  ring_of_three();
  const auto& memory = kernel.program().memory();
  auto two = walk_list(memory, {head, true, link("in"), {}, 2});
  EXPECT_EQ(two.elements.size(), 2u);
  EXPECT_THAT(two.stopped, HasSubstr("goes on after 2 elements"));
  auto to_second = walk_list(memory, {head, true, link("in"), guest(1).value});
  EXPECT_THAT(to_second.elements, ElementsAre(guest(0), guest(1)));
  EXPECT_EQ(to_second.stopped, "");
}

}  // namespace
}  // namespace inquest::shell
