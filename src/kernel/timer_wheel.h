// Timer wheels: the pending timers of each CPU (kernel/time/timer.c). Wheels of buckets since 4.8 (500462a9de65); older ones are not read.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernel/kernel_view.h"
#include "kernel/per_cpu.h"

namespace inquest::kernel {

struct PendingTimer {
  VirtualAddress timer, function;          // struct timer_list, and what it will call
  uint64_t expires = 0;                    // in jiffies
};

struct TimerBase {
  int cpu = 0;
  unsigned number = 0;                     // of the CPU's bases: standard, deferrable… (BASE_* differ between kernels)
  VirtualAddress address;
  uint64_t clock = 0;                      // how far it has come, in jiffies
  VirtualAddress running;                  // the timer whose function runs now; null: none
  std::vector<PendingTimer> timers;        // earliest first
  std::string problem;                     // "" or which buckets could not be followed
};

struct TimerWheels {
  std::vector<TimerBase> bases;
  std::optional<uint64_t> jiffies;
  std::string problem;                     // "" or why there are none
};
TimerWheels read_timer_wheels(const object::Program& program, const PerCpu& per_cpu);

}  // namespace inquest::kernel
