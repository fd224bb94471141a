#include <gtest/gtest.h>

#include "oops/builder.h"

namespace inquest::oops {
namespace {

TEST(MemoryLines, CountersSlabsAndTasks) {
  Event e;
  e.kind = EventKind::kOutOfMemory;
  for (const char* line : {"active_anon:468 inactive_anon:134 isolated_anon:0", " slab_reclaimable:2276 slab_unreclaimable:48993", " mapped:448 shmem:505 pagetables:47",
                           "Node 0 active_anon:1872kB inactive_anon:536kB shmem:9kB", "65406 pages RAM", "board_call            189031KB     189031KB",
                           "[     97]     0    97      565       12    28672        0             0 sleep", "     0   102    48863    48674   421888        0             0 awk", "Out of memory: Killed process 97 (sleep) total-vm:565kB"})
    EXPECT_TRUE(read_memory(line, e)) << line;
  EXPECT_EQ(e.memory.anon_pages, 602u);
  EXPECT_EQ(e.memory.shmem_pages, 505u);
  EXPECT_EQ(e.memory.slab_unreclaimable_pages, 48993u);
  EXPECT_EQ(e.memory.ram_pages, 65406u);
  ASSERT_EQ(e.memory.slabs.size(), 1u);
  EXPECT_EQ(e.memory.slabs[0].cache, "board_call");
  EXPECT_EQ(e.memory.slabs[0].total_kb, 189031u);
  ASSERT_EQ(e.memory.tasks.size(), 2u);
  EXPECT_EQ(e.memory.tasks[1].pid, 102);
  EXPECT_EQ(e.memory.tasks[1].rss_pages, 48674u);
  EXPECT_EQ(e.memory.tasks[0].comm, "sleep");
  EXPECT_EQ(e.memory.tasks[0].rss_pages, 12u);
  EXPECT_EQ(e.memory.killed, "sleep");
}

TEST(MemoryLines, WhatIsNoTable) {
  Event e;
  for (const char* line : {"[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name", "Name                      Used          Total", "", "[", "Call Trace:"})
    EXPECT_FALSE(read_memory(line, e)) << line;
  EXPECT_FALSE(e.memory.any());
}

}  // namespace
}  // namespace inquest::oops
