#include "oops/chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "oops/builder.h"

namespace inquest::oops {
namespace {

// How far back an event looks for its cause: bounds the work on a log of a thousand events.
constexpr size_t kLookBack = 32;
// A warning this long before a crash, sharing nothing with it, is another story.
constexpr double kUnrelatedSeconds = 3600;
// Values below are counts and offsets, which equal each other by chance.
constexpr uint64_t kSmallestAddress = 0x100000;

bool stops_the_kernel(const Event& e) {
  return e.panicked || e.oops_number || e.kind == EventKind::kPanic || e.kind == EventKind::kBugAt;
}

std::optional<double> seconds_between(const Event& a, const Event& b) {
  if (!a.time || !b.time) return std::nullopt;
  return *b.time - *a.time;
}

// Which register of `before` holds what `after` trips over.
std::string shared_address(const Event& before, const Event& after) {
  std::optional<uint64_t> pc = after.reg("rip") ? after.reg("rip") : after.reg("pc");
  for (const Register& r : before.registers) {
    if (r.value < kSmallestAddress || r.value == UINT64_MAX) continue;
    if (after.fault_address == r.value) return fmt::format("its {} is the address that faults later", r.name);
    if (pc == r.value && after.function_offset == std::nullopt) return fmt::format("its {} is where the kernel jumps later", r.name);
  }
  return "";
}

bool shared_function(const Event& before, const Event& after) {
  if (before.function.empty()) return false;
  if (before.function == after.function && before.function_offset) return true;
  size_t near = std::min<size_t>(after.frames.size(), 4);
  for (size_t i = 0; i < near; i++)
    if (after.frames[i].symbol == before.function) return true;
  return false;
}

// Why `before` likely explains `after`; "" if nothing says so.
std::string link(const Event& before, const Event& after) {
  std::string address = shared_address(before, after);
  if (!address.empty()) return address;
  auto gap = seconds_between(before, after);
  bool soon = gap && *gap >= 0 && *gap < 60;
  if (before.pid && before.pid == after.pid && *before.pid != 0 && before.comm == after.comm && (soon || !gap)) return "the same task fails again";
  if (shared_function(before, after)) return "the same function is involved";
  if (soon && *gap < 2 && before.cpu && before.cpu == after.cpu) return "the same CPU fails again at once";
  bool corrupts = before.kind == EventKind::kKasan || before.kind == EventKind::kKfence || before.kind == EventKind::kListCorruption ||
                  before.kind == EventKind::kRefcount || before.kind == EventKind::kSlub || before.kind == EventKind::kBadPage;
  if (corrupts && soon) return "memory is known to be corrupted from here on";
  bool stalls = before.kind == EventKind::kSoftLockup || before.kind == EventKind::kRcuStall || before.kind == EventKind::kHardLockup;
  bool waits = after.kind == EventKind::kSoftLockup || after.kind == EventKind::kRcuStall || after.kind == EventKind::kHungTask ||
               after.kind == EventKind::kHardLockup;
  if (stalls && waits) return "others wait for a CPU that is stuck";
  if (before.kind == EventKind::kHungTask && after.kind == EventKind::kHungTask) return "one task that hangs makes others wait";
  if (after.kind == EventKind::kPanic && after.frames.empty() && after.registers.empty()) return "the panic only follows";
  return "";
}

size_t first_to_triage(const std::vector<Event>& events) {
  size_t chosen = 0;
  // Lines of no known format come first only if nothing better does.
  auto says_little = [](const Event& e) { return e.vague && !has_body(e); };
  while (chosen + 1 < events.size() && says_little(events[chosen])) chosen++;
  if (says_little(events[chosen])) return 0;
  const Event& first = events[chosen];
  if (stops_the_kernel(first) || !first.explains.empty()) return chosen;
  for (size_t i = chosen + 1; i < events.size(); i++) {
    auto gap = seconds_between(first, events[i]);
    if (stops_the_kernel(events[i]) && gap && *gap > kUnrelatedSeconds) return i;
    if (stops_the_kernel(events[i])) break;
  }
  return chosen;
}

}  // namespace

void drop_quotations(std::vector<Event>& events) {
  bool real = std::any_of(events.begin(), events.end(), [](const Event& e) { return e.time && has_body(e); });
  if (!real) return;
  std::erase_if(events, [](const Event& e) { return !e.time && e.wall_time.empty() && !has_body(e); });
}

void link_events(std::vector<Event>& events) {
  if (events.empty()) return;
  std::vector<std::string> reasons(events.size());
  for (size_t i = 0; i < events.size(); i++)
    for (size_t j = i + 1; j < events.size() && j <= i + kLookBack; j++) {
      std::string why = link(events[i], events[j]);
      if (why.empty()) continue;
      if (reasons[i].empty() || reasons[i].starts_with("the same")) reasons[i] = why;
      events[i].explains.push_back(j);
    }
  size_t chosen = first_to_triage(events);
  Event& primary = events[chosen];
  primary.primary = true;
  if (events.size() == 1) primary.primary_reason = "the only event";
  else if (!reasons[chosen].empty()) primary.primary_reason = "first of its chain: " + reasons[chosen];
  else if (chosen == 0) primary.primary_reason = "the first event";
  else primary.primary_reason = "the first that stops the kernel; what came before shares nothing with it";
}

}  // namespace inquest::oops
