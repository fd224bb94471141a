// Stacks of every task of the lab's dumps: each walk ends at a root or in user mode, the wild jump's caller is found, unwinding by rows and
// by code alone agree on every register, and two independent ways to the arguments of a call agree on every value.
// Prints one line a dump with the figures; exits 77 (skipped) where there are no dumps.
// usage: unwind_lab [--reasons] [--missing] [DUMP]...   DUMP: part of a dump's path; all without one. --reasons: why variables have no
// value, most frequent first, over all dumps asked for; --missing: each of them.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "kernel/kernel.h"
#include "unwind/frame_evaluator.h"

namespace fs = std::filesystem;
using namespace inquest;

namespace {

using Variable = std::tuple<uint64_t, std::string, std::string>;  // pc (a file's address, the same in every dump of a kernel), function, name

struct Figures {
  size_t tasks = 0, frames = 0, bad_ends = 0, agree = 0, differ = 0, registers = 0, registers_differ = 0, wild = 0, wild_lost = 0;
  std::set<Variable> variables, valued, recovered, earlier, partly;
  std::map<Variable, std::string> why_not;
};

struct Options {
  bool reasons = false, missing = false;
  std::vector<std::string> dumps;
};

using Key = std::tuple<int, size_t, uint64_t>;  // pid, frame, pc
using RegisterMap = std::map<Key, arch::Registers>;

Result<std::unique_ptr<kernel::Kernel>> open(const dump::Dump& dump, const std::vector<std::string>& places, LossLedger& ledger) {
  static const CacheFolder cache = CacheFolder::from_environment(getenv("INQUEST_CACHE"), getenv("XDG_CACHE_HOME"), getenv("HOME"));
  TRY(auto finder, debuginfo::Finder::make(places, false, &cache, ledger));
  kernel::OpenOptions options;
  options.debuginfo.cache = &cache;
  return kernel::Kernel::open(dump, finder, options, ledger);
}

// What the code of a function still keeps of its arguments against what the caller is known to have passed.
void compare_arguments(const object::Program& program, const unwind::Stack& stack, size_t frame, Figures& figures) {
  unwind::CallValues values(program, stack);
  unwind::FrameEvaluator evaluator(values, frame, false);
  for (uint8_t reg : program.arch().parameters) {
    std::byte expression{uint8_t(0x50 + reg)};  // DW_OP_reg
    evaluator.forget_notes();
    auto kept = values.at_entry(frame, reg);
    auto passed = evaluator.entry_value(Bytes(&expression, 1));
    if (!kept || !passed.ok() || evaluator.how().find("through the caller") == std::string::npos) continue;
    unsigned width = std::min(kept->width, evaluator.width());
    uint64_t mask = width >= 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * width)) - 1;
    bool same = (kept->value & mask) == (*passed & mask);
    (same ? figures.agree : figures.differ)++;
    if (!same) fmt::print("  frame {} at {:#x}: {} and {} differ\n", frame, stack.frames[frame].pc.value, kept->how, evaluator.how());
  }
}

void count_variables(const object::Program& program, unwind::VariableReader& variables, const unwind::Stack& stack, size_t frame, Figures& figures) {
  VirtualAddress pc = stack.frames[frame].pc;
  const object::LoadedFile* file = program.file_at(pc);
  uint64_t at = (file ? file->to_file(pc) : std::nullopt).value_or(pc.value);
  for (const auto& variable : variables.variables_of(frame)) {
    const auto& source = stack.frames[frame].source;
    std::string function = variable.source_index < source.size() ? source[variable.source_index].function : "";
    Variable key(at, function, variable.name);
    figures.variables.insert(key);
    if (variable.value) figures.valued.insert(key);
    else figures.why_not[key] = variable.why_not;
    if (variable.value && variable.basis == unwind::Basis::kCode) figures.recovered.insert(key);
    if (variable.value && variable.basis == unwind::Basis::kEarlier) figures.earlier.insert(key);
    if (variable.value && variable.partly) figures.partly.insert(key);
  }
}

