#include "oops/kinds.h"

#include <algorithm>
#include <iterator>

#include "oops/pattern.h"
#include "oops/text.h"

namespace inquest::oops {
namespace {

using K = EventKind;

struct Rule {
  K kind;
  Role role;
  Pattern pattern;
  bool generic = false;
};

// First match wins, so the special stands before the general. Where each line is printed:
// lib/kasan, mm/kasan/report.c; mm/kfence, kernel/kcsan, mm/kmsan report.c; lib/ubsan.c; arch/*/mm/fault.c;
// arch/*/kernel/traps.c; kernel/panic.c; kernel/watchdog*.c; kernel/rcu/tree_stall.h; kernel/hung_task.c;
// kernel/locking/lockdep.c; kernel/sched/core.c; mm/slub.c; lib/list_debug.c; lib/refcount.c; mm/oom_kill.c.
constexpr Rule kRules[] = {
    {K::kKasan, Role::kOpens, "BUG: KASAN:"},
    {K::kKasan, Role::kOpens, "BUG: KASan:"},  // until 4.11 or so
    {K::kKfence, Role::kOpens, "BUG: KFENCE:"},
    {K::kKcsan, Role::kOpens, "BUG: KCSAN:"},
    {K::kKmsan, Role::kOpens, "BUG: KMSAN:"},
    {K::kUbsan, Role::kOpens, "UBSAN: "},
    {K::kStackGuard, Role::kOpens, "stack guard page was hit"},
    {K::kStackGuard, Role::kOpens, "Insufficient stack space to handle exception"},
    {K::kStackGuard, Role::kDie, "stack guard page: <x> [#"},
    {K::kPanic, Role::kPanic, "Kernel panic"},
    {K::kStackGuard, Role::kDie, "kernel stack overflow (*): <x> [#"},   // x86, older
    {K::kStackGuard, Role::kOpens, "Kernel stack overflow"},            // powerpc, s390
    // arm64 die lines name the abort.
    {K::kExternalAbort, Role::kDie, "Internal error: synchronous external abort"},
    {K::kUndefinedInstruction, Role::kDie, "Internal error: Oops - undefined instruction"},
    {K::kInternalError, Role::kDie, "Internal error:"},
    {K::kNullDereference, Role::kOpens, "{BUG: |}{unable to handle kernel|kernel|Kernel|Unable to handle kernel} NULL pointer dereference"},
    {K::kPagingRequest, Role::kOpens, "BUG: {unable to handle|Unable to handle}"},
    {K::kPagingRequest, Role::kOpens, "Unable to handle kernel"},
    {K::kPagingRequest, Role::kOpens, "Unable to handle paging request"},
    {K::kPagingRequest, Role::kOpens, "unable to handle kernel"},
    {K::kGeneralProtection, Role::kDie, "general protection fault"},
    {K::kListCorruption, Role::kPrelude, "list_{add|del|add_rcu|del_rcu} {corruption|double add}"},
    {K::kRefcount, Role::kPrelude, "refcount_t: {addition on 0|underflow|saturated|increment on 0|decrement|leaking memory|hit }"},
    {K::kBugAt, Role::kOpens, "kernel BUG at"},
    {K::kBugAt, Role::kOpens, "Kernel BUG at"},
    {K::kBugAt, Role::kOpens, "Kernel bug detected"},
    {K::kDoubleFault, Role::kDie, "PANIC: double fault"},
    {K::kDoubleFault, Role::kDie, "double fault: <x> [#"},
    // arch/x86/kernel/traps.c: what die() calls the other traps; with "Oops: " before since 6.10.
    {K::kOops, Role::kDie, "{alignment check|segment not present|invalid TSS|coprocessor segment overrun|simd exception|fpu exception|iret exception|bounds|overflow|device not available|control protection fault}: <x> [#"},
    {K::kInvalidOpcode, Role::kDie, "invalid opcode:"},
    {K::kDivideError, Role::kDie, "divide{ |_}error:"},
    {K::kStackSegment, Role::kDie, "stack segment:"},
    {K::kOops, Role::kDie, "int3: <x>"},
    {K::kS390Illegal, Role::kDie, "illegal operation: <x>"},
    {K::kDivideError, Role::kDie, "{fixpoint divide|decimal divide|HFP divide} exception: <x>"},
    {K::kOops, Role::kDie, "exception: <x> ilc:<n> [#"},  // arch/s390/kernel/traps.c: the other program checks
    {K::kOops, Role::kDie, "operation: <x> ilc:<n> [#"},
    {K::kMachineCheck, Role::kDie, "Oops: Machine check"},
    {K::kPpcOops, Role::kDie, "Oops: Kernel access of bad area"},
    {K::kPpcOops, Role::kDie, "Oops: Bad kernel stack pointer"},
    {K::kUnhandledFault, Role::kOpens, "Unhandled fault:"},
    {K::kUnhandledFault, Role::kOpens, "Unhandled prefetch abort:"},
    {K::kUnhandledFault, Role::kOpens, "Alignment trap:"},
    {K::kSerror, Role::kOpens, "SError Interrupt on CPU"},
    {K::kBadMode, Role::kOpens, "Bad mode in "},
    {K::kOops, Role::kDie, "Oops[#"},
    {K::kOops, Role::kDie, "Oops: "},
    {K::kOops, Role::kDie, "<x> [#<d>]"},
    {K::kOops, Role::kDie, "Oops*[#<d>]"},            // riscv: "Oops - illegal instruction [#1]"
    {K::kOops, Role::kDie, "Kernel Fault: Code="},    // parisc
    {K::kOops, Role::kDie, "Bad Address (null pointer deref?): Code="},
    {K::kOops, Role::kDie, "(<d>): Oops <d>$"},       // alpha: "comm(pid): Oops 0"
    {K::kOops, Role::kDie, "[#<d>]:$"},
    {K::kOops, Role::kDie, "[#<d>]$"},
    {K::kCfiFailure, Role::kPrelude, "CFI failure at "},
    {K::kCfiFailure, Role::kPrelude, "CFI failure (target:"},
    {K::kSoftLockup, Role::kOpens, "BUG: soft lockup"},
    {K::kHardLockup, Role::kOpens, "detected hard LOCKUP"},
    {K::kHardLockup, Role::kOpens, "hard LOCKUP @"},
    {K::kHardLockup, Role::kOpens, "CPU <d> Hard LOCKUP"},  // powerpc, for the other CPU
    {K::kHardLockup, Role::kOpens, "CPU:<d> Hard LOCKUP"},
    {K::kWorkqueueLockup, Role::kOpens, "BUG: workqueue lockup"},
    {K::kRcuStall, Role::kOpens, "self-detected stall on CPU"},
    {K::kRcuStall, Role::kOpens, "detected stalls on CPUs/tasks"},
    {K::kRcuStall, Role::kOpens, "detected expedited stalls"},
    {K::kRcuStall, Role::kOpens, "rcu_tasks detected stalls"},
    {K::kRcuStall, Role::kOpens, "INFO: rcu*detected*stall"},
    {K::kHungTask, Role::kOpens, "INFO: task *blocked for more than"},
    {K::kHungTask, Role::kOpens, "INFO: task *blocked in I/O wait for more than"},
    {K::kHungTask, Role::kOpens, "INFO: task *can't die for more than"},
    // kernel/hung_task.c: debug_show_blocker(), since 6.15; ends the report of the task.
    {K::kHungTask, Role::kAside, "INFO: task *blocked on a"},
    {K::kSchedulingWhileAtomic, Role::kOpens, "BUG: scheduling while atomic"},
    {K::kSleepingInAtomic, Role::kOpens, "BUG: sleeping function called from invalid context"},
    {K::kLockdep, Role::kOpens, "possible {circular|recursive|irq|nested} lock"},
    {K::kLockdep, Role::kOpens, "possible irq lock inversion"},
    {K::kLockdep, Role::kOpens, "unsafe lock order detected"},
    {K::kLockdep, Role::kOpens, "{WARNING|INFO}: inconsistent lock state"},
    {K::kLockdep, Role::kOpens, "{WARNING|INFO}: suspicious RCU usage"},
    {K::kLockdep, Role::kOpens, "{BUG|WARNING}: bad unlock balance detected"},
    {K::kLockdep, Role::kOpens, "{BUG|WARNING}: held lock freed"},
    {K::kLockdep, Role::kOpens, "{BUG|WARNING}: {lock held when returning to user space|lock held at task exit time|bad contention detected}"},
    {K::kLockdep, Role::kOpens, "{BUG|WARNING}: *still has locks held"},
    {K::kLockdep, Role::kOpens, "BUG: MAX_LOCK"},
    {K::kLockdep, Role::kOpens, "BUG: MAX_STACK_TRACE_ENTRIES"},
    {K::kLockdep, Role::kOpens, "WARNING: {Nested lock was not taken|nested lock was not taken}"},
    {K::kLockdep, Role::kOpens, "{BUG|WARNING}: Invalid wait context"},
    {K::kLockdep, Role::kOpens, "INFO: trying to register non-static key"},
    {K::kLockdep, Role::kOpens, "BUG: {spinlock|rwlock} "},
    {K::kBadPage, Role::kOpens, "BUG: Bad page {state|map|cache}"},
    {K::kBadPage, Role::kOpens, "BUG: Bad rss-counter state"},
    {K::kBadPage, Role::kOpens, "BUG: non-zero "},
    {K::kMemoryLeak, Role::kOpens, "BUG: memory leak"},
    {K::kMemoryLeak, Role::kOpens, "unreferenced object 0x<x> (size <d>):"},  // mm/kmemleak.c: print_unreferenced()
    {K::kSlub, Role::kOpens, "BUG <w>*ainted*): {Poison|Redzone|Right Redzone|Left Redzone|Padding|Object|Freepointer|Freechain|Free|Invalid|Wrong|Slab|Allocated|Freelist|Alloc}"},
    {K::kSlub, Role::kOpens, "slab error in "},  // mm/slab.c, until 6.7
    {K::kWarning, Role::kOpens, "WARNING: CPU:*PID:*at"},
    {K::kWarning, Role::kOpens, "WARNING: at "},  // before 3.11 or so
    {K::kWarning, Role::kOpens, "WARNING: <s> at "},  // since 6.18 or 6.19: "file.c:12 at func+0x1/0x2, CPU#0: comm/pid"
    {K::kWarning, Role::kOpens, "WARNING: [*] <s> at "},
    {K::kNetdevWatchdog, Role::kOpens, "NETDEV WATCHDOG:"},
    {K::kOutOfMemory, Role::kOpens, "invoked oom-killer:"},
    {K::kPageAllocationFailure, Role::kOpens, "page allocation failure: order"},
    {K::kPageAllocationFailure, Role::kOpens, "page allocation failure. order"},
    {K::kPageAllocationFailure, Role::kOpens, "page allocation stalls for"},
    {K::kMachineCheck, Role::kOpens, "Machine check in kernel mode"},
    {K::kMachineCheck, Role::kOpens, "[Hardware Error]: CPU <d>: Machine Check"},
    {K::kMachineCheck, Role::kOpens, "EDAC MC<d>: <n> UE"},
    {K::kMachineCheck, Role::kOpens, "[Hardware Error]: event severity: {fatal|recoverable}"},
    {K::kStackProtector, Role::kOpens, "stack-protector: Kernel stack is corrupted in"},
    {K::kSysrqCrash, Role::kPrelude, "ysrq: Trigger a crash"},
    {K::kSysrqCrash, Role::kPrelude, "SysRq : Trigger a crash"},
    {K::kIrqNobodyCared, Role::kOpens, "irq <d>: nobody cared"},
    {K::kReboot, Role::kOpens, "^Booting the kernel."},
    {K::kOther, Role::kOpens, "BUG: Dentry "},
    {K::kOther, Role::kOpens, "BUG: using <w>() in preemptible"},
    {K::kOther, Role::kOpens, "BUG: workqueue leaked lock"},
    {K::kOther, Role::kOpens, "WARNING: kernel stack "},
    {K::kOther, Role::kOpens, "rust_kernel: panicked"},
    {K::kOther, Role::kOpens, "unregister_netdevice: waiting for"},
    {K::kOther, Role::kOpens, "VFS: Close: file count is 0"},
    {K::kOther, Role::kOpens, "VFS: Busy inodes after unmount"},
    {K::kOther, Role::kOpens, "trusty: panic"},
    {K::kOther, Role::kOpens, "SYZFAIL:"},
    {K::kOther, Role::kOpens, "SYZFATAL:"},
    {K::kOther, Role::kOpens, "fatal error:", true},
    {K::kOther, Role::kOpens, "BUG:", true},
    {K::kOther, Role::kOpens, "WARNING:", true},
    {K::kOther, Role::kOpens, "INFO:", true},
    {K::kPanic, Role::kOpens, "panic:", true},
};

struct Veto {
  std::string_view word;     // what the rule was opened by; "" for any
  std::string_view pattern;
};

// Lines that carry a word of the table and yet report nothing wrong.
constexpr Veto kVetoes[] = {
    {"", "end Kernel panic"},
    {"", "printk: *messages dropped"},
    {"BUG", "DEBUG:"},
    {"BUG", "xlog_status:"},
    {"BUG:", "Oops - BUG:"},  // arm64's die line of a BUG(): an internal error
    {"BUG", "BUG: no syscalls can create resource"},
    {"WARNING", "WARNING: /etc/ssh/moduli does not exist"},
    {"WARNING", "WARNING: workqueue cpumask: online intersect"},
    {"WARNING", "WARNING: {The|the} mand mount option"},
    {"WARNING", "WARNING: Unsupported flag value(s) of "},
    {"WARNING", "WARNING: Unprivileged eBPF is enabled"},
    {"WARNING", "WARNING: fbcon: Driver '*missed to adjust"},
    {"WARNING", "WARNING: See https*mitigation options"},
    {"WARNING", "WARNING: kernel not compiled with CPU_SRSO"},
    {"WARNING", "EXT4-{FS|Fs|fS|fs}"},
    {"WARNING", "uses {deprecated v2 capabilities|wireless extensions}"},
    {"WARNING", "USES {DEPRECATED V2 CAPABILITIES|WIRELESS EXTENSIONS}"},  // as a tty in upper case mode echoes it
    {"WARNING", "XFS (<w>): WARNING"},
    {"INFO", "INFO: lockdep is turned off"},
    {"INFO", "INFO: Stall ended before state dump start"},
    {"INFO", "INFO: NMI handler"},
    {"INFO", "INFO: recovery required on readonly filesystem"},
    {"INFO", "took too long"},
    {"INFO", "INFO: sys_*is not present in /proc/kallsyms"},
    {"INFO", "INFO: no syscalls can create resource"},
    {"INFO", "rmt_storage:INFO:"},
    {"INFO", "_INFO:"},
    {"INFO", "INFO: Slab 0x"},  // second lines of a SLUB report
    {"INFO", "INFO: Object 0x"},
    {"INFO", "INFO: 0x"},
    {"general", "general protection fault*error:<d> in "},
    {"general", "general protection fault ip:"},
    {"general", "] general protection fault$"},  // the same, folded
    {"panic", "_panic:"},
    {"panic", "xlog_status:"},
    {"panic", "ddb.onpanic:"},
    {"panic", "evtlog_status:"},
    {"fatal", "ALSA"},
    {"fatal", "fatal error: cannot create timer"},
    {"Booting", "Parsing ELF"},
    {"Booting", "Decompressing Linux"},
    {"Booting", "Unknown parameter '"},
    {"Unable", "Unable to handle kernel NULL pointer dereference (*expected"},
};

constexpr std::string_view kWords[] = {
    "BUG:", "BUG ", "UBSAN:", "WARNING:", "INFO:", "stack guard page", "Insufficient stack", "Kernel panic",
    "Internal error", "NULL pointer dereference", "nable to handle", "protection fault", "list_add", "list_del",
    "refcount_t:", "Kernel bug", "kernel code[", "double fault", "invalid opcode", "divide", "stack segment", "int3:", "illegal operation",
    "Oops", "Unhandled ", "Alignment trap", "SError Interrupt", "Bad mode", "CFI failure", "LOCKUP", " stall",
    "possible ", "unsafe lock", "slab error", "NETDEV WATCHDOG", "oom-killer", "page allocation", "Machine ",
    "stack-protector", "rigger a crash", "nobody cared", "Booting the", "panicked", "unregister_netdevice",
    "VFS: ", "trusty: ", "SYZF", "fatal error:", "panic:", "Hardware Error", "EDAC MC", "Linux version ", "WARNING", "stack overflow",
    "Kernel Fault", "slab error in", "detected hard", "alignment check", "segment not", "invalid TSS", "coprocessor", "simd exception", "fpu exception", "iret exception",
    "bounds: ", "overflow: ", "device not avail", "control protection", " ilc:", "Bad Address (", "unreferenced object",
};

}  // namespace

bool is_harmless(std::string_view word, std::string_view text) {
  return std::any_of(std::begin(kVetoes), std::end(kVetoes), [&](const Veto& veto) {
    return (veto.word.empty() || has(word, veto.word)) && matches(veto.pattern, text);
  });
}

std::optional<Header> classify(std::string_view text) {
  const Pairs pairs(text);
  for (const Rule& rule : kRules) {
    if (!rule.pattern.possible(pairs)) continue;
    auto found = match(rule.pattern.text(), text);
    if (!found || is_harmless(rule.pattern.text(), text)) continue;
    return Header{rule.kind, rule.role, found->begin, rule.generic};
  }
  return std::nullopt;
}

std::span<const std::string_view> header_words() { return kWords; }

bool joins(EventKind open, bool died, bool panicked, uint64_t lines_between, bool has_stack, const Header& next) {
  switch (next.role) {
    case Role::kPanic:
      return !panicked;
    case Role::kDie:
      // The fault's own text comes first, then its die() line; a second die line is a second oops.
      if (lines_between <= 1) return true;  // or the rest of a folded die line
      if (open == K::kDoubleFault && next.kind == K::kDoubleFault && !has_stack) return lines_between <= 3;
      if (died || lines_between > 40) return false;
      switch (open) {
        case K::kNullDereference: case K::kPagingRequest: case K::kBugAt: case K::kListCorruption:
        case K::kUnhandledFault: case K::kStackGuard: case K::kMachineCheck: case K::kBadMode: case K::kSerror:
        case K::kSysrqCrash: case K::kCfiFailure: case K::kStackProtector:
          return !has_stack || lines_between <= 3;
        default:
          return false;
      }
    case Role::kPrelude:
      // 32-bit arm and kernels without a WARN format print the reason after the WARNING line.
      return open == K::kWarning && (next.kind == K::kRefcount || next.kind == K::kListCorruption) && lines_between <= 2;
    case Role::kAside:
      return open == next.kind;
    case Role::kOpens:
      if (open == K::kListCorruption && (next.kind == K::kBugAt || next.kind == K::kWarning)) return lines_between <= 8;
      if (open == K::kRefcount && next.kind == K::kWarning) return lines_between <= 4;
      if (open == K::kCfiFailure && next.kind == K::kWarning) return lines_between <= 4;
      if (open == K::kSysrqCrash && !has_stack) return lines_between <= 4;
      if (open == K::kStackGuard && next.kind == K::kStackGuard) return lines_between <= 2;
      if (open == K::kNetdevWatchdog && next.kind == K::kWarning) return lines_between <= 3;
      if (open == K::kBadPage && next.kind == K::kBadPage) return lines_between <= 1 && !has_stack;
      if (open == K::kMachineCheck && next.kind == K::kMachineCheck) return true;
      if (open == K::kMemoryLeak && next.kind == K::kMemoryLeak) return lines_between <= 1 && !has_stack;
      if (open == K::kHardLockup && next.kind == K::kHardLockup) return lines_between <= 3 && !has_stack;
      return false;
  }
  return false;
}

}  // namespace inquest::oops
