// Locks as 6.x kernels have them, drawn by hand: four tasks with a page of stack each, waiters on the stacks, locks in the data.
#include "kernel/locks.h"

#include <gtest/gtest.h>

#include "unwind/testing/fake_kernel.h"

namespace inquest::kernel {
namespace {

using unwind::testing::FakeKernel;

constexpr const char* kTypes = R"(
struct list_head { struct list_head *next, *prev; };
union thread_union { unsigned long stack[512]; };
struct mutex { long owner; unsigned int wait_lock; struct list_head wait_list; };
struct mutex_waiter { struct list_head list; struct task_struct *task; };
struct rw_semaphore { long count; long owner; unsigned int wait_lock; struct list_head wait_list; };
struct rwsem_waiter { struct list_head list; struct task_struct *task; unsigned int type; };
struct semaphore { unsigned int lock, count; struct list_head wait_list; };
struct semaphore_waiter { struct list_head list; struct task_struct *task; _Bool up; };
struct swait_queue { struct task_struct *task; struct list_head task_list; };
struct completion { unsigned int done; struct { unsigned int lock; struct list_head task_list; } wait; };
struct wait_queue_entry { unsigned int flags; void *private; void *func; struct list_head entry; };
struct wait_queue_head { unsigned int lock; struct list_head head; };
struct wait_page_queue { struct folio *folio; int bit_nr; struct wait_queue_entry wait; };
struct rt_mutex_base { unsigned int wait_lock; void *waiters[2]; struct task_struct *owner; };
struct rt_mutex_waiter { void *tree[6]; struct task_struct *task; struct rt_mutex_base *lock; };
struct qspinlock { union { unsigned int val; struct { unsigned char locked, pending; }; }; };
struct work_struct { long data; struct list_head entry; void *func; };
struct wq_barrier { struct work_struct work; struct completion done; };
struct worker { struct list_head entry; struct work_struct *current_work; struct list_head scheduled; struct task_struct *task; };
struct kthread { long flags; struct completion exited; };
struct rq { unsigned long clock; };
struct task_struct { int pid; void *worker_private; struct { unsigned long last_arrival; } sched_info; };
)";

class LocksTest : public ::testing::Test {
 protected:
  explicit LocksTest(const char* types = kTypes) : kernel(arch::x86_64()) {
    kernel.function("autoremove_wake_function", 0, "90 90 c3");
    kernel.describe(types);
    kernel.variable("runqueues", kernel.data(0x100));
    for (int i = 0; i < 4; i++) {
      Task t;
      t.address = kernel.data(0x1000 + 0x100 * uint64_t(i));
      t.pid = 10 + i;
      t.stack = kernel.stack() + 0x1000 * uint64_t(i);
      t.is_kernel_thread = i == 3;
      tasks.tasks.push_back(t);
    }
  }
  // The last step: the memory is as it shall be.
  Locks& locks() {
    if (read) return *read;
    const auto& program = kernel.program();
    cpus.emplace(program);
    stacks.emplace(program, *cpus, tasks);
    return read.emplace(program, tasks, *stacks);
  }
  VirtualAddress task(int i) const { return tasks.tasks[size_t(i)].address; }
  // Where a task's waiter lies, with its task in it. `kind` is a struct with a member `task`.
  VirtualAddress waiter(int i, const std::string& kind, uint64_t at = 0x800) {
    VirtualAddress w = tasks.tasks[size_t(i)].stack + at;
    kernel.put(w, kind + ".task", task(i));
    return w;
  }
  std::optional<LockWait> wait_of(int i, std::vector<std::string> functions, uint64_t sp = 0x700) {
    return locks().wait_of(tasks.tasks[size_t(i)], tasks.tasks[size_t(i)].stack + sp, functions);
  }
  // A mutex of task 2 with tasks 0 and 1 in its queue.
  VirtualAddress contended_mutex() {
    VirtualAddress lock = kernel.data(0x2000);
    kernel.put(lock, "mutex.owner", task(2).value | 1);
    kernel.ring({kernel.place(lock, "mutex.wait_list"), kernel.place(waiter(1, "mutex_waiter"), "mutex_waiter.list"),
                 kernel.place(waiter(0, "mutex_waiter"), "mutex_waiter.list")});
    return lock;
  }

