#include "kernel/tasks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "kernel/kernel_view.h"
#include "kernel/task_rescue.h"
#include "kernel/task_state.h"

namespace inquest::kernel {

namespace {

constexpr uint64_t kMaxTasks = 1 << 22;       // PID_MAX_LIMIT, include/linux/threads.h
constexpr uint64_t kPfKthread = 0x00200000;   // include/linux/sched.h
constexpr uint64_t kCommLength = 16;          // TASK_COMM_LEN

// The members of struct task_struct that are read, found once.
struct TaskFields {
  explicit TaskFields(const KernelView& view) {
    auto field = [&](std::initializer_list<std::string_view> names) { return view.field("task_struct", names); };
    tasks = field({"tasks"});
    thread_node = field({"thread_node"});
    thread_group = field({"thread_group"});
    pid = field({"pid"});
    tgid = field({"tgid"});
    comm = field({"comm"});
    state = field({"__state", "state"});  // renamed in 5.14 (2f064a59a11f)
    exit_state = field({"exit_state"});
    // 4.9 to 5.15: task_struct.cpu; 5.16 on: in the thread_info inside (bcf9033e5449); before 4.9: in the thread_info on the stack.
    cpu = field({"cpu", "thread_info.cpu"});
    stack = field({"stack"});
    flags = field({"flags"});
    real_parent = field({"real_parent", "parent"});
    group_leader = field({"group_leader"});
    signal = field({"signal"});
    mm = field({"mm"});
    thread_head = view.field("signal_struct", "thread_head");
    stack_cpu = view.field("thread_info", "cpu");
  }
  std::optional<Field> tasks, thread_node, thread_group, pid, tgid, comm, state, exit_state, cpu, stack, flags, real_parent, group_leader,
      signal, mm, thread_head, stack_cpu;
};

// Resident pages and virtual size of an address space (include/linux/mm.h, get_mm_rss).
class Memories {
 public:
  Memories(const KernelView& view, const PerCpu& per_cpu) : view_(view), per_cpu_(&per_cpu) {
    total_vm_ = view.field("mm_struct", "total_vm");
    rss_stat_ = view.field("mm_struct", "rss_stat");
    task_stat_ = view.field("task_struct", {"rss_stat.count"});  // SPLIT_RSS_COUNTING, 2.6.34 to 6.1
    // Since 6.2 (f1a7941243c1) each counter is a percpu_counter; an atomic_long_t before.
    if (rss_stat_) {
      if (view.field("mm_struct", "rss_stat.count")) {
        step_ = 8;
      } else if (auto size = view.size_of("percpu_counter"); size && view.field("percpu_counter", "counters")) {
        step_ = *size;
        percpu_count_ = view.field("percpu_counter", "count");
        percpu_counters_ = view.field("percpu_counter", "counters");
      }
    }
    for (const char* name : {"MM_FILEPAGES", "MM_ANONPAGES", "MM_SHMEMPAGES"})
      if (auto v = view.enumerator(name); v && *v >= 0 && *v < 16) counters_.push_back(uint64_t(*v));
    if (counters_.empty()) counters_ = {0, 1, 3};
  }

  std::optional<uint64_t> vm_bytes(VirtualAddress mm) const {
    if (!total_vm_) return std::nullopt;
    auto pages = view_.read(mm, *total_vm_);
    return pages.ok() ? std::optional(*pages * view_.memory().format().page_size()) : std::nullopt;
  }
  std::optional<int64_t> rss(VirtualAddress mm) const {
    if (!rss_stat_ || !step_) return std::nullopt;
    int64_t sum = 0;
    for (uint64_t i : counters_) {
      VirtualAddress at = mm + rss_stat_->offset + i * step_;
      auto count = view_.memory().read_u64(percpu_count_ ? at + percpu_count_->offset : at);
      if (!count.ok()) return std::nullopt;
      sum += int64_t(*count);
      if (!percpu_counters_) continue;
      auto pointer = view_.memory().read_pointer(at + percpu_counters_->offset);
      if (!pointer.ok()) return std::nullopt;
      for (int cpu : per_cpu_->possible())
        if (auto slot = per_cpu_->address_of(*pointer, cpu))
          if (auto delta = view_.memory().read_u32(*slot); delta.ok()) sum += int32_t(*delta);
    }
    return sum;
  }
  // What a thread has counted but not yet added to its mm.
  int64_t unsynced(VirtualAddress task) const {
    int64_t sum = 0;
    if (!task_stat_ || percpu_counters_) return 0;
    uint64_t width = task_stat_->bytes >= 32 ? 8 : 4;  // int count[NR_MM_COUNTERS]
    for (uint64_t i : counters_)
      if (auto v = view_.memory().read_unsigned(task + task_stat_->offset + i * width, unsigned(width)); v.ok())
        sum += width == 4 ? int32_t(*v) : int64_t(*v);
    return sum;
  }

