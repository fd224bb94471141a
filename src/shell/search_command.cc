// search: a value in every stored page.
#include <fmt/format.h>

#include <algorithm>

#include "kernel/memory_search.h"
#include "shell/shell.h"

namespace inquest::shell::commands_of {

namespace {

const kernel::Task* task_of(const Context& context, const std::string& word) {
  const auto& list = context.kernel->tasks();
  if (word.empty()) {
    const auto& crashed = context.scene->crashed();
    return crashed && crashed->pid ? list.find_pid(*crashed->pid) : nullptr;
  }
  if (std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; }))
    if (const auto* task = list.find_pid(std::atoi(word.c_str()))) return task;
  auto address = parse_hex(word);
  return address ? list.find(VirtualAddress(*address)) : nullptr;
}

}  // namespace

Result<std::string> search(const Context& context, const Words& words) {
  std::vector<std::string> rest = words.words;
  dump::WordSearch wanted;
  if (words.has('m')) {
    auto mask = rest.empty() ? std::nullopt : parse_hex(rest.front());
    if (!mask) return Error(ErrorCode::kUsage, "-m MASK: the bits that do not matter, hexadecimal");
    wanted.ignored = *mask;
    rest.erase(rest.begin());
  }
  if (rest.empty()) return Error(ErrorCode::kUsage, "which value?");
  TRY(wanted.value, parse_address(context, rest.front()));
  const kernel::Task* user = nullptr;
  if (words.has('u')) {
    user = task_of(context, rest.size() > 1 ? rest[1] : "");
    if (!user) return Error(ErrorCode::kNotFound, rest.size() > 1 ? rest[1] + ": no such task" : "whose memory? the crashed task is not known: search -u VALUE PID");
  }
  TRY(kernel::FoundWords found, kernel::find_words(context.program(), wanted, user));
  auto bytes_at = [&](PhysicalAddress at) { return context.program().memory().physical().read_u64(at).value_or(wanted.value); };
  auto line = [&](uint64_t at, const kernel::FoundWord& w, const char* note) { return fmt::format("{:x}: {:x}{}\n", at, bytes_at(w.physical), note); };
  std::string out, unnamed;
  std::vector<kernel::FoundWord> by_address = found.words;
  if (!words.has('p'))
    std::stable_sort(by_address.begin(), by_address.end(), [](const auto& a, const auto& b) { return a.address.value_or(VirtualAddress(0)) < b.address.value_or(VirtualAddress(0)); });
  for (const auto& w : by_address) {
    if (words.has('p')) out += line(w.physical.value, w, "");
    else if (w.address) out += line(w.address->value, w, "");
    else unnamed += line(w.physical.value, w, "  (a physical address: no kernel mapping of it was found)");
  }
  out += unnamed;
  if (found.found > found.words.size() && !user) out += fmt::format("{} more are not shown\n", found.found - found.words.size());
  if (!found.note.empty() && !unnamed.empty()) out += found.note + "\n";
  return out;
}

}  // namespace inquest::shell::commands_of
