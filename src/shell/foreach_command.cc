// foreach: bt of many tasks, on all cores.
#include <fmt/format.h>

#include <algorithm>

#include "base/worker_pool.h"
#include "shell/shell.h"

namespace inquest::shell::commands_of {

namespace {

// crash's selectors: several of one kind widen, of different kinds narrow.
struct Selection {
  bool kernel = false, user = false;
  std::vector<std::string> states, names;
  std::vector<int> pids;
  std::vector<uint64_t> addresses;

  bool holds(const kernel::Task& task) const {
    if (kernel != user && task.is_kernel_thread != kernel) return false;
    if (!states.empty() && std::find(states.begin(), states.end(), task.state) == states.end()) return false;
    if (names.empty() && pids.empty() && addresses.empty()) return true;
    return std::find(names.begin(), names.end(), task.comm) != names.end() || std::find(pids.begin(), pids.end(), task.pid) != pids.end() ||
           std::find(addresses.begin(), addresses.end(), task.address.value) != addresses.end();
  }

  // What no task is, in words; "" if each word is true of one.
  std::string missing(const kernel::TaskList& list) const {
    auto any = [&](auto&& is) { return std::any_of(list.tasks.begin(), list.tasks.end(), is) || std::any_of(list.idle.begin(), list.idle.end(), is); };
    std::string out;
    auto add = [&](const std::string& what) { out += (out.empty() ? "" : "; ") + what; };
    for (const auto& name : names)
      if (!any([&](const kernel::Task& t) { return t.comm == name; })) add("no task is called " + name);
    for (int pid : pids)
      if (!any([&](const kernel::Task& t) { return t.pid == pid; })) add(fmt::format("no task has the PID {}", pid));
    for (uint64_t address : addresses)
      if (!any([&](const kernel::Task& t) { return t.address.value == address; })) add(fmt::format("no task is at {:x}", address));
    for (const auto& state : states)
      if (!any([&](const kernel::Task& t) { return t.state == state; })) add("no task is in the state " + state);
    return out;
  }
};

// The words before the command.
Result<Selection> selection_of(const std::vector<std::string>& words, size_t count) {
  Selection s;
  for (size_t i = 0; i < count; i++) {
    const std::string& w = words[i];
    bool digits = std::all_of(w.begin(), w.end(), [](char c) { return c >= '0' && c <= '9'; });
    bool state = w.size() == 2 && std::all_of(w.begin(), w.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
    if (w == "kernel") s.kernel = true;
    else if (w == "user") s.user = true;
    else if (state) s.states.push_back(w);
    else if (digits && w.size() < 10) s.pids.push_back(std::atoi(w.c_str()));
    else if (auto address = parse_hex(w); address && w.size() >= 12) s.addresses.push_back(*address);
    else s.names.push_back(w);
  }
  return s;
}

}  // namespace

Result<std::string> foreach(const Context& context, const Words& words) {
  auto command = std::find(words.words.begin(), words.words.end(), "bt");
  if (command == words.words.end()) return Error(ErrorCode::kUsage, "foreach [kernel | user | STATE | PID | TASK | NAME]... bt: bt is the command it knows");
  TRY(Selection selection, selection_of(words.words, size_t(command - words.words.begin())));
  const auto& list = context.kernel->tasks();
  std::vector<const kernel::Task*> tasks;
  for (const auto* some : {&list.idle, &list.tasks})
    for (const auto& task : *some)
      if (selection.holds(task)) tasks.push_back(&task);
  std::string missing = selection.missing(list);
  if (tasks.empty()) return Error(ErrorCode::kNotFound, missing.empty() ? "no task is all of that" : missing);
  context.kernel->stacks();  // made before the threads need it
  std::vector<std::string> texts(tasks.size());
  parallel_for(tasks.size(), [&](size_t i, unsigned) { texts[i] = stack_of_task(context, *tasks[i], words); });
  std::string out;
  for (const auto& text : texts) out += text + "\n";
  return missing.empty() ? out : out + missing + "\n";
}

}  // namespace inquest::shell::commands_of
