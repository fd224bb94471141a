// Names of the functions in which a task blocks: kernel/locking, kernel/sched/completion.c and wait.c, mm/filemap.c. Compilers add suffixes
// (".constprop.0", ".isra.0"), so names are taken as beginnings.
#include <array>
#include <string_view>

#include "kernel/locks.h"

namespace inquest::kernel {

namespace {

struct Name {
  std::string_view prefix;
  std::optional<LockKind> kind;   // nothing: machinery that says no kind
};

constexpr std::array kNames = {
    Name{"__mutex_lock", LockKind::kMutex}, Name{"mutex_lock", LockKind::kMutex}, Name{"__ww_mutex_lock", LockKind::kMutex}, Name{"ww_mutex_lock", LockKind::kMutex},
    Name{"rwsem_down", LockKind::kRwsem}, Name{"__down_read", LockKind::kRwsem}, Name{"__down_write", LockKind::kRwsem},
    Name{"down_read", LockKind::kRwsem}, Name{"down_write", LockKind::kRwsem}, Name{"call_rwsem_down", LockKind::kRwsem},
    Name{"__down_common", LockKind::kSemaphore}, Name{"__down", LockKind::kSemaphore}, Name{"down_interruptible", LockKind::kSemaphore},
    Name{"down_killable", LockKind::kSemaphore}, Name{"down_timeout", LockKind::kSemaphore}, Name{"___down_common", LockKind::kSemaphore},
    Name{"rt_mutex_", LockKind::kRtMutex}, Name{"__rt_mutex_", LockKind::kRtMutex}, Name{"rtlock_", LockKind::kRtMutex}, Name{"rt_spin_lock", LockKind::kRtMutex},
    Name{"wait_for_completion", LockKind::kCompletion}, Name{"__wait_for_common", LockKind::kCompletion}, Name{"wait_for_common", LockKind::kCompletion},
    Name{"do_wait_for_common", LockKind::kCompletion},
    Name{"folio_wait_bit", LockKind::kFolio}, Name{"__folio_lock", LockKind::kFolio}, Name{"__lock_page", LockKind::kFolio}, Name{"wait_on_page_bit", LockKind::kFolio},
    Name{"folio_wait_", LockKind::kFolio}, Name{"__lock_folio", LockKind::kFolio}, Name{"put_and_wait_on_page", LockKind::kFolio},
    Name{"_raw_spin_", LockKind::kSpinlock}, Name{"_raw_read_lock", LockKind::kSpinlock}, Name{"_raw_write_lock", LockKind::kSpinlock},
    Name{"queued_spin_lock", LockKind::kSpinlock}, Name{"native_queued_spin_lock", LockKind::kSpinlock}, Name{"__pv_queued_spin_lock", LockKind::kSpinlock},
    Name{"pv_queued_spin_lock", LockKind::kSpinlock}, Name{"queued_read_lock", LockKind::kSpinlock}, Name{"queued_write_lock", LockKind::kSpinlock},
    Name{"do_raw_spin_lock", LockKind::kSpinlock}, Name{"__raw_spin_lock", LockKind::kSpinlock}, Name{"__raw_callee_save___pv_queued", LockKind::kSpinlock},
    Name{"schedule", std::nullopt}, Name{"__schedule", std::nullopt}, Name{"__switch_to", std::nullopt}, Name{"io_schedule", std::nullopt}, Name{"preempt_schedule", std::nullopt},
    Name{"__cond_resched", std::nullopt}, Name{"percpu_rwsem_wait", std::nullopt}, Name{"percpu_down_", std::nullopt}, Name{"__percpu_down_read", std::nullopt},
    Name{"bit_wait", std::nullopt}, Name{"__wait_on_bit", std::nullopt}, Name{"out_of_line_wait_on_bit", std::nullopt}, Name{"do_wait_intr", std::nullopt},
    Name{"context_switch", std::nullopt},
};

const Name* find(std::string_view function) {
  const Name* best = nullptr;
  for (const Name& n : kNames)
    if (function.starts_with(n.prefix) && (!best || n.prefix.size() > best->prefix.size())) best = &n;
  return best;
}

}  // namespace

std::optional<LockKind> lock_kind_of(std::string_view function) {
  const Name* name = find(function);
  return name ? name->kind : std::nullopt;
}

bool is_lock_function(std::string_view function) {
  // "schedule_work", "schedule_console_callback" and others only sound alike.
  if (function.starts_with("schedule_") && !function.starts_with("schedule_preempt") && !function.starts_with("schedule_timeout") && !function.starts_with("schedule_hrtimeout")) return false;
  return find(function) != nullptr;
}

const char* name_of(LockKind kind) {
  switch (kind) {
    case LockKind::kMutex: return "mutex";
    case LockKind::kRwsem: return "rw_semaphore";
    case LockKind::kSemaphore: return "semaphore";
    case LockKind::kRtMutex: return "rt_mutex";
    case LockKind::kCompletion: return "completion";
    case LockKind::kWaitQueue: return "wait queue";
    case LockKind::kFolio: return "folio";
    case LockKind::kSpinlock: return "spinlock";
  }
  return "lock";
}

}  // namespace inquest::kernel
