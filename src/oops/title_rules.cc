// The groups of titles in the order they are looked for, and those of panics, traps and everything that is none
// of BUG, WARNING and INFO.
#include "oops/title_rules.h"

#include "oops/kinds.h"
#include "oops/text.h"

namespace inquest::oops {

const StackRule kFaultStack{.parts = {"@pc", "@trace", "@frames"}};
const StackRule kTraceStack{.parts = {"@trace", "@frames"}};
const StackRule kWarnStack{.parts = {"@pc|vector", "@frames"}, .otherwise = {"@trace", "@frames"}};
const StackRule kPcStack{.parts = {"@pc"}};

namespace {

constexpr StackRule kStackCheck{.parts = {"@trace", "@frames"}, .skip = "stack_chk"};
constexpr StackRule kStackEnd{.parts = {"@trace", "@frames"}, .skip = "schedule retint_kernel", .choose = Choose::kStall};
constexpr StackRule kStackOverflow{.parts = {"@trace", "@frames"}, .skip = "bad_stack", .choose = Choose::kStall};
constexpr StackRule kRust{.parts = {"@trace", "@frames"}, .skip = "__rustc::rust_begin_unwind"};
constexpr StackRule kBugUsercopy{.parts = {"@trace", "@frames"}, .skip = "usercopy __check"};
constexpr StackRule kBugSkb{.parts = {"@pc", "@trace", "@frames"}, .skip = "^skb_"};  // BUG_ONs in skb helpers blame the caller
constexpr StackRule kUbsan{.parts = {"@trace", "@frames"}, .skip = "ubsan overflow"};

constexpr TitleRule kPanics[] = {
    {.title = "Kernel panic - not syncing: stack-protector:", .full = "stack-protector: Kernel stack is corrupted in: <f>",
     .format = "kernel panic: stack is corrupted in %1", .traceless = true},
    {.title = "Kernel panic - not syncing: stack-protector:", .full = "stack-protector: Kernel stack is corrupted in: <x>",
     .format = "kernel panic: stack is corrupted in %1", .stack = &kStackCheck},
    {.title = "Kernel panic - not syncing: corrupted stack end", .full = "corrupted stack end detected inside scheduler",
     .format = "kernel panic: corrupted stack end in %f", .alternate = "stack-overflow in %f", .stack = &kStackEnd},
    {.title = "Kernel panic - not syncing: kernel stack overflow", .format = "kernel stack overflow in %f", .alternate = "stack-overflow in %f",
     .stack = &kStackOverflow},
    {.title = "Kernel panic - not syncing: Attempted to kill init!", .format = "kernel panic: Attempted to kill init!"},
    {.title = "Kernel panic - not syncing: Couldn't open N_TTY ldisc for * --- error -<n>", .format = "kernel panic: Couldn't open N_TTY ldisc"},
    // These follow a report; alone they say that it was lost.
    {.title = "Kernel panic - not syncing: Fatal exception", .format = "kernel panic: Fatal exception", .corrupted = true},
    {.title = "Kernel panic - not syncing: panic_on_warn set", .format = "kernel panic: panic_on_warn set", .corrupted = true},
    {.title = "Kernel panic - not syncing: hung_task: blocked tasks", .format = "kernel panic: hung_task: blocked tasks", .corrupted = true},
    {.title = "Kernel panic - not syncing: <r>", .format = "kernel panic: %1"},
};
constexpr TitleRule kUnable[] = {
    {.title = "Unable to handle kernel {paging request|NULL pointer dereference|access to user memory}",
     .format = "BUG: unable to handle kernel %1 in %f", .alternate = "bad-access in %f", .stack = &kFaultStack},
};
constexpr TitleRule kGpf[] = {{.title = "general protection fault*:", .format = "general protection fault in %f", .alternate = "bad-access in %f", .stack = &kFaultStack}};
constexpr TitleRule kSegment[] = {{.title = "stack segment: ", .format = "stack segment fault in %f", .stack = &kFaultStack}};
constexpr TitleRule kDouble[] = {{.title = "PANIC: double fault", .format = "PANIC: double fault in %f", .stack = &kPcStack}};
constexpr TitleRule kRusts[] = {{.title = "rust_kernel: panicked", .full = "rust_kernel: panicked at ", .then = {"^<r>"}, .format = "%1 in %f", .stack = &kRust}};
constexpr TitleRule kBugAt[] = {
    {.title = "kernel BUG at mm/usercopy.c", .format = "BUG: bad usercopy in %f", .stack = &kBugUsercopy},
    {.title = "kernel BUG at lib/list_debug.c", .format = "BUG: corrupted list in %f", .alternate = "bad-access in %f", .stack = &kTraceStack},
    {.title = "kernel BUG at ", .format = "kernel BUG in %f", .stack = &kBugSkb},
};
constexpr TitleRule kBugOld[] = {{.title = "Kernel BUG <r>", .format = "kernel BUG %1"}};
constexpr TitleRule kSlab[] = {{.title = "BUG kmalloc-*: Object already free", .format = "BUG: Object already free"}};
constexpr TitleRule kDivide[] = {{.title = "divide error: ", .format = "divide error in %f", .stack = &kPcStack}};
constexpr TitleRule kDivide2[] = {{.title = "divide_error: ", .format = "divide error in %f", .stack = &kPcStack}};
constexpr TitleRule kOpcode[] = {{.title = "invalid opcode: ", .format = "invalid opcode in %f", .stack = &kPcStack}};
constexpr TitleRule kInt3[] = {{.title = "int3: ", .format = "int3 in %f", .stack = &kFaultStack}};
constexpr TitleRule kUb[] = {
    {.title = "UBSAN:", .full = "UBSAN: Undefined behaviour in", .format = "UBSAN: undefined-behaviour in %f", .stack = &kUbsan},
    {.title = "UBSAN: array-index-out-of-bounds in", .format = "UBSAN: array-index-out-of-bounds in %f", .alternate = "bad-access in %f", .stack = &kUbsan},
    {.title = "UBSAN:", .full = "UBSAN: <k> in", .format = "UBSAN: %1 in %f", .stack = &kUbsan},
};
constexpr TitleRule kBoot[] = {{.title = "^Booting the kernel", .format = "unexpected kernel reboot", .traceless = true}};
constexpr TitleRule kNetdev[] = {{.title = "unregister_netdevice: waiting for * to become free", .format = "unregister_netdevice: waiting for DEV to become free", .traceless = true}};
constexpr TitleRule kClose[] = {{.title = "VFS: Close: file count is 0", .format = "VFS: Close: file count is zero (use-after-free)", .traceless = true}};
constexpr TitleRule kBusy[] = {{.title = "VFS: Busy inodes after unmount", .format = "VFS: Busy inodes after unmount (use-after-free)", .traceless = true}};
constexpr TitleRule kInternal[] = {{.title = "Internal error:", .format = "Internal error in %f", .alternate = "bad-access in %f", .stack = &kFaultStack}};
constexpr TitleRule kUnhandled[] = {{.title = "Unhandled fault:", .format = "Unhandled fault in %f", .alternate = "bad-access in %f", .stack = &kFaultStack}};
constexpr TitleRule kAlign[] = {{.title = "Alignment trap:", .format = "Alignment trap in %f", .stack = &kFaultStack}};
constexpr TitleRule kTrusty[] = {
    {.title = "trusty: panic*ASSERT FAILED", .full = "trusty: panic (*): ASSERT FAILED at (*): <r>", .format = "trusty: ASSERT FAILED: %1", .traceless = true},
    {.title = "trusty: panic*ASSERT FAILED", .full = "trusty: panic (*): DEBUG ASSERT FAILED at (*): <r>", .format = "trusty: ASSERT FAILED: %1", .traceless = true},
    {.title = "trusty: panic*ASSERT FAILED*:<r>", .format = "trusty: ASSERT FAILED: %1", .corrupted = true},
    {.title = "trusty: panic", .full = "trusty: panic (*): <r>", .format = "trusty: panic: %1", .traceless = true},
};
constexpr TitleRule kGo[] = {{.title = "fatal error:", .format = "go runtime error", .traceless = true}};
constexpr TitleRule kFail[] = {{.title = "SYZFAIL:<r>", .format = "SYZFAIL:%1", .traceless = true}};
constexpr TitleRule kFatal[] = {{.title = "SYZFATAL:<r>", .format = "SYZFATAL:%1", .alternate = "SYZFATAL", .traceless = true}};
constexpr TitleRule kPlain[] = {{.title = "panic:<r>", .format = "panic:%1", .traceless = true}};

const TitleGroup* groups(size_t& count) {
  // Filled on first use: the spans of other files are not constants here.
  static const TitleGroup kGroups[] = {
    {"BUG:", bug_titles()}, {"WARNING:", warning_titles()}, {"INFO:", info_titles()},
    {"Unable to handle kernel", kUnable}, {"general protection fault", kGpf}, {"stack segment: ", kSegment},
    {"Kernel panic", kPanics}, {"PANIC: double fault", kDouble}, {"rust_kernel: panicked", kRusts},
    {"kernel BUG", kBugAt}, {"Kernel BUG", kBugOld}, {"BUG kmalloc-", kSlab}, {"divide error:", kDivide},
    {"divide_error:", kDivide2}, {"invalid opcode:", kOpcode}, {"int3:", kInt3}, {"UBSAN:", kUb},
    {"Booting the kernel.", kBoot}, {"unregister_netdevice: waiting for", kNetdev}, {"VFS: Close: file count is 0", kClose},
    {"VFS: Busy inodes after unmount", kBusy}, {"Internal error:", kInternal}, {"Unhandled fault:", kUnhandled},
    {"Alignment trap:", kAlign}, {"trusty: panic", kTrusty}, {"fatal error:", kGo}, {"SYZFAIL:", kFail}, {"SYZFATAL:", kFatal},
    {"panic:", kPlain},
  };
  count = std::size(kGroups);
  return kGroups;
}

}  // namespace

std::span<const TitleGroup> title_groups() {
  size_t count = 0;
  const TitleGroup* first = groups(count);
  return {first, count};
}

const TitleGroup* title_group(std::string_view text) {
  for (const TitleGroup& group : title_groups())
    if (has(text, group.word) && !is_harmless(group.word, text)) return &group;
  return nullptr;
}

}  // namespace inquest::oops
