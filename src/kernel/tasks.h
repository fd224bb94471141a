// TaskList: every task of the dead kernel: all thread groups and their threads, and the idle task of every possible CPU.
//
// Walks init_task.tasks and signal->thread_head (thread_group before 6.7). Lists may be broken: bounded, loops noticed, the break said.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernel/per_cpu.h"
#include "object/program.h"

namespace inquest::kernel {

struct Task {
  VirtualAddress address;
  int pid = 0, tgid = 0;
  int parent_pid = -1;
  std::string comm;
  std::string state;                // ps letters: "RU", "IN", "UN", "ID", "ZO"…
  uint64_t state_bits = 0;
  std::optional<int> cpu;
  std::optional<int> running_on;    // the CPU whose current task this is
  VirtualAddress stack;             // lowest byte
  uint64_t flags = 0;
  bool is_kernel_thread = false, is_idle = false;
  std::optional<uint64_t> rss_pages, vm_bytes;
  VirtualAddress mm, leader, parent;  // null: none, or not readable
};

struct TaskList {
  std::vector<Task> tasks;          // without idle tasks, in list order
  std::vector<Task> idle;           // one a possible CPU
  std::vector<VirtualAddress> current;  // by CPU number; null = unknown
  std::string note;                 // "" or what is wrong
  std::optional<uint64_t> nr_threads;   // the kernel's own count
  const Task* find_pid(int pid) const;
  const Task* find(VirtualAddress task) const;
};

// Ledger: a broken list costs one entry; `note` has the sentence.
TaskList read_tasks(const object::Program& program, const PerCpu& per_cpu);
uint64_t thread_size(const object::Program& program);  // of a kernel stack, in bytes

}  // namespace inquest::kernel
