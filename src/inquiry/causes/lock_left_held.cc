// A lock that nobody will give back: who took it has exited, or has returned from the function that took it.
//
// What proves it: a mutex whose owner word names a task that has exited; or a spinlock that is taken while no CPU's and no task's code holds it. The function to
// blame is one that takes this lock and has a way to its end on which it does not give it back.
#include <fmt/format.h>

#include "inquiry/causes/hangs.h"

namespace inquest::inquiry::causes {

namespace {

const scene::LockView* left_held(const scene::LockGraphView& graph) {
  for (const auto& lock : graph.locks) {
    if (lock.waits.empty() || !lock.holders.empty()) continue;
    if (lock.exited || (lock.kind == "spinlock" && lock.held.value_or(true))) return &lock;
  }
  return nullptr;
}

}  // namespace

Verdicts lock_left_held(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  const auto* event = hang_event(scene);
  const auto* graph = event ? scene.locks() : nullptr;
  const auto* lock = graph ? left_held(*graph) : nullptr;
  if (!lock) return {};
  const auto& wait = graph->waits[lock->waits.front()];
  auto leakers = lock->object.empty() ? std::vector<scene::StoreSite>{} : scene.leakers_of(lock->object, uint64_t(lock->offset));
  if (!lock->exited && leakers.empty()) return {};
  Verdict v;
  bool spins = lock->kind == "spinlock";
  v.cause = spins ? "spinlock-lockup" : "lock-held-too-long";
  v.confidence = lock->exited ? 0.9 : 0.8;
  v.object = object_of(*lock);
  v.evidence.push_back(add_event(dossier, *event));
  v.evidence.push_back(add_wait(dossier, *graph, wait));
  std::string holder = "nobody's code that runs or sleeps holds it";
  if (lock->exited) {
    holder = fmt::format("its owner was {}, which has exited", words(*lock->exited));
    v.evidence.push_back(dossier.add(Origin::kMemory, fmt::format("the owner word of {} names the task at {}, by what is left of it {}: it has exited", words(*lock), hex(lock->exited->address), words(*lock->exited)),
                                     fmt::format("struct task_struct.comm,pid,exit_state {}", bare_hex(lock->exited->address)), {{"owner", hex(lock->exited->address)}}));
  }
  v.guilty = guilty_of({wait.frames.begin() + std::ptrdiff_t(std::min(wait.asker, wait.frames.size())), wait.frames.end()});
  v.summary = fmt::format("{} {} for {}, and {}: it was left held.", words(wait.task), spins ? "spins" : "waits", words(*lock), holder);
  std::string who;
  for (const auto& site : leakers) {
    Guilty g = guilty_site(scene, site);
    cite(v, dossier.add(Origin::kCode, fmt::format("{} takes it, and has a way to its end without giving it back", source_text(site.source).empty() ? site.function : source_text(site.source)), "dis -lx " + bare_hex(site.pc),
                        {{"function", site.function}}));
    add_name(who, g.function);
  }
  if (!leakers.empty()) {
    v.summary += fmt::format(" {} can return without giving it back.", who);
    if (who.find(',') == who.npos) v.guilty = guilty_site(scene, leakers.front());
  } else {
    v.would_settle.push_back("which function took it and returned: no function's code shows it");
  }
  if (died_otherwise(seen)) v.confidence = 0.35;
  v.alternatives.push_back({"hung-task", "what it waits for is a lock that somebody took"});
  v.alternatives.push_back({"deadlock", "there is no holder who could wait in turn"});
  return {v};
}

}  // namespace inquest::inquiry::causes
