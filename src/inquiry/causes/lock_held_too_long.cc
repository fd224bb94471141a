// Tasks hang behind a lock whose holder is busy with something else: the holder is the culprit, whoever complained.
#include <fmt/format.h>

#include <algorithm>

#include "inquiry/causes/hangs.h"

namespace inquest::inquiry::causes {

namespace {

// From a waiting task to the holder at the end of the chain that waits for no lock itself.
struct Root {
  const scene::LockView* lock = nullptr;
  const scene::LockHolder* holder = nullptr;
  std::vector<size_t> waits;       // on the way, the first is the victim's
};

Root root_of(const scene::LockGraphView& graph, size_t wait) {
  Root root;
  for (size_t steps = 0; steps < 64; steps++) {
    if (std::find(root.waits.begin(), root.waits.end(), wait) != root.waits.end()) return {};
    root.waits.push_back(wait);
    const auto& lock = graph.locks[graph.waits[wait].lock];
    if (!lock.has_owner() || lock.holders.empty()) return {};
    root.lock = &lock;
    root.holder = &lock.holders.front();
    if (!root.holder->waits) return root;
    const auto& next = graph.locks[graph.waits[*root.holder->waits].lock];
    if (!next.has_owner()) return root;
    wait = *root.holder->waits;
  }
  return {};
}

}  // namespace

Verdicts lock_held_too_long(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  const auto* event = first_of(scene, {oops::EventKind::kHungTask, oops::EventKind::kWorkqueueLockup});
  const auto* graph = event ? scene.locks() : nullptr;
  if (!graph) return {};
  Root root;
  for (const auto& e : scene.events())
    for (size_t w = 0; w < graph->waits.size() && !root.holder; w++)
      if (e.event.kind == event->event.kind && e.event.pid == graph->waits[w].task.pid) root = root_of(*graph, w);
  if (!root.holder || root.lock->kind == "spinlock") return {};
  const auto& holder = *root.holder;
  Verdict v;
  v.cause = "lock-held-too-long";
  v.evidence.push_back(add_event(dossier, *event));
  for (size_t w : root.waits) v.evidence.push_back(add_wait(dossier, *graph, graph->waits[w]));
  v.evidence.push_back(add_holder(dossier, *root.lock, holder));
  auto frames = holder.task.running_on ? before_interrupt(holder.frames) : holder.frames;
  v.guilty = guilty_of(frames);
  std::string state = holder.task.running_on ? fmt::format("runs on CPU {}", *holder.task.running_on) : "sleeps";
  v.evidence.push_back(dossier.add(Origin::kStack, fmt::format("with it, {} {} in {}", words(holder.task), state, where(v.guilty)), fmt::format("bt -l {}", holder.task.pid),
                                   {{"function", v.guilty.function}, {"file", v.guilty.file}, {"line", fmt::format("{}", v.guilty.line)}}));
  size_t behind = root.lock->waits.size();
  v.summary = fmt::format("{} holds {} and {} with it in {}; {} task{} wait{} behind it.", words(holder.task), words(*root.lock), state, where(v.guilty), behind,
                          behind == 1 ? "" : "s", behind == 1 ? "s" : "");
  v.object = object_of(*root.lock);
  v.confidence = holder.sure ? 0.9 : 0.5;
  // What the holder waits for may be the thing that is missing.
  if (holder.waits) v.confidence = 0.6;
  if (died_otherwise(seen)) v.confidence = 0.3;
  if (!holder.sure) v.would_settle.push_back("who holds the lock: its kind does not note the owner");
  v.alternatives.push_back({"hung-task", "the tasks that were reported wait for a lock that somebody holds: they are victims"});
  bool waits_too = std::any_of(graph->waits.begin(), graph->waits.end(), [&](const scene::WaitView& w) { return w.task.address == holder.task.address; });
  v.alternatives.push_back({"deadlock", waits_too ? "the holder waits, too, but whether the locks are held by those that wait for each other is not certain"
                                                  : "the holder waits for no lock that is known"});
  return {v};
}

}  // namespace inquest::inquiry::causes
