#include "kernel/locks.h"

#include <fmt/format.h>

#include <algorithm>

namespace inquest::kernel {

namespace {

constexpr size_t kMaxQueue = 4096;
// mutex->owner (kernel/locking/mutex.c, since 4.10): bits 0 to 2 are WAITERS, HANDOFF, PICKUP.
constexpr uint64_t kMutexFlags = 7, kMutexPickup = 4;
// rwsem->owner (kernel/locking/rwsem.c, since 5.3): bit 0 says that readers own it, bit 1 that nobody may spin.
constexpr uint64_t kRwsemReader = 1, kRwsemOwnerFlags = 7;
// rwsem->count, same file: bit 0 a writer, bits 8 and up the readers, the top bit a failed read.
constexpr unsigned kRwsemReaderShift = 8;

}  // namespace

Locks::Locks(const object::Program& program, const TaskList& tasks, const Stacks& stacks) : view_(program), tasks_(&tasks), stacks_(&stacks) {
  auto add = [&](LockKind kind, const char* waiter, const char* task, const char* list, const char* lock, std::initializer_list<std::string_view> heads) {
    auto t = view_.offset(waiter, task), l = view_.offset(waiter, list);
    auto h = view_.field(lock, heads);
    if (!t || !l || !h) return;
    WaiterShape s{kind, *t, *l, h->offset, 0, false, {}, {}};
    if (kind == LockKind::kWaitQueue) s.func = view_.offset(waiter, "func");
    if (kind == LockKind::kRwsem) s.type = view_.field(waiter, "type");
    shapes_.push_back(s);
  };
  add(LockKind::kMutex, "mutex_waiter", "task", "list", "mutex", {"wait_list"});
  add(LockKind::kRwsem, "rwsem_waiter", "task", "list", "rw_semaphore", {"wait_list"});
  add(LockKind::kSemaphore, "semaphore_waiter", "task", "list", "semaphore", {"wait_list"});
  // Completions wait on a swait_queue_head since 5.7 (a5c6234e1028), on a wait_queue_head before.
  add(LockKind::kCompletion, "swait_queue", "task", "task_list", "completion", {"wait.task_list"});
  // wait_queue_entry and its `entry` were wait_queue_t and `task_list` before 4.13.
  add(LockKind::kWaitQueue, "wait_queue_entry", "private", "entry", "wait_queue_head", {"head", "task_list"});
  if (auto t = view_.offset("rt_mutex_waiter", "task"), l = view_.offset("rt_mutex_waiter", "lock"); t && l)
    shapes_.push_back({LockKind::kRtMutex, *t, 0, 0, *l, true, {}, {}});
  PerCpu cpus(program);
  auto clock = view_.field("rq", "clock");
  for (int cpu : cpus.possible())
    if (auto rq = cpus.address("runqueues", cpu); rq && clock)
      if (auto now = view_.read(*rq, *clock); now.ok()) clock_ = std::max(clock_.value_or(0), *now);
}

VirtualAddress Locks::task_from_owner(uint64_t word) const {
  VirtualAddress task(word & ~kMutexFlags);
  if (task.is_null()) return task;
  return tasks_->find(task) ? task : VirtualAddress();
}

// A task_struct that is in the task list no more: its exit_state says so as long as its memory is not another's.
bool Locks::has_exited(VirtualAddress task) const {
  constexpr uint64_t kExitDead = 16, kExitZombie = 32, kMaxPid = 1 << 22;  // include/linux/sched.h; PID_MAX_LIMIT
  if (!view_.is_kernel_address(task) || tasks_->find(task)) return false;
  auto state = view_.read(task, "task_struct", "exit_state"), pid = view_.read(task, "task_struct", "pid");
  return state.ok() && pid.ok() && (*state == kExitDead || *state == kExitZombie || *state == (kExitDead | kExitZombie)) && *pid > 0 && *pid <= kMaxPid;
}

// A node of the list is a waiter if it names a task and lies on that task's stack; entries of wait queues may lie anywhere, and have code in `func`.
bool Locks::is_waiter(const WaiterShape& shape, VirtualAddress node) const {
  VirtualAddress waiter = node - shape.list;
  if (shape.func) {
    auto func = view_.memory().read_u64(waiter + *shape.func);
    return func.ok() && view_.program().is_text(VirtualAddress(*func));
  }
  auto task = view_.memory().read_u64(waiter + shape.task);
  if (!task.ok() || !tasks_->find(VirtualAddress(*task))) return false;
  auto stack = stacks_->find(waiter);
  return stack && stack->task.value == *task;
}

std::optional<VirtualAddress> Locks::head_of(const WaiterShape& shape, VirtualAddress waiter) const {
  VirtualAddress node = waiter + shape.list, at = node;
  std::vector<VirtualAddress> passed;
  std::optional<VirtualAddress> head;
  for (size_t i = 0; i < kMaxQueue && !head; i++) {
    passed.push_back(at);
    auto next = view_.memory().read_u64(at);
    if (!next.ok() || !view_.is_kernel_address(VirtualAddress(*next))) return std::nullopt;
    auto back = view_.memory().read_u64(VirtualAddress(*next) + 8);
    if (!back.ok() || *back != at.value) return std::nullopt;
    at = VirtualAddress(*next);
    if (at == node) return std::nullopt;
    std::lock_guard lock(*heads_mutex_);
    if (auto known = heads_.find({shape.kind, at.value}); known != heads_.end()) head = known->second;
    else if (!is_waiter(shape, at)) head = at;
  }
  std::lock_guard lock(*heads_mutex_);
  if (head)
    for (VirtualAddress p : passed) heads_.emplace(std::pair(shape.kind, p.value), *head);
  return head;
}

// Whether the words of a lock can be those of this kind.
bool Locks::plausible(LockKind kind, VirtualAddress lock) const {
  switch (kind) {
    case LockKind::kMutex: {
      auto owner = view_.read(lock, "mutex", "owner");
      return owner.ok() && ((*owner & ~kMutexFlags) == 0 || tasks_->find(VirtualAddress(*owner & ~kMutexFlags)) || has_exited(VirtualAddress(*owner & ~kMutexFlags)));
    }
    case LockKind::kRwsem: {
      auto owner = view_.read(lock, "rw_semaphore", "owner");
      if (!owner.ok()) return false;
      uint64_t task = *owner & ~kRwsemOwnerFlags;
      return task == 0 || (*owner & kRwsemReader) || tasks_->find(VirtualAddress(task));
    }
    case LockKind::kSemaphore: {
      auto count = view_.read(lock, "semaphore", "count");
      return count.ok() && *count < 1 << 16;
    }
    default: return true;
  }
}

std::optional<LockWait> Locks::try_shape(const WaiterShape& shape, const Task& task, VirtualAddress word) const {
  LockWait wait;
  wait.task = task.address;
  wait.kind = shape.kind;
  wait.waiter = word - shape.task;
  if (shape.points_at_lock) {
    auto lock = view_.memory().read_u64(wait.waiter + shape.lock_pointer);
    if (!lock.ok() || !view_.is_kernel_address(VirtualAddress(*lock))) return std::nullopt;
    wait.lock = VirtualAddress(*lock);
    return wait;
  }
  if (shape.func && !is_waiter(shape, wait.waiter + shape.list)) return std::nullopt;
  auto head = head_of(shape, wait.waiter);
  if (!head || head->value < shape.head) return std::nullopt;
  wait.lock = *head - shape.head;
  if (!plausible(shape.kind, wait.lock)) return std::nullopt;
  if (shape.type)  // enum rwsem_waiter_type: RWSEM_WAITING_FOR_WRITE is first
    if (auto type = view_.read(wait.waiter, *shape.type); type.ok() && *type <= 1) wait.writes = *type == 0;
  return wait;
}

namespace {

// Which kinds of waiter a blocking function may have left. Without a name, a mutex's waiter that only lies about proves nothing.
bool fits(std::optional<LockKind> said, LockKind kind) {
  if (!said) return kind == LockKind::kWaitQueue || kind == LockKind::kCompletion;
  return *said == kind || ((*said == LockKind::kFolio || *said == LockKind::kCompletion) && kind == LockKind::kWaitQueue);
}

}  // namespace

std::optional<LockWait> Locks::wait_of(const Task& task, VirtualAddress sp, const std::vector<std::string>& functions) const {
  auto bounds = stacks_->find(sp);
  if (!bounds || bounds->task != task.address || shapes_.empty()) return std::nullopt;
  std::optional<LockKind> said;
  std::string function;
  for (const std::string& name : functions) {
    if (!is_lock_function(name)) break;
    if (auto kind = lock_kind_of(name); kind && !said) said = kind, function = name;
  }
  std::vector<LockWait> found = waiters_on(task, sp, bounds->low.value + bounds->size - sp.value, said);
  if (found.empty()) return std::nullopt;
  auto best = std::find_if(found.begin(), found.end(), [&](const LockWait& w) { return said && w.kind == *said; });
  LockWait wait = best == found.end() ? found.front() : *best;
  wait.function = function;
  if (said && *said == LockKind::kFolio) name_folio(wait);
  return wait;
}

// Innermost first.
std::vector<LockWait> Locks::waiters_on(const Task& task, VirtualAddress sp, uint64_t size, std::optional<LockKind> said) const {
  std::vector<LockWait> found;
  std::vector<std::byte> bytes(size & ~uint64_t{7});
  if (!view_.memory().read(sp, bytes).ok()) return found;
  for (size_t at = 0; at + 8 <= bytes.size(); at += 8) {
    if (load_unchecked<uint64_t>(bytes.data() + at) != task.address.value) continue;
    for (const WaiterShape& shape : shapes_)
      if (fits(said, shape.kind))
        if (auto wait = try_shape(shape, task, sp + at)) found.push_back(std::move(*wait));
  }
  return found;
}

// mm/filemap.c: the entry is part of a wait_page_queue, which says which folio.
void Locks::name_folio(LockWait& wait) const {
  auto folio = view_.field("wait_page_queue", {"folio", "page"});
  auto entry = view_.offset("wait_page_queue", "wait");
  if (!folio || !entry) return;
  auto page = view_.read(wait.waiter - *entry, *folio);
  if (!page.ok() || !view_.is_kernel_address(VirtualAddress(*page))) return;
  wait.kind = LockKind::kFolio;
  wait.lock = VirtualAddress(*page);
}

void Locks::mutex_state(LockState& state) const {
  auto owner = view_.read(state.address, "mutex", "owner");
  if (!owner.ok()) {
    state.problem = owner.error().message();
    return;
  }
  state.held = (*owner & ~kMutexFlags) != 0;
  state.owner = task_from_owner(*owner);
  state.hand_over = *owner & kMutexPickup;
  if (*state.held && state.owner.is_null() && has_exited(VirtualAddress(*owner & ~kMutexFlags))) state.exited_owner = VirtualAddress(*owner & ~kMutexFlags);
  else if (*state.held && state.owner.is_null()) state.problem = fmt::format("its owner {:#x} is no task of the task list", *owner & ~kMutexFlags);
}

void Locks::rwsem_state(LockState& state) const {
  auto owner = view_.read(state.address, "rw_semaphore", "owner"), count = view_.read(state.address, "rw_semaphore", "count");
  if (!owner.ok() || !count.ok()) {
    state.problem = owner.ok() ? count.error().message() : owner.error().message();
    return;
  }
  bool writer = *count & 1;
  const object::Type* type = view_.type("rw_semaphore");
  auto owner_member = type ? debuginfo::find_member(type, "owner") : std::nullopt;
  if (owner_member && owner_member->member.type->is_pointer()) {
    // Before 5.3 (64489e78004c, 94a9717b3c40 made owner a long): who has it, readers and writer alike, in the low half of count; less 2^32 for a
    // writer and for those who wait. So the owner says which.
    uint64_t active = uint32_t(*count);
    writer = active && !(*owner & kRwsemReader) && tasks_->find(VirtualAddress(*owner & ~kRwsemOwnerFlags));
    state.held = active != 0;
    if (writer || !active || (*owner & kRwsemReader)) state.readers = writer ? 0 : active;
  } else {
    state.readers = *count << 1 >> (kRwsemReaderShift + 1);
    state.held = writer || *state.readers;
  }
  if (!*state.held) return;
  state.owner_is_hint = !writer;
  uint64_t task = *owner & ~kRwsemOwnerFlags;
  state.owner = tasks_->find(VirtualAddress(task)) ? VirtualAddress(task) : VirtualAddress();
}

void Locks::queue_of(LockState& state) const {
  for (const WaiterShape& shape : shapes_) {
    if (shape.kind != state.kind || shape.points_at_lock) continue;
    ListNodes list = read_list(view_.memory(), state.address + shape.head, kMaxQueue);
    for (VirtualAddress node : list.nodes) {
      auto task = view_.memory().read_u64(node - shape.list + shape.task);
      if (task.ok() && tasks_->find(VirtualAddress(*task))) state.queue.push_back(VirtualAddress(*task));
    }
  }
}

LockState Locks::state_of(LockKind kind, VirtualAddress lock) const {
  LockState state;
  state.address = lock;
  state.kind = kind;
  switch (kind) {
    case LockKind::kMutex: mutex_state(state); break;
    case LockKind::kRwsem: rwsem_state(state); break;
    case LockKind::kRtMutex: {
      auto field = view_.field("rt_mutex_base", "owner");
      if (!field) field = view_.field("rt_mutex", "owner");
      auto owner = field ? view_.read(lock, *field) : Result<uint64_t>(Error(ErrorCode::kNotFound, "this kernel has no rt_mutex"));
      if (!owner.ok()) state.problem = owner.error().message();
      else state.held = (*owner & ~uint64_t{1}) != 0, state.owner = task_from_owner(*owner & ~uint64_t{1});
      break;
    }
    case LockKind::kSemaphore: {
      auto count = view_.read(lock, "semaphore", "count");
      if (count.ok()) state.held = *count == 0;
      else state.problem = count.error().message();
      break;
    }
    case LockKind::kSpinlock: state.held = spinlock_held(lock); break;
    case LockKind::kCompletion: completion_state(state); break;
    case LockKind::kWaitQueue: case LockKind::kFolio: break;
  }
  queue_of(state);
  return state;
}

std::optional<bool> Locks::spinlock_held(VirtualAddress lock) const {
  // include/asm-generic/qspinlock_types.h: the low byte is 1 while somebody has it.
  if (!view_.offset("qspinlock", "locked")) return std::nullopt;
  std::byte byte{};
  if (!view_.memory().read(lock, std::span(&byte, 1)).ok()) return std::nullopt;
  return std::to_integer<unsigned>(byte) != 0;
}

std::optional<double> Locks::seconds_asleep(const Task& task) const {
  auto last = view_.field("task_struct", {"sched_info.last_arrival", "se.exec_start"});
  auto at = last && clock_ ? view_.read(task.address, *last).maybe() : std::nullopt;
  if (!at || *at == 0 || *at > *clock_) return std::nullopt;
  return double(*clock_ - *at) / 1e9;
}

}  // namespace inquest::kernel
