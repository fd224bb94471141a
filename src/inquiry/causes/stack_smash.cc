// A function wrote over its own return address's guard: the stack protector's check at its end failed (kernel/panic.c: __stack_chk_fail).
#include <fmt/format.h>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

Verdicts stack_smash(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  const scene::EventView* event = nullptr;
  for (const auto& e : scene.events())
    if (!event && (e.event.kind == oops::EventKind::kStackProtector || e.event.header.find("stack-protector: Kernel stack is corrupted") != std::string::npos)) event = &e;
  if (!event) return {};
  Verdict v;
  v.cause = "stack-smash";
  v.confidence = 0.9;
  cite(v, add_event(dossier, *event));
  auto frames = scene.crashed() && !scene.crashed()->frames.empty() ? scene.crashed()->frames : event->frames;
  auto at = frame_named(frames, {"__stack_chk_fail"});
  if (at) frames.erase(frames.begin(), frames.begin() + long(*at) + 1);
  v.guilty = frames.empty() ? Guilty{} : guilty_of({frames.front()});
  if (v.guilty.function.empty()) v.guilty = {event->event.function, event->event.file, event->event.function_module, event->event.source_line};
  if (at && !frames.empty()) cite(v, dossier.add(Origin::kStack, fmt::format("the check at the end of {} failed", frames.front().symbol), "bt -l", {{"function", frames.front().symbol}}));
  std::string arrays;
  if (!frames.empty())
    for (const auto& local : frames.front().locals)
      if (local.type.find('[') != std::string::npos) arrays += fmt::format("{}{} ({})", arrays.empty() ? "" : ", ", local.name, local.type);
  if (!arrays.empty()) cite(v, dossier.add(Origin::kStack, "its arrays on the stack: " + arrays, "bt -l", {{"arrays", arrays}}));
  v.summary = fmt::format("{} overran a buffer in its own stack frame{}: the guard before its return address was overwritten.", v.guilty.function.empty() ? "A function" : v.guilty.function,
                          arrays.empty() ? "" : fmt::format(" ({})", arrays));
  v.alternatives.push_back({"stack-overflow", "the stack was not used up: a guard inside a frame was overwritten"});
  v.alternatives.push_back({"out-of-bounds-write", "that is what it is, on the stack"});
  (void)seen;
  return {v};
}

}  // namespace inquest::inquiry::causes
