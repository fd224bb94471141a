#include "kernel/stacks.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernel/kernel_view.h"

namespace inquest::kernel {

namespace {

constexpr uint64_t kStackEndMagic = 0x57AC6E9D;  // include/uapi/linux/magic.h

using arch::a64::kPstate;

}  // namespace

Stacks::Stacks(const object::Program& program, const PerCpu& per_cpu, const TaskList& tasks)
    : program_(&program), cpus_(&per_cpu), tasks_(&tasks), per_cpu_stacks_(read_per_cpu_stacks(program, per_cpu)) {
  uint64_t size = thread_size(program);
  for (const auto* list : {&tasks.tasks, &tasks.idle})
    for (const Task& t : *list)
      if (!t.stack.is_null())
        task_stacks_.push_back({unwind::StackKind::kTask, t.stack, size, -1, t.address, fmt::format("stack of {} (pid {})", t.comm, t.pid)});
  std::sort(task_stacks_.begin(), task_stacks_.end(), [](const auto& a, const auto& b) { return a.low < b.low; });
}

std::optional<unwind::StackBounds> Stacks::find(VirtualAddress address) const {
  for (const unwind::StackBounds& s : per_cpu_stacks_)
    if (s.contains(address)) return s;
  auto after = std::upper_bound(task_stacks_.begin(), task_stacks_.end(), address,
                                [](VirtualAddress a, const unwind::StackBounds& s) { return a < s.low; });
  if (after == task_stacks_.begin() || !std::prev(after)->contains(address)) return std::nullopt;
  return *std::prev(after);
}

// x86_64: thread.sp points at a struct inactive_task_frame {…, bp, ret_addr} since 4.9 (0100301bfdf5); arm64: thread.cpu_context, filled by
// cpu_switch_to (arch/arm64/kernel/entry.S), its pc the return address into __switch_to.
Result<arch::Registers> Stacks::sleeping(const Task& task) const {
  KernelView view(*program_);
  arch::Registers regs;
  // Freed at the last switch away from it (put_task_stack(), 4.9+), while the task itself still waits for its parent.
  if (task.stack.is_null()) return Error(ErrorCode::kNotFound, fmt::format("{} (pid {}) has exited: its stack is freed", task.comm, task.pid));
  if (program_->arch().id == arch::ArchId::kAarch64) {
    auto base = view.offset("task_struct", "thread.cpu_context");
    if (!base) return Error(ErrorCode::kNotFound, "this kernel has no task_struct.thread.cpu_context");
    static constexpr struct {
      const char* member;
      unsigned reg;
    } kSaved[] = {{"x19", 19}, {"x20", 20}, {"x21", 21}, {"x22", 22}, {"x23", 23}, {"x24", 24}, {"x25", 25},
                  {"x26", 26}, {"x27", 27}, {"x28", 28}, {"fp", 29},  {"sp", 31},  {"pc", 32}};
    for (const auto& s : kSaved) {
      auto f = view.field("cpu_context", s.member);
      if (!f) return Error(ErrorCode::kNotFound, fmt::format("this kernel has no cpu_context.{}", s.member));
      TRY(uint64_t value, view.read(task.address + *base, *f));
      if (s.reg == arch::a64::kPc) value = arch::strip_pac(value, program_->layout().pac_mask);
      regs.set(s.reg, value);
    }
    return regs;
  }
  TRY(uint64_t sp, view.read(task.address, "task_struct", "thread.sp"));
  auto size = view.size_of("inactive_task_frame");
  if (!size) return Error(ErrorCode::kUnsupported, "this kernel has no struct inactive_task_frame (4.9+): where its tasks slept is not known");
  static constexpr struct {
    const char* member;
    unsigned reg;
  } kFrame[] = {{"r15", 15}, {"r14", 14}, {"r13", 13}, {"r12", 12}, {"bx", arch::x86::kRbx}, {"bp", arch::x86::kRbp}, {"ret_addr", arch::x86::kRip}};
  for (const auto& s : kFrame)
    if (auto f = view.field("inactive_task_frame", s.member)) {
      TRY(uint64_t value, view.read(VirtualAddress(sp), *f));
      regs.set(s.reg, value);
    }
  regs.set(arch::x86::kRsp, sp + *size);
  return regs;
}

bool Stacks::is_user(const arch::Registers& regs) const {
  if (program_->arch().id == arch::ArchId::kX86_64) {
    if (auto cs = regs.get(arch::x86::kCs)) return (*cs & 3) == 3;
  } else if (auto pstate = regs.get(kPstate)) {
    return (*pstate & 15) == 0;  // EL0t
  }
  auto pc = regs.get(program_->arch().pc);
  return pc && !(*pc >> 63);
}

bool Stacks::on_stack_of(uint64_t sp, int cpu) const {
  auto found = find(VirtualAddress(sp));
  if (!found) return false;
  if (found->cpu >= 0) return found->cpu == cpu;
  return size_t(cpu) < tasks_->current.size() && tasks_->current[size_t(cpu)] == found->task;
}

// QEMU writes one note a CPU, in their order. A kernel's own kdump has the notes of those CPUs alone that saved them, so a note is known by the
// stack it is on, then by its pid, and only then by its place.
std::optional<size_t> Stacks::note_of(int cpu) const {
  const auto& notes = program_->dump().facts().cpus;
  for (size_t i = 0; i < notes.size(); i++)
    if (notes[i].from_qemu && notes[i].cpu == cpu) return i;
  if (!notes.empty() && notes[0].from_qemu) return std::nullopt;
  unsigned sp = program_->arch().sp;
  for (size_t i = 0; i < notes.size(); i++)
    if (auto at = notes[i].registers.get(sp); at && on_stack_of(*at, cpu)) return i;
  const Task* current = size_t(cpu) < tasks_->current.size() ? tasks_->find(tasks_->current[size_t(cpu)]) : nullptr;
  auto claimed = [&](size_t i) {
    auto at = notes[i].registers.get(sp);
    for (int other : cpus_->possible())
      if (other != cpu && at && on_stack_of(*at, other)) return true;
    return false;
  };
  if (current && current->pid)
    for (size_t i = 0; i < notes.size(); i++)
      if (notes[i].pid == current->pid && !claimed(i)) return i;
  if (size_t(cpu) < notes.size() && notes.size() == cpus_->possible().size() && !claimed(size_t(cpu))) return size_t(cpu);
  return std::nullopt;
}

// The processor pushes ss, rsp, rflags, cs, rip at the very top of the NMI stack (arch/x86/entry/entry_64.S, asm_exc_nmi), and later NMIs of
// the same CPU the same way: the last one is still there.
Result<Stacks::Context> Stacks::from_nmi_stack(int cpu) const {
  if (program_->arch().id == arch::ArchId::kX86_64)
    for (const unwind::StackBounds& s : per_cpu_stacks_) {
      if (s.kind != unwind::StackKind::kNmi || s.cpu != cpu) continue;
      VirtualAddress frame = s.low + s.size - 40;
      auto pc = program_->memory().read_u64(frame), cs = program_->memory().read_u64(frame + 8), sp = program_->memory().read_u64(frame + 24);
      if (!pc.ok() || !cs.ok() || !sp.ok() || !*pc || (*cs != 0x10 && (*cs & 3) != 3)) break;
      Context c;
      c.registers.set(arch::x86::kRip, *pc);
      c.registers.set(arch::x86::kCs, *cs);
      c.registers.set(arch::x86::kRsp, *sp);
      c.user = is_user(c.registers);
      c.maybe_stale = true;
      c.how = fmt::format("the last NMI of CPU {}, on its NMI stack: the dump has no registers of this CPU", cpu);
      return c;
    }
  return Error(ErrorCode::kNotFound, fmt::format("the dump has no registers of CPU {}", cpu));
}

Result<Stacks::Context> Stacks::running(int cpu) const {
  auto index = note_of(cpu);
  if (!index) return from_nmi_stack(cpu);
  const dump::CpuState& note = program_->dump().facts().cpus[*index];
  Context c;
  c.registers = note.registers;
  if (!c.registers.any()) return from_nmi_stack(cpu);
  c.user = is_user(c.registers);
  c.how = note.from_qemu ? fmt::format("CPU {} as QEMU saw it when the dump was taken", cpu)
                         : fmt::format("NT_PRSTATUS of CPU {}: as the kernel saved it when it crashed", cpu);
  return c;
}

Result<Stacks::Context> Stacks::context_of(const Task& task) const {
  if (task.running_on) {
    auto c = running(*task.running_on);
    if (c.ok() || !task.stack.is_null()) return c;
  }
  TRY(arch::Registers regs, sleeping(task));
  Context c;
  c.registers = regs;
  c.pc_is_return = true;
  c.how = program_->arch().id == arch::ArchId::kAarch64 ? "switched out: thread.cpu_context" : "switched out: the frame at thread.sp";
  return c;
}

// end_of_stack() of include/linux/sched/task_stack.h: the lowest word, behind the thread_info where that is still on the stack (before 4.9).
std::optional<bool> Stacks::stack_end_intact(const Task& task) const {
  KernelView view(*program_);
  if (task.stack.is_null()) return std::nullopt;
  uint64_t at = view.field("task_struct", "thread_info") ? 0 : view.size_of("thread_info").value_or(0);
  auto word = program_->memory().read_u64(task.stack + at);
  if (!word.ok()) return std::nullopt;
  return *word == kStackEndMagic;
}

}  // namespace inquest::kernel
