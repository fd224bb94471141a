#include "kernel/slab_usage.h"

#include <gtest/gtest.h>

#include "kernel/testing/fake_slabs.h"

namespace inquest::kernel {
namespace {

class SlabUsageTest : public ::testing::Test, protected testing::FakeSlabs {
 protected:
  // Node `n` of a cache, its counters at kernel.data(at).
  void node(VirtualAddress cache, uint64_t n, uint64_t at, uint64_t slabs, uint64_t objects) {
    kernel.put(kernel.place(cache, "kmem_cache.node") + 8 * n, kernel.data(at));
    kernel.put(kernel.data(at), "kmem_cache_node.nr_slabs", slabs);
    kernel.put(kernel.data(at), "kmem_cache_node.total_objects", objects);
  }
  std::vector<SlabUsage> usage() { return slab_usage(program(), caches()); }
  bool said(Loss loss) {
    for (const auto& e : kernel.ledger().entries())
      if (e.loss == loss && e.count) return true;
    return false;
  }
};

TEST_F(SlabUsageTest, NodesAreAddedAndTheLargestIsFirst) {
  VirtualAddress small = cache("small", 64), large = cache("large", 1024);
  node(small, 0, 0x5000, 1, 128);
  node(large, 0, 0x5100, 2, 16);
  node(large, 1, 0x5200, 3, 24);
  auto u = usage();
  ASSERT_EQ(u.size(), 2u);
  EXPECT_EQ(u[0].cache->name, "large");
  EXPECT_EQ(u[0].slabs, 5u);
  EXPECT_EQ(u[0].objects, 40u);
  EXPECT_EQ(u[0].bytes, 5u * 8192);
  EXPECT_EQ(u[1].cache->name, "small");
  EXPECT_EQ(u[1].bytes, 8192u);
  EXPECT_FALSE(said(Loss::kMemoryUnreadable));
}

TEST_F(SlabUsageTest, NodesTheMachineCannotHaveAreNotRead) {
  VirtualAddress one = cache("one", 64);
  node(one, 0, 0x5000, 1, 128);
  node(one, 2, 0x5100, 7, 7);  // nr_node_ids is 2: the next cache's memory may be there
  EXPECT_EQ(usage()[0].slabs, 1u);
}

TEST_F(SlabUsageTest, ANodeOutOfReachIsSaid) {
  VirtualAddress one = cache("one", 64);
  node(one, 0, 0x5000, 1, 128);
  kernel.put(kernel.place(one, "kmem_cache.node") + 8, kernel.missing());
  EXPECT_EQ(usage()[0].slabs, 1u);
  EXPECT_TRUE(said(Loss::kMemoryUnreadable));
}

TEST_F(SlabUsageTest, MoreSlabsThanMemoryIsNoCount) {
  VirtualAddress honest = cache("honest", 64), liar = cache("liar", 64);
  node(honest, 0, 0x5000, 1, 128);
  node(liar, 0, 0x5100, uint64_t(-1), 5);
  node(liar, 1, 0x5200, uint64_t{1} << 51, 5);  // times 8192 it is 0 again
  auto u = usage();
  ASSERT_EQ(u.size(), 2u);
  EXPECT_EQ(u[0].cache->name, "honest");
  EXPECT_EQ(u[1].slabs, 0u);
  EXPECT_TRUE(said(Loss::kMemoryWrong));
}

TEST_F(SlabUsageTest, AnOrderThatCannotBeLeavesTheCacheOut) {
  VirtualAddress one = cache("one", 64);
  node(one, 0, 0x5000, 1, 128);
  kernel.put(one, "kmem_cache.oo", 12 << 16 | 8);
  EXPECT_TRUE(usage().empty());
}

TEST(SlabUsageWithoutTypes, IsEmpty) {
  testing::FakeSlabs plain("unsigned int nr_cpu_ids;");
  plain.whole_list = false;
  EXPECT_TRUE(slab_usage(plain.program(), plain.caches()).empty());
}

}  // namespace
}  // namespace inquest::kernel
