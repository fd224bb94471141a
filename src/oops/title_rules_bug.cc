// Titles of lines with "BUG:": mm/kasan, mm/kmsan, mm/kfence, kernel/kcsan, arch/*/mm/fault.c, kernel/watchdog.c,
// kernel/locking, mm/memory.c, kernel/workqueue.c, kernel/sched/core.c.
#include "oops/title_rules.h"

namespace inquest::oops {
namespace {

constexpr StackRule kKasanStack{.parts = {"BUG: KASAN: * in <f>", "@trace", "@frames"},
                                .skip = "kernel_fault tag_check mem_abort ^el1_ ^el1h_"};
constexpr StackRule kKasanFree{.parts = {"BUG: KASAN: * in <f>", "@trace", "@frames"}, .skip = "slab_ kfree vunmap vfree"};
constexpr StackRule kUsbLeak{.parts = {"@frames", "@origin", "@frames"},
                             .skip = "alloc_skb usb_submit_urb usb_start_wait_urb usb_bulk_msg usb_interrupt_msg usb_control_msg"};
constexpr StackRule kKmsanStack{.parts = {"@frames", "@origin", "@frames"},
                                .skip = "alloc_skb netlink_ack netlink_rcv_skb _encrypt$ ^crypto_ ^cipher_ ^rng_ ^drbg_"};
constexpr StackRule kKfenceStack{.parts = {"BUG: KFENCE: * in <f>", "@frames"}};
constexpr StackRule kSpinStack{.parts = {"@trace", "@frames"}, .skip = "spin_ _lock _unlock"};
constexpr StackRule kStallStack{.parts = {"@pc", "@trace", "@frames"}, .choose = Choose::kStall};
constexpr StackRule kAtomicStack{.parts = {"@trace", "@frames"}, .skip = "schedule"};
constexpr StackRule kUnlockStack{.parts = {"<P><f>", "@trace", "@frames"}};
constexpr StackRule kPageStack{.parts = {"page last allocated", "@frames"},
                               .skip = "free_page put_page get_page update_page release_page free_unref ^folio ^_folio ^__folio "
                                       "truncate_inode_pages page_frag_free alloc vmap page_owner"};
constexpr StackRule kPreemptStack{.parts = {"@trace", "@frames"}, .skip = "dump_stack preempt debug_ processor_id this_cpu"};
constexpr StackRule kLeakStack{.parts = {"@backtrace", "@frames"},
                               .skip = "kmemleak mmap kmem slab alloc create_object idr_get list_lru_init kasprintf kvasprintf "
                                       "pcpu_create strdup strndup memdup"};
constexpr StackRule kWaitStack{.parts = {"@trace", "@frames"}, .skip = "lock_sock release_sock"};

constexpr TitleRule kRules[] = {
    {.title = "BUG: KASAN:", .full = "BUG: KASAN: <k> in <f>", .then = {"{Read|Write} {of size|at addr} <x>"},
     .format = "KASAN: %1 %3 in %f", .alternate = "bad-access in %f", .stack = &kKasanStack},
    {.title = "BUG: KASAN:", .full = "BUG: KASAN: {double-free or invalid-free|double-free|invalid-free} in <f>",
     .format = "KASAN: invalid-free in %f", .alternate = "invalid-free in %f", .stack = &kKasanFree},
    {.title = "BUG: KASAN: <k> on address", .full = "BUG: KASAN: <k> on address", .then = {"{Read|Write} of size <d>"}, .format = "KASAN: %1 %2"},
    {.title = "BUG: KASAN: <r>", .format = "KASAN: %1", .corrupted = true},
    {.title = "BUG: KMSAN: kernel-usb-infoleak", .full = "BUG: KMSAN: kernel-usb-infoleak in <f>", .format = "KMSAN: kernel-usb-infoleak in %f",
     .alternate = "KMSAN origin in %g", .stack = &kUsbLeak, .traceless = true},
    {.title = "BUG: KMSAN:", .full = "BUG: KMSAN: <k> in <f>", .format = "KMSAN: %1 in %f", .alternate = "bad-access in %f",
     .stack = &kKmsanStack, .traceless = true},
    {.title = "BUG: KCSAN:", .full = "BUG: KCSAN: <r>", .format = "KCSAN: %1", .traceless = true},
    {.title = "BUG: KFENCE: {use-after-free|out-of-bounds} {read|write} in <f>", .format = "KFENCE: %1 %2 in %f",
     .alternate = "bad-access in %f", .stack = &kKfenceStack},
    {.title = "BUG: KFENCE: invalid free in <f>", .format = "KFENCE: invalid free in %f", .alternate = "invalid-free in %f",
     .stack = &kKfenceStack, .traceless = true},
    {.title = "BUG: KFENCE: invalid {read|write} in <f>", .format = "KFENCE: invalid %1 in %f", .alternate = "bad-access in %f",
     .stack = &kKfenceStack},
    {.title = "BUG: KFENCE: memory corruption in <f>", .format = "KFENCE: memory corruption in %f", .stack = &kKfenceStack, .traceless = true},
    {.title = "BUG: {unable to handle kernel paging request|unable to handle page fault for address|Unable to handle kernel data access}",
     .format = "BUG: unable to handle kernel paging request in %f", .alternate = "bad-access in %f", .stack = &kFaultStack},
    {.title = "BUG: {unable to handle kernel|kernel|Kernel} NULL pointer dereference",
     .format = "BUG: unable to handle kernel NULL pointer dereference in %f", .alternate = "bad-access in %f", .stack = &kFaultStack},
    // Two printk calls until 5.1 or so; another CPU's line may come between.
    {.title = "BUG: {unable|Unable} to handle kernel", .format = "BUG: unable to handle kernel", .corrupted = true},
    {.title = "BUG: {spinlock|rwlock} {lockup suspected|already unlocked|recursion|cpu recursion|bad magic|wrong owner|wrong CPU|trylock failure on UP}",
     .format = "BUG: %1 %2 in %f", .stack = &kSpinStack},
    {.title = "BUG: soft lockup", .format = "BUG: soft lockup in %f", .alternate = "stall in %f", .stack = &kStallStack},
    {.title = "BUG: *still has locks held!", .full = "BUG: *still has locks held!", .then = {"<P><f>"}, .format = "BUG: still has locks held in %1"},
    {.title = "BUG: scheduling while atomic", .format = "BUG: scheduling while atomic in %f", .stack = &kAtomicStack},
    {.title = "BUG: lock held when returning to user space", .full = "BUG:", .then = {"leaving the kernel with locks still held", "at: <p><f>"},
     .format = "BUG: lock held when returning to user space in %1", .traceless = true},
    {.title = "BUG: bad unlock balance detected!", .format = "BUG: bad unlock balance in %f", .stack = &kUnlockStack},
    {.title = "BUG: held lock freed!", .full = "BUG:", .then = {"<P><f>"}, .format = "BUG: held lock freed in %1"},
    {.title = "BUG: Bad rss-counter state", .format = "BUG: Bad rss-counter state", .traceless = true},
    {.title = "BUG: non-zero {nr_ptes|nr_pmds} on freeing mm", .format = "BUG: non-zero %1 on freeing mm", .traceless = true},
    {.title = "BUG: Dentry *still in use", .full = "BUG: Dentry *still in use (<n>) [{unmount} of ", .format = "BUG: Dentry still in use in unmount",
     .alternate = "@dentry"},
    {.title = "BUG: Bad page {state|cache}", .format = "BUG: Bad page %1 in %f", .stack = &kPageStack},
    {.title = "BUG: Bad page map", .format = "BUG: Bad page map"},
    {.title = "BUG: workqueue lockup", .format = "BUG: workqueue lockup", .traceless = true},
    {.title = "BUG: sleeping function called from invalid context at ", .format = "BUG: sleeping function called from invalid context in %f",
     .stack = &kTraceStack},
    {.title = "BUG: using <w>() in preemptible", .format = "BUG: using %1() in preemptible code in %f", .stack = &kPreemptStack},
    {.title = "BUG: workqueue leaked lock or atomic", .full = "BUG: workqueue", .then = {"last function: <w>$"},
     .format = "BUG: workqueue leaked lock or atomic in %1", .traceless = true},
    {.title = "BUG: memory leak", .format = "memory leak in %f", .stack = &kLeakStack},
    {.title = "BUG: *stack guard page was hit at", .format = "BUG: stack guard page was hit in %f", .alternate = "stack-overflow in %f",
     .stack = &kStallStack},
    // arm64 says BUG where x86 says WARNING.
    {.title = "BUG: Invalid wait context", .format = "WARNING: locking bug in %f", .stack = &kWaitStack},
    {.title = "BUG:$", .format = "BUG: corrupted", .corrupted = true},
};

}  // namespace

std::span<const TitleRule> bug_titles() { return kRules; }

}  // namespace inquest::oops
