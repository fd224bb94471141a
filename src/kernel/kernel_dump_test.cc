// The whole room on the lab's real dumps: what each dump's truth.json and serial.log say must be what the readers find.
// The lab is at $INQUEST_LAB or ~/.cache/inquest-lab; without it these tests are skipped.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "kernel/kernel.h"
#include "kernel/kernel_view.h"

namespace inquest::kernel {
namespace {

namespace fs = std::filesystem;

std::string read_whole(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Enough of JSON for truth.json: the value behind `"key":`, a string without its quotes or the bare word.
std::optional<std::string> json_value(const std::string& json, const std::string& key) {
  size_t at = json.find("\"" + key + "\":");
  if (at == std::string::npos) return std::nullopt;
  at = json.find_first_not_of(' ', at + key.size() + 3);
  if (json[at] == '"') {
    std::string value;
    for (at++; at < json.size() && json[at] != '"'; at++) value += json[at] == '\\' ? json[++at] : json[at];
    return value;
  }
  std::string word = json.substr(at, json.find_first_of(",\n}", at) - at);
  return word == "null" ? std::nullopt : std::optional(word);
}
std::vector<std::string> json_words(const std::string& json, const std::string& key) {
  std::vector<std::string> words;
  size_t at = json.find("\"" + key + "\": ["), end = json.find(']', at);
  if (at == std::string::npos) return words;
  for (at = json.find('[', at); (at = json.find('"', at)) < end; at++) {
    size_t close = json.find('"', at + 1);
    words.push_back(json.substr(at + 1, close - at - 1));
    at = close;
  }
  return words;
}

std::vector<std::string> lab_dumps() {
  const char* lab = getenv("INQUEST_LAB");
  const char* home = getenv("HOME");
  fs::path root = lab ? fs::path(lab) : fs::path(home ? home : "/root") / ".cache/inquest-lab";
  std::vector<std::string> found;
  std::error_code ignored;
  // The reference cases; the casebook's crashes have damaged memory on purpose, which INQUEST_LAB_ALL=1 takes in.
  bool all = getenv("INQUEST_LAB_ALL") != nullptr;
  for (const auto& kernel : fs::directory_iterator(root, ignored))
    for (const auto& one_case : fs::directory_iterator(kernel.path() / "dumps", ignored)) {
      if (!all && !fs::exists(fs::path(INQUEST_SOURCE_DIR) / "lab/cases" / one_case.path().filename(), ignored)) continue;
      for (const auto& form : fs::directory_iterator(one_case.path(), ignored))
        if (fs::exists(form.path() / "truth.json", ignored)) found.push_back(form.path().string());
    }
  std::sort(found.begin(), found.end());
  return found;
}

class KernelDump : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    folder_ = GetParam();
    if (folder_.empty()) GTEST_SKIP() << "no lab dumps here";
    truth_ = read_whole(folder_ / "truth.json");
    std::vector<std::string> paths;
    for (const auto& file : fs::directory_iterator(folder_))
      if (file.path().filename().string().starts_with("vmcore")) paths.push_back(file.path().string());
    std::sort(paths.begin(), paths.end());
    auto dump = dump::Dump::open(paths, ledger_);
    ASSERT_TRUE(dump.ok()) << dump.error().message();
    dump_ = std::make_unique<dump::Dump>(std::move(*dump));
    auto finder = debuginfo::Finder::make({(folder_.parent_path().parent_path().parent_path() / "debug").string()}, false, &cache_, ledger_);
    ASSERT_TRUE(finder.ok()) << finder.error().message();
    finder_ = std::make_unique<debuginfo::Finder>(std::move(*finder));
    OpenOptions options;
    options.debuginfo.cache = &cache_;
    auto kernel = Kernel::open(*dump_, *finder_, options, ledger_);
    ASSERT_TRUE(kernel.ok()) << kernel.error().message();
    kernel_ = std::move(*kernel);
  }
  std::string truth(const std::string& key) const { return json_value(truth_, key).value_or(""); }
  uint64_t number(const std::string& key) const { return strtoull(truth(key).c_str(), nullptr, 0); }

