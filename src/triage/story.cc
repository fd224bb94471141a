#include "triage/story.h"

#include <fmt/format.h>

#include <algorithm>

#include "records/machinery.h"
#include "records/text.h"

namespace inquest::triage {

namespace {

constexpr size_t kCompared = 12;       // frames of a stack that count
constexpr size_t kShown = 4;
constexpr double kSoonSeconds = 2;     // an unlinked event this shortly before the death is part of it

using oops::EventKind;

// Events a kernel survives. What opens an oops, a BUG or a panic is none of them.
bool is_survived(const oops::Event& e) {
  switch (e.kind) {
    case EventKind::kWarning: case EventKind::kLockdep: case EventKind::kUbsan: case EventKind::kRcuStall: case EventKind::kHungTask: case EventKind::kWorkqueueLockup:
    case EventKind::kNetdevWatchdog: case EventKind::kPageAllocationFailure: case EventKind::kTrace: case EventKind::kOther: case EventKind::kKasan: case EventKind::kKfence:
    case EventKind::kKcsan: case EventKind::kKmsan: case EventKind::kSlub: case EventKind::kRefcount: case EventKind::kMemoryLeak: case EventKind::kSleepingInAtomic:
    case EventKind::kOutOfMemory: case EventKind::kSoftLockup: case EventKind::kIrqNobodyCared: case EventKind::kReboot: return !e.panicked && !e.oops_number;
    default: return false;
  }
}

const scene::EventView* death_of(const report::Report& report) {
  const scene::EventView* last_word = nullptr;  // a bare "Kernel panic" line, when nothing else tells
  for (const auto& view : report.events) {
    if (is_survived(view.event)) continue;
    if (view.event.kind != EventKind::kPanic) return &view;
    if (!last_word) last_word = &view;
  }
  return last_word;
}

bool has_own_function(const scene::EventView& view) {
  auto stack = telling_stack(view);
  return std::any_of(stack.begin(), stack.end(), [](const std::string& f) { return records::weight_of_function(f) >= 1; });
}

bool leads_to(const scene::EventView& before, size_t index, const scene::EventView& death, size_t death_index) {
  (void)index;
  const auto& explains = before.event.explains;
  if (std::find(explains.begin(), explains.end(), death_index) != explains.end()) return true;
  if (!before.event.time || !death.event.time) return !before.event.time && !death.event.time;  // typed in without times: as they stand together
  double gap = *death.event.time - *before.event.time;
  return gap >= 0 && gap <= kSoonSeconds;
}

const scene::EventView* cause_of(const report::Report& report, const scene::EventView* death) {
  if (!death) {  // it lived: the event to look at first
    for (const auto& view : report.events)
      if (view.event.primary && has_own_function(view)) return &view;
    for (const auto& view : report.events)
      if (has_own_function(view)) return &view;
    return nullptr;
  }
  size_t at = size_t(death - report.events.data());
  for (size_t i = 0; i < at; i++) {
    const auto& view = report.events[i];
    if (has_own_function(view) && leads_to(view, i, *death, at)) return &view;
  }
  return nullptr;
}

std::string kind_of(const scene::EventView& view) {
  switch (view.event.kind) {
    // One wrong pointer shows as one or the other, as chance has it.
    case EventKind::kPagingRequest: case EventKind::kGeneralProtection: case EventKind::kNullDereference: case EventKind::kInternalError: case EventKind::kOops:
    case EventKind::kUnhandledFault: case EventKind::kStackSegment: return "bad-access";
    default: return oops::name_of(view.event.kind);
  }
}

std::string joined(const std::vector<std::string>& functions, size_t most, const char* between) {
  std::string out;
  for (size_t i = 0; i < functions.size() && i < most; i++) out += (i ? between : "") + functions[i];
  return out;
}

// The function people would name the crash by: the first that is no generic layer.
std::string name_of_stack(const std::vector<std::string>& stack) {
  for (const auto& f : stack)
    if (records::weight_of_function(f) >= 1) return f;
  return stack.empty() ? "" : stack.front();
}

std::string headline(const scene::EventView& view, const std::vector<std::string>& stack) {
  std::string where(records::plain_function(view.event.function));
  if (where.starts_with("0x")) where.clear();
  std::string out = oops::name_of(view.event.kind);
  if (!where.empty()) out += " in " + where;
  std::vector<std::string> callers = stack;
  if (!callers.empty() && callers.front() == where) callers.erase(callers.begin());
  // Generic layers between the place and the first function of its own tell nothing.
  while (!callers.empty() && records::weight_of_function(callers.front()) < 1 && name_of_stack(callers) != callers.front()) callers.erase(callers.begin());
  return callers.empty() ? out : out + ": " + joined(callers, kShown, " < ");
}

}  // namespace

std::vector<std::string> telling_stack(const scene::EventView& event) {
  std::vector<std::string> out;
  auto take = [&](std::string_view symbol) {
    std::string name(records::plain_function(symbol));
    if (name.empty() || name.starts_with("0x") || records::weight_of_function(name) <= 0) return;
    if (out.size() < kCompared && (out.empty() || out.back() != name)) out.push_back(std::move(name));
  };
  const auto& e = event.event;
  bool jumped = e.function.empty() || e.function.starts_with("0x");
  if (!jumped) take(e.function);
  else if (!e.link.symbol.empty()) take(e.link.symbol);  // a jump to nowhere: who jumped
  bool sure = std::any_of(event.frames.begin(), event.frames.end(), [](const auto& f) { return f.reliable && !f.symbol.empty(); });
  for (const auto& frame : event.frames) {
    if (!frame.reliable && sure) continue;
    if (records::begins_interrupt(frame.symbol)) break;
    take(frame.symbol);
  }
  return out;
}

Story story_of(const report::Report& report) {
  Story story;
  const scene::EventView* death = death_of(report);
  const scene::EventView* cause = cause_of(report, death);
  std::string what = "no event";
  if (death) {
    story.death_id = death->id;
    story.death = telling_stack(*death);
    story.panic = kind_of(*death);
    if (!story.death.empty()) story.panic += " in " + joined(story.death, 2, " < ");
    what = "panic:" + kind_of(*death) + ":" + joined(story.death, kCompared, "<");
    story.title = headline(*death, story.death);
  }
  if (cause) {
    story.cause_id = cause->id;
    story.cause = telling_stack(*cause);
    what = "cause:" + kind_of(*cause) + ":" + joined(story.cause, kCompared, "<");
    story.title = headline(*cause, story.cause);
    story.place = kind_of(*cause) + " in " + std::string(records::plain_function(cause->event.function)) + ": " + name_of_stack(story.cause);
  } else if (death) {
    story.title += ", with no warning before";
  } else {
    story.title = report.events.empty() ? "no event in the log" : headline(report.events.front(), {});
    if (!report.events.empty()) what = "event:" + report.events.front().event.signature_coarse;
  }
  std::string name = name_of_stack(cause ? story.cause : story.death);
  if (name.empty()) name = death ? kind_of(*death) : "log";
  story.key = fmt::format("{}-{:08x}", name, uint32_t(uint64_t(records::stable_hash(what)) >> 16));
  return story;
}

}  // namespace inquest::triage
