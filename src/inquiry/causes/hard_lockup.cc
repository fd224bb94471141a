// A CPU ran with interrupts off for so long that not even the timer came: an NMI, or its neighbour (the buddy detector, 6.5+), says so.
#include <fmt/format.h>

#include <cstdlib>

#include "inquiry/causes/hangs.h"

namespace inquest::inquiry::causes {

namespace {

// "Watchdog detected hard LOCKUP on cpu 1": kernel/watchdog.c. Who prints it may be another CPU.
std::optional<int> stuck_number(const std::string& header) {
  for (const char* mark : {"on cpu ", "on CPU ", "CPU#"})
    if (size_t at = header.find(mark); at != header.npos) {
      const char* digits = header.c_str() + at + std::char_traits<char>::length(mark);
      if (*digits >= '0' && *digits <= '9') return std::atoi(digits);
    }
  return std::nullopt;
}

}  // namespace

Verdicts hard_lockup(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  const auto* event = first_of(scene, {oops::EventKind::kHardLockup});
  if (!event) return {};
  Verdict v;
  v.cause = "hard-lockup";
  v.evidence.push_back(add_event(dossier, *event));
  auto number = stuck_number(event->event.header);
  StuckCpu stuck = stuck_cpu(scene, *event, number ? number : event->event.cpu);
  // Whoever printed it, the CPU that is stuck loops.
  if (!stuck.loop || is_machinery(stuck.loop->function, stuck.loop->file))
    if (auto other = looping_cpu(scene, std::nullopt); other && other->loop && !is_machinery(other->loop->function, other->loop->file)) stuck = std::move(*other);
  tell_loop(v, stuck, dossier);
  v.summary += " Interrupts are off there.";
  v.confidence = !scene.facts().has_dump ? 0.5 : stuck.loop && stuck.loop->function == v.guilty.function ? 0.9 : 0.65;
  doubt_if_it_spins(v, scene, stuck, dossier);
  if (v.guilty.function.empty()) v.confidence = 0.3;
  if (died_otherwise(seen)) v.confidence = std::min(v.confidence, 0.3);
  v.alternatives.push_back({"soft-lockup", "the CPU took no interrupts either"});
  return {v};
}

}  // namespace inquest::inquiry::causes
