// The way of the bad value: where it was loaded from, what carried it, where it struck. Only steps that something shows.
#include <fmt/format.h>

#include <algorithm>

#include "inquiry/pictures.h"

namespace inquest::inquiry {

namespace {

using Kind = JourneyStep::Kind;

std::string place_of(const std::vector<scene::SourceRef>& source) {
  std::string text;
  for (size_t i = 0; i < source.size() && i < 3; i++) {
    if (!text.empty()) text += ", inlined in ";
    text += source[i].function;
    if (source[i].line) text += fmt::format(" ({}:{})", source[i].file, source[i].line);
  }
  return text;
}

// What memory holds at a place now, beside what the register held.
void compare_with_memory(const scene::CrashScene& scene, uint64_t address, std::optional<uint64_t> then, JourneyStep& step) {
  auto reading = scene.read(address, 8);
  if (!reading.ok() || reading.bytes.size() != 8) {
    step.note = fmt::format("the memory at {} is not in the dump", hex(address));
    return;
  }
  uint64_t now = 0;
  for (size_t i = 8; i-- > 0;) now = now << 8 | std::to_integer<uint64_t>(reading.bytes[i]);
  step.command = fmt::format("rd {}", bare_hex(address));
  step.changed = then && *then != now;
  if (!then) step.note = fmt::format("memory at {} holds {}", hex(address), hex(now));
  else step.note = step.changed ? fmt::format("memory at {} holds {} now: it changed", hex(address), hex(now)) : fmt::format("memory at {} still holds it", hex(address));
}

void add_touch(const scene::CrashScene& scene, const scene::EventView& fatal, std::vector<JourneyStep>& steps) {
  const auto& t = *fatal.touch;
  if (!t.origin_text.empty() && t.origin_text != t.base_text) {
    JourneyStep birth{Kind::kBirth, t.origin_text, "", t.base_value ? hex(*t.base_value) : "", "", fatal.id, "", false};
    if (t.origin_address) compare_with_memory(scene, *t.origin_address, t.base_value, birth);
    steps.push_back(std::move(birth));
  }
  std::string held = t.base_register.empty() ? "" : fmt::format("in {} at {}", t.base_register, fatal.id);
  std::string type = t.base_type.empty() ? "" : fmt::format("`{}`", t.base_type);
  steps.push_back({steps.empty() ? Kind::kBirth : Kind::kCarried, t.base_text.empty() ? "the pointer" : t.base_text, held, t.base_value ? hex(*t.base_value) : "", type, fatal.id,
                   t.base_register.empty() ? "" : fmt::format("why {} {}", t.base_register, fatal.id), false});
  std::string members;
  for (const auto& m : t.members) members += (members.empty() ? "" : " | ") + m;
  steps.push_back({Kind::kFault, fmt::format("`{}` {} {}", t.instruction, t.writes ? "writes" : "reads", t.text), place_of(fatal.source),
                   fatal.event.fault_address ? hex(*fatal.event.fault_address) : "",
                   t.object.empty() ? "" : fmt::format("{} + {:#x}{}", t.object, t.displacement, members.empty() ? "" : ": " + members), fatal.id,
                   t.pc ? "dis -lx " + bare_hex(t.pc) : "", false});
}

void add_call(const Observations& seen, std::vector<JourneyStep>& steps) {
  if (seen.call) {
    const auto& c = *seen.call;
    std::string what = !c.target_text.empty() ? c.target_text : c.through.empty() ? "the target" : c.through;
    JourneyStep step{steps.empty() ? Kind::kBirth : Kind::kCarried, what, place_of(c.source), hex(*seen.jumped_to),
                     fmt::format("called by `{}`{}", c.instruction, c.cleared ? "; the member was cleared between its load and the call" : ""), seen.fatal->id, "dis -lx " + bare_hex(c.pc), false};
    steps.push_back(std::move(step));
  }
  steps.push_back({Kind::kFault, "the kernel executed there", "", hex(*seen.jumped_to), "no code lies at this address", seen.fatal->id, "event " + seen.fatal->id, false});
}

}  // namespace

std::vector<JourneyStep> journey_of(const scene::CrashScene& scene, const Inquiry& inquiry) {
  std::vector<JourneyStep> steps;
  const auto& seen = inquiry.seen;
  if (!seen.fatal) return steps;
  // The object comes before the place in it.
  auto links = seen.links;
  std::stable_sort(links.begin(), links.end(), [](const Link& a, const Link& b) { return a.plus > b.plus; });
  for (const Link& link : links) {
    std::string what = link.meaning.empty() ? link.from_register : link.meaning;
    uint64_t then = link.value - uint64_t(link.plus);
    const auto* from = scene.event(link.from_event);
    std::string where = fmt::format("in {} at {}", link.from_register, link.from_event);
    if (from && !from->source.empty()) where += ", " + place_of(from->source);
    std::string note = link.plus ? fmt::format("{:#x} further is the {} of {}", link.plus, link.to_what, link.to_event) : fmt::format("the {} of {}", link.to_what, link.to_event);
    steps.push_back({steps.empty() ? Kind::kBirth : Kind::kCarried, what, where, hex(then), note, link.from_event, fmt::format("why {} {}", link.from_register, link.from_event), false});
  }
  if (seen.jumped_to) add_call(seen, steps);
  else if (seen.fatal->touch) add_touch(scene, *seen.fatal, steps);
  // A way has two ends.
  if (steps.size() < 2) steps.clear();
  return steps;
}

}  // namespace inquest::inquiry
