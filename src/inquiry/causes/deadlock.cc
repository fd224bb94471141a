// Tasks that wait for locks which they hold for each other, or one that asks for what it has.
#include <fmt/format.h>

#include <algorithm>

#include "inquiry/causes/hangs.h"

namespace inquest::inquiry::causes {

namespace {

const scene::LockHolder* holder_in(const scene::LockView& lock, const scene::TaskView& task) {
  for (const auto& h : lock.holders)
    if (h.task.address == task.address) return &h;
  return nullptr;
}

// The wait that closed the cycle is the youngest; where ages are alike or unknown, one whose code is a module's, then one that tells where it took
// the other lock.
double merit(const scene::LockGraphView& graph, const std::vector<size_t>& cycle, size_t i) {
  const auto& wait = graph.waits[cycle[i]];
  const auto& before = graph.waits[cycle[(i + cycle.size() - 1) % cycle.size()]];
  const auto* held = holder_in(graph.locks[before.lock], wait.task);
  double m = wait.seconds ? -*wait.seconds : 0;
  if (wait.asker < wait.frames.size() && !wait.frames[wait.asker].module.empty()) m += 1000;
  if (held && held->taken_frame) m += 2;
  return m;
}

Verdict verdict_of(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier, const std::vector<size_t>& cycle) {
  const auto& graph = *scene.locks();
  Verdict v;
  v.cause = "deadlock";
  if (const auto* event = hang_event(scene)) v.evidence.push_back(add_event(dossier, *event));
  size_t last = 0;
  for (size_t i = 0; i < cycle.size(); i++)
    if (merit(graph, cycle, i) > merit(graph, cycle, last)) last = i;
  bool sure = true;
  for (size_t k = 0; k < cycle.size(); k++) {
    size_t i = (last + k) % cycle.size();
    const auto& wait = graph.waits[cycle[i]];
    const auto& wanted = graph.locks[wait.lock];
    const auto& next = graph.waits[cycle[(i + 1) % cycle.size()]];
    const auto* holder = holder_in(wanted, next.task);
    v.evidence.push_back(add_wait(dossier, graph, wait));
    if (holder) v.evidence.push_back(add_holder(dossier, wanted, *holder));
    sure = sure && holder && holder->sure;
    v.summary += fmt::format("{}{} waits in {} for {}, which {} {}", k ? "; " : "", words(wait.task), where(wait.frames, wait.asker), words(wanted),
                             cycle.size() == 1 ? "it already" : words(next.task), wanted.has_owner() ? "holds" : "should complete");
  }
  v.summary += cycle.size() == 1 ? ": it waits for itself." : ": none of them can go on.";
  const auto& wait = graph.waits[cycle[last]];
  const auto* held = holder_in(graph.locks[graph.waits[cycle[(last + cycle.size() - 1) % cycle.size()]].lock], wait.task);
  v.guilty = held ? guilty_between(*held, wait) : guilty_of({wait.frames.begin() + std::ptrdiff_t(wait.asker), wait.frames.end()});
  v.object = object_of(graph.locks[wait.lock]);
  v.evidence.push_back(dossier.add(Origin::kGraph, fmt::format("the waits close a circle of {} task{}", cycle.size(), cycle.size() == 1 ? "" : "s"), "locks"));
  v.confidence = !sure ? 0.55 : hang_event(scene) ? 0.95 : 0.85;
  if (died_otherwise(seen)) v.confidence = 0.4;
  if (!sure) v.would_settle.push_back("who owns the locks: this kind of lock does not note it, and the code leaves it open");
  v.alternatives.push_back({"hung-task", "what is waited for are locks with known holders, and these wait for each other: no event is missing"});
  v.alternatives.push_back({"lock-held-too-long", "no holder is busy with something else: each waits for the next"});
  return v;
}

}  // namespace

Verdicts deadlock(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  // Waits alone are no sign of trouble, and to look for circles costs every stack: only where something points there.
  bool asked = hang_event(scene) || !seen.fatal || !died_otherwise(seen);
  const auto* graph = asked ? scene.locks() : nullptr;
  if (!graph || graph->cycles.empty()) return {};
  auto by_length = [](const std::vector<size_t>& a, const std::vector<size_t>& b) { return a.size() < b.size(); };
  return {verdict_of(scene, seen, dossier, *std::min_element(graph->cycles.begin(), graph->cycles.end(), by_length))};
}

}  // namespace inquest::inquiry::causes
