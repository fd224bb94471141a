// Which frames of a stack are machinery: code that many callers share, so that a frame in it blames nobody. Told by the source file where
// it is known (the kernel's own tree: generic folders), else by the function's name.
#include <array>
#include <string_view>

#include "inquiry/inquest.h"

namespace inquest::inquiry {

namespace {

// Folders and files of the kernel tree whose functions serve everybody. A module's own tree has none of these prefixes.
constexpr std::string_view kFolders[] = {
    "lib/", "include/", "arch/", "mm/", "kernel/rcu/", "kernel/locking/", "kernel/sched/", "kernel/workqueue.c", "kernel/kthread.c",
    "kernel/softirq.c", "kernel/panic.c", "kernel/entry/", "kernel/irq/", "kernel/time/", "kernel/exit.c", "kernel/fork.c", "kernel/smp.c",
    "kernel/stop_machine.c", "kernel/signal.c", "net/core/skbuff.c", "block/bio.c", "drivers/base/", "kernel/printk/", "kernel/notifier.c", "kernel/reboot.c", "kernel/watchdog.c", "init/", "kernel/cpu.c",
};

constexpr std::string_view kNames[] = {
    "radix_tree_", "__radix_tree_", "idr_", "ida_", "xa_", "__xa_", "xas_", "delete_node", "list_", "__list_", "hlist_", "llist_", "rb_", "__rb_",
    "kfree", "kmalloc", "__kmalloc", "kmem_cache_", "__slab_", "___slab_", "slab_", "call_rcu", "__call_rcu", "rcu_", "__rcu_", "srcu_", "process_one_work",
    "worker_thread", "kthread", "ret_from_fork", "refcount_", "kref_", "warn_slowpath", "__warn", "report_bug", "handle_bug", "exc_", "asm_exc_",
    "asm_sysvec_", "sysvec_", "irq_exit", "__irq_exit", "__do_softirq", "do_softirq", "handle_softirqs", "run_ksoftirqd", "call_timer_fn", "__run_timers",
    "run_timer_", "do_idle", "cpu_startup_entry", "default_idle", "panic", "__die", "die", "oops_", "page_fault_", "do_page_fault", "do_user_addr_fault",
    "no_context", "bad_area", "__bad_area", "el1_", "el1h_", "el0_", "el0t_", "entry_SYSCALL", "do_syscall_64", "dump_stack", "show_stack", "mutex_",
    "__mutex_", "rwsem_", "__rwsem_", "wait_for_completion", "__wait_for_common", "wait_for_common", "io_schedule", "folio_wait_",
    "msleep", "usleep_range", "check_panic_on_warn", "down_", "up_", "_raw_spin_", "queued_spin", "schedule",
    "__schedule", "irq_enter", "secondary_start", "start_kernel", "do_trap",
    "do_error_trap", "do_translation_fault", "do_mem_abort", "__do_kernel_fault", "die_kernel_fault", "invoke_syscall", "smpboot_thread_fn", "smp_",
    "memcpy", "memset", "__memcpy", "__memset", "strcmp", "strlen", "bug_handler", "call_break_hook", "brk_handler", "do_debug_exception",
};

}  // namespace

bool is_machinery(const std::string& function, const std::string& file) {
  if (!file.empty() && file[0] != '/') {
    for (std::string_view folder : kFolders)
      if (file.starts_with(folder)) return true;
    return false;
  }
  for (std::string_view name : kNames)
    if (function.starts_with(name)) return true;
  return function.empty();
}

Guilty guilty_of(const std::vector<scene::FrameView>& frames) {
  for (const auto& frame : frames) {
    if (frame.garbage || frame.symbol.empty() || !frame.reliable) continue;
    if (frame.source.empty()) {
      if (frame.module.empty() ? is_machinery(frame.symbol, "") : false) continue;
      return {frame.symbol, "", frame.module, 0};
    }
    // From the inside out: a helper inlined from a shared header is machinery, what it was inlined into need not be.
    for (const auto& s : frame.source) {
      bool shared = frame.module.empty() ? is_machinery(s.function, s.file) : s.file.starts_with("include/") || s.file.starts_with("arch/");
      if (!shared) return {s.function, s.file, frame.module, s.line};
    }
  }
  return {};
}

std::vector<scene::FrameView> frames_behind(const scene::CrashScene& scene, const scene::EventView& event) {
  if (scene.crashed() && event.pc) {
    const auto& frames = scene.crashed()->frames;
    for (size_t i = 0; i < frames.size(); i++)
      if (frames[i].exact && frames[i].address == *event.pc) return {frames.begin() + long(i), frames.end()};
  }
  std::vector<scene::FrameView> frames;
  if (event.pc && !event.source.empty()) {
    scene::FrameView place;
    place.address = *event.pc;
    place.exact = true;
    place.symbol = event.event.function;
    place.module = event.event.function_module;
    place.offset = event.event.function_offset.value_or(0);
    place.source = event.source;
    frames.push_back(std::move(place));
  }
  for (const auto& f : event.frames)
    if (frames.empty() || f.address != *event.pc) frames.push_back(f);
  return frames;
}

// Without the compiler's ".isra.0", ".cold" and the like, which logs print and sources do not know.
static std::string_view base_name(std::string_view function) { return function.substr(0, function.find('.', 1)); }

Guilty guilty_at(const scene::CrashScene& scene, const scene::EventView& event) {
  Guilty g = guilty_of(frames_behind(scene, event));
  // Without files only names tell machinery from the rest, and the reader of logs knows more of them.
  bool named_only = g.file.empty() && !event.event.guilty_function.empty();
  if (named_only && event.event.guilty_function != g.function) g = {event.event.guilty_function, "", "", 0, ""};
  // A place is known where the event printed one of this very function (a BUG or WARNING in lib/list_debug.c tells nothing of who called it).
  bool own = !g.function.empty() && base_name(g.function) == base_name(event.event.function);
  if (own && g.module.empty()) g.module = event.event.function_module;
  if (own && g.file.empty() && event.event.source_line > 0) {
    g.file = event.event.file;
    g.line = event.event.source_line;
  }
  if (g.module.empty() && g.file.empty())
    for (const auto& f : event.frames)
      if (base_name(f.symbol) == base_name(g.function)) g.module = f.module;
  return g;
}

}  // namespace inquest::inquiry
