#include "kernel/run_queues.h"

#include <fmt/format.h>

namespace inquest::kernel {

namespace {

constexpr uint64_t kMaxQueued = 1 << 20, kMaxPriorities = 256;
constexpr int kMaxGroups = 16;  // nested real-time groups

class QueueReader {
 public:
  QueueReader(const object::Program& program, const PerCpu& per_cpu) : view_(program), per_cpu_(&per_cpu) {
    running_ = view_.field("rq", "nr_running");
    current_ = view_.field("rq", "curr");
    deadline_ = view_.field("rq", "dl.dl_nr_running");
    fair_ = view_.offset("rq", "cfs_tasks");             // every fair task of the CPU, whatever group it is in: CONFIG_SMP, 2.6.38
    fair_link_ = view_.offset("task_struct", "se.group_node");
    delayed_ = view_.field("task_struct", "se.sched_delayed");
    rt_ = view_.offset("rq", "rt.active");
    rt_queues_ = view_.field("rt_prio_array", "queue");
    rt_group_ = view_.field("sched_rt_entity", "my_q");  // CONFIG_RT_GROUP_SCHED: a group's own queue
    rt_entity_ = view_.offset("task_struct", "rt");
    rt_run_list_ = view_.offset("sched_rt_entity", "run_list");
    rt_active_ = view_.offset("rt_rq", "active");
  }

  std::optional<RunQueue> read(int cpu) const {
    RunQueue q;
    q.cpu = cpu;
    auto at = per_cpu_->address("runqueues", cpu);
    if (!at || !current_) return std::nullopt;
    auto current = view_.read(*at, *current_);
    if (!current.ok()) return std::nullopt;
    q.address = *at;
    q.current = VirtualAddress(*current);
    if (running_) q.running = view_.read(*at, *running_).maybe();
    if (deadline_) q.deadline = view_.read(*at, *deadline_).maybe();
    if (rt_ && rt_queues_ && rt_entity_ && rt_run_list_) real_time(*at + *rt_, q, 0);
    else say(q, "this kernel's real-time queues are not known");
    if (fair_ && fair_link_) fair(*at + *fair_, q);
    else say(q, "this kernel keeps no list of its fair tasks");
    return q;
  }

 private:
  static void say(RunQueue& q, const std::string& what) { q.problem += (q.problem.empty() ? "" : "; ") + what; }

  void fair(VirtualAddress head, RunQueue& q) const {
    ListNodes list = read_list(view_.memory(), head, kMaxQueued);
    if (!list.problem.empty()) say(q, "the list of fair tasks is broken: " + list.problem);
    for (VirtualAddress node : list.nodes) {
      RunQueue::Queued queued;
      queued.task = node - *fair_link_;
      queued.delayed = delayed_ && view_.read(queued.task, *delayed_).value_or(0);
      q.queued.push_back(queued);
    }
  }

  // struct rt_prio_array: a list for each priority.
  void real_time(VirtualAddress active, RunQueue& q, int depth) const {
    uint64_t count = std::min(rt_queues_->bytes / 16, kMaxPriorities);
    for (uint64_t priority = 0; priority < count; priority++) {
      VirtualAddress head = active + rt_queues_->offset + priority * 16;
      auto first = view_.memory().read_u64(head);
      if (!first.ok()) return say(q, "the real-time queues cannot be read: " + first.error().message());
      if (*first == head.value) continue;
      ListNodes list = read_list(view_.memory(), head, kMaxQueued);
      if (!list.problem.empty()) say(q, fmt::format("the real-time queue {} is broken: {}", priority, list.problem));
      for (VirtualAddress node : list.nodes) {
        VirtualAddress entity = node - *rt_run_list_;
        uint64_t group = rt_group_ ? view_.read(entity, *rt_group_).value_or(0) : 0;
        if (q.queued.size() >= kMaxQueued) return;
        if (!group) q.queued.push_back({entity - *rt_entity_, true, false, int(priority)});
        else if (rt_active_ && depth < kMaxGroups) real_time(VirtualAddress(group) + *rt_active_, q, depth + 1);
      }
    }
  }

  KernelView view_;
  const PerCpu* per_cpu_;
  std::optional<Field> running_, current_, deadline_, delayed_, rt_queues_, rt_group_;
  std::optional<uint64_t> fair_, fair_link_, rt_, rt_entity_, rt_run_list_, rt_active_;
};

}  // namespace

std::vector<RunQueue> read_run_queues(const object::Program& program, const PerCpu& per_cpu) {
  QueueReader reader(program, per_cpu);
  std::vector<RunQueue> all;
  for (int cpu : per_cpu.possible())
    if (auto q = reader.read(cpu)) all.push_back(std::move(*q));
  return all;
}

}  // namespace inquest::kernel
