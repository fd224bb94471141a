#include "base/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace inquest {
namespace {

TEST(ParallelFor, VisitsEveryIndexOnce) {
  for (size_t count : {0u, 1u, 2u, 7u, 1000u})
    for (unsigned workers : {0u, 1u, 3u, 16u}) {
      std::vector<std::atomic<int>> seen(count);
      std::atomic<unsigned> highest = 0;
      parallel_for(count, [&](size_t i, unsigned worker) {
        seen.at(i)++;
        unsigned before = highest;
        while (worker > before && !highest.compare_exchange_weak(before, worker)) {
        }
      }, workers);
      for (auto& n : seen) EXPECT_EQ(n, 1);
      EXPECT_LT(highest, worker_count(workers));
    }
}

TEST(ParallelFor, OneWorkerIsTheCallingThread) {
  const std::thread::id self = std::this_thread::get_id();
  std::vector<size_t> order;
  parallel_for(5, [&](size_t i, unsigned worker) {
    EXPECT_EQ(std::this_thread::get_id(), self);
    EXPECT_EQ(worker, 0u);
    order.push_back(i);
  }, 1);
  EXPECT_EQ(order, (std::vector<size_t>{0, 1, 2, 3, 4}));
}

TEST(ParallelFor, AWorkersResultsAreItsOwn) {
  std::vector<uint64_t> sums(worker_count(4));
  parallel_for(10000, [&](size_t i, unsigned worker) { sums.at(worker) += i; }, 4);
  uint64_t sum = 0;
  for (uint64_t s : sums) sum += s;
  EXPECT_EQ(sum, 9999u * 10000 / 2);
}

TEST(WorkerCount, AtLeastOne) {
  EXPECT_GE(worker_count(), 1u);
  EXPECT_EQ(worker_count(3), 3u);
}

}  // namespace
}  // namespace inquest
