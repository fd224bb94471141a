// Functions that are never the culprit by themselves, by what they are for. Each word is looked for inside a
// function's name ('^' and '$' anchor it), so that suffixes and relatives ("__kasan_report") are meant as well.
#include <iterator>

#include "oops/pattern.h"
#include "oops/text.h"
#include "oops/title_rules.h"

namespace inquest::oops {
namespace {

struct Machinery {
  std::string_view what;
  WordList names;
};

constexpr Machinery kMachinery[] = {
    {"sanitizers and checkers",
     "__sanitizer __asan kasan hwasan __msan kmsan kcsan_setup_watchpoint check_memory_region check_heap_object check_object read_word_at_a_time "
     "read_once_*nocheck write_once_*nocheck debug_object timer_is_static_object work_is_static_object __might_fault might_fault might_sleep "
     "__might_resched ref_tracker seqprop_assert __fortify_report __phys_addr"},
    {"reporting a fault, a BUG or a WARNING",
     "print_address_description panic invalid_op report_bug fixup_bug print_report print_usage_bug do_error _trap$ do_trap show_stack dump_stack "
     "walk_stack dump_backtrace warn_slowpath warn_alloc warn_bogus __warn assertfail print_tainted ^get_taint$ program_check_exception "
     "program_check_common do_kernel_fault do_translation_fault do_mem_abort el1_abort el1h_64_sync stack_trace_consume_entry arch_stack_walk "
     "stack_trace_save"},
    {"allocators", "alloc_page malloc zalloc calloc krealloc kmem_cache allocate_slab __alloc_frozen_pages_noprof folio_alloc folio_unlock "
                   "filemap_alloc_folio __filemap_get_folio find_or_create_page do_read_cache_folio read_cache_page pagecache_get_page "
                   "grab_cache_page_write_begin slab_ ^kfree$ ^kvfree$ kfree_skb ida_free"},
    {"lockdep", "print_unlock imbalance_bug lockdep bh_enable bh_disable perf_trace lock_acquire lock_release lock_class mark_lock "
                "reacquire_held_locks mark_held_locks trace_hardirq trace_softirq lockdep_hardirq lockdep_softirq"},
    {"locks", "raw_spin_rq spin_lock spin_trylock spin_unlock read_lock read_trylock write_lock write_trylock read_unlock write_unlock ^down$ "
              "down_read down_write down_trylock up_read up_write ^mutex_ ^__mutex_ ^rt_mutex_ owner_on_cpu osq_lock osq_unlock"},
    {"atomics, bits and counters",
     "atomic_{dec|inc|read|set|or|xor|and|add|sub|fetch|xchg|cmpxchg|try} atomic64_{dec|inc|read|set|or|xor|and|add|sub|fetch|xchg|cmpxchg|try} "
     "{set|clear|change|test}_bit ^refcount_ ^kref_"},
    {"waiting", "__wake_up finish_wait ^complete$ wait_for_completion kthread_stop"},
    {"memory and strings", "memcpy memcmp memset memchr memmove memdup strcmp strncmp strcpy strlcpy strncpy strscpy strlen strstr strnstr strnlen "
                           "strchr strdup strndup string pointer snprintf scnprintf kasprintf kvasprintf printk va_format hex_dump_to_buffer "
                           "print_hex_dump ^crc<d> crc_itu_t"},
    {"user copies", "copy_to_user copy_from_user copy_to_iter copy_from_iter copy_page_to_iter copy_page_from_iter copy_folio_to_iter ^copyin$ "
                    "^copyout$ put_user get_user extract_user_to_sg extract_iter_to_sg"},
    {"lists and trees", "list_add list_del list_replace list_move list_splice ^rb_ ^__rb_ ^klist_ xas_start xas_load xas_find rhashtable_lookup"},
    {"thunks and port access", "_indirect_thunk_ readb$ readw$ readl$ readq$ writeb$ writew$ writel$ writeq$ logic_in logic_out"},
    {"driver messages", "dev_info dev_notice dev_warn dev_err dev_alert dev_crit dev_emerg"},
    {"timers and work", "del_timer flush_work __cancel_work_timer cancel_work_sync try_to_grab_pending flush_workqueue drain_workqueue "
                        "destroy_workqueue queue_work insert_work __queue_delayed_work queue_delayed_work_on lock_timer_base __timer_delete_sync "
                        "sk_stop_timer_sync __mod_timer cleanup_srcu_struct"},
    {"the driver core", "kobject_ add_uevent_var get_device_parent device_add device_del device_unregister device_destroy device_release "
                        "devres_release_all hwrng_unregister i2c_del_adapter __unregister_client device_for_each_child rollback_registered "
                        "unregister_netdev sysfs_remove device_remove_file tty_unregister_device ^put_device$"},
    {"USB requests", "dummy_urb_enqueue usb_kill_urb usb_kill_anchored_urbs usb_control_msg usb_hcd_submit_urb usb_submit_urb"},
    {"inodes, dentries and pages", "^iput$ ^iput_final$ ^ihold$ drop_nlink fast_dput dput mark_buffer_dirty ^lock_page ^unlock_page find_lock_entries "
                                   "truncate_inode_pages_range"},
};

struct TypeRow {
  std::string_view prefix, type;
};

// In order: the first prefix that fits.
constexpr TypeRow kTypes[] = {
    {"KFENCE: use-after-free write", "KFENCE-USE-AFTER-FREE-WRITE"}, {"KFENCE: use-after-free", "KFENCE-USE-AFTER-FREE-READ"},
    {"KFENCE: invalid write", "KFENCE-WRITE"}, {"KFENCE: out-of-bounds write", "KFENCE-WRITE"},
    {"KFENCE: invalid read", "KFENCE-READ"}, {"KFENCE: out-of-bounds", "KFENCE-READ"},
    {"KFENCE: memory corruption", "KFENCE-MEMORY-CORRUPTION"}, {"KFENCE: invalid free", "KFENCE-INVALID-FREE"}, {"KFENCE:", "KFENCE-UNKNOWN"},
    {"KMSAN: uninit-value", "KMSAN-UNINIT-VALUE"}, {"KMSAN: kernel-infoleak-after-free", "KMSAN-USE-AFTER-FREE-READ"},
    {"KMSAN: kernel-usb-infoleak-after-free", "KMSAN-USE-AFTER-FREE-READ"}, {"KMSAN: use-after-free", "KMSAN-USE-AFTER-FREE-READ"},
    {"KMSAN: kernel-infoleak", "KMSAN-INFO-LEAK"}, {"KMSAN: kernel-usb-infoleak", "KMSAN-INFO-LEAK"}, {"KMSAN:", "KMSAN-UNKNOWN"},
    {"KASAN: null-ptr-deref Write", "KASAN-NULL-POINTER-DEREFERENCE-WRITE"}, {"KASAN: null-ptr-deref Read", "KASAN-NULL-POINTER-DEREFERENCE-READ"},
    {"BUG: unable to handle kernel NULL pointer dereference in", "NULL-POINTER-DEREFERENCE"},
    {"KASAN: global-out-of-bounds Write", "KASAN-WRITE"}, {"KASAN: out-of-bounds Write", "KASAN-WRITE"},
    {"KASAN: slab-out-of-bounds Write", "KASAN-WRITE"}, {"KASAN: stack-out-of-bounds Write", "KASAN-WRITE"},
    {"KASAN: user-memory-access Write", "KASAN-WRITE"}, {"KASAN: vmalloc-out-of-bounds Write", "KASAN-WRITE"},
    {"KASAN: wild-memory-access Write", "KASAN-WRITE"},
    {"KASAN: global-out-of-bounds Read", "KASAN-READ"}, {"KASAN: invalid-access Read", "KASAN-READ"}, {"KASAN: out-of-bounds Read", "KASAN-READ"},
    {"KASAN: slab-out-of-bounds", "KASAN-READ"}, {"KASAN: stack-out-of-bounds", "KASAN-READ"}, {"KASAN: unknown-crash Read", "KASAN-READ"},
    {"KASAN: user-memory-access Read", "KASAN-READ"}, {"KASAN: vmalloc-out-of-bounds Read", "KASAN-READ"}, {"KASAN: wild-memory-access", "KASAN-READ"},
    {"KASAN: double-free or invalid-free", "KASAN-INVALID-FREE"}, {"KASAN: invalid-free", "KASAN-INVALID-FREE"},
    {"KASAN: slab-use-after-free Write", "KASAN-USE-AFTER-FREE-WRITE"}, {"KASAN: use-after-free Write", "KASAN-USE-AFTER-FREE-WRITE"},
    {"KASAN: slab-use-after-free Read", "KASAN-USE-AFTER-FREE-READ"}, {"KASAN: use-after-free", "KASAN-USE-AFTER-FREE-READ"}, {"KASAN:", "KASAN-UNKNOWN"},
    {"BUG: corrupted list", "MEMORY_SAFETY_BUG"}, {"BUG: unable to handle kernel paging request", "MEMORY_SAFETY_BUG"},
    {"WARNING: refcount bug", "REFCOUNT_WARNING"}, {"UBSAN: array-index-out-of-bounds", "MEMORY_SAFETY_UBSAN"}, {"UBSAN:", "UBSAN"},
    {"KCSAN: data-race", "KCSAN-DATARACE"}, {"KCSAN: assert: race in", "KCSAN-ASSERT"}, {"KCSAN:", "KCSAN-UNKNOWN"},
    {"BUG: bad unlock balance in", "LOCKDEP"}, {"BUG: held lock freed in", "LOCKDEP"}, {"BUG: rwlock", "LOCKDEP"}, {"BUG: spinlock", "LOCKDEP"},
    {"BUG: still has locks held in", "LOCKDEP"}, {"BUG: using", "LOCKDEP"}, {"WARNING: bad unlock balance in", "LOCKDEP"},
    {"WARNING: held lock freed in", "LOCKDEP"}, {"WARNING: lock held", "LOCKDEP"}, {"WARNING: locking bug in", "LOCKDEP"},
    {"WARNING: nested lock was not taken in", "LOCKDEP"}, {"WARNING: still has locks held in", "LOCKDEP"},
    {"WARNING: suspicious RCU usage in", "LOCKDEP"}, {"inconsistent lock state in", "LOCKDEP"}, {"possible deadlock in", "LOCKDEP"},
    {"BUG: scheduling while atomic in", "ATOMIC_SLEEP"}, {"BUG: sleeping function called from invalid context in", "ATOMIC_SLEEP"},
    {"memory leak in", "LEAK"}, {"BUG: bad usercopy in", "BUG"}, {"kernel BUG", "BUG"}, {"WARNING in", "WARNING"},
    {"WARNING: corrupted", ""}, {"WARNING: kernel stack frame pointer has bad value", ""}, {"WARNING: kernel stack regs has bad", ""},
    {"BUG: soft lockup in", "HANG"}, {"INFO: rcu detected stall in", "HANG"}, {"INFO: task can't die in", "HANG"}, {"INFO: task hung in", "HANG"},
    {"Alignment trap in", "DoS"}, {"BUG: Object already free", "DoS"}, {"Internal error in", "DoS"}, {"PANIC: double fault", "DoS"},
    {"Unhandled fault in", "DoS"}, {"VFS: Busy inodes after unmount (use-after-free)", "DoS"}, {"VFS: Close: file count is zero (use-after-free)", "DoS"},
    {"divide error in", "DoS"}, {"general protection fault in", "DoS"}, {"go runtime error", "DoS"}, {"int3 in", "DoS"}, {"invalid opcode in", "DoS"},
    {"kernel panic:", "DoS"}, {"kernel stack overflow", "DoS"}, {"panic:", "DoS"}, {"rust_kernel panicked", "DoS"}, {"stack segment fault in", "DoS"},
    {"trusty:", "DoS"}, {"unregister_netdevice: waiting for DEV to become free", "DoS"}, {"unexpected kernel reboot", "REBOOT"},
    {"SYZFAIL", "SYZ_FAILURE"}, {"SYZFATAL:", "SYZ_FAILURE"}, {"WARNING:", "WARNING"},
};

}  // namespace

bool is_listed(std::string_view words, std::string_view name) {
  Scan s(words);
  while (!s.done()) {
    std::string_view word = s.take_word();
    s.blanks();
    bool plain = word.find_first_of("^$*{<") == word.npos;
    if (plain ? has(name, word) : matches(word, name)) return true;
  }
  return false;
}

bool is_machinery(std::string_view function) {
  const Pairs pairs(function);
  for (const Machinery& group : kMachinery)
    if (group.names.holds(function, pairs)) return true;
  return false;
}

std::string_view type_of(std::string_view title) {
  for (const TypeRow& row : kTypes)
    if (title.starts_with(row.prefix)) return row.type;
  return "";
}

}  // namespace inquest::oops