 private:
  KernelView view_;
  const PerCpu* per_cpu_;
  std::optional<Field> total_vm_, rss_stat_, task_stat_, percpu_count_, percpu_counters_;
  uint64_t step_ = 0;
  std::vector<uint64_t> counters_;
};

class TaskReader {
 public:
  TaskReader(const object::Program& program, const PerCpu& per_cpu)
      : view_(program), per_cpu_(&per_cpu), fields_(view_), states_(view_), memories_(view_, per_cpu) {}

  TaskList read() {
    read_idle();
    read_current();
    auto init = view_.symbol("init_task");
    if (!init || !fields_.tasks) {
      say(fmt::format("no task list: {} is not known", init ? "task_struct.tasks" : "init_task"));
    } else {
      walk(*init);
    }
    if (auto n = view_.variable("nr_threads", 4)) list_.nr_threads = *n;
    if (!list_.note.empty()) add_hidden();
    fill_memory();
    if (unreadable_) say(fmt::format("{} tasks are not in the dump", unreadable_));
    if (list_.nr_threads && *list_.nr_threads != list_.tasks.size())
      say(fmt::format("the walk found {} tasks, the kernel counted {} (nr_threads)", list_.tasks.size(), *list_.nr_threads));
    return std::move(list_);
  }

 private:
  void say(const std::string& what) { list_.note += (list_.note.empty() ? "" : "; ") + what; }

  std::optional<uint64_t> get(VirtualAddress task, const std::optional<Field>& field) const {
    if (!field) return std::nullopt;
    return view_.read(task, *field).maybe();
  }

  std::optional<Task> read_task(VirtualAddress address) const {
    auto pid = get(address, fields_.pid);
    if (!pid) return std::nullopt;
    Task t;
    t.address = address;
    t.pid = int(*pid);
    t.tgid = int(get(address, fields_.tgid).value_or(*pid));
    if (fields_.comm) t.comm = view_.text(address + fields_.comm->offset, kCommLength);
    auto state = get(address, fields_.state), exit_state = get(address, fields_.exit_state);
    t.state_bits = state.value_or(0) | exit_state.value_or(0);
    t.state = state ? states_.name(t.state_bits) : "??";
    t.flags = get(address, fields_.flags).value_or(0);
    t.is_kernel_thread = t.flags & kPfKthread;
    t.stack = VirtualAddress(get(address, fields_.stack).value_or(0));
    auto cpu = get(address, fields_.cpu);
    if (!fields_.cpu && !t.stack.is_null() && fields_.stack_cpu) cpu = get(t.stack, fields_.stack_cpu);
    if (cpu && *cpu < 8192) t.cpu = int(*cpu);
    t.mm = VirtualAddress(get(address, fields_.mm).value_or(0));
    t.leader = VirtualAddress(get(address, fields_.group_leader).value_or(0));
    t.parent = VirtualAddress(get(address, fields_.real_parent).value_or(0));
    if (!t.parent.is_null())
      if (auto parent = get(t.parent, fields_.tgid)) t.parent_pid = int(*parent);
    for (size_t i = 0; i < list_.current.size(); i++)
      if (list_.current[i] == address) t.running_on = int(i);
    return t;
  }

  // rq->idle of every possible CPU; one that was never brought up has none.
  void read_idle() {
    auto idle = view_.field("rq", "idle");
    auto init = view_.symbol("init_task");
    for (int cpu : per_cpu_->possible()) {
      VirtualAddress task;
      if (auto rq = per_cpu_->address("runqueues", cpu); rq && idle) task = VirtualAddress(get(*rq, idle).value_or(0));
      if (task.is_null()) task = per_cpu_->pointer("idle_threads", cpu).value_or(VirtualAddress());
      if (task.is_null() && cpu == 0 && init) task = *init;
      if (task.is_null()) continue;
      idle_of_[task.value] = cpu;
    }
  }

  // rq->curr changes just before the switch, current_task (x86: per-CPU, pcpu_hot from 6.2 to 6.14) with the stack: the latter is
  // what the CPU's registers belong to. On a CPU that never came up current_task still holds init_task.
  void read_current() {
    auto curr = view_.field("rq", "curr");
    auto hot = view_.field("pcpu_hot", "current_task");
    auto init = view_.symbol("init_task");
    for (int cpu : per_cpu_->possible()) {
      VirtualAddress task;
      if (auto rq = per_cpu_->address("runqueues", cpu); rq && curr) task = VirtualAddress(get(*rq, curr).value_or(0));
      std::optional<VirtualAddress> at = per_cpu_->address("current_task", cpu);
      if (auto area = per_cpu_->address("pcpu_hot", cpu); area && hot) at = *area + hot->offset;
      if (at && (!task.is_null() || !curr))
        if (auto now = view_.memory().read_pointer(*at); now.ok() && !now->is_null() && (cpu == 0 || !init || *now != *init)) task = *now;
      list_.current.resize(size_t(cpu) + 1);
      list_.current[size_t(cpu)] = task;
    }
    for (const auto& [address, cpu] : idle_of_) {
      auto t = read_task(VirtualAddress(address));
      if (!t) continue;
      t->is_idle = true;
      t->cpu = cpu;
      list_.idle.push_back(std::move(*t));
    }
    std::sort(list_.idle.begin(), list_.idle.end(), [](const Task& a, const Task& b) { return a.cpu < b.cpu; });
  }

