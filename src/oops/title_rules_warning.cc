// Titles of lines with "WARNING:" and "INFO:": kernel/panic.c, lib/bug.c, kernel/locking/lockdep.c,
// kernel/rcu/tree_stall.h, kernel/hung_task.c, arch/x86/kernel/unwind_*.c.
#include "oops/title_rules.h"

namespace inquest::oops {
namespace {

#define WARN_STACK(name, list) \
  constexpr StackRule name{.parts = {"@pc|vector", "@frames"}, .otherwise = {"@trace", "@frames"}, .skip = list}

// Users of debug objects come between the check and the code that misused them.
WARN_STACK(kObjects, "debug_ rcu hrtimer_ timer_ work_ percpu_ vunmap vfree __free_ kobject_");
WARN_STACK(kUsercopy, "usercopy __check");
WARN_STACK(kKobject, "kobject_");
WARN_STACK(kProc, "proc_");
WARN_STACK(kRefcount, "refcount kobject_");
WARN_STACK(kSock, "lock_sock release_sock");
WARN_STACK(kMalloc, "kmalloc krealloc slab kmem");
WARN_STACK(kUrb, "usb_submit_urb usb_start_wait_urb usb_bulk_msg usb_interrupt_msg usb_control_msg");
#undef WARN_STACK

// Work items take pseudo-locks in these; a cycle through them is about the item.
constexpr StackRule kCircular{.parts = {"at: <p><f>", "at: <p><f>", "@frames"}, .skip = "process_one_work flush_workqueue drain_workqueue destroy_workqueue"};
constexpr StackRule kUnsafe{.parts = {"which became *at:", "@frames"}};
constexpr StackRule kRcuUse{.parts = {"@trace", "@frames"}, .skip = "rcu kmem slab"};
constexpr StackRule kUnlock{.parts = {"<P><f>", "@trace", "@frames"}};
constexpr StackRule kStall{.parts = {"apic_timer_interrupt", "@pc", "@frames"}, .otherwise = {"@interrupt", "@frames"},
                           .skip = "apic_timer_interrupt rcu", .choose = Choose::kStall};
constexpr StackRule kKey{.parts = {"@trace", "@frames"}, .skip = "stack lock IRQ"};
constexpr StackRule kHung{.parts = {"@trace", "@frames"}, .choose = Choose::kHang};
constexpr StackRule kDying{.parts = {"@trace", "@frames"}, .skip = "schedule"};

constexpr TitleRule kWarnings[] = {
    {.title = "WARNING: *lib/debugobjects.c* {debug_print|debug_check|at}", .format = "WARNING: ODEBUG bug in %f", .stack = &kObjects},
    {.title = "WARNING: *mm/usercopy.c* {usercopy_warn|at}", .format = "WARNING: bad usercopy in %f", .stack = &kUsercopy},
    {.title = "WARNING: *lib/kobject.c* {kobject_|at}", .format = "WARNING: kobject bug in %f", .stack = &kKobject},
    {.title = "WARNING: *fs/proc/generic.c* {proc_register|at}", .format = "WARNING: proc registration bug in %f", .stack = &kProc},
    {.title = "WARNING: *lib/refcount.c* {refcount_|at}", .format = "WARNING: refcount bug in %f", .stack = &kRefcount},
    {.title = "WARNING: *kernel/locking/lockdep.c*lock_", .format = "WARNING: locking bug in %f", .stack = &kSock},
    {.title = "WARNING: *still has locks held!", .full = "WARNING:", .then = {"at: <f>"}, .format = "WARNING: still has locks held in %1"},
    {.title = "WARNING: Nested lock was not taken", .format = "WARNING: nested lock was not taken in %f", .stack = &kWarnStack},
    {.title = "WARNING: lock held when returning to user space", .full = "WARNING:", .then = {"leaving the kernel with locks still held", "at: <p><f>"},
     .format = "WARNING: lock held when returning to user space in %1", .traceless = true},
    {.title = "WARNING: *mm/*.c* {malloc|kmalloc|vmalloc|kvmalloc|kzmalloc}", .format = "WARNING: kmalloc bug in %f", .stack = &kMalloc},
    {.title = "WARNING: *mm/vmalloc.c*__vmalloc_node", .format = "WARNING: zero-size vmalloc in %f", .stack = &kWarnStack},
    {.title = "WARNING: * usb_submit_urb", .format = "WARNING in %f/usb_submit_urb", .stack = &kUrb},
    // 6.18 or 6.19 reworded WARN lines: "file.c:12 at func+0x1/0x2, CPU#0: comm/pid", with the condition in "[…]" before.
    {.title = "WARNING: <s> at 0x<d>, CPU#", .format = "WARNING in %f", .stack = &kWarnStack},
    {.title = "WARNING: * at <s> <f>", .format = "WARNING in %f", .stack = &kWarnStack},
    {.title = "WARNING: <s> at <f>", .format = "WARNING in %f", .stack = &kWarnStack},
    {.title = "WARNING: [*] <s> at <f>", .format = "WARNING in %f", .stack = &kWarnStack},
    {.title = "WARNING: possible circular locking dependency detected", .full = "WARNING:", .then = {"is trying to acquire lock"},
     .format = "possible deadlock in %f", .stack = &kCircular},
    {.title = "WARNING: possible irq lock inversion dependency detected", .full = "WARNING:", .then = {"just changed the state of lock", "at: <p><f>"},
     .format = "possible deadlock in %1"},
    {.title = "WARNING: *-safe -> *-unsafe lock order detected", .format = "possible deadlock in %f", .stack = &kUnsafe},
    {.title = "WARNING: possible recursive locking detected", .full = "WARNING:", .then = {"is trying to acquire lock", "at: <p><f>"},
     .format = "possible deadlock in %1"},
    {.title = "WARNING: inconsistent lock state", .full = "WARNING:", .then = {"takes", "at: <p><f>"}, .format = "inconsistent lock state in %f",
     .stack = &kTraceStack},
    {.title = "WARNING: suspicious RCU usage", .full = "WARNING:", .then = {"<s>"}, .format = "WARNING: suspicious RCU usage in %f", .stack = &kRcuUse},
    {.title = "WARNING: kernel stack regs at <x> in * has bad '*' value", .format = "@badregs", .traceless = true},
    {.title = "WARNING: kernel stack frame pointer at <x> in * has bad value", .format = "WARNING: kernel stack frame pointer has bad value", .traceless = true},
    {.title = "WARNING: bad unlock balance detected!", .format = "WARNING: bad unlock balance in %f", .stack = &kUnlock},
    {.title = "WARNING: held lock freed!", .full = "WARNING:", .then = {"at: <p><f>"}, .format = "WARNING: held lock freed in %1"},
    {.title = "WARNING: kernel stack regs *has bad 'bp' value", .format = "WARNING: kernel stack regs has bad value", .traceless = true},
    {.title = "WARNING: kernel stack frame pointer *has bad value", .format = "WARNING: kernel stack regs has bad value", .traceless = true},
    {.title = "WARNING:$", .format = "WARNING: corrupted", .corrupted = true},
};

constexpr TitleRule kInfos[] = {
    // lockdep said INFO until 4.11.
    {.title = "INFO: possible circular locking dependency detected", .full = "INFO:", .then = {"is trying to acquire lock", "at: <p><f>"},
     .format = "possible deadlock in %1"},
    {.title = "INFO: possible irq lock inversion dependency detected", .full = "INFO:", .then = {"just changed the state of lock", "at: <p><f>"},
     .format = "possible deadlock in %1"},
    {.title = "INFO: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected", .full = "INFO:", .then = {"is trying to acquire", "at: <p><f>"},
     .format = "possible deadlock in %1"},
    {.title = "INFO: possible recursive locking detected", .full = "INFO:", .then = {"is trying to acquire lock", "at: <p><f>"},
     .format = "possible deadlock in %1"},
    {.title = "INFO: inconsistent lock state", .full = "INFO:", .then = {"takes", "at: <p><f>"}, .format = "inconsistent lock state in %1"},
    {.title = "INFO: rcu_{preempt|sched|bh|tasks} {self-detected|detected}{ expedited|} stall", .format = "INFO: rcu detected stall in %f",
     .alternate = "stall in %f", .stack = &kStall},
    {.title = "INFO: trying to register non-static key", .format = "INFO: trying to register non-static key in %f", .stack = &kKey},
    {.title = "INFO: suspicious RCU usage", .full = "INFO:", .then = {"<s>"}, .format = "INFO: suspicious RCU usage in %f", .stack = &kRcuUse},
    {.title = "INFO: task *blocked {in I/O wait |}for more than <n> seconds", .format = "INFO: task hung in %f", .alternate = "hang in %f", .stack = &kHung},
    {.title = "INFO: task *can't die for more than *seconds", .format = "INFO: task can't die in %f", .alternate = "hang in %f", .stack = &kDying},
    // What is left of a KASAN report of before 4.8 when its first lines are lost.
    {.title = "INFO: {Freed|Allocated} in <r>", .format = "INFO: %1 in %2", .corrupted = true},
    {.title = "INFO:$", .format = "INFO: corrupted", .corrupted = true},
};

}  // namespace

std::span<const TitleRule> warning_titles() { return kWarnings; }
std::span<const TitleRule> info_titles() { return kInfos; }

}  // namespace inquest::oops
