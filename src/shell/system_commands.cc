// sys, log, mod, ps, bt: the machine, its log, its tasks and their stacks.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "shell/shell.h"

namespace inquest::shell::commands_of {

namespace {

std::string uptime_text(double seconds) {
  auto s = uint64_t(seconds);
  return (s >= 86400 ? fmt::format("{} days, ", s / 86400) : "") + fmt::format("{:02}:{:02}:{:02}", s / 3600 % 24, s / 60 % 60, s % 60);
}

std::string memory_text(uint64_t bytes) {
  if (bytes >= (uint64_t{1} << 40)) return fmt::format("{:.1f} TB", double(bytes) / double(uint64_t{1} << 40));
  if (bytes >= (uint64_t{1} << 30)) return fmt::format("{:.1f} GB", double(bytes) / double(uint64_t{1} << 30));
  return fmt::format("{} MB", bytes >> 20);
}

std::string source_lines(const scene::FrameView& f, bool lines) {
  std::string out;
  if (lines && !f.source.empty() && f.source.back().line) out += fmt::format("    {}: {}\n", f.source.back().file, f.source.back().line);
  return out;
}

std::string variable_line(const scene::FrameView::Local& v) {
  std::string value = v.value.empty() ? "<" + v.why_not + ">" : v.value + (v.recovered ? "  (recovered: " + v.how + ")" : "");
  return fmt::format("       {}{} {} = {}\n", v.parameter ? "parameter " : "", v.type, v.name, value);
}

std::string frame_text(const Context& context, const unwind::Stack& stack, size_t i, const Words& words, unwind::VariableReader& variables) {
  const auto& raw = stack.frames[i];
  scene::FrameView f = scene::frame_view(context.program(), stack, i, words.has('v') ? &variables : nullptr);
  std::string out;
  auto sp = raw.registers.get(context.program().arch().sp);
  std::string where = sp ? fmt::format("[{:x}]", *sp) : "[?]";
  // Inlined functions stand above the one they were compiled into, without an address of their own, each with its own variables.
  std::vector<bool> told(f.locals.size());
  for (size_t k = 0; k + 1 < f.source.size(); k++) {
    out += fmt::format("     {} (inlined) {}\n", std::string(where.size(), ' '), f.source[k].function);
    if (words.has('l') && f.source[k].line) out += fmt::format("    {}: {}\n", f.source[k].file, f.source[k].line);
    for (size_t v = 0; v < f.locals.size(); v++) {
      if (told[v] || f.locals[v].function != f.source[k].function) continue;
      told[v] = true;
      out += variable_line(f.locals[v]);
    }
  }
  std::string name = f.symbol.empty() ? fmt::format("{:x}", f.address) : f.symbol;
  std::string notes;
  if (f.garbage) notes += "  (no code: a wild jump)";
  if (f.user) notes += "  (user)";
  if (f.interrupted) notes += "  (interrupted)";
  if (f.tail_calls_missing) notes += "  (tail calls above)";
  if (raw.trust == unwind::Trust::kScan) notes += "  (a guess)";
  out += fmt::format("{:>3} {} {} at {:x}{}{}\n", fmt::format("#{}", i), where, name, f.address, f.module.empty() ? "" : " [" + f.module + "]", notes);
  out += source_lines(f, words.has('l'));
  for (size_t v = 0; v < f.locals.size(); v++)
    if (!told[v]) out += variable_line(f.locals[v]);
  return out;
}

std::string task_header(const kernel::Task* task, std::optional<int> cpu) {
  if (!task) return fmt::format("CPU: {}\n", cpu.value_or(-1));
  return fmt::format("PID: {:<8} TASK: {:x}  CPU: {:<3}  COMMAND: \"{}\"\n", task->pid, task->address.value, cpu ? *cpu : task->cpu.value_or(-1), task->comm);
}

std::string stack_text(const Context& context, const kernel::Task* task, std::optional<int> cpu, const Words& words) {
  std::string out = task_header(task, cpu);
  Result<kernel::Stacks::Context> from = cpu ? context.kernel->stacks().running(*cpu) : context.kernel->stacks().context_of(*task);
  if (!from.ok()) return out + "  no stack: " + from.error().message() + "\n";
  auto stack = context.kernel->unwinder().unwind(from->registers, from->pc_is_return);
  unwind::VariableReader variables(context.program(), stack);
  for (size_t i = 0; i < stack.frames.size(); i++) out += frame_text(context, stack, i, words, variables);
  if (!stack.reached_root()) out += fmt::format("  the stack could not be followed further: {}\n", stack.why);
  return out;
}

// `mod -s NAME FILE` as crash users type it: debuginfo is found by build ID already, so the file is only held against the module.
Result<void> check_module_file(const Context& context, const std::string& name, const std::string& path) {
  TRY(MappedFile file, MappedFile::open(path));
  TRY(debuginfo::FileIdentity identity, debuginfo::identify_file(file.bytes(), path));
  for (const auto& m : context.kernel->modules()) {
    if (m.name != name) continue;
    if (!m.build_id.empty() && !identity.build_id.empty() && m.build_id != identity.build_id)
      return Error(ErrorCode::kMismatch, fmt::format("{} is of another build: its build ID is {}, the loaded module's {}", path, identity.build_id, m.build_id));
    const auto* loaded = context.program().file(name);
    if (loaded && loaded->debug_file()) return {};
    return Error(ErrorCode::kUsage, fmt::format("{} fits; start with -d {} to use it", path, path));
  }
  return {};
}

}  // namespace

const kernel::Task* find_task(const Context& context, const std::string& word) {
  const auto& list = context.kernel->tasks();
  bool digits = std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (digits)
    if (const auto* t = list.find_pid(std::atoi(word.c_str()))) return t;
  if (auto address = parse_hex(word)) return list.find(VirtualAddress(*address));
  return nullptr;
}

const kernel::Task* crashed_task(const Context& context) {
  const auto& list = context.kernel->tasks();
  const auto& crashed = context.scene->crashed();
  if (!crashed) return nullptr;
  if (crashed->cpu && size_t(*crashed->cpu) < list.current.size())
    if (const auto* t = list.find(list.current[size_t(*crashed->cpu)])) return t;
  return crashed->pid ? list.find_pid(*crashed->pid) : nullptr;
}

std::string stack_of_task(const Context& context, const kernel::Task& task, const Words& words) {
  return stack_text(context, &task, task.running_on, words);
}

Result<std::string> sys(const Context& context, const Words&) {
  const auto& s = context.kernel->system();
  std::string out;
  auto add = [&](const char* name, const std::string& value) { out += fmt::format("{:>12}: {}\n", name, value.empty() ? "(unknown)" : value); };
  add("KERNEL", s.kernel);
  std::string dumps;
  for (const auto& path : context.program().dump().paths()) dumps += (dumps.empty() ? "" : " ") + path;
  const auto& facts = context.program().dump().facts();
  add("DUMPFILE", dumps + (facts.partial ? "  [PARTIAL DUMP]" : "") + (facts.incomplete ? "  [INCOMPLETE]" : ""));
  add("CPUS", s.cpus ? fmt::format("{}{}", *s.cpus, s.cpus_offline.value_or(0) ? fmt::format(" [OFFLINE: {}]", *s.cpus_offline) : "") : "");
  add("DATE", s.date ? fmt::format("{:%a %b %e %T} UTC {:%Y}", fmt::gmtime(std::time_t(*s.date)), fmt::gmtime(std::time_t(*s.date))) : "");
  add("UPTIME", s.uptime_seconds ? uptime_text(*s.uptime_seconds) : "");
  add("LOAD AVERAGE", s.load_average ? fmt::format("{:.2f}, {:.2f}, {:.2f}", (*s.load_average)[0], (*s.load_average)[1], (*s.load_average)[2]) : "");
  add("TASKS", s.tasks ? fmt::format("{}", *s.tasks) : "");
  add("NODENAME", s.nodename);
  add("RELEASE", s.release);
  add("VERSION", s.version);
  add("MACHINE", s.machine);
  add("MEMORY", s.memory_bytes ? memory_text(*s.memory_bytes) : "");
  add("PANIC", s.panic.empty() ? "" : "\"" + s.panic + "\"");
  return out;
}

Result<std::string> log(const Context& context, const Words& words) {
  const auto& log = context.kernel->log();
  if (!log.ok()) return Error(log.error());
  return log->text(words.has('l') || words.has('m'));
}

Result<std::string> mod(const Context& context, const Words& words) {
  std::string wanted = words.has('s') && !words.words.empty() ? words.words.front() : "";
  if (words.words.size() > 1) {
    TRY_VOID(check_module_file(context, wanted, words.words[1]));
  }
  std::string out = fmt::format("{:^16}  {:<20}  {:^16}  {:>8}  {}\n", "MODULE", "NAME", "TEXT_BASE", "SIZE", "OBJECT FILE");
  bool any = false;
  for (const auto& m : context.kernel->modules()) {
    if (!wanted.empty() && m.name != wanted) continue;
    any = true;
    const auto* file = context.program().file(m.name);
    bool load = !wanted.empty() || words.has('S');
    std::string object = load && file && file->debug_file() ? file->debug_file()->path()
                         : load && file                     ? "(no debuginfo: " + file->debug().why_not + ")"
                         : m.debuginfo.empty()              ? "(looked for when first needed)"
                                                            : m.debuginfo;
    out += fmt::format("{:16x}  {:<20}  {:16x}  {:>8}  {}\n", m.module.value, m.name, m.base.value, m.size, object);
  }
  if (!wanted.empty() && !any) return Error(ErrorCode::kNotFound, "no such module was loaded: " + wanted);
  return out;
}

Result<std::string> ps(const Context& context, const Words& words) {
  const auto& list = context.kernel->tasks();
  double memory = double(context.kernel->system().memory_bytes.value_or(0));
  uint64_t page = context.program().layout().format.page_size();
  std::string out = "      PID    PPID  CPU       TASK        ST  %MEM      VSZ      RSS  COMM\n";
  auto row = [&](const kernel::Task& t) {
    if (words.has('k') && !t.is_kernel_thread) return;
    if (words.has('u') && t.is_kernel_thread) return;
    if (!words.words.empty() && std::none_of(words.words.begin(), words.words.end(), [&](const std::string& w) { return w == t.comm || w == std::to_string(t.pid) || parse_hex(w) == t.address.value; }))
      return;
    uint64_t rss = t.rss_pages.value_or(0) * page;
    std::string comm = t.is_kernel_thread || t.is_idle ? "[" + t.comm + "]" : t.comm;
    out += fmt::format("{} {:>7} {:>7} {:>4}  {:16x}  {}  {:>4.1f} {:>8} {:>8}  {}\n", t.running_on ? '>' : ' ', t.pid, t.parent_pid, t.cpu.value_or(-1), t.address.value, t.state,
                       memory > 0 ? double(rss) * 100 / memory : 0.0, t.vm_bytes.value_or(0) >> 10, rss >> 10, comm);
  };
  for (const auto& t : list.idle) row(t);
  for (const auto& t : list.tasks) row(t);
  if (!list.note.empty()) out += "note: " + list.note + "\n";
  return out;
}

Result<std::string> bt(const Context& context, const Words& words) {
  const auto& list = context.kernel->tasks();
  std::string out;
  if (words.has('a')) {
    for (size_t cpu = 0; cpu < list.current.size(); cpu++) {
      if (list.current[cpu].is_null()) continue;
      out += (out.empty() ? "" : "\n") + stack_text(context, list.find(list.current[cpu]), int(cpu), words);
    }
    return out;
  }
  if (words.words.empty()) {
    auto cpu = context.scene->crashed() ? context.scene->crashed()->cpu : std::nullopt;
    if (!cpu) return Error(ErrorCode::kNotFound, "which CPU crashed is not known; name a PID or task, or use -a");
    const auto* task = size_t(*cpu) < list.current.size() ? list.find(list.current[size_t(*cpu)]) : nullptr;
    return stack_text(context, task, cpu, words);
  }
  for (const auto& w : words.words) {
    const auto* task = find_task(context, w);
    if (!task) return Error(ErrorCode::kNotFound, w + ": no such task");
    out += (out.empty() ? "" : "\n") + stack_text(context, task, task->running_on, words);
  }
  return out;
}

}  // namespace inquest::shell::commands_of
