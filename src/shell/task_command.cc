// task: one task as its task_struct has it: what is asked most, or the members named.
#include <fmt/format.h>

#include "kernel/kernel_view.h"
#include "shell/struct_text.h"

namespace inquest::shell::commands_of {

namespace {

using kernel::KernelView;

// PF_* are macros, so debuginfo has no names of them. These bits meant the same in every kernel since 2.6.39 (include/linux/sched.h); others moved and stay numbers.
std::string flag_names(uint64_t flags) {
  std::string out;
  for (auto [bit, name] : {std::pair<uint64_t, const char*>{0x4, "PF_EXITING"}, {0x20, "PF_WQ_WORKER"}, {0x40, "PF_FORKNOEXEC"}, {0x100, "PF_SUPERPRIV"}, {0x200, "PF_DUMPCORE"},
                           {0x400, "PF_SIGNALED"}, {0x800, "PF_MEMALLOC"}, {0x200000, "PF_KTHREAD"}, {0x400000, "PF_RANDOMIZE"}})
    if (flags & bit) out += fmt::format("{}{}", out.empty() ? "  " : "|", name);
  return out;
}

// The latest clock of any CPU's run queue, in nanoseconds: when the scheduler last looked at it.
std::optional<uint64_t> last_clock(const Context& context) {
  std::optional<uint64_t> latest;
  for (int cpu : context.kernel->per_cpu().possible()) {
    auto queue = context.kernel->per_cpu().value("runqueues", cpu);
    auto clock = queue.ok() ? queue->member("clock") : std::move(queue);
    if (auto now = clock.ok() ? clock->as_unsigned().maybe() : std::nullopt; now && (!latest || *now > *latest)) latest = *now;
  }
  return latest;
}

std::string last_run(const Context& context, const KernelView& view, const kernel::Task& task) {
  if (task.running_on) return fmt::format("now, on CPU {}", *task.running_on);
  auto member = view.field("task_struct", {"sched_info.last_arrival", "se.exec_start"});
  auto at = member ? view.read(task.address, *member).maybe() : std::nullopt;
  auto now = last_clock(context);
  if (!at) return "";
  if (!*at) return "never";
  std::string text = fmt::format("came on a CPU at {:.6f} s", double(*at) / 1e9);
  return now && *now >= *at ? text + fmt::format(", {:.3f} s before the latest scheduler clock", double(*now - *at) / 1e9) : text;
}

std::string other_task(const Context& context, VirtualAddress address) {
  if (address.is_null()) return "";
  const auto* task = context.kernel->tasks().find(address);
  return task ? fmt::format("{:x}  pid {} ({})", address.value, task->pid, task->comm) : fmt::format("{:x}", address.value);
}

std::string summary(const Context& context, const kernel::Task& task) {
  KernelView view(context.program());
  std::string out;
  auto add = [&](const char* name, const std::string& text) { out += fmt::format("  {:<10} {}\n", name, text.empty() ? "(not known)" : text); };
  auto number = [&](std::initializer_list<std::string_view> names) -> std::optional<uint64_t> {
    auto field = view.field("task_struct", names);
    return field ? view.read(task.address, *field).maybe() : std::nullopt;
  };
  auto hex = [](std::optional<uint64_t> v) { return v ? fmt::format("{:x}", *v) : std::string(); };
  add("state", fmt::format("{} ({:#x})", task.state, task.state_bits));
  add("flags", fmt::format("{:#x}{}", task.flags, flag_names(task.flags)));
  add("tgid", fmt::format("{}{}", task.tgid, task.leader.is_null() || task.leader == task.address ? "" : "  a thread of " + other_task(context, task.leader)));
  add("parent", other_task(context, task.parent));
  add("cpu", task.running_on ? fmt::format("{}, running", *task.running_on) : task.cpu ? fmt::format("{}", *task.cpu) : "");
  if (auto prio = number({"prio"}), normal = number({"static_prio"}); prio && normal) add("priority", fmt::format("{} (static {})", int32_t(*prio), int32_t(*normal)));
  add("stack", task.stack.is_null() ? "" : fmt::format("{:x}-{:x}", task.stack.value, task.stack.value + kernel::thread_size(context.program())));
  add("mm", task.mm.is_null() ? fmt::format("none{}", task.is_kernel_thread ? ": a kernel thread" : "; it exits, or its memory cannot be read") : fmt::format("{:x}", task.mm.value));
  add("active_mm", hex(number({"active_mm"})));
  add("files", hex(number({"files"})));
  add("signal", hex(number({"signal"})));
  add("last run", last_run(context, view, task));
  return out;
}

}  // namespace

Result<std::string> task(const Context& context, const Words& words) {
  std::vector<std::string> rest = words.words, members;
  if (words.has('R')) {
    if (rest.empty()) return Error(ErrorCode::kUsage, "-R MEMBER,MEMBER [PID | TASK]: which members?");
    members = split_list(rest.front());
    rest.erase(rest.begin());
  }
  std::vector<const kernel::Task*> tasks;
  for (const auto& word : rest) {
    const auto* found = find_task(context, word);
    if (!found) return Error(ErrorCode::kNotFound, word + ": no such task");
    tasks.push_back(found);
  }
  if (rest.empty()) {
    const auto* found = crashed_task(context);
    if (!found) return Error(ErrorCode::kNotFound, "which task crashed is not known; name a PID or task");
    tasks.push_back(found);
  }
  object::PrintOptions options;
  options.hex = words.has('x');
  std::string out;
  for (const auto* t : tasks) {
    out += fmt::format("{}PID: {:<8} TASK: {:x}  CPU: {:<3}  COMMAND: \"{}\"\n", out.empty() ? "" : "\n", t->pid, t->address.value, t->running_on.value_or(t->cpu.value_or(-1)), t->comm);
    if (!words.has('R')) {
      out += summary(context, *t);
      continue;
    }
    TRY(const object::Type* type, aggregate(context, "task_struct", false));
    TRY(std::string text, value_text(object::Value(context.program(), type, t->address), members, options));
    out += text;
  }
  return out;
}

}  // namespace inquest::shell::commands_of
