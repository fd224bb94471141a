// A task slept where it must not: with a spinlock held, or with preemption or interrupts off. Who forbade sleeping is on its stack.
#include <fmt/format.h>

#include "inquiry/causes/hangs.h"

namespace inquest::inquiry::causes {

namespace {

// The event's thread: as it stands on its CPU, if it still does, else the frames that the log printed.
scene::ThreadView thread_of(const scene::CrashScene& scene, const scene::EventView& event) {
  const auto& crashed = scene.crashed();
  if (crashed && crashed->cpu == event.event.cpu && (!event.event.pid || crashed->pid == event.event.pid)) return *crashed;
  scene::ThreadView thread;
  for (const auto& f : event.frames)
    if (f.reliable) thread.frames.push_back(f);
  return thread;
}

}  // namespace

Verdicts scheduling_while_atomic(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  const auto* event = first_of(scene, {oops::EventKind::kSchedulingWhileAtomic, oops::EventKind::kSleepingInAtomic});
  if (!event) return {};
  Verdict v;
  v.cause = "scheduling-while-atomic";
  v.evidence.push_back(add_event(dossier, *event));
  scene::ThreadView thread = thread_of(scene, *event);
  Guilty sleeper = guilty_of(thread.frames);
  v.guilty = sleeper;
  v.summary = fmt::format("{} slept in {} where sleeping is forbidden.", event->event.comm.empty() ? "A task" : event->event.comm, where(sleeper));
  v.confidence = scene.facts().has_dump ? 0.8 : 0.7;
  for (const auto& held : scene.held_by(thread)) {
    if (held.kind != "spinlock" || held.frame >= thread.frames.size()) continue;
    const auto& frame = thread.frames[held.frame];
    Guilty owner = guilty_of({frame});
    if (owner.function.empty()) continue;
    // The line where it is now, with the lock held, in the function that took it.
    for (const auto& s : frame.source)
      if (!held.source.empty() && s.function == held.source.back().function) owner = {s.function, s.file, frame.module, s.line};
    v.guilty = owner;
    v.evidence.push_back(dossier.add(Origin::kCode, fmt::format("{} took {} by {} in {} and had not given it back", owner.function, held.text.empty() ? "a spinlock" : "the spinlock " + held.text, held.api, source_text(held.source)),
                                     "dis -l " + frame.symbol, {{"lock", held.text}, {"lock_address", held.address ? hex(*held.address) : ""}}));
    v.summary = fmt::format("{} took {} in {} and slept with it held, in {}.", event->event.comm.empty() ? "A task" : event->event.comm, held.text.empty() ? "a spinlock" : "the spinlock " + held.text, where(owner), where(sleeper));
    v.object.type = held.object;
    v.object.member = held.member;
    if (held.object_address) v.object.address = hex(*held.object_address);
    v.confidence = held.certain ? 0.95 : 0.85;
    break;
  }
  if (v.evidence.size() < 2 && v.guilty.module.empty()) v.confidence = 0.4;  // nothing on its stack forbade it: what did has returned
  bool fatal = seen.fatal == event || !seen.fatal || seen.fatal->event.kind == oops::EventKind::kPanic;
  if (!fatal) v.confidence = 0.3;
  if (v.evidence.size() < 2) v.would_settle.push_back("who forbade it: no frame's code shows a spinlock that it holds");
  v.alternatives.push_back({"deadlock", "nobody waits: the scheduler itself complained"});
  return {v};
}

}  // namespace inquest::inquiry::causes
