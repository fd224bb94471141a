// Run queues: what each CPU runs and is to run, as the scheduler's own lists have it (kernel/sched/sched.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernel/kernel_view.h"
#include "kernel/per_cpu.h"

namespace inquest::kernel {

struct RunQueue {
  int cpu = 0;
  VirtualAddress address;                  // struct rq
  std::optional<uint64_t> running;         // rq.nr_running: all classes, the current task included
  std::optional<uint64_t> deadline;        // deadline tasks queued
  VirtualAddress current;                  // task
  struct Queued {
    VirtualAddress task;
    bool real_time = false;
    bool delayed = false;                  // asleep, but not taken off yet (sched_entity.sched_delayed, 6.12)
    int priority = 0;                      // real-time: the queue it is in, 0 first
  };
  std::vector<Queued> queued;              // real-time by priority, then fair ones in list order; the current task may be among them
  std::string problem;                     // "" or which lists could not be followed
};
// One of each possible CPU whose run queue can be read.
std::vector<RunQueue> read_run_queues(const object::Program& program, const PerCpu& per_cpu);

}  // namespace inquest::kernel
