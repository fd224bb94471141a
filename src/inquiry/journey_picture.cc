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

std::string memory_note(const scene::JourneyStep& s) {
  std::string note = fmt::format("read from {}", hex(*s.address));
  if (!s.object.empty()) note += fmt::format(", {} of {}", s.members.empty() ? fmt::format("+{:#x}", s.offset) : s.members.front(), s.object);
  if (s.address_leans_on_memory) note += " (if the memory that leads there is as it was)";
  if (!s.memory_now) return note + "; not to be read now: " + s.memory_why_not;
  if (!s.unchanged) return note + fmt::format("; it holds {} now", hex(*s.memory_now));
  return note + (*s.unchanged ? "; it still holds it" : fmt::format("; it holds {} now: changed since", hex(*s.memory_now)));
}

JourneyStep step_of(const scene::JourneyStep& s, const std::string& event) {
  JourneyStep step;
  step.title = !s.text.empty() ? s.text : !s.variable.empty() ? s.variable : s.reg;
  if (!s.type.empty()) step.title += fmt::format("  ({})", s.type);
  step.where = s.kind == "argument" ? fmt::format("given to {} in {}", s.function, s.reg) : place_of(s.source);
  step.value = s.value ? hex(*s.value) : "";
  step.note = s.kind == "argument" || s.instruction.empty() ? "" : "`" + s.instruction + "`";
  if (s.kind == "load" && s.address) step.note += (step.note.empty() ? "" : ", ") + memory_note(s);
  step.changed = s.unchanged && !*s.unchanged;
  step.address = s.address;
  step.object = s.object;
  step.offset = s.offset;
  if (!s.members.empty()) step.member = s.members.front();
  step.event = event;
  if (s.pc) step.command = "dis -lx " + bare_hex(s.pc);
  return step;
}

// Instruction by instruction, where the scene can tell: from the oldest known step on. A pointer's pointer's pointer is a story of its own.
bool add_way_back(const scene::CrashScene& scene, const scene::EventView& fatal, std::vector<JourneyStep>& steps) {
  constexpr size_t kMostSteps = 8;
  constexpr int kDeepest = 2;
  auto journey = scene.journey_of(fatal, fatal.touch->base_register);
  if (!journey) return false;
  std::vector<JourneyStep> back;
  for (const auto& s : journey->steps) {
    if (back.size() == kMostSteps || s.kind == "several") break;
    // Copies between registers of one function tell nothing.
    if (s.depth > kDeepest || s.kind == "move" || s.kind == "reload") continue;
    JourneyStep step = step_of(s, fatal.id);
    if (back.empty() || back.back().title != step.title || back.back().where != step.where) back.push_back(std::move(step));
  }
  if (back.empty()) return false;
  back.back().kind = Kind::kBirth;
  steps.insert(steps.end(), back.rbegin(), back.rend());
  return true;
}

void add_loaded_pointer(const scene::CrashScene& scene, const scene::EventView& fatal, std::vector<JourneyStep>& steps) {
  const auto& t = *fatal.touch;
  if (!t.origin_text.empty() && t.origin_text != t.base_text) {
    JourneyStep birth{Kind::kBirth, t.origin_text, "", t.base_value ? hex(*t.base_value) : "", "", fatal.id, "", false};
    birth.address = t.origin_address;
    if (t.origin_address) compare_with_memory(scene, *t.origin_address, t.base_value, birth);
    steps.push_back(std::move(birth));
  }
  std::string held = t.base_register.empty() ? "" : fmt::format("in {} at {}", t.base_register, fatal.id);
  steps.push_back({steps.empty() ? Kind::kBirth : Kind::kCarried, t.base_text.empty() ? "the pointer" : t.base_text, held, t.base_value ? hex(*t.base_value) : "",
                   t.base_type.empty() ? "" : fmt::format("`{}`", t.base_type), fatal.id, t.base_register.empty() ? "" : fmt::format("why {} {}", t.base_register, fatal.id), false});
}

void add_touch(const scene::CrashScene& scene, const scene::EventView& fatal, std::vector<JourneyStep>& steps) {
  const auto& t = *fatal.touch;
  if (t.base_register.empty() || !add_way_back(scene, fatal, steps)) add_loaded_pointer(scene, fatal, steps);
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
