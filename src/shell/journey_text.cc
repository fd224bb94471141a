// A value's way back, by instruction, as `why` prints it.
#include <fmt/format.h>

#include "shell/shell.h"

namespace inquest::shell {

namespace {

// One step of a value's way: where, by which instruction, in the words of the source, and whether memory still has it.
std::string step_text(const scene::JourneyStep& s) {
  std::string indent(size_t(2 + 2 * s.depth), ' ');
  std::string out = indent;
  if (s.kind == "argument") out += fmt::format("{} was given to {}", s.reg, s.function);
  else out += fmt::format("{:x} {}: {}", s.pc, s.function, s.instruction);
  if (!s.text.empty()) out += "  # " + s.text + (s.type.empty() ? "" : fmt::format(" ({})", s.type));
  if (s.value) out += fmt::format(" = {:#x}", *s.value);
  out += "\n";
  for (const auto& source : s.source)
    if (source.line && s.kind != "argument") out += fmt::format("{}    {} {}:{}\n", indent, source.function, source.file, source.line);
  if (s.kind == "load" && s.address) {
    out += fmt::format("{}    read from {:x}{}", indent, *s.address, s.object.empty() ? "" : fmt::format(", {} of {}", s.members.empty() ? "no member" : s.members.front(), s.object));
    if (s.address_leans_on_memory) out += " (if the memory that leads there is as it was)";
    if (!s.memory_now) out += ", which cannot be read now: " + s.memory_why_not;
    else if (!s.unchanged) out += fmt::format(", which holds {:#x} now", *s.memory_now);
    else out += *s.unchanged ? ", which still holds it" : fmt::format(", which holds {:#x} now: changed since it was loaded", *s.memory_now);
    out += "\n";
  }
  for (const auto& c : s.candidates) out += fmt::format("{}    set at {} {}:{}, perhaps\n", indent, c.function, c.file, c.line);
  return out;
}

}  // namespace

std::string journey_text(const scene::JourneyView& journey) {
  std::string out = "  back, by instruction:\n";
  for (const auto& s : journey.steps) out += "  " + step_text(s);
  return out + "    there the way ends: " + journey.end + "\n";
}

}  // namespace inquest::shell
