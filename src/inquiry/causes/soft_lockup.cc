// A CPU ran the same kernel code for so long that the watchdog's own thread never came to run.
#include <fmt/format.h>

#include "inquiry/causes/hangs.h"

namespace inquest::inquiry::causes {

Verdicts soft_lockup(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  const auto* event = first_of(scene, {oops::EventKind::kSoftLockup});
  if (!event) return {};
  Verdict v;
  v.cause = "soft-lockup";
  v.evidence.push_back(add_event(dossier, *event));
  StuckCpu stuck = stuck_cpu(scene, *event, std::nullopt);
  tell_loop(v, stuck, dossier);
  v.confidence = !scene.facts().has_dump ? 0.55 : stuck.loop && stuck.loop->function == v.guilty.function ? 0.9 : 0.7;
  const auto* graph = scene.locks();
  for (size_t w = 0; graph && w < graph->waits.size(); w++) {
    const auto& wait = graph->waits[w];
    if (!wait.spins || wait.task.running_on != stuck.cpu) continue;
    v.evidence.push_back(add_wait(dossier, *graph, wait));
    v.confidence = 0.4;
    v.would_settle.push_back("the holder of the lock that it spins for");
  }
  if (v.guilty.function.empty()) v.confidence = 0.3;
  if (died_otherwise(seen)) v.confidence = std::min(v.confidence, 0.3);
  v.alternatives.push_back({"hard-lockup", "the watchdog's timer still came: interrupts were on"});
  return {v};
}

}  // namespace inquest::inquiry::causes