  FakeKernel kernel;
  TaskList tasks;
  std::optional<PerCpu> cpus;
  std::optional<Stacks> stacks;
  std::optional<Locks> read;
};

TEST_F(LocksTest, AMutexItsOwnerAndItsQueue) {
  VirtualAddress lock = contended_mutex();
  for (int i : {0, 1}) {
    auto wait = wait_of(i, {"__schedule", "schedule", "__mutex_lock.constprop.0", "driver_open"});
    ASSERT_TRUE(wait) << i;
    EXPECT_EQ(wait->kind, LockKind::kMutex);
    EXPECT_EQ(wait->lock, lock);
    EXPECT_EQ(wait->task, task(i));
    EXPECT_EQ(wait->function, "__mutex_lock.constprop.0");
  }
  LockState state = locks().state_of(LockKind::kMutex, lock);
  EXPECT_EQ(state.held, true);
  EXPECT_EQ(state.owner, task(2));
  EXPECT_FALSE(state.hand_over);
  EXPECT_EQ(state.queue, (std::vector{task(1), task(0)}));
  EXPECT_EQ(state.problem, "");
}

TEST_F(LocksTest, AMutexHandedOver) {
  VirtualAddress lock = kernel.data(0x2000);
  kernel.put(lock, "mutex.owner", task(1).value | 5);  // WAITERS, PICKUP
  LockState state = locks().state_of(LockKind::kMutex, lock);
  EXPECT_EQ(state.owner, task(1));
  EXPECT_TRUE(state.hand_over);
}

TEST_F(LocksTest, AFreeMutexAndOneOwnedByNobodyKnown) {
  kernel.put(kernel.data(0x2000), "mutex.owner", 1);
  kernel.put(kernel.data(0x2100), "mutex.owner", kernel.data(0x9000));
  EXPECT_EQ(locks().state_of(LockKind::kMutex, kernel.data(0x2000)).held, false);
  LockState lost = locks().state_of(LockKind::kMutex, kernel.data(0x2100));
  EXPECT_EQ(lost.held, true);
  EXPECT_TRUE(lost.owner.is_null());
  EXPECT_NE(lost.problem.find("no task of the task list"), std::string::npos);
}

TEST_F(LocksTest, ARwsemHeldForWriting) {
  VirtualAddress lock = kernel.data(0x2000);
  kernel.put(lock, "rw_semaphore.count", 3);  // a writer, and waiters
  kernel.put(lock, "rw_semaphore.owner", task(2));
  VirtualAddress reader = waiter(0, "rwsem_waiter"), writer = waiter(1, "rwsem_waiter");
  kernel.put(reader, "rwsem_waiter.type", 1);
  kernel.put(writer, "rwsem_waiter.type", 0);
  kernel.ring({kernel.place(lock, "rw_semaphore.wait_list"), kernel.place(reader, "rwsem_waiter.list"), kernel.place(writer, "rwsem_waiter.list")});
  auto first = wait_of(0, {"schedule", "rwsem_down_read_slowpath"}), second = wait_of(1, {"rwsem_down_write_slowpath"});
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->lock, lock);
  EXPECT_EQ(first->writes, false);
  EXPECT_EQ(second->writes, true);
  LockState state = locks().state_of(LockKind::kRwsem, lock);
  EXPECT_EQ(state.held, true);
  EXPECT_EQ(state.owner, task(2));
  EXPECT_FALSE(state.owner_is_hint);
  EXPECT_EQ(state.readers, 0u);
  EXPECT_EQ(state.queue.size(), 2u);
}

