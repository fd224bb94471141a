#include "scene/event_words.h"

#include <fmt/format.h>

namespace inquest::scene {

namespace {

std::string operand_words(const TouchView& t) {
  std::string out;
  if (!t.base_register.empty()) out = t.base_register + (t.base_value ? fmt::format(" {:#x}", *t.base_value) : "");
  if (!t.index_register.empty()) {
    out += (out.empty() ? "" : " + ") + t.index_register + (t.index_value ? fmt::format(" {:#x}", *t.index_value) : "");
    if (t.scale != 1) out += fmt::format(" * {}", t.scale);
  }
  if (t.displacement || out.empty())
    out += fmt::format("{}{:#x}", out.empty() ? "" : t.displacement < 0 ? " - " : " + ", uint64_t(t.displacement < 0 && !out.empty() ? -t.displacement : t.displacement));
  return out;
}

}  // namespace

std::vector<std::string> event_words(const EventView& view) {
  std::vector<std::string> lines;
  if (view.touch && view.touch->text.empty() && !view.touch->instruction.empty()) {
    const TouchView& t = *view.touch;
    std::string line = fmt::format("`{}` {} {} byte{} at {}", t.instruction, t.writes ? t.reads ? "reads and writes" : "writes" : "reads", t.size, t.size == 1 ? "" : "s", operand_words(t));
    if (t.address) line += fmt::format(" = {:#x}", *t.address);
    lines.push_back(std::move(line));
  } else if (!view.touch) {
    for (const CodeLine& l : view.code)
      if (l.faulting) lines.push_back(fmt::format("at `{}`", l.text));
  }
  for (const ValueNote& n : view.notes) lines.push_back(fmt::format("{} {:#x}: {}", n.where, n.value, n.text));
  return lines;
}

std::vector<std::string> code_listing(const EventView& view) {
  std::vector<std::string> lines;
  for (const CodeLine& l : view.code) lines.push_back(fmt::format("{} {:+4d}  {:<32} {}", l.faulting ? "=>" : "  ", l.offset, l.bytes, l.text));
  return lines;
}

}  // namespace inquest::scene
