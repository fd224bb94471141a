// Machinery: functions that stand in most stacks and cause no crash of their own: reporting, entry code, work and
// thread loops, locks, allocators, the generic halves of system calls. Trimmed from the ends of a stack and weighed
// down inside it. Pure; any thread.
#pragma once

#include <string_view>
#include <vector>

#include "records/trace.h"

namespace inquest::records {

// 0 for pure machinery (dump_stack, do_syscall_64), 0.35 for generic layers that do have bugs of their own
// (vfs_read, mutex_lock, kmem_cache_free), 1 for all others.
double weight_of_function(std::string_view function);

// What a frame of this weight counts behind telling frames whose weights add up to `position`: the further out, the less.
inline double weight_at_depth(double weight, double position) { return weight / (1 + 0.22 * position); }

// The frames that may say something, innermost first, machinery of weight 0 left out.
std::vector<TraceFrame> without_machinery(const std::vector<TraceFrame>& frames);

// Functions that only changed their name, by the newest: RCU's callback loop was in rcu_process_callbacks in 4.x, softirqs were run by
// __do_softirq until handle_softirqs was cut out of it. A loop inlined into its caller shows the caller's name.
std::string_view name_through_time(std::string_view function);

// True where an interrupt or softirq enters: the frames outside it belong to whoever was interrupted.
bool begins_interrupt(std::string_view function);

}  // namespace inquest::records
