// SLUB drawn by hand: whose object an address is, and whether it is free, with the lists whole, broken and out of reach.
#include "kernel/slab.h"

#include <gtest/gtest.h>

#include "kernel/testing/fake_slabs.h"

namespace inquest::kernel {
namespace {

class SlabTest : public ::testing::Test, protected testing::FakeSlabs {
 protected:
  SlabTest() : cache_(cache("kmalloc-1k", 1024)), memory_(kernel.data(0x8000)) {}
  VirtualAddress object(uint64_t i) const { return memory_ + 1024 * i; }
  std::optional<bool> is_free(uint64_t i) {
    auto o = caches().object_at(object(i));
    return o.ok() ? o->free : std::nullopt;
  }
  std::string how(uint64_t i) { return caches().object_at(object(i))->free_how; }
  VirtualAddress cache_, memory_;
};

TEST_F(SlabTest, AnAddressInATailPageFindsItsObject) {
  slab(cache_, memory_);
  kernel.put(cache_, "kmem_cache.object_size", 1000);
  auto o = caches().object_at(object(5) + 0x123);
  ASSERT_TRUE(o.ok()) << o.error().message();
  EXPECT_EQ(o->cache.name, "kmalloc-1k");
  EXPECT_EQ(o->start, object(5));
  EXPECT_EQ(o->offset, 0x123u);
  EXPECT_EQ(o->index, 5u);
  EXPECT_EQ(o->slab, page(memory_));
  EXPECT_FALSE(o->in_padding);
  EXPECT_TRUE(caches().object_at(object(5) + 1001)->in_padding);
  EXPECT_EQ(caches().neighbour(*o, -1)->start, object(4));
  EXPECT_FALSE(caches().neighbour(*o, 3));
  EXPECT_FALSE(caches().neighbour(*o, -6));
}

TEST_F(SlabTest, ARedZoneInFrontBelongsToTheObjectBehindIt) {
  slab(cache_, memory_);
  kernel.put(cache_, "kmem_cache.red_left_pad", 64);
  kernel.put(cache_, "kmem_cache.object_size", 900);
  auto o = caches().object_at(object(2) + 8);
  ASSERT_TRUE(o.ok());
  EXPECT_EQ(o->start, object(2) + 64);
  EXPECT_TRUE(o->in_padding);
  EXPECT_EQ(caches().object_at(object(2) + 70)->offset, 6u);
}

TEST_F(SlabTest, FreeByEachOfTheLists) {
  slab(cache_, memory_, 8, object(1));
  chain({object(1), object(6)});
  kernel.put(cpu_slab(cache_, 1), "kmem_cache_cpu.slab", page(memory_));
  kernel.put(cpu_slab(cache_, 1), "kmem_cache_cpu.freelist", object(3));
  chain({object(3)});
  EXPECT_EQ(is_free(1), true);
  EXPECT_EQ(is_free(6), true);
  EXPECT_EQ(how(6), "on the freelist of CPU 1's slab (freed from another CPU)");
  EXPECT_EQ(is_free(3), true);
  EXPECT_EQ(how(3), "on CPU 1's freelist");
  EXPECT_EQ(is_free(0), false);
  EXPECT_EQ(how(0), "on no freelist");
  auto all = caches().states_of(*caches().object_at(object(0)));
  EXPECT_EQ(all, (std::vector<std::optional<bool>>{false, true, false, true, false, false, true, false}));
}

TEST_F(SlabTest, BehindABreakNothingIsKnown) {
  slab(cache_, memory_, 8, object(1));
  chain({object(1), object(6)});
  kernel.put(object(6), 0x6b6b6b6b6b6b6b6b);
  EXPECT_EQ(is_free(6), true);
  EXPECT_EQ(is_free(0), std::nullopt);
  EXPECT_NE(how(0).find("0x6b6b6b6b6b6b6b6b"), std::string::npos);
}

TEST_F(SlabTest, AnOverwrittenHeadOfTheCpusOwnListIsABreak) {
  slab(cache_, memory_);
  kernel.put(cpu_slab(cache_, 0), "kmem_cache_cpu.slab", page(memory_));
  kernel.put(cpu_slab(cache_, 0), "kmem_cache_cpu.freelist", 0x6b6b6b6b6b6b6b6b);
  EXPECT_EQ(is_free(2), std::nullopt);
  EXPECT_NE(how(2).find("CPU 0's freelist"), std::string::npos);
}

TEST_F(SlabTest, OthersListsAreNoConcernOfThisSlab) {
  slab(cache_, memory_);
  kernel.put(cpu_slab(cache_, 0), "kmem_cache_cpu.slab", page(kernel.data(0xa000)));
  kernel.put(cpu_slab(cache_, 0), "kmem_cache_cpu.freelist", kernel.data(0xa000));
  EXPECT_EQ(is_free(2), false);
}

TEST_F(SlabTest, ACpuOutOfReachLeavesItOpen) {
  slab(cache_, memory_);
  kernel.put(cache_, "kmem_cache.cpu_slab", kernel.missing());
  EXPECT_EQ(is_free(2), std::nullopt);
  EXPECT_NE(how(2).find("freelist is not in the dump"), std::string::npos);
}

TEST_F(SlabTest, WhatIsNoObject) {
  slab(cache_, memory_, 4);  // the last kilobytes are waste
  auto error = [&](VirtualAddress a) { return caches().object_at(a).ok() ? "" : caches().object_at(a).error().message(); };
  EXPECT_NE(error(object(6)).find("behind the last object"), std::string::npos);
  EXPECT_NE(error(kernel.data(0x10000)).find("in no slab page"), std::string::npos);
  EXPECT_NE(error(VirtualAddress(0x1000)).find("not mapped"), std::string::npos);
  EXPECT_EQ(caches().object_at(kernel.missing()).error().code(), ErrorCode::kUnreadable);
}

TEST_F(SlabTest, DescriptorsThatLie) {
  VirtualAddress stranger = kernel.data(0xa000), empty = kernel.data(0xc000), high = kernel.data(0xe000);
  slab(kernel.data(0x7000), stranger);             // of no cache
  slab(cache_, empty, 0);                          // no objects
  slab(cache_, memory_, 32767);                    // more than two pages hold
  kernel.put(page(high), "page.compound_head", page(high).value + 64 + 1);  // its head lies behind it
  slab(cache_, high + 0x1000);
  EXPECT_NE(caches().object_at(stranger).error().message().find("no known cache"), std::string::npos);
  EXPECT_EQ(caches().object_at(empty).error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(caches().object_at(high).error().code(), ErrorCode::kCorrupt);
  EXPECT_TRUE(caches().object_at(object(7)).ok());
}

TEST_F(SlabTest, AListOfCachesThatBreaksIsSaidAndWhatIsNoCacheLeftOut) {
  VirtualAddress second = cache("inode_cache", 600), bad = cache("bad", uint64_t{1} << 31);
  whole_list = false;
  auto link = [&](VirtualAddress c) { return kernel.place(c, "kmem_cache.list"); };
  kernel.ring({kernel.data(32), link(cache_), link(second), link(bad)});
  kernel.put(link(cache_), link(cache_));  // its next is itself
  EXPECT_EQ(caches().caches().size(), 2u);
  EXPECT_TRUE(caches().find_cache("inode_cache"));
  EXPECT_NE(caches().problem().find("broken"), std::string::npos);
  EXPECT_FALSE(kernel.ledger().entries().empty());
}

TEST_F(SlabTest, AMergedCacheSaysSo) {
  kernel.put(cache_, "kmem_cache.refcount", 4);
  EXPECT_TRUE(caches().find_cache("kmalloc-1k")->merged);
}

TEST(SlabWithoutTypes, SaysWhatIsMissing) {
  testing::FakeSlabs plain("unsigned int nr_cpu_ids;");
  plain.whole_list = false;
  EXPECT_TRUE(plain.caches().caches().empty());
  EXPECT_NE(plain.caches().problem(), "");
  EXPECT_EQ(plain.caches().object_at(plain.kernel.data(0x8000)).error().code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace inquest::kernel
