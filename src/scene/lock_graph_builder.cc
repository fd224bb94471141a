#include "scene/lock_graph_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "base/worker_pool.h"

namespace inquest::scene {

using kernel::LockKind;

namespace {

// A crowd behind one lock is told with the stacks of its first; the code of no more tasks than this is asked what it holds.
constexpr size_t kMaxStacksPerLock = 16, kMaxSuspects = 256;

// sched.h: TASK_UNINTERRUPTIBLE, and TASK_NOLOAD, which tells kernel threads that only idle (4.2+) from those that are stuck.
constexpr uint64_t kUninterruptible = 2, kNoLoad = 0x400;

TaskView plain(const kernel::Task& task) {
  TaskView view;
  view.address = task.address.value;
  view.pid = task.pid;
  view.comm = task.comm;
  view.state = task.state;
  view.running_on = task.running_on;
  return view;
}

std::vector<FrameView> frame_views(const object::Program& program, const unwind::Stack& stack) {
  std::vector<FrameView> views;
  for (size_t i = 0; i < stack.frames.size(); i++) views.push_back(frame_view(program, stack, i, nullptr));
  return views;
}

std::vector<std::string> symbols_of(const unwind::Stack& stack, size_t limit) {
  std::vector<std::string> names;
  for (size_t i = 0; i < stack.frames.size() && i < limit; i++) names.push_back(stack.frames[i].symbol ? stack.frames[i].symbol->symbol.name : "");
  return names;
}

size_t asker_of(const unwind::Stack& stack, size_t from) {
  size_t i = from;
  while (i + 1 < stack.frames.size() && stack.frames[i].symbol && kernel::is_lock_function(stack.frames[i].symbol->symbol.name)) i++;
  return i;
}

bool is_uninterruptible(const kernel::Task& task) { return (task.state_bits & kUninterruptible) && !(task.state_bits & kNoLoad); }

}  // namespace

LockGraphView LockGraphBuilder::build() {
  for (const Sleeper& s : find_sleepers()) add_sleeper(s);
  add_spinners();
  for (LockView& lock : graph_.locks) {
    if (lock.object.empty()) name_place_by_memory(lock);
    add_state(lock);
  }
  link();
  find_cycles();
  return std::move(graph_);
}

unwind::Stack LockGraphBuilder::stack_of(const kernel::Task& task) const {
  auto context = kernel_->stacks().context_of(task);
  if (!context.ok()) return {};
  return kernel_->unwinder().unwind(context->registers, context->pc_is_return);
}

std::vector<LockGraphBuilder::Sleeper> LockGraphBuilder::find_sleepers() const {
  const auto& tasks = kernel_->tasks().tasks;
  std::vector<Sleeper> found;
  std::mutex mutex;
  unsigned sp = kernel_->program().arch().sp;
  parallel_for(tasks.size(), [&](size_t i, unsigned) {
    const kernel::Task& task = tasks[i];
    if (task.running_on) return;
    auto registers = kernel_->stacks().sleeping(task);
    auto at = registers.ok() ? registers->get(sp) : std::nullopt;
    if (!at) return;
    auto stack = kernel_->unwinder().unwind(*registers, true, false);
    auto wait = locks_.wait_of(task, VirtualAddress(*at), symbols_of(stack, 10));
    if (!wait) return;
    // Everybody sleeps on some wait queue; who cannot be woken by a signal is stuck there.
    bool event = wait->kind == LockKind::kWaitQueue || wait->kind == LockKind::kCompletion;
    if (event && !is_uninterruptible(task)) return;
    std::lock_guard lock(mutex);
    found.push_back({&task, *wait});
  });
  std::sort(found.begin(), found.end(), [](const Sleeper& a, const Sleeper& b) { return a.task->pid < b.task->pid; });
  return found;
}

size_t LockGraphBuilder::lock_at(uint64_t address, LockKind kind) {
  for (size_t i = 0; i < graph_.locks.size(); i++)
    if (graph_.locks[i].address == address && kinds_[i] == kind) return i;
  LockView lock;
  lock.address = address;
  lock.kind = kernel::name_of(kind);
  lock.identity = scene_->identify(address).text;
  graph_.locks.push_back(std::move(lock));
  kinds_.push_back(kind);
  return graph_.locks.size() - 1;
}

void LockGraphBuilder::add_sleeper(const Sleeper& sleeper) {
  WaitView wait;
  wait.task = plain(*sleeper.task);
  wait.writes = sleeper.wait.writes;
  wait.seconds = locks_.seconds_asleep(*sleeper.task);
  wait.lock = lock_at(sleeper.wait.lock.value, sleeper.wait.kind);
  if (graph_.locks[wait.lock].waits.size() < kMaxStacksPerLock) {
    unwind::Stack stack = stack_of(*sleeper.task);
    wait.frames = frame_views(kernel_->program(), stack);
    wait.asker = asker_of(stack, 0);
    if (!stack.frames.empty()) name_place(graph_.locks[wait.lock], stack, wait.asker);
  }
  graph_.locks[wait.lock].waits.push_back(graph_.waits.size());
  graph_.waits.push_back(std::move(wait));
}

// A CPU whose stack holds a spinlock's slow path spins, in whatever context; an interrupted one is not in it any more unless it is innermost.
void LockGraphBuilder::add_spinners() {
  for (int cpu : kernel_->per_cpu().possible()) {
    const auto& current = kernel_->tasks().current;
    const kernel::Task* task = size_t(cpu) < current.size() ? kernel_->tasks().find(current[size_t(cpu)]) : nullptr;
    auto context = kernel_->stacks().running(cpu);
    if (!task || !context.ok() || context->user) continue;
    unwind::Stack stack = kernel_->unwinder().unwind(context->registers, context->pc_is_return);
    for (size_t i = 0; i < stack.frames.size(); i++) {
      const auto& symbol = stack.frames[i].symbol;
      if (!symbol || kernel::lock_kind_of(symbol->symbol.name) != LockKind::kSpinlock) continue;
      add_spinner(*task, stack, i);
      break;
    }
  }
}

void LockGraphBuilder::add_spinner(const kernel::Task& task, const unwind::Stack& stack, size_t first) {
  size_t asker = asker_of(stack, first);
  code::FrameValues values(kernel_->program(), flow_at_, stack);
  auto address = values.now(asker, kernel_->program().arch().parameters[0]);
  if (!address || locks_.spinlock_held(VirtualAddress(address->value)) == false) return;
  WaitView wait;
  wait.task = plain(task);
  wait.spins = true;
  wait.frames = frame_views(kernel_->program(), stack);
  wait.asker = asker;
  wait.lock = lock_at(address->value, LockKind::kSpinlock);
  name_place(graph_.locks[wait.lock], stack, asker);
  graph_.locks[wait.lock].waits.push_back(graph_.waits.size());
  graph_.waits.push_back(std::move(wait));
}

// The lock in the words of who asked for it: the first argument of the call, if its value is the lock's address or cannot be told.
void LockGraphBuilder::name_place(LockView& lock, const unwind::Stack& stack, size_t asker) {
  if (!lock.object.empty()) return;
  code::FrameValues values(kernel_->program(), flow_at_, stack);
  unsigned first = kernel_->program().arch().parameters[0];
  auto flow = values.flow(asker);
  auto at = values.position(asker);
  if (!flow || !at) return;
  auto number = values.now(asker, first);
  if (number && number->value != lock.address) return;
  if (auto near = values.near(asker, *at, lock.address)) {
    lock.text = near->text;
    lock.object = debuginfo::spell(near->object);
    lock.member = near->member;
    lock.offset = near->offset;
    lock.object_address = lock.address - uint64_t(near->offset);
    return;
  }
  code::LockName name = code::name_lock(flow->register_before(*at, first));
  lock.text = name.text;
  if (!name.object) return;
  lock.object = debuginfo::spell(name.object);
  lock.member = name.member;
  lock.offset = name.offset;
  lock.object_address = lock.address - uint64_t(name.offset);
}

void LockGraphBuilder::name_place_by_memory(LockView& lock) {
  Identity id = scene_->identify(lock.address);
  if (id.kind != Identity::Kind::kSlab) return;
  std::string type = scene_->type_of_cache(id.cache, id.object_size);
  if (type.empty()) return;
  for (const MemberView& m : scene_->members_at(type, id.offset)) {
    lock.object = type;
    lock.member = m.path.substr(0, m.path.find('.'));
    lock.offset = int64_t(id.offset);
    lock.object_address = id.object_start;
    return;
  }
}

void LockGraphBuilder::add_state(LockView& lock) {
  LockKind kind = kinds_[size_t(&lock - graph_.locks.data())];
  kernel::LockState state = locks_.state_of(kind, VirtualAddress(lock.address));
  lock.held = state.held;
  lock.readers = state.readers;
  lock.problem = state.problem;
  if (!state.exited_owner.is_null()) {
    kernel::KernelView view(kernel_->program());
    TaskView gone;
    gone.address = state.exited_owner.value;
    gone.pid = int(view.read(state.exited_owner, "task_struct", "pid").value_or(0));
    if (auto comm = view.field("task_struct", "comm")) gone.comm = view.text(state.exited_owner + comm->offset, 16);
    lock.exited = std::move(gone);
  }
  if (!state.owner_how.empty())
    if (const auto* task = kernel_->tasks().find(state.owner)) return add_holder(lock, *task, state.owner_how, true);
  if (!lock.has_owner()) return;
  if (!state.owner.is_null() && !state.owner_is_hint)
    if (const auto* task = kernel_->tasks().find(state.owner)) return add_holder(lock, *task, state.hand_over ? "the lock was handed to it, and it has not woken up yet" : "the lock's owner word", true);
  find_holders_by_code(lock);
  bool waits_itself = std::any_of(lock.waits.begin(), lock.waits.end(), [&](size_t w) { return graph_.waits[w].task.address == state.owner.value; });
  if (lock.holders.empty() && !state.owner.is_null() && !waits_itself)
    if (const auto* task = kernel_->tasks().find(state.owner)) {
      add_holder(lock, *task, "the last reader that the lock noted, which may have left", false);
      LockHolder& holder = lock.holders.back();
      holder.reader = true;
      // Two witnesses that know nothing of each other: the lock's own note, and code that took this member of such an object and has not given it back.
      holder.sure = holder.taken_frame.has_value();
      if (holder.sure) holder.how = "the last reader that the lock noted, whose code took it and has not given it back";
    }
}

const std::vector<code::HeldLock>& LockGraphBuilder::held_by(const kernel::Task& task) {
  auto [it, fresh] = held_.try_emplace(task.address.value);
  if (!fresh) return it->second;
  unwind::Stack stack = stack_of(task);
  code::FrameValues values(kernel_->program(), flow_at_, stack);
  it->second = code::HeldLocks(values, flow_at_).in_stack();
  return it->second;
}

// Kinds that note no owner, and readers: the code of whoever runs or waits tells.
void LockGraphBuilder::find_holders_by_code(LockView& lock) {
  std::vector<const kernel::Task*> suspects;
  for (VirtualAddress current : kernel_->tasks().current)
    if (const auto* task = kernel_->tasks().find(current)) suspects.push_back(task);
  for (const WaitView& w : graph_.waits)
    if (const auto* task = kernel_->tasks().find(VirtualAddress(w.task.address))) suspects.push_back(task);
  for (const auto& task : kernel_->tasks().tasks)
    if (is_uninterruptible(task)) suspects.push_back(&task);
  std::vector<const kernel::Task*> seen;
  for (const auto* task : suspects) {
    if (std::find(seen.begin(), seen.end(), task) != seen.end()) continue;
    if (seen.size() >= kMaxSuspects) {
      graph_.note = fmt::format("only the first {} tasks were asked what their code holds", kMaxSuspects);
      break;
    }
    seen.push_back(task);
    for (const auto& held : held_by(*task)) {
      if (held.address != lock.address) continue;
      add_holder(lock, *task, "its code took the lock and has not given it back", held.certain || held.inlined);
      lock.holders.back().reader = held.family == code::LockFamily::kRwsemRead;
      break;
    }
  }
}

void LockGraphBuilder::add_holder(LockView& lock, const kernel::Task& task, std::string how, bool sure) {
  LockHolder holder;
  holder.task = plain(task);
  holder.how = std::move(how);
  holder.sure = sure;
  holder.frames = frame_views(kernel_->program(), stack_of(task));
  tell_where_taken(lock, holder, task);
  lock.holders.push_back(std::move(holder));
}

// By address; a lock whose address could not be computed counts if it is of the same member of the same type and the only such.
void LockGraphBuilder::tell_where_taken(LockView& lock, LockHolder& holder, const kernel::Task& task) {
  const code::HeldLock* best = nullptr;
  size_t alike = 0;
  for (const auto& held : held_by(task)) {
    if (held.address == lock.address) {
      best = &held;
      alike = 1;
      break;
    }
    bool same_place = !held.address && held.object && !lock.member.empty() && held.member == lock.member && debuginfo::spell(held.object) == lock.object;
    if (same_place) best = &held, alike++;
  }
  if (!best || alike != 1) return;
  holder.taken_frame = best->frame;
  holder.taken_at = without_headers(source_refs(best->source));
  holder.taken_by = best->api;
  holder.taken_text = best->text;
  // Who took it may know better what it is than who waits.
  if (!lock.object.empty() || !best->object || best->address != lock.address) return;
  lock.text = best->text;
  lock.object = debuginfo::spell(best->object);
  lock.member = best->member;
  lock.offset = best->offset;
  lock.object_address = lock.address - uint64_t(best->offset);
}

void LockGraphBuilder::link() {
  for (LockView& lock : graph_.locks)
    for (LockHolder& holder : lock.holders)
      for (size_t w = 0; w < graph_.waits.size(); w++)
        if (holder.sure && graph_.waits[w].task.address == holder.task.address && !holder.waits) holder.waits = w;
}

// From each wait along holders that wait themselves; a way that comes back to its start is a cycle, told once, from its lowest wait.
void LockGraphBuilder::find_cycles() {
  for (size_t start = 0; start < graph_.waits.size(); start++) {
    std::vector<std::vector<size_t>> ways = {{start}};
    for (size_t steps = 0; !ways.empty() && steps < 10000; steps++) {
      auto way = std::move(ways.back());
      ways.pop_back();
      for (const LockHolder& holder : graph_.locks[graph_.waits[way.back()].lock].holders) {
        if (!holder.waits || *holder.waits < start) continue;
        if (*holder.waits == start) {
          graph_.cycles.push_back(way);
          continue;
        }
        if (std::find(way.begin(), way.end(), *holder.waits) != way.end()) continue;
        ways.push_back(way);
        ways.back().push_back(*holder.waits);
      }
    }
  }
}

const LockGraphView* LiveScene::locks() const {
  if (!locks_) locks_ = LockGraphBuilder(*this, [this](VirtualAddress pc) { return flow_at(pc.value); }).build();
  return &*locks_;
}

}  // namespace inquest::scene
