// Locks: what each sleeping task waits for, and who owns it, read from the dead kernel's own structures.
//
// A task that blocks puts a waiter on its stack (mutex_waiter, rwsem_waiter, semaphore_waiter, rt_mutex_waiter, swait_queue, wait_queue_entry)
// and links it into the lock. So the live part of the stack is searched for the task's own address; a hit counts only if the list it would
// be in is whole around it (next->prev and prev->next come back). No debuginfo of functions is needed; types may be BTF's.
// Which of the structures of equal shape it is, the blocking function's name says, else the lock that the list leads to.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "kernel/kernel_view.h"
#include "kernel/stacks.h"
#include "kernel/tasks.h"

namespace inquest::kernel {

enum class LockKind { kMutex, kRwsem, kSemaphore, kRtMutex, kCompletion, kWaitQueue, kFolio, kSpinlock };
const char* name_of(LockKind kind);     // "mutex", "rw_semaphore", …

// A task asleep in a wait.
struct LockWait {
  VirtualAddress task, lock, waiter;    // the lock; what lies on the task's stack
  LockKind kind = LockKind::kMutex;
  std::optional<bool> writes;           // rwsem: for writing; nothing: not known
  std::string function;                 // that blocked: "__mutex_lock"; "" if no name was known
};

// A lock as it lies in memory.
struct LockState {
  VirtualAddress address;
  LockKind kind = LockKind::kMutex;
  std::optional<bool> held;             // nothing: not readable, or this kind does not say
  VirtualAddress owner;                 // a task of the task list; null: none, or not recorded by this kind
  VirtualAddress exited_owner;          // a mutex's: what is left of a task that has exited with the lock held
  bool owner_is_hint = false;           // rwsem held by readers: the last one to take it, which may have left
  std::string owner_how;                // of completions: why the owner is who should complete it
  bool hand_over = false;               // mutex: given to `owner`, which has not woken up yet
  std::optional<uint64_t> readers;      // rwsem
  std::vector<VirtualAddress> queue;    // tasks waiting, in order
  std::string problem;                  // "" or what could not be read
};

// How one kind of waiter is laid out.
struct WaiterShape {
  LockKind kind;
  uint64_t task = 0, list = 0;         // in the waiter
  uint64_t head = 0;                   // of the list, in the lock
  uint64_t lock_pointer = 0;           // rt_mutex_waiter.lock
  bool points_at_lock = false;
  std::optional<uint64_t> func;        // wait_queue_entry
  std::optional<Field> type;           // rwsem_waiter.type
};

class Locks {
 public:
  // All must outlive it. Cheap: finds members once. Thread-safe.
  Locks(const object::Program& program, const TaskList& tasks, const Stacks& stacks);

  // `functions`: symbols of the task's innermost frames, innermost first, as far as known. Nothing: it waits for no lock or event known here.
  std::optional<LockWait> wait_of(const Task& task, VirtualAddress stack_pointer, const std::vector<std::string>& functions) const;
  LockState state_of(LockKind kind, VirtualAddress lock) const;
  // Whether the word at `lock` is a taken spinlock (qspinlock since 4.2, arm64 since 4.19; the ticket locks before count as unknown).
  std::optional<bool> spinlock_held(VirtualAddress lock) const;
  // Seconds since the task was last on a CPU; nothing: not recorded.
  std::optional<double> seconds_asleep(const Task& task) const;

 private:
  std::optional<VirtualAddress> head_of(const WaiterShape& shape, VirtualAddress waiter) const;
  bool is_waiter(const WaiterShape& shape, VirtualAddress node) const;
  bool plausible(LockKind kind, VirtualAddress lock) const;
  std::optional<LockWait> try_shape(const WaiterShape& shape, const Task& task, VirtualAddress word) const;
  std::vector<LockWait> waiters_on(const Task& task, VirtualAddress stack_pointer, uint64_t size, std::optional<LockKind> said) const;
  void name_folio(LockWait& wait) const;
  VirtualAddress task_from_owner(uint64_t word) const;
  bool has_exited(VirtualAddress task) const;
  void mutex_state(LockState& state) const;
  void rwsem_state(LockState& state) const;
  void completion_state(LockState& state) const;
  VirtualAddress worker_of_barrier(VirtualAddress completion) const;
  VirtualAddress exiting_thread(VirtualAddress completion) const;
  void queue_of(LockState& state) const;

  KernelView view_;
  const TaskList* tasks_;
  const Stacks* stacks_;
  std::vector<WaiterShape> shapes_;
  std::optional<uint64_t> clock_;       // nanoseconds: the newest run queue clock
  // Which list a node was found in, so that a crowd behind one lock is walked once.
  std::unique_ptr<std::mutex> heads_mutex_ = std::make_unique<std::mutex>();
  mutable std::map<std::pair<LockKind, uint64_t>, VirtualAddress> heads_;
};

// What the name of a blocking function says of the wait; nothing: no such function.
std::optional<LockKind> lock_kind_of(std::string_view function);
// Functions of the locking machinery itself (mutex_lock, down_read, schedule…): the frame behind them is who asked.
bool is_lock_function(std::string_view function);

}  // namespace inquest::kernel
