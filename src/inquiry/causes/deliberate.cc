// Somebody asked for the crash: sysrq-c, or a panic_on_* switch that made a lesser event fatal (then the event is what counts).
#include <fmt/format.h>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

Verdicts deliberate(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  if (!seen.fatal) return {};
  const auto& e = seen.fatal->event;
  auto frames = scene.crashed() ? scene.crashed()->frames : seen.fatal->frames;
  auto at = frame_named(frames, {"sysrq_handle_crash"});
  // Only that function crashes on purpose: another oops under sysrq is another story.
  bool asked = e.kind == oops::EventKind::kSysrqCrash || (at && e.header.find("sysrq triggered crash") != std::string::npos) || e.function == "sysrq_handle_crash";
  if (!asked) return {};
  Verdict v;
  v.cause = "deliberate";
  v.confidence = 0.95;
  cite(v, add_event(dossier, *seen.fatal));
  bool by_file = frame_named(frames, {"write_sysrq_trigger"}).has_value();
  std::string who = scene.crashed() && scene.crashed()->pid ? fmt::format("{} (pid {})", scene.crashed()->comm, *scene.crashed()->pid) : e.pid ? fmt::format("{} (pid {})", e.comm, *e.pid) : "somebody";
  if (at) cite(v, dossier.add(Origin::kStack, fmt::format("the stack goes through sysrq_handle_crash{}", by_file ? ", called by a write to /proc/sysrq-trigger" : ""), "bt", {{"function", "sysrq_handle_crash"}}));
  v.summary = by_file ? fmt::format("{} asked for the crash by writing to /proc/sysrq-trigger.", who) : fmt::format("The crash was asked for by sysrq-c ({}).", who);
  v.guilty = {"sysrq_handle_crash", "", "", 0};
  if (at)
    for (const auto& s : frames[*at].source)
      if (s.function == "sysrq_handle_crash") v.guilty = {s.function, s.file, "", s.line};
  // What may have made the operator do it.
  for (const auto& other : scene.events())
    if (&other != seen.fatal) cite(v, add_event(dossier, other));
  v.alternatives.push_back({"null-dereference", "sysrq-c crashes on purpose, in kernels before 5.10 by writing to NULL"});
  return {v};
}

}  // namespace inquest::inquiry::causes