  void add(VirtualAddress address) {
    if (idle_of_.contains(address.value) || !seen_.insert(address.value).second) return;
    if (auto t = read_task(address)) {
      list_.tasks.push_back(std::move(*t));
    } else {
      unreadable_++;
    }
  }

  void walk(VirtualAddress init) {
    uint64_t link = fields_.tasks->offset;
    ListNodes leaders = read_list(view_.memory(), init + link, kMaxTasks);
    std::string broken_groups;
    uint64_t broken = 0;
    for (VirtualAddress node : leaders.nodes) {
      VirtualAddress leader = node - link;
      add(leader);
      if (std::string problem = walk_threads(leader); !problem.empty() && broken++ == 0) broken_groups = problem;
    }
    if (!leaders.problem.empty()) say("the task list is broken: " + leaders.problem);
    if (broken) say(fmt::format("{} thread lists are broken, the first: {}", broken, broken_groups));
    if (!leaders.problem.empty() || broken) view_.program().ledger().add(Loss::kListBroken, "tasks: " + list_.note);
  }

  // signal->thread_head holds all threads' thread_node since 3.14 (0c740d0afc3b); thread_group linked them until 6.7 (8e1f385104ac).
  std::string walk_threads(VirtualAddress leader) {
    std::optional<VirtualAddress> head;
    uint64_t link = 0;
    if (fields_.thread_node && fields_.thread_head) {
      link = fields_.thread_node->offset;
      auto signal = get(leader, fields_.signal);
      if (!signal || !*signal) return "";  // being released: it has no other thread
      head = VirtualAddress(*signal) + fields_.thread_head->offset;
    } else if (fields_.thread_group) {
      link = fields_.thread_group->offset;
      head = leader + link;
    }
    if (!head) return "neither thread_node nor thread_group is known";
    ListNodes threads = read_list(view_.memory(), *head, kMaxTasks);
    for (VirtualAddress node : threads.nodes) add(node - link);
    return threads.problem;
  }

  // What a broken list hides, the table of PIDs and the CPUs may still show.
  void add_hidden() {
    size_t had = list_.tasks.size();
    for (VirtualAddress task : tasks_by_pid(view_).tasks) add(task);
    for (VirtualAddress task : list_.current)
      if (!task.is_null()) add(task);
    if (list_.tasks.size() > had) say(fmt::format("{} more were found by their PIDs", list_.tasks.size() - had));
  }

  void fill_memory() {
    struct Sizes {
      std::optional<uint64_t> vm_bytes;
      std::optional<int64_t> rss;
    };
    std::unordered_map<uint64_t, Sizes> sizes;
    for (const Task& t : list_.tasks) {
      if (t.mm.is_null()) continue;
      auto [it, is_new] = sizes.try_emplace(t.mm.value);
      if (is_new) it->second = {memories_.vm_bytes(t.mm), memories_.rss(t.mm)};
      if (it->second.rss) *it->second.rss += memories_.unsynced(t.address);
    }
    for (Task& t : list_.tasks) {
      auto it = sizes.find(t.mm.value);
      if (it == sizes.end()) continue;
      t.vm_bytes = it->second.vm_bytes;
      if (it->second.rss) t.rss_pages = uint64_t(std::max<int64_t>(0, *it->second.rss));
    }
  }

  KernelView view_;
  const PerCpu* per_cpu_;
  TaskFields fields_;
  TaskStates states_;
  Memories memories_;
  TaskList list_;
  std::unordered_map<uint64_t, int> idle_of_;
  std::unordered_set<uint64_t> seen_;
  uint64_t unreadable_ = 0;
};

}  // namespace

const Task* TaskList::find_pid(int pid) const {
  for (const auto* tasks_of : {&tasks, &idle})
    for (const Task& t : *tasks_of)
      if (t.pid == pid) return &t;
  return nullptr;
}

const Task* TaskList::find(VirtualAddress task) const {
  for (const auto* tasks_of : {&tasks, &idle})
    for (const Task& t : *tasks_of)
      if (t.address == task) return &t;
  return nullptr;
}

TaskList read_tasks(const object::Program& program, const PerCpu& per_cpu) { return TaskReader(program, per_cpu).read(); }

// THREAD_SIZE, by union thread_union {… unsigned long stack[THREAD_SIZE / sizeof(long)]} (include/linux/sched.h).
uint64_t thread_size(const object::Program& program) {
  KernelView view(program);
  auto plausible = [](uint64_t size) { return size >= 4096 && size <= (1 << 20) && !(size & (size - 1)); };
  if (auto size = view.size_of("thread_union"); size && plausible(*size)) return *size;
  if (auto start = view.symbol("__start_init_task"), end = view.symbol("__end_init_task"); start && end && plausible(*end - *start))
    return *end - *start;
  return std::max<uint64_t>(16384, program.memory().format().page_size());
}

}  // namespace inquest::kernel
