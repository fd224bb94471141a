#include "base/worker_pool.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace inquest {

unsigned worker_count(unsigned wanted) {
  if (wanted) return wanted;
  return std::max(1u, std::thread::hardware_concurrency());
}

void parallel_for(size_t count, const std::function<void(size_t, unsigned)>& body, unsigned workers) {
  unsigned n = unsigned(std::min<size_t>(worker_count(workers), count));
  if (n <= 1) {
    for (size_t i = 0; i < count; i++) body(i, 0);
    return;
  }
  std::atomic<size_t> next{0};
  auto run = [&](unsigned worker) {
    for (size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) body(i, worker);
  };
  std::vector<std::thread> threads;
  for (unsigned w = 1; w < n; w++) threads.emplace_back(run, w);
  run(0);
  for (auto& t : threads) t.join();
}

}  // namespace inquest
