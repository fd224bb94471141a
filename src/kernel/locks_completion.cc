// Completions have no owner, but some say by where they lie who will complete them: flush_work() puts its own behind the work item it waits for,
// kthread_stop() waits for the one in the thread's struct kthread.
#include "kernel/locks.h"

namespace inquest::kernel {

namespace {
constexpr size_t kMaxBarriers = 64;
}

// kernel/workqueue.c, insert_wq_barrier(): the barrier's work follows the running item on worker->scheduled.
VirtualAddress Locks::worker_of_barrier(VirtualAddress completion) const {
  auto done = view_.offset("wq_barrier", "done"), entry = view_.offset("wq_barrier", "work.entry");
  auto scheduled = view_.offset("worker", "scheduled");
  auto task = view_.field("worker", "task"), current = view_.field("worker", "current_work");
  if (!done || !entry || !scheduled || !task || !current || !stacks_->find(completion)) return {};
  ListNodes list = read_list(view_.memory(), completion - *done + *entry, kMaxBarriers);
  for (VirtualAddress node : list.nodes) {
    VirtualAddress worker = node - *scheduled;
    auto who = view_.read(worker, *task), work = view_.read(worker, *current);
    if (who.ok() && work.ok() && *work && tasks_->find(VirtualAddress(*who))) return VirtualAddress(*who);
  }
  return {};
}

// kernel/kthread.c: struct kthread is at worker_private (5.17+, commit e32cf5dfbe22), at set_child_tid before.
VirtualAddress Locks::exiting_thread(VirtualAddress completion) const {
  auto exited = view_.offset("kthread", "exited");
  auto where = view_.field("task_struct", {"worker_private", "set_child_tid"});
  if (!exited || !where) return {};
  for (const Task& t : tasks_->tasks) {
    if (!t.is_kernel_thread) continue;
    auto kthread = view_.read(t.address, *where);
    if (kthread.ok() && *kthread + *exited == completion.value) return t.address;
  }
  return {};
}

void Locks::completion_state(LockState& state) const {
  state.owner = worker_of_barrier(state.address);
  if (!state.owner.is_null()) {
    state.owner_how = "it runs the work item whose end is waited for";
    return;
  }
  state.owner = exiting_thread(state.address);
  if (!state.owner.is_null()) state.owner_how = "its exit is waited for";
}

}  // namespace inquest::kernel
