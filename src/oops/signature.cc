#include "oops/signature.h"

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
constexpr std::string_view kEntry =
    "^do_syscall_ ^entry_SYSCALL ^system_call ^el0_ ^el1_ ^el0t_ ^el1h_ ^ret_from ^kthread$ ^worker_thread$ ^process_one_work$ ^process_scheduled_works$ "
    "^__do_softirq$ ^do_softirq ^irq_exit ^asm_ ^common_interrupt ^do_idle$ ^cpu_startup_entry$ ^start_secondary$ ^secondary_start ^rest_init$ "
    "^start_kernel$ ^x64_sys_call$ ^invoke_syscall ^do_el0_svc ^exc_ ^page_fault$ ^do_page_fault ^handle_irq ^gic_handle_irq ^apic_timer "
    "^smp_apic ^sysvec_ ^schedule$ ^__schedule$ ^preempt_schedule ^ret_fast_syscall ^kernel_thread_helper$ ^child_rip$ ^__irq_svc$ ^call_timer_fn$ ^smpboot_thread_fn$";

std::string plain(std::string_view function) {
  // gcc's and clang's clones of one function: ".isra.0", ".constprop.5", ".part.3", ".cold", ".llvm.123".
  size_t dot = function.find('.', 1);
  return std::string(function.substr(0, dot));
}

std::string_view class_of(const Event& event) {
  for (const ClassRow& row : kClasses)
    if (row.kind == event.kind) return row.name;
  return name_of(event.kind);
}

// The stack without what every stack has, each function once in a row.
std::vector<std::string> telling_frames(const Event& event) {
  std::vector<std::string> out;
  bool reliable = std::any_of(event.frames.begin(), event.frames.end(), [](const Frame& f) { return f.reliable && !f.symbol.empty(); });
  auto take = [&](const std::string& symbol) {
    std::string name = plain(symbol);
    if (name.empty() || is_digit(name[0]) || is_machinery(name) || is_listed(kEntry, name)) return;
    if (out.empty() || out.back() != name) out.push_back(std::move(name));
  };
  take(event.function);
  for (const Frame& frame : event.frames) {
    if (out.size() >= kFineFrames + 1) break;
    if (frame.reliable || !reliable) take(frame.symbol);
  }
  return out;
}

std::string_view function_in(std::string_view title) {
  size_t in = title.rfind(" in ");
  if (in == title.npos) return {};
  std::string_view name = title.substr(in + 4);
  return name == "corrupted" || name.find(' ') != name.npos ? std::string_view() : name;
}

}  // namespace

void give_signature(Event& event) {
  std::vector<std::string> frames = telling_frames(event);
  std::string_view titled = function_in(event.title);
  event.guilty_function = !titled.empty() ? std::string(titled) : !frames.empty() ? frames[0] : plain(event.function);
  std::string kind(class_of(event));
  std::string where = event.guilty_function.empty() ? event.title : event.guilty_function;
  event.signature_coarse = kind + ":" + where;
  event.signature_fine = kind + ":" + where;
  for (size_t i = 0; i < frames.size() && i < kFineFrames; i++)
    if (frames[i] != event.guilty_function) event.signature_fine += "<" + frames[i];
  if (!event.file.empty() && event.kind == EventKind::kWarning) event.signature_fine += "@" + event.file;
}

}  // namespace inquest::oops
