// Stacks: whose stack an address is on, and where each CPU and task was.
//
// x86_64: task stacks, IRQ stacks (pcpu_hot.hardirq_stack_ptr / hardirq_stack_ptr / irq_stack_union), exception stacks in cpu_entry_area
// (cea_exception_stacks: DF, NMI, DB, MCE, VC) and the entry trampoline. aarch64: task stacks, irq_stack_ptr, overflow_stack, sdei stacks. By symbol, never by version.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernel/per_cpu.h"
#include "kernel/tasks.h"
#include "unwind/stack.h"

namespace inquest::kernel {

class Stacks {
 public:
  Stacks(const object::Program& program, const PerCpu& per_cpu, const TaskList& tasks);

  std::optional<unwind::StackBounds> find(VirtualAddress address) const;
  const std::vector<unwind::StackBounds>& per_cpu_stacks() const { return per_cpu_stacks_; }

  // The registers of a task that is not running: from thread.sp / thread.cpu_context (switched out in __schedule).
  Result<arch::Registers> sleeping(const Task& task) const;
  // Of a running one: NT_PRSTATUS or QEMU's note of its CPU; falls back to what the stack still tells. `how` says which.
  // pc_is_return: the pc is behind a call (a sleeping task's). user: the CPU was in user mode. maybe_stale: what a stack still held, not a note.
  struct Context {
    arch::Registers registers;
    std::string how;
    bool pc_is_return = false, user = false, maybe_stale = false;
  };
  Result<Context> running(int cpu) const;
  // Whatever applies to the task.
  Result<Context> context_of(const Task& task) const;
  // Canary at the low end of a task's stack: false = overwritten (overflow).
  std::optional<bool> stack_end_intact(const Task& task) const;

 private:
  std::optional<size_t> note_of(int cpu) const;  // which of the dump's CPU states is this CPU's
  bool on_stack_of(uint64_t sp, int cpu) const;
  Result<Context> from_nmi_stack(int cpu) const;
  bool is_user(const arch::Registers& registers) const;

  const object::Program* program_;
  const PerCpu* cpus_;
  const TaskList* tasks_;
  std::vector<unwind::StackBounds> per_cpu_stacks_;
  std::vector<unwind::StackBounds> task_stacks_;  // sorted by low
};

// The stacks that CPUs have besides their tasks' (stacks_layout.cc).
std::vector<unwind::StackBounds> read_per_cpu_stacks(const object::Program& program, const PerCpu& per_cpu);

}  // namespace inquest::kernel
