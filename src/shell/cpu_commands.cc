// runq, timer: what each CPU is to run next.
#include <fmt/format.h>

#include <algorithm>

#include "kernel/run_queues.h"
#include "kernel/timer_wheel.h"
#include "shell/shell.h"

namespace inquest::shell::commands_of {

namespace {

// -c CPU, or none: all.
Result<std::optional<int>> wanted_cpu(const Context& context, const Words& words) {
  if (!words.has('c')) return std::optional<int>();
  const auto& possible = context.kernel->per_cpu().possible();
  int cpu = words.words.empty() || !std::isdigit(static_cast<unsigned char>(words.words[0][0])) ? -1 : std::atoi(words.words[0].c_str());
  if (std::find(possible.begin(), possible.end(), cpu) == possible.end()) return Error(ErrorCode::kUsage, "-c CPU: there is no such CPU");
  return std::optional(cpu);
}

std::string task_line(const Context& context, VirtualAddress address) {
  const auto* task = context.kernel->tasks().find(address);
  return task ? fmt::format("PID: {:<7} TASK: {:x}  COMMAND: \"{}\"", task->pid, address.value, task->comm)
              : fmt::format("TASK: {:x}  (in no task list)", address.value);
}

std::string queue_text(const Context& context, const kernel::RunQueue& q) {
  std::string out = fmt::format("CPU {} RUNQUEUE: {:x}{}\n", q.cpu, q.address.value, q.running ? fmt::format("  {} to run", *q.running) : "");
  out += "  CURRENT: " + task_line(context, q.current) + "\n";
  for (bool real_time : {true, false}) {
    out += real_time ? "  RT:\n" : "  CFS:\n";
    size_t shown = 0;
    for (const auto& queued : q.queued) {
      if (queued.real_time != real_time) continue;
      shown++;
      out += fmt::format("    {}{}{}{}\n", real_time ? fmt::format("[{:>3}] ", queued.priority) : "", task_line(context, queued.task), queued.task == q.current ? "  runs" : "",
                         queued.delayed ? "  (asleep, not taken off yet)" : "");
    }
    if (!shown) out += "    [no tasks queued]\n";
  }
  if (q.deadline.value_or(0)) out += fmt::format("  DEADLINE: {} queued\n", *q.deadline);
  return q.problem.empty() ? out : out + "  " + q.problem + "\n";
}

// Whose timer it is, where its function tells: a task that sleeps, a work that is to be queued.
std::string owner_text(const Context& context, const kernel::PendingTimer& timer, const std::string& function) {
  kernel::KernelView view(context.program());
  if (function == "process_timeout") {  // kernel/time/timer.c: schedule_timeout(); struct process_timer since 4.15 (58e1177b4cd1)
    auto at = view.offset("process_timer", "timer");
    auto task = view.field("process_timer", "task");
    auto owner = at && task ? view.read(timer.timer - *at, *task).maybe() : std::nullopt;
    const auto* t = owner ? context.kernel->tasks().find(VirtualAddress(*owner)) : nullptr;
    return t ? fmt::format("  pid {} ({})", t->pid, t->comm) : "";
  }
  if (function == "delayed_work_timer_fn") {
    auto at = view.offset("delayed_work", "timer");
    auto work = view.field("delayed_work", "work.func");
    auto called = at && work ? view.read(timer.timer - *at, *work).maybe() : std::nullopt;
    auto s = called ? context.program().symbol_at(VirtualAddress(*called)) : std::nullopt;
    return s ? "  work: " + (s->offset ? s->text(false) : s->symbol.name) : "";
  }
  return "";
}

std::string base_text(const Context& context, const kernel::TimerBase& base, std::optional<uint64_t> jiffies) {
  std::string out = fmt::format("CPU {} TIMER_BASE[{}]: {:x}  CLK: {}\n", base.cpu, base.number, base.address.value, base.clock);
  if (!base.running.is_null()) out += fmt::format("  the function of {:x} runs\n", base.running.value);
  if (!base.timers.empty()) out += fmt::format("  {:>20} {:>12}  {:^16}  {}\n", "EXPIRES", "TTE", "TIMER_LIST", "FUNCTION");
  for (const auto& t : base.timers) {
    auto s = context.program().symbol_at(t.function);
    std::string name = !s ? "(in no symbol)" : s->offset ? s->text(false) : s->symbol.name + (s->symbol.file->name.empty() ? "" : " [" + s->symbol.file->name + "]");
    out += fmt::format("  {:>20} {:>12}  {:x}  {:x}  <{}>{}\n", t.expires, jiffies ? std::to_string(int64_t(t.expires - *jiffies)) : "?", t.timer.value, t.function.value, name,
                       owner_text(context, t, s ? s->symbol.name : ""));
  }
  if (base.timers.empty() && base.problem.empty()) out += "  (none)\n";
  return base.problem.empty() ? out : out + "  " + base.problem + "\n";
}

}  // namespace

Result<std::string> runq(const Context& context, const Words& words) {
  TRY(std::optional<int> cpu, wanted_cpu(context, words));
  std::string out;
  for (const auto& q : kernel::read_run_queues(context.program(), context.kernel->per_cpu()))
    if (!cpu || q.cpu == *cpu) out += (out.empty() ? "" : "\n") + queue_text(context, q);
  if (out.empty()) return Error(ErrorCode::kNotFound, "the run queues (runqueues, rq.curr) cannot be read, or are not known");
  return out;
}

Result<std::string> timer(const Context& context, const Words& words) {
  TRY(std::optional<int> cpu, wanted_cpu(context, words));
  auto wheels = kernel::read_timer_wheels(context.program(), context.kernel->per_cpu());
  if (!wheels.problem.empty()) return Error(ErrorCode::kNotFound, wheels.problem);
  std::string out = wheels.jiffies ? fmt::format("JIFFIES\n{}\n", *wheels.jiffies) : "JIFFIES\n(not known)\n";
  for (const auto& base : wheels.bases)
    if (!cpu || base.cpu == *cpu) out += "\n" + base_text(context, base, wheels.jiffies);
  return out;
}

}  // namespace inquest::shell::commands_of