  fs::path folder_;
  std::string truth_;
  CacheFolder cache_ = CacheFolder::from_environment(getenv("INQUEST_CACHE"), getenv("XDG_CACHE_HOME"), getenv("HOME"));
  LossLedger ledger_;
  std::unique_ptr<dump::Dump> dump_;
  std::unique_ptr<debuginfo::Finder> finder_;
  std::unique_ptr<Kernel> kernel_;
};

TEST_P(KernelDump, SystemFacts) {
  const SystemFacts& s = kernel_->system();
  EXPECT_EQ(s.release, truth("release"));
  EXPECT_EQ(s.nodename, truth("nodename"));
  EXPECT_EQ(s.machine, truth("arch"));
  EXPECT_NE(truth("version").find(s.version), std::string::npos) << s.version;
  EXPECT_EQ(s.cpus, int(number("cpus")));
  ASSERT_TRUE(s.memory_bytes.has_value());
  EXPECT_LE(*s.memory_bytes, number("memory_bytes"));
  EXPECT_GT(*s.memory_bytes, number("memory_bytes") - (uint64_t{8} << 20));
  ASSERT_TRUE(s.uptime_seconds && s.load_average);
  // The lab's 64K-page kernel has no clock driver: it began at 1970, and the crash may have come before the first second was full.
  bool has_clock = truth("release").find("64k") == std::string::npos;
  if (has_clock) {
    EXPECT_GT(s.date.value_or(0), 1700000000);
  } else {
    EXPECT_LT(s.date.value_or(0), 600);
  }
  EXPECT_TRUE(*s.uptime_seconds > 0.5 && *s.uptime_seconds < 600) << *s.uptime_seconds;
  EXPECT_EQ(s.oops_line, truth("oops"));
  EXPECT_EQ(s.panic_line, truth("panic"));
  if (json_value(truth_, "oops") || json_value(truth_, "panic")) {
    EXPECT_NE(s.panic, "");
    EXPECT_TRUE(s.crashing_cpu.has_value());
  }
  EXPECT_EQ(s.tasks, kernel_->tasks().tasks.size());
}

TEST_P(KernelDump, EveryTask) {
  const TaskList& list = kernel_->tasks();
  ASSERT_TRUE(list.nr_threads.has_value());
  // makedumpfile 1.7.2 does not know 6.10's page types and leaves slab pages of such kernels out: then the loss must be said.
  bool filtered = list.note.find("filtered") != std::string::npos && kernel_->program().dump().facts().dump_level == 31;
  if (!filtered) {
    EXPECT_EQ(list.note, "");
    EXPECT_EQ(list.tasks.size(), *list.nr_threads);
  }
  if (truth("tasks_exact") == "true" && !filtered) {
    EXPECT_EQ(list.tasks.size(), number("tasks"));
  }
  EXPECT_EQ(list.idle.size(), number("cpus"));
  const Task* init = list.find_pid(1);
  ASSERT_NE(init, nullptr);
  EXPECT_EQ(init->parent_pid, 0);
  EXPECT_FALSE(init->is_kernel_thread);
  EXPECT_GT(init->rss_pages.value_or(0), 0u);
  const Task* kthreadd = list.find_pid(2);
  ASSERT_NE(kthreadd, nullptr);
  EXPECT_EQ(kthreadd->comm, "kthreadd");
  EXPECT_TRUE(kthreadd->is_kernel_thread);
  std::set<int> running;
  for (const auto* tasks : {&list.tasks, &list.idle})
    for (const Task& t : *tasks) {
      EXPECT_NE(t.state, "??") << t.comm;
      if (t.running_on) running.insert(*t.running_on);
    }
  EXPECT_EQ(running.size(), number("cpus"));
}

// Lines of the console that a kernel printed with a time stamp. In a kdump form the capture kernel's own log follows: not ours.
std::vector<std::string> console_lines(const std::string& serial) {
  std::vector<std::string> lines;
  std::istringstream stream(serial);
  std::string line;
  int kernels = 0;
  while (std::getline(stream, line)) {
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.pop_back();
    if (line.size() < 15 || line[0] != '[' || line.find("] ") == std::string::npos || !isdigit(line[11])) continue;
    if (line.find("] Booting Linux on physical CPU ") != std::string::npos && kernels == 1) break;
    if (line.find("] Linux version ") != std::string::npos && ++kernels > 1) break;
    lines.push_back(line);
  }
  return lines;
}

TEST_P(KernelDump, TheLogHoldsEveryConsoleLine) {
  ASSERT_TRUE(kernel_->log().ok()) << kernel_->log().error().message();
  const LogText& log = *kernel_->log();
  EXPECT_EQ(log.note, "");
  EXPECT_EQ(log.lost, 0u);
  std::set<std::string> have;
  std::istringstream stream(log.text());
  for (std::string line; std::getline(stream, line);) have.insert(line);
  std::vector<std::string> lines = console_lines(read_whole(folder_ / "serial.log"));
  EXPECT_GT(lines.size(), 100u);
  for (const std::string& line : lines) {
    // What user space writes to /dev/console may run into a line; the stop of the others is printed after the dump was taken.
    if (have.contains(line) || line.find("lab:") != std::string::npos) continue;
    ADD_FAILURE() << "not in the log: " << line;
  }
}

TEST_P(KernelDump, Modules) {
  std::set<std::string> names;
  for (const LoadedModule& m : kernel_->modules()) {
    names.insert(m.name);
    EXPECT_EQ(m.state, "live") << m.name;
    EXPECT_EQ(m.build_id.size(), 40u) << m.name;
    EXPECT_GT(m.sections.size(), 5u) << m.name;
    EXPECT_GT(m.text_size, 0u) << m.name;
    EXPECT_EQ(m.why_no_debuginfo, "") << m.name;
    const object::LoadedFile* file = kernel_->program().file(m.name);
    ASSERT_NE(file, nullptr);
    EXPECT_GT(file->memory_symbols().size(), 0u) << m.name;
    ASSERT_NE(file->debug_file(), nullptr) << file->debug().why_not;
    // The symbols in memory and those of the file, put in place, must agree.
    int agree = 0, differ = 0;
    for (const object::MemorySymbol& s : file->memory_symbols()) {
      auto in_file = file->debug_file()->find_symbols(s.name);
      if (in_file.size() != 1) continue;
      auto at = file->to_runtime(in_file[0].address);
      if (!at) continue;
      (*at == s.address ? agree : differ)++;
    }
    EXPECT_GT(agree, 0) << m.name;
    EXPECT_EQ(differ, 0) << m.name;
  }
  for (const std::string& name : json_words(truth_, "modules")) EXPECT_TRUE(names.contains(name)) << name;
}

TEST_P(KernelDump, TheNodeIsAFreeSlabObject) {
  if (!truth("case").starts_with("stid_race") || number("node") == 0) GTEST_SKIP() << "another crash";
  uint64_t node = number("node"), inside = number("private_list");
  auto object = kernel_->slab().object_at(VirtualAddress(inside));
  ASSERT_TRUE(object.ok()) << object.error().message();
  EXPECT_EQ(object->cache.name, "radix_tree_node");
  EXPECT_EQ(object->start.value, node);
  EXPECT_EQ(object->offset, number("private_list_offset"));
  ASSERT_TRUE(object->free.has_value()) << object->free_how;
  EXPECT_TRUE(*object->free) << object->free_how;
  EXPECT_TRUE(object->cache.has_constructor);
}

TEST_P(KernelDump, AddressesOfOtherThingsAreNoSlabObjects) {
  KernelView view(kernel_->program());
  auto text = view.symbol("_stext");
  ASSERT_TRUE(text.has_value());
  EXPECT_FALSE(kernel_->slab().object_at(*text).ok());
  EXPECT_FALSE(kernel_->slab().object_at(VirtualAddress(0x1000)).ok());
  for (const Task& t : kernel_->tasks().tasks) {
    auto object = kernel_->slab().object_at(t.address);
    ASSERT_TRUE(object.ok()) << object.error().message();
    EXPECT_EQ(object->cache.name, "task_struct");
    EXPECT_EQ(object->start, t.address);
    EXPECT_EQ(object->free, false) << t.comm << ": " << object->free_how;
  }
}

TEST_P(KernelDump, EveryTaskHasAContextOnItsOwnStack) {
  const TaskList& list = kernel_->tasks();
  const Stacks& stacks = kernel_->stacks();
  const arch::Arch& arch = kernel_->program().arch();
  for (const auto* tasks : {&list.tasks, &list.idle})
    for (const Task& t : *tasks) {
      auto context = stacks.context_of(t);
      if (t.stack.is_null()) {  // a zombie
        EXPECT_FALSE(context.ok());
        continue;
      }
      ASSERT_TRUE(context.ok()) << t.comm << ": " << context.error().message();
      // In a case of a stack overflow the canary at its end may be gone, and only there.
      bool overflows = folder_.string().find("stack_overflow") != std::string::npos && t.running_on;
      EXPECT_TRUE(overflows || stacks.stack_end_intact(t) == true) << t.comm;
      if (context->user) continue;
      uint64_t sp = context->registers.get(arch.sp).value_or(0);
      auto bounds = stacks.find(VirtualAddress(sp));
      ASSERT_TRUE(bounds.has_value()) << t.comm << " " << std::hex << sp;
      if (t.running_on) continue;  // may be on an IRQ or exception stack, at a wild pc
      EXPECT_EQ(bounds->task, t.address) << t.comm << " is on the " << bounds->name;
      EXPECT_TRUE(kernel_->program().is_text(VirtualAddress(context->registers.get(arch.pc).value_or(0)))) << t.comm;
    }
  size_t irq = 0;
  for (const auto& s : stacks.per_cpu_stacks())
    if (s.kind == unwind::StackKind::kIrq) irq++;
  EXPECT_EQ(irq, number("cpus"));
}

TEST_P(KernelDump, PerCpuVariablesAreFoundByTheirAddress) {
  const PerCpu& cpus = kernel_->per_cpu();
  for (int cpu : cpus.possible()) {
    auto at = cpus.address("runqueues", cpu);
    ASSERT_TRUE(at.has_value());
    auto found = cpus.find(*at + 8);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->cpu, cpu);
    EXPECT_EQ(found->variable, "runqueues");
    EXPECT_EQ(found->offset, 8u);
  }
}

