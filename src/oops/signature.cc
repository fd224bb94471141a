#include "oops/pattern.h"
#include "oops/signature.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "oops/text.h"
#include "oops/title_rules.h"

namespace inquest::oops {
namespace {

constexpr size_t kFineFrames = 5;

struct ClassRow {
  EventKind kind;
  std::string_view name;
};

// One wrong pointer shows as a NULL dereference, a page fault, a GPF or a KASAN report, as chance has it.
constexpr ClassRow kClasses[] = {
    {EventKind::kNullDereference, "bad-access"}, {EventKind::kPagingRequest, "bad-access"}, {EventKind::kGeneralProtection, "bad-access"},
    {EventKind::kStackSegment, "bad-access"},    {EventKind::kKasan, "bad-access"},         {EventKind::kKfence, "bad-access"},
    {EventKind::kInternalError, "bad-access"},   {EventKind::kOops, "bad-access"},          {EventKind::kPpcOops, "bad-access"},
    {EventKind::kUnhandledFault, "bad-access"},  {EventKind::kExternalAbort, "bad-access"}, {EventKind::kSoftLockup, "stall"},
    {EventKind::kHardLockup, "stall"},           {EventKind::kRcuStall, "stall"},           {EventKind::kBugAt, "bug"},
    {EventKind::kInvalidOpcode, "bug"},          {EventKind::kS390Illegal, "bug"},          {EventKind::kUndefinedInstruction, "bug"},
};

// Entry and dispatch code at the cold end of every stack, beside the reporting machinery at the hot end.
constexpr WordList kEntry =
    "^do_syscall_ ^entry_SYSCALL ^system_call ^el0_ ^el1_ ^el0t_ ^el1h_ ^ret_from ^kthread$ ^worker_thread$ ^process_one_work$ ^process_scheduled_works$ "
    "^__do_softirq$ ^do_softirq ^irq_exit ^asm_ ^common_interrupt ^do_idle$ ^cpu_startup_entry$ ^start_secondary$ ^secondary_start ^rest_init$ "
    "^start_kernel$ ^x64_sys_call$ ^invoke_syscall ^do_el0_svc ^exc_ ^page_fault$ ^do_page_fault ^handle_irq ^gic_handle_irq ^apic_timer "
    "^smp_apic ^sysvec_ ^schedule$ ^__schedule$ ^preempt_schedule ^ret_fast_syscall ^kernel_thread_helper$ ^child_rip$ ^__irq_svc$ ^call_timer_fn$ "
    "^smpboot_thread_fn$ ^handle_exception$ ^handle_softirqs$ ^____do_softirq$ ^secondary_startup ^x86_64_start_ ^kernel_init$ ^do_one_initcall$ ^do_initcalls$";

// Reporting that titles of its kind do not meet or skip by their own lists.
constexpr WordList kReporting =
    "ubsan_ ^unwind_backtrace$ ^dump_header$ ^oom_kill_process$ ^out_of_memory$ ^pagefault_out_of_memory$ ^nmi_cpu_backtrace ^nmi_handle$ ^default_do_nmi$ "
    "^exc_nmi$ ^end_repeat_nmi$ ^do_nmi$ ^watchdog_ ^handle_bad_stack$ ^__bad_stack$ ^__stack_chk_fail$ ^do_serror$ ^do_undefinstr$ ^bad_el0_sync$ ^print_bad_pte$ "
    "^rewind_stack ^check_slab$ ^slab_err$ ^object_err$";

// Where a CPU spins or a task sleeps says nothing of why.
constexpr WordList kWaiting =
    "queued_spin_lock ^kvm_wait$ ^native_safe_halt$ ^pv_wait lock_slowpath ^schedule_ ^io_schedule ^bit_wait ^wait_on_ ^__wait_on_ ^out_of_line_wait "
    "^folio_wait_ ^__folio_lock$ ^lock_is_held_type$ ^smp_call_function ^on_each_cpu ^native_halt$ ^cpu_relax ^rwsem_ ^wait_for_ ^do_wait_for ^raw_spin_rq";

std::string plain(std::string_view function) {
  // gcc's and clang's clones of one function: ".isra.0", ".constprop.5", ".part.3", ".cold", ".llvm.123".
  size_t dot = function.find('.', 1);
  // A JITed program's name ends in its hash: kernel/bpf/core.c, bpf_get_prog_name().
  if (function.starts_with("bpf_prog_")) return "bpf_prog";
  return std::string(function.substr(0, dot));
}

std::string_view class_of(const Event& event) {
  for (const ClassRow& row : kClasses)
    if (row.kind == event.kind) return row.name;
  return name_of(event.kind);
}

bool is_stall(EventKind kind) {
  return kind == EventKind::kSoftLockup || kind == EventKind::kHardLockup || kind == EventKind::kRcuStall || kind == EventKind::kHungTask;
}

// The event's own trace; of a stall that one CPU saw on another, that CPU's.
const std::vector<Frame>& stack_of(const Event& event) {
  if (event.frames.empty() && is_stall(event.kind))
    for (const NamedStack& stack : event.stacks)
      if (stack.name.starts_with("NMI backtrace") && !stack.frames.empty()) return stack.frames;
  return event.frames;
}

// "/build/x/linux/mm/page_alloc.c" and "mm/page_alloc.c" are one file.
std::string_view in_tree(std::string_view file) {
  size_t best = file.npos;
  for (std::string_view top : {"/arch/", "/block/", "/crypto/", "/drivers/", "/fs/", "/include/", "/init/", "/io_uring/", "/ipc/", "/kernel/", "/lib/", "/mm/",
                               "/net/", "/rust/", "/security/", "/sound/", "/virt/"})
    if (file.starts_with('/')) best = std::min(best, file.find(top));
  return best == file.npos ? file : file.substr(best + 1);
}

std::string_view function_in(std::string_view title) {
  size_t in = title.rfind(" in ");
  if (in == title.npos) return {};
  std::string_view name = title.substr(in + 4);
  return name == "corrupted" || name.find(' ') != name.npos ? std::string_view() : name;
}

bool is_no_name(std::string_view name) { return name.empty() || is_digit(name[0]) || name == "ADDR" || name == "NUM"; }

}  // namespace

// The stack without what every stack has, each function once in a row.
std::vector<std::string> telling_frames(const Event& event) {
  std::vector<std::string> out;
  const std::vector<Frame>& frames = stack_of(event);
  bool reliable = std::any_of(frames.begin(), frames.end(), [](const Frame& f) { return f.reliable && !f.symbol.empty(); });
  auto take = [&](const std::string& symbol, bool waits) {
    std::string name = plain(symbol);
    if (is_no_name(name) || is_machinery(name) || kEntry.holds(name) || kReporting.holds(name)) return;
    if (!waits && is_stall(event.kind) && kWaiting.holds(name)) return;
    if (out.empty() || out.back() != name) out.push_back(std::move(name));
  };
  for (bool waits : {false, true}) {  // where nothing but waiting is known, that
    if (!out.empty()) break;
    take(event.function, waits);
    for (const Frame& frame : frames) {
      if (out.size() >= kFineFrames + 1) break;
      if (frame.reliable || !reliable) take(frame.symbol, waits);
    }
  }
  return out;
}

void give_signature(Event& event) {
  std::vector<std::string> frames = telling_frames(event);
  std::string_view titled = function_in(event.title);
  bool names_waiting = is_stall(event.kind) && kWaiting.holds(titled);
  std::string last = event.function.empty() ? "" : plain(event.function);
  event.guilty_function = !is_no_name(titled) && !(names_waiting && !frames.empty()) ? std::string(titled) : !frames.empty() ? frames[0] : is_no_name(last) ? "" : last;
  std::string kind(class_of(event));
  std::string where = event.guilty_function;
  // Two reports that name no function are not one bug for that: the title if it says what happened, whose task it was, else when.
  if (where.empty()) {
    bool empty_words = event.corrupted || event.title.empty();
    where = empty_words ? "?" : event.title;
    if (!event.comm.empty()) where += "?" + event.comm;
    else if (empty_words) where += event.time ? fmt::format("{:.6f}", *event.time) : fmt::format("line {}", event.first_line);
  }
  event.signature_coarse = kind + ":" + where;
  event.signature_fine = kind + ":" + where;
  for (size_t i = 0; i < frames.size() && i < kFineFrames; i++)
    if (frames[i] != event.guilty_function) event.signature_fine += "<" + frames[i];
  if (!event.file.empty() && event.kind == EventKind::kWarning) event.signature_fine += "@" + std::string(in_tree(event.file));
}

}  // namespace inquest::oops
