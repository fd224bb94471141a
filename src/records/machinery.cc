#include "records/machinery.h"

#include <algorithm>

namespace inquest::records {
namespace {

// Reporting, fault entry, system call entry, thread and work loops: never the cause, always there.
constexpr std::string_view kPure[] = {
    "dump_stack", "dump_stack_lvl", "show_stack", "show_trace", "show_regs", "dump_backtrace", "warn_slowpath_fmt", "warn_slowpath_null", "warn_slowpath_common",
    "__warn", "report_bug", "fixup_bug", "handle_bug", "bug_handler", "call_break_hook", "brk_handler", "do_debug_exception", "die", "__die", "oops_end", "oops_begin",
    "panic", "nmi_panic", "crash_kexec", "__crash_kexec", "machine_kexec", "no_context", "bad_area", "__bad_area", "__bad_area_nosemaphore", "bad_area_nosemaphore",
    "page_fault_oops", "kernelmode_fixup_or_oops", "do_user_addr_fault", "__do_page_fault", "do_page_fault", "page_fault", "do_kern_addr_fault", "die_kernel_fault",
    "__do_kernel_fault", "do_translation_fault", "do_mem_abort", "do_bad_area", "general_protection", "do_general_protection", "do_error_trap", "do_trap",
    "do_invalid_op", "invalid_op", "do_undefinstr", "fatal_exception", "print_address_description", "print_report", "kasan_report", "__kasan_report",
    "kasan_report_error", "kasan_report_double_free", "kasan_report_invalid_free", "kasan_save_stack", "kasan_save_track", "kasan_set_track", "kasan_save_free_info",
    "kasan_set_free_info", "kasan_check_range", "check_memory_region", "__kasan_check_read", "__kasan_check_write", "kasan_kmalloc", "____kasan_kmalloc",
    "__kasan_kmalloc", "kasan_slab_alloc", "__kasan_slab_alloc", "kasan_slab_free", "__kasan_slab_free", "____kasan_slab_free", "poison_slab_object",
    "unpoison_slab_object", "poison_kmalloc_redzone", "check_region_inline", "save_stack", "set_track", "stack_trace_save", "kmsan_report", "__msan_warning",
    "kmsan_internal_check_memory", "ubsan_epilogue", "__ubsan_handle_shift_out_of_bounds", "__ubsan_handle_out_of_bounds", "__ubsan_handle_load_invalid_value",
    "__ubsan_handle_divrem_overflow", "__ubsan_handle_add_overflow", "kmemleak_alloc", "kmemleak_alloc_recursive", "object_err", "print_trailer", "slab_err",
    "slab_bug", "slab_fix", "check_object", "check_bytes_and_report", "do_syscall_64", "do_syscall_x64", "do_int80_syscall_32", "do_fast_syscall_32",
    "__do_fast_syscall_32", "do_syscall_32_irqs_on", "entry_SYSCALL_64_after_hwframe", "entry_SYSCALL_64", "entry_SYSCALL_64_fastpath", "entry_SYSENTER_compat",
    "entry_INT80_32", "system_call_fastpath", "system_call_exception", "system_call_common", "system_call_vectored_common", "el0t_64_sync", "el0t_64_sync_handler",
    "el0_svc", "el0_svc_common", "el0_svc_handler", "el0_sync", "el0_sync_handler", "do_el0_svc", "invoke_syscall", "__invoke_syscall", "el1_irq", "el1_sync",
    "el1h_64_sync", "el1h_64_sync_handler", "el1_abort", "el1_dbg", "el1_sync_handler", "el1h_64_irq", "el1h_64_irq_handler", "el1_interrupt", "ret_fast_syscall",
    "__sys_trace_return", "ret_from_fork", "ret_from_fork_asm", "ret_from_kernel_thread", "ret_from_kernel_user_thread", "kthread", "worker_thread", "process_one_work",
    "process_scheduled_works", "kthread_worker_fn", "x64_sys_call", "ia32_sys_call", "syscall_exit_to_user_mode", "exit_to_user_mode_prepare",
    "exit_to_user_mode_loop", "apic_timer_interrupt", "asm_sysvec_apic_timer_interrupt", "sysvec_apic_timer_interrupt", "smp_apic_timer_interrupt", "irq_exit",
    "irq_exit_rcu", "__irq_exit_rcu", "invoke_softirq", "__do_softirq", "do_softirq", "handle_softirqs", "do_softirq_own_stack", "call_on_irq_stack",
    "gic_handle_irq", "__handle_domain_irq", "generic_handle_domain_irq", "handle_domain_irq", "do_IRQ", "common_interrupt", "ret_from_intr", "cpu_startup_entry",
    "do_idle", "default_idle_call", "default_idle", "arch_cpu_idle", "cpuidle_enter", "cpuidle_enter_state", "cpuidle_idle_call", "start_secondary", "secondary_startup_64",
    "secondary_startup_64_no_verify", "secondary_start_kernel", "start_kernel", "rest_init", "x86_64_start_kernel", "x86_64_start_reservations", "common_startup_64",
    "kernel_init", "kernel_init_freeable", "do_one_initcall", "do_initcalls", "check_noncircular", "check_prev_add", "check_prevs_add", "validate_chain",
    "__lock_acquire", "lock_acquire", "lock_release", "lock_is_held_type", "print_circular_bug", "print_usage_bug", "mark_lock", "debug_check_no_locks_held",
    "lockdep_rcu_suspicious", "lockdep_hardirqs_on", "trace_hardirqs_on", "___might_sleep", "__might_sleep", "__might_resched", "__schedule_bug", "schedule",
    "__schedule", "context_switch", "schedule_timeout", "preempt_schedule", "preempt_schedule_irq", "preempt_schedule_common", "preempt_schedule_notrace", "io_schedule",
    "watchdog", "check_hung_task", "check_hung_uninterruptible_tasks", "nmi_cpu_backtrace", "nmi_trigger_cpumask_backtrace", "arch_trigger_cpumask_backtrace",
    "trigger_all_cpu_backtrace", "rcu_dump_cpu_stacks", "print_cpu_stall", "rcu_sched_clock_irq", "update_process_times", "tick_sched_handle", "tick_sched_timer",
    "tick_nohz_handler", "__hrtimer_run_queues", "hrtimer_interrupt", "local_apic_timer_interrupt", "__sysvec_apic_timer_interrupt", "refcount_warn_saturate",
    "__list_del_entry_valid", "__list_add_valid", "__list_del_entry_valid_or_report", "__list_add_valid_or_report", "list_del_corruption", "fortify_panic",
    "usercopy_abort", "copy_overflow", "__stack_chk_fail", "asm_exc_page_fault", "exc_page_fault", "asm_exc_general_protection", "exc_general_protection",
    "asm_exc_invalid_op", "exc_invalid_op", "asm_exc_divide_error", "error_entry", "handle_page_fault", "kthread_should_stop", "die_addr", "__die_body", "instrument_atomic_read",
    "instrument_atomic_write", "instrument_atomic_read_write", "arch_atomic_read", "raw_atomic_read", "atomic_read", "slab_post_alloc_hook", "slab_alloc_node",
    "slab_alloc", "__cfi_slowpath", "search_exception_tables", "search_extable", "search_module_extables", "search_bpf_extables", "fixup_exception", "__die", "show_trace_log_lvl",
    "nmi_cpu_backtrace_handler", "lapic_can_unplug_cpu", "rcu_check_gp_kthread_starvation", "__schedule_loop", "schedule_preempt_disabled", "schedule_hrtimeout_range_clock",
    "interrupt_entry", "irqentry_exit", "irqentry_enter", "syscall_enter_from_user_mode", "__slab_err", "print_unreliable_page", "bad_page", "__might_fault", "might_fault", "csum_partial", "memcpy_erms", "memcpy_orig", "memset_erms", "__memcpy", "memcpy", "memset", "memmove", "__memmove"};

// Layers everything passes through: a weak hint at best.
constexpr std::string_view kGeneric[] = {
    "vfs_read", "vfs_write", "__vfs_read", "__vfs_write", "new_sync_read", "new_sync_write", "ksys_read", "ksys_write", "__x64_sys_read", "__x64_sys_write",
    "do_iter_readv_writev", "do_iter_write", "do_iter_read", "call_write_iter", "call_read_iter", "kernel_read", "kernel_write", "do_sys_open", "do_sys_openat2", "do_filp_open",
    "path_openat", "do_open", "vfs_open", "do_dentry_open", "link_path_walk", "walk_component", "path_lookupat", "filename_lookup", "user_path_at_empty",
    "lookup_slow", "__lookup_slow", "lookup_open", "open_last_lookups", "do_mkdirat", "do_unlinkat", "do_renameat2", "vfs_unlink", "vfs_mkdir", "vfs_rename", "vfs_statx",
    "do_mount", "path_mount", "do_new_mount", "ksys_mount", "vfs_get_tree", "legacy_get_tree", "mount_fs", "vfs_kern_mount", "ksys_umount", "deactivate_super",
    "deactivate_locked_super", "cleanup_mnt", "__cleanup_mnt", "task_work_run", "do_exit", "do_group_exit", "exit_task_work", "get_signal", "do_signal",
    "arch_do_signal_or_restart", "__fput", "____fput", "fput", "filp_close", "close_fd", "vfs_ioctl", "do_vfs_ioctl", "ksys_ioctl", "vfs_fsync_range", "do_fsync",
    "vfs_fsync", "generic_file_read_iter", "generic_perform_write", "filemap_read", "read_pages", "page_cache_ra_unbounded", "do_writepages", "__filemap_fdatawrite_range",
    "filemap_fdatawrite_wbc", "writeback_sb_inodes", "__writeback_single_inode", "__writeback_inodes_wb", "wb_writeback", "wb_workfn", "wb_do_writeback", "evict", "iput",
    "dispose_list", "shrink_slab", "do_shrink_slab", "shrink_node", "balance_pgdat", "kswapd", "prune_icache_sb", "super_cache_scan", "mutex_lock", "mutex_lock_nested",
    "__mutex_lock", "__mutex_lock_common", "__mutex_lock_slowpath", "mutex_unlock", "__mutex_unlock_slowpath", "down_read", "down_write", "up_read", "up_write",
    "rwsem_down_read_slowpath", "rwsem_down_write_slowpath", "_raw_spin_lock", "_raw_spin_lock_bh", "_raw_spin_lock_irq", "_raw_spin_lock_irqsave", "_raw_spin_unlock",
    "_raw_spin_unlock_irqrestore", "do_raw_spin_lock", "queued_spin_lock_slowpath", "native_queued_spin_lock_slowpath", "spin_lock", "wait_for_completion",
    "__wait_for_common", "wait_for_common", "do_wait_for_common", "__wait_on_bit", "out_of_line_wait_on_bit", "wait_on_bit", "__wake_up", "__wake_up_common",
    "__wake_up_common_lock", "complete", "kfree", "kvfree", "kmem_cache_free", "__kmem_cache_free", "kmem_cache_alloc", "kmem_cache_alloc_node", "kmalloc", "kzalloc",
    "__kmalloc", "__kmalloc_node", "__kmalloc_track_caller", "kmalloc_trace", "kmem_cache_alloc_trace", "kmalloc_node", "__do_kmalloc_node", "__kmalloc_noprof",
    "__kmalloc_cache_noprof", "kmem_cache_alloc_noprof", "slab_free", "slab_free_freelist_hook", "do_slab_free", "__slab_free", "___slab_alloc", "__slab_alloc",
    "cache_alloc_refill", "__alloc_pages", "__alloc_pages_nodemask", "alloc_pages_current", "get_page_from_freelist", "__free_pages", "free_unref_page", "vmalloc",
    "__vmalloc_node_range", "vfree", "kstrdup", "kmemdup", "kmemdup_nul", "rcu_do_batch", "rcu_core", "rcu_core_si", "rcu_process_callbacks", "rcu_gp_kthread", "rcu_nocb_cb_kthread",
    "call_timer_fn", "run_timer_softirq", "__run_timers", "expire_timers", "flush_work", "__flush_work", "flush_workqueue", "__flush_workqueue", "destroy_workqueue",
    "drain_workqueue", "cancel_work_sync", "cancel_delayed_work_sync", "__cancel_work_timer", "run_ksoftirqd", "smpboot_thread_fn", "net_rx_action", "__napi_poll",
    "process_backlog", "__netif_receive_skb", "netif_receive_skb", "sock_sendmsg", "sock_recvmsg", "__sock_release", "sock_close", "__sys_sendto", "__sys_sendmsg",
    "___sys_sendmsg", "____sys_sendmsg", "__sys_recvmsg", "sock_write_iter", "sock_read_iter", "sock_sendmsg_nosec", "__sock_sendmsg", "netlink_unicast", "netlink_sendmsg", "netlink_rcv_skb",
    "netlink_unicast_kernel", "genl_rcv", "genl_rcv_msg", "genl_family_rcv_msg", "genl_family_rcv_msg_doit", "rtnetlink_rcv_msg", "cleanup_net", "ops_exit_list", "ops_undo_list", "ops_init", "setup_net",
    "copy_net_ns", "create_new_namespaces", "unshare_nsproxy_namespaces", "ksys_unshare", "free_nsproxy", "seq_read", "seq_read_iter", "proc_reg_read", "proc_reg_read_iter",
    "proc_single_show", "proc_reg_write", "kobject_put", "kref_put", "module_put", "do_init_module", "load_module", "init_module_from_file", "free_module", "delete_module",
    "refcount_inc", "refcount_dec_and_test", "__refcount_add", "__refcount_sub_and_test", "refcount_sub_and_test_checked", "strlen", "strcmp", "strncpy", "_copy_to_user",
    "_copy_from_user", "copy_to_user", "copy_from_user", "_copy_to_iter", "_copy_from_iter", "copyout", "instrument_copy_to_user", "idr_remove", "radix_tree_delete_item",
    "__radix_tree_delete", "delete_node", "xa_load", "xas_load", "rhashtable_lookup", "list_del", "hlist_del", "__list_del_entry", "percpu_ref_put", "debug_object_activate"};

template <size_t N>
bool among(std::string_view word, const std::string_view (&list)[N]) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

}  // namespace

double weight_of_function(std::string_view function) {
  if (among(function, kPure)) return 0;
  static constexpr std::string_view kPurePrefixes[] = {"__x64_sys_", "__se_sys_", "__ia32_sys_", "__arm64_sys_", "__do_sys_", "__asan_", "__kasan_", "kasan_", "asm_exc_", "exc_",
                                                       "asm_sysvec_", "sysvec_", "__msan_", "kmsan_", "__tsan_", "kcsan_", "__pfx_", "__ubsan_", "el1_", "el0_", "trace_hardirqs_"};
  bool syscall = function.starts_with("__x64_sys_") || function.starts_with("__se_sys_") || function.starts_with("__do_sys_") || function.starts_with("__arm64_sys_");
  if (syscall) return 0.35;  // the system call's own body may be at fault
  for (std::string_view prefix : kPurePrefixes) {
    if (function.starts_with(prefix)) return 0;
  }
  return among(function, kGeneric) ? 0.35 : 1;
}

std::vector<TraceFrame> without_machinery(const std::vector<TraceFrame>& frames) {
  std::vector<TraceFrame> out;
  for (const TraceFrame& f : frames) {
    if (weight_of_function(f.function) > 0) out.push_back(f);
  }
  return out;
}

std::string_view name_through_time(std::string_view function) {
  struct Row { std::string_view old, now; };
  static constexpr Row kRows[] = {{"rcu_process_callbacks", "rcu_do_batch"}, {"__rcu_process_callbacks", "rcu_do_batch"}, {"invoke_rcu_callbacks", "rcu_do_batch"}, {"rcu_core", "rcu_do_batch"},
                                  {"rcu_core_si", "rcu_do_batch"},           {"__do_softirq", "handle_softirqs"}};
  for (const Row& row : kRows)
    if (row.old == function) return row.now;
  return function;
}

bool begins_interrupt(std::string_view function) {
  static constexpr std::string_view kEntries[] = {"irq_exit",       "__irq_exit_rcu",      "irq_exit_rcu",              "__do_softirq",   "do_softirq", "handle_softirqs",  "__handle_domain_irq", "handle_domain_irq",
                                                  "run_ksoftirqd",  "rcu_cpu_kthread",     "generic_handle_domain_irq", "gic_handle_irq", "do_IRQ",     "common_interrupt", "el1_irq",             "el1h_64_irq",
                                                  "el1h_64_irq_handler", "asm_common_interrupt"};
  return among(function, kEntries) || function.starts_with("sysvec_") || function.starts_with("asm_sysvec_");
}

}  // namespace inquest::records