TEST_F(LocksTest, ARwsemHeldByReadersKnowsItsLastOneOnly) {
  VirtualAddress lock = kernel.data(0x2000);
  kernel.put(lock, "rw_semaphore.count", uint64_t{1} << 63 | 3 << 8 | 2);  // three readers, waiters, the bit of a failed read
  kernel.put(lock, "rw_semaphore.owner", task(2).value | 1);
  LockState state = locks().state_of(LockKind::kRwsem, lock);
  EXPECT_EQ(state.held, true);
  EXPECT_EQ(state.readers, 3u);
  EXPECT_EQ(state.owner, task(2));
  EXPECT_TRUE(state.owner_is_hint);
}

TEST_F(LocksTest, ASemaphoreHasNoOwner) {
  VirtualAddress lock = kernel.data(0x2000);
  kernel.ring({kernel.place(lock, "semaphore.wait_list"), kernel.place(waiter(0, "semaphore_waiter"), "semaphore_waiter.list")});
  auto wait = wait_of(0, {"schedule_timeout", "__down"});
  ASSERT_TRUE(wait);
  EXPECT_EQ(wait->kind, LockKind::kSemaphore);
  LockState state = locks().state_of(LockKind::kSemaphore, lock);
  EXPECT_EQ(state.held, true);
  EXPECT_TRUE(state.owner.is_null());
  EXPECT_EQ(state.queue, (std::vector{task(0)}));
}

TEST_F(LocksTest, AnRtMutexIsNamedByItsWaiter) {
  VirtualAddress lock = kernel.data(0x2000), w = waiter(0, "rt_mutex_waiter");
  kernel.put(lock, "rt_mutex_base.owner", task(3).value | 1);
  kernel.put(w, "rt_mutex_waiter.lock", lock);
  auto wait = wait_of(0, {"__schedule", "rt_mutex_slowlock_block.constprop.0"});
  ASSERT_TRUE(wait);
  EXPECT_EQ(wait->kind, LockKind::kRtMutex);
  EXPECT_EQ(wait->lock, lock);
  EXPECT_EQ(locks().state_of(LockKind::kRtMutex, lock).owner, task(3));
}

TEST_F(LocksTest, ACompletionThatAWorkerShallComplete) {
  // flush_work(): the barrier is on the waiter's stack, behind the running work on worker->scheduled.
  VirtualAddress barrier = tasks.tasks[0].stack + 0xa00, worker = kernel.data(0x3000);
  VirtualAddress done = kernel.place(barrier, "wq_barrier.done");
  kernel.put(worker, "worker.task", task(3));
  kernel.put(worker, "worker.current_work", kernel.data(0x3100));
  kernel.ring({kernel.place(worker, "worker.scheduled"), kernel.place(barrier, "wq_barrier.work.entry")});
  kernel.ring({kernel.place(done, "completion.wait.task_list"), kernel.place(waiter(0, "swait_queue"), "swait_queue.task_list")});
  auto wait = wait_of(0, {"schedule_timeout", "__wait_for_common", "__flush_work.isra.0"});
  ASSERT_TRUE(wait);
  EXPECT_EQ(wait->kind, LockKind::kCompletion);
  EXPECT_EQ(wait->lock, done);
  LockState state = locks().state_of(LockKind::kCompletion, done);
  EXPECT_EQ(state.owner, task(3));
  EXPECT_NE(state.owner_how.find("work item"), std::string::npos);
  EXPECT_FALSE(state.held);
}

TEST_F(LocksTest, AnIdleWorkerCompletesNothing) {
  VirtualAddress barrier = tasks.tasks[0].stack + 0xa00, worker = kernel.data(0x3000);
  kernel.put(worker, "worker.task", task(3));  // no current_work
  kernel.ring({kernel.place(worker, "worker.scheduled"), kernel.place(barrier, "wq_barrier.work.entry")});
  EXPECT_TRUE(locks().state_of(LockKind::kCompletion, kernel.place(barrier, "wq_barrier.done")).owner.is_null());
}

