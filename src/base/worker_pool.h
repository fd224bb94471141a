// parallel_for: one loop on all cores.
//
// Calls body(index, worker) for every index of [0, count), in no order, on up to `workers` threads (0 = one
// a core; the calling thread is one of them), and returns when all are done. `worker` is below
// worker_count(workers), for per-thread results. The body must not throw; what it shares it must guard.
#pragma once

#include <cstddef>
#include <functional>

namespace inquest {

unsigned worker_count(unsigned wanted = 0);
void parallel_for(size_t count, const std::function<void(size_t index, unsigned worker)>& body, unsigned workers = 0);

}  // namespace inquest
