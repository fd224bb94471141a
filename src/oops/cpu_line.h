// "CPU: 5 PID: 31004 Comm: kworker/u12:3 Tainted: G        W  OE   4.14.99 #1" and its relatives.
//
// lib/dump_stack.c:dump_stack_print_info(). Since 3.10 (CPU first); before: "Pid: 1, comm: init Not tainted 3.2.0 #1".
// 6.12 put "UID: 0" after the CPU; 6.11 added the line "Tainted: [W]=WARN". "Kdump: loaded" since 4.15.
// Pure functions.
#pragma once

#include <string_view>

#include "oops/event.h"

namespace inquest::oops {

// Fills cpu, pid, comm, taint, release of `event` where it is told and not yet known; false: another line.
bool read_cpu_line(std::string_view text, Event& event);

// CPU, pid and comm that headers and other lines tell: "CPU#3 stuck for 22s! [mount:4169]", "task zsh:5217 blocked",
// "Process swapper/96 (pid: 0, …)", "by task nfsd/45920", "sched: …". Only what is not known yet.
void read_task_from_header(std::string_view text, Event& event);

}  // namespace inquest::oops