void count_wild_jumps(const unwind::Stack& stack, Figures& figures) {
  for (size_t i = 0; i < stack.frames.size(); i++) {
    if (!stack.frames[i].garbage_pc) continue;
    figures.wild++;
    bool found = i + 1 < stack.frames.size() && stack.frames[i + 1].symbol && (stack.frames[i + 1].symbol->symbol.name == "rcu_do_batch" || stack.frames[i + 1].symbol->symbol.name == "rcu_core");  // where it may be inlined
    figures.wild_lost += !found;
  }
}

RegisterMap walk(const kernel::Kernel& kernel, Figures& figures, bool with_values) {
  RegisterMap seen;
  std::vector<kernel::Task> tasks = kernel.tasks().tasks;
  tasks.insert(tasks.end(), kernel.tasks().idle.begin(), kernel.tasks().idle.end());
  for (const auto& task : tasks) {
    auto context = kernel.stacks().context_of(task);
    if (!context.ok()) continue;  // exited: its stack is gone
    auto stack = kernel.unwinder().unwind(context->registers, context->pc_is_return);
    figures.tasks++;
    figures.frames += stack.frames.size();
    bool root = stack.reached_root() && stack.why.empty();
    figures.bad_ends += !root;
    if (!root) fmt::print("  pid {} {}: {} {}\n", task.pid, task.comm, unwind::name_of(stack.end), stack.why);
    count_wild_jumps(stack, figures);
    unwind::VariableReader variables(kernel.program(), stack);
    for (size_t i = 0; i < stack.frames.size(); i++) {
      seen[{task.pid ? task.pid : -1 - task.cpu.value_or(0), i, stack.frames[i].pc.value}] = stack.frames[i].registers;
      if (with_values) compare_arguments(kernel.program(), stack, i, figures);
      if (with_values) count_variables(kernel.program(), variables, stack, i, figures);
    }
  }
  return seen;
}

void compare_registers(const arch::Arch& arch, const RegisterMap& by_rows, const RegisterMap& by_code, Figures& figures) {
  for (const auto& [key, registers] : by_rows) {
    auto other = by_code.find(key);
    if (other == by_code.end()) continue;
    for (uint8_t reg : arch.callee_saved) {
      auto a = registers.get(reg), b = other->second.get(reg);
      figures.registers += a && b;
      figures.registers_differ += a && b && *a != *b;
    }
  }
}

// "register rax is not known here" and "register rdx is not known here" are one reason.
std::string general(const std::string& reason) {
  std::string out;
  for (size_t at = 0; at < reason.size();) {
    size_t end = std::min(reason.find(' ', at), reason.size());
    std::string word = reason.substr(at, end - at);
    std::string_view bare = std::string_view(word).substr(0, word.find_first_of(":,"));
    bool number = !word.empty() && (word[0] == '-' || (word[0] >= '0' && word[0] <= '9'));
    if (number || (out.size() >= 2 && (out.ends_with("register ") || out.ends_with("value of ") || out.ends_with("slot ")))) word.replace(0, bare.size(), "*");
    out += word + (end < reason.size() ? " " : "");
    at = end + 1;
  }
  return out;
}

void tell_reasons(const Options& options, const std::map<Variable, std::string>& why_not) {
  std::map<std::string, size_t> counts;
  for (const auto& [key, reason] : why_not) counts[general(reason)]++;
  std::vector<std::pair<size_t, std::string>> sorted;
  for (const auto& [reason, count] : counts) sorted.emplace_back(count, reason);
  std::sort(sorted.rbegin(), sorted.rend());
  if (options.reasons)
    for (const auto& [count, reason] : sorted) fmt::print("{:>6}  {}\n", count, reason);
  if (!options.missing) return;
  for (const auto& [key, reason] : why_not) fmt::print("  {:#x} {} {}: {}\n", std::get<0>(key), std::get<1>(key), std::get<2>(key), reason);
}

std::string variables_text(const Figures& f) {
  size_t unset = std::count_if(f.why_not.begin(), f.why_not.end(), [](const auto& one) { return one.second == "not set yet"; });
  return fmt::format("{} of {} variables ({:.1f} %; {} recovered beyond DWARF, {} last known earlier, {} known in part; {} not set yet)", f.valued.size(), f.variables.size(),
                     100.0 * double(f.valued.size()) / double(std::max<size_t>(f.variables.size(), 1)), f.recovered.size(), f.earlier.size(), f.partly.size(), unset);
}

