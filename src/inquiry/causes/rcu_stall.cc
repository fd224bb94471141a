// RCU's grace period does not end because a CPU does not pass a quiescent state. Who detects it is often another CPU.
#include <fmt/format.h>

#include "inquiry/causes/hangs.h"

namespace inquest::inquiry::causes {

Verdicts rcu_stall(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  const auto* event = first_of(scene, {oops::EventKind::kRcuStall});
  if (!event) return {};
  Verdict v;
  v.cause = "rcu-stall";
  v.evidence.push_back(add_event(dossier, *event));
  StuckCpu stuck = stuck_cpu(scene, *event, std::nullopt);
  bool own = stuck.loop && !guilty_of_loop(stuck).function.empty() && stuck.loop->function == guilty_of_loop(stuck).function;
  // The CPU that tells of it idles, or is busy with telling: the one that stalls is another.
  if (!own)
    if (auto other = looping_cpu(scene, stuck.cpu); other && (stuck.frames.empty() || other->loop)) stuck = std::move(*other);
  tell_loop(v, stuck, dossier);
  bool loops = stuck.loop && stuck.loop->function == v.guilty.function;
  v.confidence = !scene.facts().has_dump ? 0.5 : loops ? 0.9 : 0.6;
  doubt_if_it_spins(v, scene, stuck, dossier);
  if (v.guilty.function.empty()) v.confidence = 0.3;
  if (died_otherwise(seen)) v.confidence = std::min(v.confidence, 0.3);
  v.alternatives.push_back({"soft-lockup", "it was RCU's detector that found the CPU, not the watchdog"});
  return {v};
}

}  // namespace inquest::inquiry::causes
