// A task hangs in a wait for something that nobody owns: a completion, a wait queue, I/O.
#include <fmt/format.h>

#include <algorithm>

#include "inquiry/causes/hangs.h"

namespace inquest::inquiry::causes {

namespace {

// The wait of the reported task, or what the holder of the lock it waits for waits for itself.
std::optional<size_t> wait_behind(const scene::LockGraphView& graph, std::optional<int> pid) {
  std::optional<size_t> at;
  for (size_t w = 0; w < graph.waits.size() && !at; w++)
    if (graph.waits[w].task.pid == pid) at = w;
  for (size_t steps = 0; at && steps < 64; steps++) {
    const auto& lock = graph.locks[graph.waits[*at].lock];
    if (lock.holders.empty() || !lock.holders.front().waits) return at;
    at = lock.holders.front().waits;
  }
  return at;
}

}  // namespace

Verdicts hung_task(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  const auto* event = first_of(scene, {oops::EventKind::kHungTask});
  if (!event) return {};
  Verdict v;
  v.cause = "hung-task";
  v.evidence.push_back(add_event(dossier, *event));
  std::vector<scene::FrameView> frames;
  for (const auto& f : event->frames)
    if (f.reliable) frames.push_back(f);
  v.guilty = guilty_of(frames);
  v.confidence = frames.empty() ? 0.3 : 0.5;
  std::string who = fmt::format("{} (pid {})", event->event.comm.empty() ? "a task" : event->event.comm, event->event.pid.value_or(-1));
  v.summary = fmt::format("{} waits in {} for something that has not come.", who, where(v.guilty));
  const auto* graph = scene.locks();
  auto found = graph ? wait_behind(*graph, event->event.pid) : std::nullopt;
  if (found) {
    const auto& wait = graph->waits[*found];
    const auto& lock = graph->locks[wait.lock];
    v.evidence.push_back(add_wait(dossier, *graph, wait));
    if (wait.asker < wait.frames.size()) v.guilty = guilty_of({wait.frames.begin() + std::ptrdiff_t(wait.asker), wait.frames.end()});
    v.object = object_of(lock);
    bool owned = lock.has_owner() && (!lock.holders.empty() || lock.held == true);
    v.confidence = owned ? 0.45 : lock.kind == "completion" ? 0.85 : 0.75;
    v.summary = fmt::format("{} waits in {} for {}{}.", words(wait.task), where(v.guilty), words(lock), owned ? "" : ", which nobody has done");
    if (!owned) v.alternatives.push_back({"deadlock", "what it waits for is an event, no lock: it has no holder who could wait in turn"});
    if (!owned && !lock.object.empty()) v.would_settle.push_back(fmt::format("who should have done it: `references {}` tells what still points at the object", bare_hex(lock.object_address)));
  } else if (scene.facts().has_dump) {
    v.would_settle.push_back("what it waits for: its stack holds no waiter known here");
  } else {
    v.would_settle.push_back("a crash dump: a log tells where it waits, not for what");
  }
  if (died_otherwise(seen)) v.confidence = std::min(v.confidence, 0.3);
  return {v};
}

}  // namespace inquest::inquiry::causes
