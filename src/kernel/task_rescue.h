// Tasks by another way than their lists: the PID namespace's own table. For dumps whose lists lead through pages that are not there.
#pragma once

#include <cstdint>
#include <vector>

#include "kernel/kernel_view.h"

namespace inquest::kernel {

struct RescuedTasks {
  std::vector<VirtualAddress> tasks;   // every thread with a PID, as far as the table can be read
  uint64_t unreadable = 0;             // table nodes and struct pids that are not in the dump
};

// init_pid_ns.idr (4.15+, 95846ecf9dac). Empty on older kernels.
RescuedTasks tasks_by_pid(const KernelView& view);

}  // namespace inquest::kernel
