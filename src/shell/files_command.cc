// files: what a task has open.
#include <fmt/format.h>

#include "kernel/open_files.h"
#include "shell/shell.h"

namespace inquest::shell::commands_of {

namespace {

std::string files_text(const Context& context, const kernel::Task& task) {
  auto open = kernel::read_open_files(context.program(), task.address);
  std::string out = fmt::format("PID: {:<8} TASK: {:x}  CPU: {:<3}  COMMAND: \"{}\"\n", task.pid, task.address.value, task.running_on.value_or(task.cpu.value_or(-1)), task.comm);
  out += fmt::format("ROOT: {}    CWD: {}\n", open.root.empty() ? "(not known)" : open.root, open.current.empty() ? "(not known)" : open.current);
  if (!open.files.empty()) out += fmt::format("{:>4} {:^16} {:^16} {:^16} {:<4} {}\n", "FD", "FILE", "DENTRY", "INODE", "TYPE", "PATH");
  for (const auto& f : open.files)
    out += fmt::format("{:>4} {:16x} {:16x} {:16x} {:<4} {}\n", f.fd, f.file.value, f.dentry.value, f.inode.value, kernel::file_type(f.mode), f.path.empty() ? "(not known)" : f.path);
  if (!open.problem.empty()) out += open.problem + "\n";
  else if (open.files.empty()) out += "no open files\n";
  return out;
}

}  // namespace

Result<std::string> files(const Context& context, const Words& words) {
  if (words.words.empty()) {
    const auto* task = crashed_task(context);
    if (!task) return Error(ErrorCode::kNotFound, "which task crashed is not known; name a PID or task");
    return files_text(context, *task);
  }
  std::string out;
  for (const auto& word : words.words) {
    const auto* task = find_task(context, word);
    if (!task) return Error(ErrorCode::kNotFound, word + ": no such task");
    out += (out.empty() ? "" : "\n") + files_text(context, *task);
  }
  return out;
}

}  // namespace inquest::shell::commands_of