void add(const Figures& one, Figures& total) {
  for (auto [from, to] : {std::pair{&one.variables, &total.variables}, {&one.valued, &total.valued}, {&one.recovered, &total.recovered}, {&one.earlier, &total.earlier},
                          {&one.partly, &total.partly}})
    to->insert(from->begin(), from->end());
  total.why_not.insert(one.why_not.begin(), one.why_not.end());
  for (const auto& key : total.valued) total.why_not.erase(key);
}

bool check(const fs::path& vmcore, const fs::path& debug, const Options& options, Figures& total) {
  LossLedger ledger;
  auto dump = dump::Dump::open({vmcore.string()}, ledger);
  if (!dump.ok()) return fmt::print("{}: {}\n", vmcore.string(), dump.error().message()), false;
  auto full = open(*dump, {debug.string()}, ledger);
  if (!full.ok()) return fmt::print("{}: {}\n", vmcore.string(), full.error().message()), false;
  Figures figures, bare_figures;
  RegisterMap by_rows = walk(**full, figures, true);
  if (auto bare = open(*dump, {}, ledger); bare.ok() && !(*bare)->tasks().tasks.empty())
    compare_registers((*full)->program().arch(), by_rows, walk(**bare, bare_figures, false), figures);
  for (const auto& key : figures.valued) figures.why_not.erase(key);
  fmt::print("{}: {} tasks, {} frames, {} bad ends ({} without debuginfo), {} of {} wild jumps lost, {} registers the same by code, {} not; "
             "{} arguments agree, {} not; {}\n",
             fs::path(vmcore).lexically_relative(debug.parent_path().parent_path()).string(), figures.tasks, figures.frames, figures.bad_ends,
             bare_figures.bad_ends, figures.wild_lost, figures.wild, figures.registers, figures.registers_differ, figures.agree, figures.differ, variables_text(figures));
  add(figures, total);
  tell_reasons(options, figures.why_not);
  bool crashed = vmcore.string().find("stid_race") != std::string::npos;
  return figures.bad_ends == 0 && bare_figures.bad_ends == 0 && figures.wild_lost == 0 && figures.differ == 0 && figures.registers_differ == 0 &&
         figures.tasks >= 20 && (!crashed || figures.wild > 0);
}

Options options_of(int count, char** words) {
  Options options;
  for (std::string_view word : std::vector<std::string_view>(words + 1, words + count)) {
    if (word == "--reasons") options.reasons = true;
    else if (word == "--missing") options.missing = true;
    else options.dumps.emplace_back(word);
  }
  return options;
}

}  // namespace

int main(int count, char** words) {
  const Options options = options_of(count, words);
  const char* lab = getenv("INQUEST_LAB");
  const char* home = getenv("HOME");
  fs::path root = lab ? fs::path(lab) : fs::path(home ? home : "/root") / ".cache/inquest-lab";
  bool any = false, good = true;
  std::error_code ignored;
  for (const auto& kernel : fs::directory_iterator(root, ignored)) {
    Figures total;
    for (const char* form : {"stid_race/elf", "stid_race/elf-pac", "stid_race/kdump-lzo31", "null_member/elf", "healthy/elf"}) {
      fs::path vmcore = kernel.path() / "dumps" / form / "vmcore";
      if (!fs::exists(vmcore, ignored) || !fs::exists(kernel.path() / "debug", ignored)) continue;
      bool wanted = options.dumps.empty();
      for (const std::string& part : options.dumps) wanted = wanted || vmcore.string().find(part) != std::string::npos;
      if (!wanted) continue;
      any = true;
      good = check(vmcore, kernel.path() / "debug", options, total) && good;
    }
    if (!total.variables.empty()) fmt::print("{}, all dumps: {}\n", kernel.path().filename().string(), variables_text(total));
  }
  if (!any) return 77;
  return good ? 0 : 1;
}
