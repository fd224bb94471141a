#include "oops/event.h"

namespace inquest::oops {

const char* name_of(Arch arch) {
  switch (arch) {
    case Arch::kUnknown: return "";
    case Arch::kX86_64: return "x86_64";
    case Arch::kI386: return "i386";
    case Arch::kArm64: return "aarch64";
    case Arch::kArm: return "arm";
    case Arch::kRiscv: return "riscv";
    case Arch::kPpc64: return "ppc64";
    case Arch::kPpc32: return "ppc32";
    case Arch::kS390: return "s390x";
    case Arch::kMips: return "mips";
    case Arch::kLoongarch: return "loongarch";
    case Arch::kParisc: return "parisc";
    case Arch::kSparc: return "sparc";
    case Arch::kOther: return "other";
  }
  return "";
}

const char* name_of(EventKind kind) {
  switch (kind) {
    case EventKind::kWarning: return "warning";
    case EventKind::kBugAt: return "bug-at";
    case EventKind::kNullDereference: return "null-deref";
    case EventKind::kPagingRequest: return "paging-request";
    case EventKind::kGeneralProtection: return "gpf";
    case EventKind::kInvalidOpcode: return "invalid-opcode";
    case EventKind::kDivideError: return "divide-error";
    case EventKind::kStackSegment: return "stack-segment";
    case EventKind::kInternalError: return "internal-error";
    case EventKind::kOops: return "oops-hdr";
    case EventKind::kUnhandledFault: return "unhandled-fault";
    case EventKind::kUndefinedInstruction: return "undefined-instr";
    case EventKind::kSerror: return "serror";
    case EventKind::kExternalAbort: return "sea";
    case EventKind::kBadMode: return "bad-mode";
    case EventKind::kDoubleFault: return "double-fault";
    case EventKind::kStackGuard: return "stack-guard";
    case EventKind::kStackProtector: return "stack-protector";
    case EventKind::kKasan: return "kasan";
    case EventKind::kKfence: return "kfence";
    case EventKind::kKcsan: return "kcsan";
    case EventKind::kKmsan: return "kmsan";
    case EventKind::kUbsan: return "ubsan";
    case EventKind::kSlub: return "slub";
    case EventKind::kListCorruption: return "list-corruption";
    case EventKind::kRefcount: return "refcount";
    case EventKind::kLockdep: return "lockdep";
    case EventKind::kBadPage: return "bad-page";
    case EventKind::kSoftLockup: return "soft-lockup";
    case EventKind::kHardLockup: return "hard-lockup";
    case EventKind::kRcuStall: return "rcu-stall";
    case EventKind::kHungTask: return "hung-task";
    case EventKind::kWorkqueueLockup: return "workqueue-lockup";
    case EventKind::kSleepingInAtomic: return "sleeping-atomic";
    case EventKind::kSchedulingWhileAtomic: return "scheduling-atomic";
    case EventKind::kNetdevWatchdog: return "netdev-watchdog";
    case EventKind::kOutOfMemory: return "oom";
    case EventKind::kPageAllocationFailure: return "page-alloc-fail";
    case EventKind::kMachineCheck: return "mce";
    case EventKind::kCfiFailure: return "cfi-failure";
    case EventKind::kSysrqCrash: return "sysrq-crash";
    case EventKind::kPanic: return "panic";
    case EventKind::kMemoryLeak: return "memory-leak";
    case EventKind::kTrace: return "trace";
    case EventKind::kOther: return "other";
    case EventKind::kPpcOops: return "ppc-oops";
    case EventKind::kS390Illegal: return "s390-illegal";
    case EventKind::kReboot: return "reboot";
    case EventKind::kIrqNobodyCared: return "irq-nobody-cared";
  }
  return "";
}

}  // namespace inquest::oops