TEST_F(LocksTest, AThreadWhoseExitIsWaitedFor) {
  VirtualAddress kthread = kernel.data(0x3000);
  kernel.put(task(3), "task_struct.worker_private", kthread);
  kernel.put(task(2), "task_struct.worker_private", kernel.data(0x4000));  // no kernel thread: what lies there is not a struct kthread
  LockState state = locks().state_of(LockKind::kCompletion, kernel.place(kthread, "kthread.exited"));
  EXPECT_EQ(state.owner, task(3));
  EXPECT_EQ(state.owner_how, "its exit is waited for");
  EXPECT_TRUE(locks().state_of(LockKind::kCompletion, kernel.place(kernel.data(0x4000), "kthread.exited")).owner.is_null());
}

TEST_F(LocksTest, AWaitQueueNeedsCodeInItsEntries) {
  VirtualAddress head = kernel.data(0x2000), entry = tasks.tasks[0].stack + 0x800, bad = tasks.tasks[1].stack + 0x800;
  kernel.put(entry, "wait_queue_entry.private", task(0));
  kernel.put(entry, "wait_queue_entry.func", kernel.at("autoremove_wake_function"));
  kernel.ring({kernel.place(head, "wait_queue_head.head"), kernel.place(entry, "wait_queue_entry.entry")});
  kernel.put(bad, "wait_queue_entry.private", task(1));
  kernel.put(bad, "wait_queue_entry.func", kernel.data(0x5000));
  kernel.ring({kernel.place(kernel.data(0x2100), "wait_queue_head.head"), kernel.place(bad, "wait_queue_entry.entry")});
  auto wait = wait_of(0, {});
  ASSERT_TRUE(wait);
  EXPECT_EQ(wait->kind, LockKind::kWaitQueue);
  EXPECT_EQ(wait->lock, head);
  EXPECT_EQ(wait->function, "");
  EXPECT_FALSE(wait_of(1, {}));
}

TEST_F(LocksTest, AFolioIsNamedByItsQueueEntry) {
  VirtualAddress queue = tasks.tasks[0].stack + 0x800, entry = kernel.place(queue, "wait_page_queue.wait");
  kernel.put(queue, "wait_page_queue.folio", kernel.data(0x6000));
  kernel.put(entry, "wait_queue_entry.private", task(0));
  kernel.put(entry, "wait_queue_entry.func", kernel.at("autoremove_wake_function"));
  kernel.ring({kernel.place(kernel.data(0x2000), "wait_queue_head.head"), kernel.place(entry, "wait_queue_entry.entry")});
  auto wait = wait_of(0, {"io_schedule", "folio_wait_bit_common"});
  ASSERT_TRUE(wait);
  EXPECT_EQ(wait->kind, LockKind::kFolio);
  EXPECT_EQ(wait->lock, kernel.data(0x6000));
}

TEST_F(LocksTest, ASpinlockIsItsLowestByte) {
  kernel.put(kernel.data(0x2000), 0x101, 4);
  kernel.put(kernel.data(0x2004), 0x100, 4);
  EXPECT_EQ(locks().spinlock_held(kernel.data(0x2000)), true);
  EXPECT_EQ(locks().spinlock_held(kernel.data(0x2004)), false);
  EXPECT_EQ(locks().spinlock_held(kernel.missing()), std::nullopt);
}