// Nothing but the dump: symbols from kallsyms, types from BTF, both as they lie in the dead kernel's memory.
TEST_P(KernelDump, WithoutAnyDebuginfoTheKernelDescribesItself) {
  std::string form = folder_.filename();
  if (truth("release").find("64k") != std::string::npos) GTEST_SKIP() << "a kernel without KALLSYMS_ALL or BTF tells too little by itself";
  if (truth("case") != "stid_race" || (form != "elf" && form != "kdump-lzo31")) GTEST_SKIP() << "one of each kernel is enough";
  LossLedger ledger;
  auto nothing = debuginfo::Finder::make({}, false, nullptr, ledger);
  ASSERT_TRUE(nothing.ok());
  auto bare = Kernel::open(*dump_, *nothing, {}, ledger);
  ASSERT_TRUE(bare.ok()) << bare.error().message();
  EXPECT_EQ((*bare)->program().vmlinux(), nullptr);
  EXPECT_EQ((*bare)->system().nodename, truth("nodename"));
  EXPECT_EQ((*bare)->system().panic, kernel_->system().panic);
  ASSERT_TRUE((*bare)->log().ok());
  EXPECT_EQ((*bare)->log()->text(), kernel_->log()->text());
  // Without CONFIG_KALLSYMS_ALL (Debian's 6.1 for arm64) kallsyms has functions alone: then what is missing must be said.
  if (!KernelView((*bare)->program()).symbol("init_task")) {
    EXPECT_NE((*bare)->tasks().note, "");
    EXPECT_NE((*bare)->modules_note(), "");
    EXPECT_NE((*bare)->slab().problem(), "");
    return;
  }
  EXPECT_EQ((*bare)->system().memory_bytes, kernel_->system().memory_bytes);
  EXPECT_EQ((*bare)->tasks().tasks.size(), kernel_->tasks().tasks.size());
  EXPECT_EQ((*bare)->modules().size(), kernel_->modules().size());
  EXPECT_EQ((*bare)->stacks().per_cpu_stacks().size(), kernel_->stacks().per_cpu_stacks().size());
  auto object = (*bare)->slab().object_at(VirtualAddress(number("private_list")));
  ASSERT_TRUE(object.ok()) << object.error().message();
  EXPECT_EQ(object->start.value, number("node"));
  EXPECT_EQ(object->free, true);
}

std::string name_of_case(const ::testing::TestParamInfo<std::string>& info) {
  if (info.param.empty()) return "none";
  std::string name;
  fs::path path(info.param);
  for (const fs::path& part : {path.parent_path().parent_path().parent_path().filename(), path.parent_path().filename(), path.filename()})
    for (char c : "_" + part.string()) name += isalnum(c) ? c : '_';
  return name.substr(1);
}

std::vector<std::string> dumps_or_none() {
  std::vector<std::string> dumps = lab_dumps();
  if (dumps.empty()) dumps.push_back("");
  return dumps;
}

INSTANTIATE_TEST_SUITE_P(Lab, KernelDump, ::testing::ValuesIn(dumps_or_none()), name_of_case);

}  // namespace
}  // namespace inquest::kernel
