// A CPU spins for a spinlock whose holder does not give it back: the holder is the culprit.
#include <fmt/format.h>

#include "inquiry/causes/hangs.h"

namespace inquest::inquiry::causes {

Verdicts spinlock_lockup(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  const auto* event = hang_event(scene);
  const auto* graph = event ? scene.locks() : nullptr;
  if (!graph) return {};
  const scene::LockView* lock = nullptr;
  for (const auto& l : graph->locks)
    if (l.kind == "spinlock" && !l.waits.empty() && (!lock || (lock->holders.empty() && !l.holders.empty()))) lock = &l;
  if (!lock) return {};
  const auto& spinner = graph->waits[lock->waits.front()];
  Verdict v;
  v.cause = "spinlock-lockup";
  v.object = object_of(*lock);
  v.evidence.push_back(add_event(dossier, *event));
  v.evidence.push_back(add_wait(dossier, *graph, spinner));
  if (lock->holders.empty()) {
    v.confidence = 0.5;
    v.summary = fmt::format("{} spins in {} for {}, and who holds it is not known.", words(spinner.task), where(spinner.frames, spinner.asker), words(*lock));
    v.would_settle.push_back("who holds the lock: no CPU's code shows that it took it");
    return {v};
  }
  const auto& holder = lock->holders.front();
  if (holder.task.address == spinner.task.address) return {};  // a deadlock with itself
  v.evidence.push_back(add_holder(dossier, *lock, holder));
  StuckCpu stuck;
  stuck.cpu = holder.task.running_on;
  stuck.pid = holder.task.pid;
  stuck.comm = holder.task.comm;
  stuck.frames = holder.task.running_on ? before_interrupt(holder.frames) : holder.frames;
  stuck.command = fmt::format("bt -l {}", holder.task.pid);
  for (size_t i = 0; i < stuck.frames.size() && !stuck.loop; i++)
    if ((stuck.loop = scene.loop_at(stuck.frames[i]))) stuck.loop_frame = i;
  v.summary = fmt::format("{} spins for {}, which {} holds. ", words(spinner.task), words(*lock), words(holder.task));
  ObjectRef object = v.object;
  if (holder.task.running_on) {
    tell_loop(v, stuck, dossier);
  } else {
    v.guilty = guilty_of(stuck.frames);
    v.summary += fmt::format("It sleeps with it in {}.", where(v.guilty));
    v.evidence.push_back(dossier.add(Origin::kStack, fmt::format("with it, {} sleeps in {}", words(holder.task), where(v.guilty)), stuck.command));
  }
  v.object = object;
  v.confidence = holder.sure ? 0.92 : 0.6;
  if (died_otherwise(seen)) v.confidence = 0.35;
  v.alternatives.push_back({"soft-lockup", "the CPU that spins is a victim: it would go on as soon as the lock were free"});
  v.alternatives.push_back({"deadlock", "the holder waits for no lock"});
  return {v};
}

}  // namespace inquest::inquiry::causes