TEST_F(LocksTest, SecondsAsleepByTheRunQueuesClock) {
  kernel.put(kernel.data(0x100), "rq.clock", 9'500'000'000);
  kernel.put(task(0), "task_struct.sched_info.last_arrival", 2'000'000'000);
  kernel.put(task(1), "task_struct.sched_info.last_arrival", 99'000'000'000);  // after the crash: a lie
  EXPECT_EQ(locks().seconds_asleep(tasks.tasks[0]), 7.5);
  EXPECT_EQ(locks().seconds_asleep(tasks.tasks[1]), std::nullopt);
  EXPECT_EQ(locks().seconds_asleep(tasks.tasks[2]), std::nullopt);  // never ran
}

// What lies about on stacks, and what was overwritten.

TEST_F(LocksTest, WhatLiesBelowTheStackPointerIsOfThePast) {
  contended_mutex();
  EXPECT_TRUE(wait_of(0, {"__mutex_lock"}, 0x700));
  EXPECT_FALSE(wait_of(0, {"__mutex_lock"}, 0x900));
}

TEST_F(LocksTest, WithoutANameAMutexWaiterProvesNothing) {
  kernel.put(kernel.place(contended_mutex(), "mutex.wait_list") - 4, 0x10000, 4);  // where a semaphore has its count
  EXPECT_FALSE(wait_of(0, {}));
  EXPECT_FALSE(wait_of(0, {"driver_open", "__mutex_lock"}));  // it blocks elsewhere
  EXPECT_FALSE(wait_of(0, {"__down"}));                       // no semaphore was ever taken so often
}

TEST_F(LocksTest, AListThatDoesNotComeBackIsNone) {
  contended_mutex();
  kernel.put(kernel.place(tasks.tasks[0].stack + 0x800, "mutex_waiter.list") + 8, kernel.data(0x7000));
  EXPECT_FALSE(wait_of(1, {"__mutex_lock"}));  // its next says another prev
  EXPECT_TRUE(wait_of(0, {"__mutex_lock"}));
}

TEST_F(LocksTest, ARingWithoutAHeadEnds) {
  kernel.ring({kernel.place(waiter(0, "mutex_waiter"), "mutex_waiter.list"), kernel.place(waiter(1, "mutex_waiter"), "mutex_waiter.list")});
  EXPECT_FALSE(wait_of(0, {"__mutex_lock"}));
}

TEST_F(LocksTest, PointersToNowhereAreNoLock) {
  kernel.put(kernel.place(waiter(0, "mutex_waiter"), "mutex_waiter.list"), kernel.missing());
  kernel.put(kernel.place(waiter(1, "mutex_waiter"), "mutex_waiter.list"), 0x6b6b6b6b6b6b6b6b);
  kernel.put(waiter(2, "rt_mutex_waiter"), "rt_mutex_waiter.lock", 0x1000);
  EXPECT_FALSE(wait_of(0, {"__mutex_lock"}));
  EXPECT_FALSE(wait_of(1, {"__mutex_lock"}));
  EXPECT_FALSE(wait_of(2, {"rt_mutex_schedule"}));
}

TEST_F(LocksTest, AnOwnerThatIsNoTaskMakesItNoMutex) {
  VirtualAddress lock = contended_mutex();
  kernel.put(lock, "mutex.owner", 0xdead000000000100);
  EXPECT_FALSE(wait_of(0, {"__mutex_lock"}));
}

TEST_F(LocksTest, AQueueThatLoopsIsReadOnce) {
  VirtualAddress lock = contended_mutex();
  VirtualAddress last = kernel.place(tasks.tasks[0].stack + 0x800, "mutex_waiter.list"), first = kernel.place(tasks.tasks[1].stack + 0x800, "mutex_waiter.list");
  kernel.put(last, first);
  EXPECT_EQ(locks().state_of(LockKind::kMutex, lock).queue, (std::vector{task(1), task(0)}));
}

TEST_F(LocksTest, AnUnreadableLockSaysSo) {
  for (LockKind kind : {LockKind::kMutex, LockKind::kRwsem, LockKind::kSemaphore, LockKind::kRtMutex}) {
    LockState state = locks().state_of(kind, kernel.missing());
    EXPECT_FALSE(state.held) << name_of(kind);
    EXPECT_NE(state.problem, "") << name_of(kind);
    EXPECT_TRUE(state.queue.empty());
  }
  EXPECT_FALSE(locks().wait_of(tasks.tasks[0], kernel.missing(), {"__mutex_lock"}));
}

TEST_F(LocksTest, AWaiterOnAnothersStackIsNotTheTasksOwn) {
  VirtualAddress lock = kernel.data(0x2000), w = tasks.tasks[1].stack + 0x800;
  kernel.put(w, "mutex_waiter.task", task(0));
  kernel.ring({kernel.place(lock, "mutex.wait_list"), kernel.place(w, "mutex_waiter.list")});
  EXPECT_FALSE(locks().wait_of(tasks.tasks[0], tasks.tasks[1].stack + 0x700, {"__mutex_lock"}));
  EXPECT_FALSE(wait_of(1, {"__mutex_lock"}));
}

TEST_F(LocksTest, AHeadMayLieOnAStackAndBeginWithATask) {
  // The list's head where a waiter would have its list, the word behind it a task: but that task's stack is another.
  VirtualAddress head = tasks.tasks[1].stack + 0xc00;
  kernel.put(head + 16, task(0));
  kernel.ring({head, kernel.place(waiter(0, "mutex_waiter"), "mutex_waiter.list")});
  auto wait = wait_of(0, {"__mutex_lock"});
  ASSERT_TRUE(wait);
  EXPECT_EQ(kernel.place(wait->lock, "mutex.wait_list"), head);
}

class LocksWithoutTypes : public LocksTest {
 protected:
  LocksWithoutTypes() : LocksTest("union thread_union { unsigned long stack[512]; };") {}
};

TEST_F(LocksWithoutTypes, NothingIsKnown) {
  kernel.put(kernel.data(0x2000), task(2));
  EXPECT_FALSE(wait_of(0, {"__mutex_lock"}));
  EXPECT_FALSE(locks().spinlock_held(kernel.data(0x2000)));
  EXPECT_FALSE(locks().seconds_asleep(tasks.tasks[0]));
  for (LockKind kind : {LockKind::kMutex, LockKind::kRwsem, LockKind::kSemaphore, LockKind::kRtMutex}) {
    LockState state = locks().state_of(kind, kernel.data(0x2000));
    EXPECT_FALSE(state.held) << name_of(kind);
    EXPECT_NE(state.problem, "") << name_of(kind);
  }
}

// 4.x to 5.2: count is readers and writers in the low half, less 2^32 for who waits and for a writer; owner a pointer.
class LocksBefore53 : public LocksTest {
 protected:
  LocksBefore53() : LocksTest("struct list_head { struct list_head *next, *prev; }; union thread_union { unsigned long stack[512]; };"
                              "struct rw_semaphore { long count; struct list_head wait_list; struct task_struct *owner; };") {}
  LockState state(uint64_t count, uint64_t owner) {
    kernel.put(kernel.data(0x2000), "rw_semaphore.count", count);
    kernel.put(kernel.data(0x2000), "rw_semaphore.owner", owner);
    return locks().state_of(LockKind::kRwsem, kernel.data(0x2000));
  }
};

TEST_F(LocksBefore53, AReaderIsNoWriter) {
  LockState s = state(1, task(2).value | 1);
  EXPECT_EQ(s.held, true);
  EXPECT_EQ(s.readers, 1u);
  EXPECT_TRUE(s.owner_is_hint);
}

TEST_F(LocksBefore53, AWriterWithWaiters) {
  LockState s = state(0xfffffffe00000001, task(2).value);
  EXPECT_EQ(s.held, true);
  EXPECT_EQ(s.readers, 0u);
  EXPECT_EQ(s.owner, task(2));
  EXPECT_FALSE(s.owner_is_hint);
}

TEST_F(LocksBefore53, WaitersAloneHoldNothing) {
  EXPECT_EQ(state(0xffffffff00000000, 0).held, false);
}

TEST_F(LocksBefore53, AnOwnerThatIsNotSaidLeavesTheReadersOpen) {
  LockState s = state(0xffffffff00000001, 0);
  EXPECT_EQ(s.held, true);
  EXPECT_FALSE(s.readers);
}

}  // namespace
}  // namespace inquest::kernel
