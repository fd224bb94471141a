#include "kernel/slab_track.h"

#include <gtest/gtest.h>

#include "kernel/testing/fake_slabs.h"

namespace inquest::kernel {
namespace {

// One object of 64 bytes whose two tracks begin behind it.
class SlabTrackTest : public ::testing::Test, protected testing::FakeSlabs {
 protected:
  explicit SlabTrackTest(const char* types = testing::kSlabTypes) : FakeSlabs(types) {}
  void SetUp() override {
    object_.start = kernel.data(0x8000);
    object_.cache.address = kernel.data(0x2000);
    object_.cache.flags = 0x10000;
    object_.cache.size = 128;
  }
  void track(VirtualAddress at, VirtualAddress caller, int pid, int cpu) {
    kernel.put(at, "track.addr", caller);
    kernel.put(at, "track.pid", uint64_t(pid));
    kernel.put(at, "track.cpu", uint64_t(cpu));
  }
  void usual() {
    kernel.put(object_.cache.address, "kmem_cache.inuse", 64);
    track(object_.start + 64, kernel.at("kmem_cache_alloc_user", 3), 100, 1);
    track(object_.start + 64 + 24, kernel.at("kmem_cache_free_user", 4), 200, 0);
  }
  // The memory is as it was at the first call.
  std::optional<SlabTracks> tracks() { return tracks_of(program(), object_); }
  SlabObject object_;
};

TEST_F(SlabTrackTest, WhoAllocatedAndWhoFreed) {
  usual();
  auto t = tracks();
  ASSERT_TRUE(t && t->allocated && t->freed);
  EXPECT_EQ(t->allocated->caller, kernel.at("kmem_cache_alloc_user", 3));
  EXPECT_EQ(t->allocated->pid, 100);
  EXPECT_EQ(t->allocated->cpu, 1);
  EXPECT_EQ(t->freed->caller, kernel.at("kmem_cache_free_user", 4));
  EXPECT_EQ(t->freed->pid, 200);
}

TEST_F(SlabTrackTest, AFreePointerBehindTheObjectMovesThem) {
  kernel.put(object_.cache.address, "kmem_cache.inuse", 64);
  object_.cache.free_pointer_offset = 64;
  track(object_.start + 72, kernel.at("kmem_cache_alloc_user", 3), 100, 1);
  auto t = tracks();
  ASSERT_TRUE(t && t->allocated);
  EXPECT_EQ(t->allocated->pid, 100);
  EXPECT_FALSE(t->freed);  // never freed: no caller
}

TEST_F(SlabTrackTest, ACallerThatIsNoCodeIsNone) {
  usual();
  kernel.put(object_.start + 64, "track.addr", 0x6b6b6b6b6b6b6b6b);
  auto t = tracks();
  ASSERT_TRUE(t);
  EXPECT_FALSE(t->allocated);
  EXPECT_TRUE(t->freed);
}

TEST_F(SlabTrackTest, NoTracksWhereTheCacheKeepsNoneOrTheyDoNotFit) {
  usual();
  object_.cache.size = 111;  // one byte short
  EXPECT_FALSE(tracks());
  object_.cache.size = 112;
  EXPECT_TRUE(tracks());
  object_.cache.flags = 0x20000;
  EXPECT_FALSE(tracks());
}

TEST_F(SlabTrackTest, AnObjectSizeThatLiesIsNotFollowed) {
  usual();
  kernel.put(object_.cache.address, "kmem_cache.inuse", 0xfffffff0);
  EXPECT_FALSE(tracks());
}

TEST_F(SlabTrackTest, WhatIsNotInTheDumpIsUnknownAndNotZero) {
  usual();
  // The last track ends with the dump's memory, behind its caller.
  object_.start = kernel.data(unwind::testing::FakeKernel::kDataSize - 64 - 8);
  kernel.put(object_.start + 64, kernel.at("kmem_cache_alloc_user", 3));
  auto t = tracks();
  ASSERT_TRUE(t && t->allocated);
  EXPECT_FALSE(t->allocated->pid);
  EXPECT_FALSE(t->allocated->cpu);
  EXPECT_FALSE(t->freed);
}

TEST_F(SlabTrackTest, ACacheThatIsNotInTheDumpGivesNothing) {
  object_.cache.address = kernel.missing();
  EXPECT_FALSE(tracks());
}

// Since 6.9 the flags are numbered by an enum.
class SlabTrackByEnum : public SlabTrackTest {
 protected:
  SlabTrackByEnum() : SlabTrackTest((std::string(testing::kSlabTypes) + "enum _slab_flag_bits { _SLAB_CONSISTENCY_CHECKS, _SLAB_STORE_USER = 5 };").c_str()) {}
};
TEST_F(SlabTrackByEnum, TheFlagIsTheEnums) {
  usual();
  object_.cache.flags = 0x10000;
  EXPECT_FALSE(tracks());
  object_.cache.flags = 1 << 5;
  EXPECT_TRUE(tracks());
}

// Another struct of that name: no `when` in it.
class SlabTrackOfAnother : public SlabTrackTest {
 protected:
  SlabTrackOfAnother() : SlabTrackTest("struct kmem_cache { unsigned int inuse; }; struct track { unsigned long addr; int pid, cpu; };") {}
};
TEST_F(SlabTrackOfAnother, IsNotTaken) {
  usual();
  EXPECT_FALSE(tracks());
}

}  // namespace
}  // namespace inquest::kernel
