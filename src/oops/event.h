// Event: one WARNING, BUG, Oops, lockup, stall, hung task, OOM, sanitizer report or panic, as the kernel
// log told it.
//
// Plain data. Addresses are numbers as printed; absent is std::nullopt or empty, never 0 for "unknown".
// `oops` is a leaf: it knows text only, no dump and no debuginfo; who resolves frames to lines is the scene.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace inquest::oops {

enum class Arch { kUnknown, kX86_64, kI386, kArm64, kArm, kRiscv, kPpc64, kPpc32, kS390, kMips, kLoongarch, kParisc, kSparc, kOther };
const char* name_of(Arch arch);

// The machine-readable kind, stable; printed in JSON as e.g. "warning", "null-deref", "paging-request".
// The spelling follows ../shared/oops/wild's kinds where those have one.
enum class EventKind {
  kWarning, kBugAt, kNullDereference, kPagingRequest, kGeneralProtection, kInvalidOpcode, kDivideError, kStackSegment,
  kInternalError, kOops, kUnhandledFault, kUndefinedInstruction, kSerror, kExternalAbort, kBadMode, kDoubleFault,
  kStackGuard, kStackProtector, kKasan, kKfence, kKcsan, kKmsan, kUbsan, kSlub, kListCorruption, kRefcount, kLockdep, kBadPage,
  kSoftLockup, kHardLockup, kRcuStall, kHungTask, kWorkqueueLockup, kSleepingInAtomic, kSchedulingWhileAtomic, kNetdevWatchdog,
  kOutOfMemory, kPageAllocationFailure, kMachineCheck, kCfiFailure, kSysrqCrash, kPanic, kMemoryLeak, kTrace, kOther,
  kPpcOops, kS390Illegal, kReboot, kIrqNobodyCared
};
const char* name_of(EventKind kind);

enum class FrameContext { kUnknown, kTask, kIrq, kSoftirq, kNmi, kException, kOther };

struct Frame {
  int line = 0;                          // in the input, from 1
  std::optional<uint64_t> address;       // if printed ("[<ffff…>]" or a bare number)
  std::string symbol;                    // empty: no name, only an address
  std::optional<uint64_t> offset, size;  // symbol+offset/size
  std::string module, build_id;          // "" = the kernel itself
  bool reliable = true;                  // false: the kernel printed '?'
  bool inlined = false;                  // the log itself says so (decoded logs)
  FrameContext context = FrameContext::kUnknown;
  std::string context_name;              // as printed: "IRQ", "NMI", "#DF"
  std::string file;                      // if the log was decoded already
  int source_line = 0;
};

// A stack the report prints beside its own: KASAN's "Allocated by task 7", lockdep's "-> #1 (&x){+.+.}", the
// backtrace of another CPU, the origin of a page.
struct NamedStack {
  std::string name;
  std::vector<Frame> frames;
};

struct Module {
  std::string name, flags;  // flags as printed: "OE"
};

// What an out-of-memory report says of memory (mm/page_alloc.c or lib/show_mem.c: show_free_areas(); mm/oom_kill.c: dump_tasks(); mm/slab_common.c:
// dump_unreclaimable_slab(), 4.15+ 852d8be0ad8b). Pages are as counted by the kernel; absent is nullopt.
struct MemoryReport {
  std::optional<uint64_t> anon_pages, file_pages, shmem_pages, slab_reclaimable_pages, slab_unreclaimable_pages, free_pages, ram_pages, reserved_pages;
  struct SlabLine {
    std::string cache;
    uint64_t used_kb = 0, total_kb = 0;
  };
  std::vector<SlabLine> slabs;
  struct TaskLine {
    std::string comm;
    int pid = 0;
    uint64_t rss_pages = 0;
  };
  std::vector<TaskLine> tasks;
  std::string killed;                    // "Killed process 123 (awk)": the task
  bool any() const { return anon_pages || slab_unreclaimable_pages || !slabs.empty() || !tasks.empty(); }
};

enum class Access { kUnknown, kRead, kWrite, kExecute };

struct Register {
  std::string name;  // lower case, without "0x": "rip", "x3", "pc", "lr", "cr2", "orig_rax", "pstate"
  uint64_t value = 0;
};

struct Event {
  int first_line = 0, last_line = 0;       // in the input, from 1, inclusive
  std::optional<double> time;              // seconds since boot
  std::string wall_time;                   // as printed by syslog or `dmesg -T`, if that is all there is
  EventKind kind = EventKind::kOther;
  Arch arch = Arch::kUnknown;
  std::string header;                      // the line that opened it, without prefixes
  std::string title;                       // syzkaller's wording
  std::vector<std::string> alternates;
  std::string type;                        // syzkaller's class of bug
  bool corrupted = false;
  std::string corrupted_reason;
  bool panicked = false;                   // the kernel panicked after it
  bool vague = false;                      // only "BUG:", "WARNING:" or "INFO:" in a line of no known format says so
  bool primary = false;                    // the one to triage; `primary_reason` says why
  std::string primary_reason;

  std::optional<int> cpu, pid;
  std::string comm, taint, hardware, release, workqueue, caller_id;
  std::string context;                     // "task", "softirq", "irq", "nmi", "" = not known

  std::string file;                        // "lib/radix-tree.c" of "WARNING: … at lib/radix-tree.c:784"
  int source_line = 0;
  // The function the event is about: RIP/pc, or the "at func+0x…" of a WARNING; the address as printed where a
  // jump went to no function.
  std::string function;
  std::optional<uint64_t> function_offset, function_size;
  std::string function_module;
  Frame link;                              // lr/ra where the architecture has one: symbol or address, else empty

  std::optional<uint64_t> fault_address;
  Access access = Access::kUnknown;
  std::optional<uint64_t> error_code;      // x86 error code, arm64 ESR
  std::optional<uint64_t> kernel_offset;   // of "Kernel Offset: 0x… from 0x…": how far the kernel was moved (KASLR)
  std::optional<int> oops_number;          // the 1 of "[#1]"
  std::vector<Register> registers;         // in printed order; the *kernel's* set, not the user's second one
  std::string code_text;                   // after "Code: ", as printed
  std::vector<uint8_t> code;               // the bytes of it, in memory order
  std::optional<size_t> code_mark;         // index in `code` of the faulting instruction
  std::vector<Frame> frames;               // innermost first
  std::vector<NamedStack> stacks;
  MemoryReport memory;                     // of an out-of-memory report
  int repeats = 0;                         // further events of the same title and function left out of the list
  std::vector<Module> modules;
  std::string last_unloaded;               // the module unloaded last, "" = none printed

  std::string guilty_function, guilty_file;  // after trimming the machinery
  std::string signature_coarse, signature_fine;
  std::vector<size_t> explains;            // indices of later events that this one likely explains

  std::optional<uint64_t> reg(const std::string& name) const {
    for (const Register& r : registers)
      if (r.name == name) return r.value;
    return std::nullopt;
  }
};

}  // namespace inquest::oops
