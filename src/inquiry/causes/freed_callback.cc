// A timer or a work item in an object that was freed while it was still armed or queued.
//
// What proves it: the loop that runs such callbacks (kernel/time/timer.c: call_timer_fn, expire_timers; hrtimer.c: __run_hrtimer; kernel/workqueue.c:
// process_one_work) is in the stack behind the fault, and the timer or work that it was running lies in a slab object that is free, or holds the poison of freed memory.
#include <fmt/format.h>

#include <algorithm>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

namespace {

struct Family {
  const char *cause, *thing, *type;
  std::vector<const char*> loops;
  const char* undo;  // what should have been called before the free
};

const Family kTimers = {"freed-armed-timer", "timer", "struct timer_list", {"call_timer_fn", "expire_timers", "__run_timers", "__run_hrtimer", "__hrtimer_run_queues"}, "timer_delete_sync()"};
const Family kWorks = {"freed-queued-work", "work item", "struct work_struct", {"process_one_work", "process_scheduled_works", "worker_thread"}, "cancel_work_sync()"};

// The frames of the loop behind the fault: its return address, and the address of the timer or work.
struct Running {
  const scene::FrameView* loop = nullptr;
  std::optional<uint64_t> item;
};

bool is_one_of(const scene::FrameView& frame, const Family& family) {
  return std::any_of(family.loops.begin(), family.loops.end(), [&](std::string_view name) {
    return frame.symbol == name || std::any_of(frame.source.begin(), frame.source.end(), [&](const scene::SourceRef& s) { return s.function == name; });
  });
}

Running find_running(const scene::CrashScene& scene, const std::vector<scene::FrameView>& frames, const Family& family) {
  Running r;
  const std::string argument = scene.facts().arch == "aarch64" ? "x0" : "rdi";
  for (const auto& f : frames) {
    if (f.exact || !f.address || !is_one_of(f, family)) continue;
    auto call = scene.call_before(f.address);
    if (!call || !call->indirect) {
      if (!r.loop) r.loop = &f;
      continue;
    }
    r.loop = &f;
    auto origin = scene.origin_of_argument(f.address, argument);
    if (!origin.empty()) r.item = origin.front().value;
    break;
  }
  // The fault in the loop itself: the list it walks led into freed memory.
  if (!r.loop && !frames.empty() && is_one_of(frames.front(), family)) r.loop = &frames.front();
  return r;
}

Verdicts examine(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier, const Family& family) {
  if (!seen.fatal || !seen.suspect) return {};
  auto frames = frames_behind(scene, *seen.fatal);
  if (seen.jumped_to && seen.caller && scene.crashed()) {
    frames.clear();
    bool on = false;
    for (const auto& f : scene.crashed()->frames) {
      on = on || f.address == seen.caller->address;
      if (on) frames.push_back(f);
    }
  }
  Running r = find_running(scene, frames, family);
  if (!r.loop) return {};
  auto item = r.item ? scene.identify(*r.item) : scene::Identity{};
  bool item_free = item.kind == scene::Identity::Kind::kSlab && item.free && *item.free;
  bool poisoned = seen.suspect->shape == Shape::kFreePoison;
  // The callback ran from a live object, or a free one that is not the timer's: another story.
  bool in_item = seen.freed && item.kind == scene::Identity::Kind::kSlab && seen.freed->identity.object_start == item.object_start;
  if (!item_free && !(poisoned && (in_item || &frames.front() == r.loop || seen.jumped_to))) return {};
  Verdict v;
  v.cause = family.cause;
  v.confidence = item_free && (poisoned || in_item) ? 0.95 : item_free ? 0.9 : 0.8;
  cite(v, add_event(dossier, *seen.fatal));
  cite(v, add_touch(dossier, *seen.fatal));
  if (seen.jumped_to) cite(v, add_caller(dossier, seen));
  cite(v, add_suspect(dossier, *seen.suspect));
  cite(v, dossier.add(Origin::kStack, fmt::format("{} was running a {}{}", r.loop->symbol, family.thing, r.item ? " at " + hex(*r.item) : ""), "bt -l",
                      {{"function", r.loop->symbol}, {"item", r.item ? hex(*r.item) : ""}}));
  if (r.item) cite(v, add_identity(scene, dossier, *r.item, fmt::format("the {}", family.thing)));
  if (seen.freed) cite(v, add_freed(dossier, *seen.freed));
  v.guilty = seen.jumped_to ? Guilty{} : guilty_at(scene, *seen.fatal);
  v.object.cache = item.cache;
  if (item_free) v.object.address = hex(item.object_start);
  if (item.kind == scene::Identity::Kind::kSlab) v.object.type = scene.type_of_cache(item.cache, item.object_size);
  // Else what the callback's own code takes the memory for.
  for (const auto& step : seen.suspect->origin) {
    bool inside = step.address && item.kind == scene::Identity::Kind::kSlab && *step.address - item.object_start < item.object_size;
    if (!inside || step.object.empty() || step.object == family.type || !v.object.type.empty()) continue;
    v.object.type = step.object;
    if (!step.members.empty()) v.object.member = step.members.front();
  }
  if (item_free && !v.object.type.empty())
    for (const auto& m : scene.members_at(v.object.type, item.offset)) {
      v.object.member = m.path.substr(0, m.path.find('.'));
      break;
    }
  std::string freer;
  if (!v.object.type.empty())
    for (const auto& site : scene.freers_of(v.object.type)) {
      Guilty g = guilty_site(scene, site);
      cite(v, dossier.add(Origin::kCode, fmt::format("{} frees such objects", source_text(site.source)), "dis -lx " + bare_hex(site.pc), {{"function", site.function}}));
      if (freer.empty()) v.guilty = g;
      freer += (freer.empty() ? "" : ", ") + g.function;
    }
  v.summary = fmt::format("A {} ran in an object that had been freed{}{}: {} was called on memory that was no longer its own. Its owner freed it without {}.", family.thing,
                          v.object.type.empty() ? "" : fmt::format(" ({})", v.object.type), v.object.cache.empty() ? "" : fmt::format(" (slab {})", v.object.cache),
                          "its callback", family.undo);
  if (!freer.empty()) v.summary += fmt::format(" Such objects are freed by {}.", freer);
  v.alternatives.push_back({"use-after-free", fmt::format("true, and this says more: what used the freed object is its own {}", family.thing)});
  v.alternatives.push_back({"wild-call", "the callback came from freed memory"});
  if (std::string by = add_last_free(v, dossier, item); !by.empty()) {
    v.summary += fmt::format(" It was freed last by {}.", by);
    const auto& at = item.freed_at;
    if (!at.empty()) v.guilty = {at.front().function, at.front().file, v.guilty.module, at.front().line, ""};
  } else {
    v.would_settle.push_back("who freed the object: the same crash with slub_debug=U, which records who freed it last");
  }
  return {v};
}

}  // namespace

Verdicts freed_armed_timer(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) { return examine(scene, seen, dossier, kTimers); }
Verdicts freed_queued_work(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) { return examine(scene, seen, dossier, kWorks); }

}  // namespace inquest::inquiry::causes
