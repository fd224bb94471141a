// dis, why, event, callbacks: code and events in the words of the source.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "scene/event_words.h"
#include "shell/shell.h"

namespace inquest::shell::commands_of {

namespace {

// The target of a call or jump as a name, the memory operand as the member it touches.
std::string annotation(const code::ValueFlow& flow, size_t index) {
  const auto& code = flow.code();
  const auto& insn = code.instructions()[index];
  if (insn.target) {
    auto s = code.program().symbol_at(*insn.target);
    if (!s)
      if (std::string name = code.target_name(insn); !name.empty()) return "<" + name + ">  through a veneer";
    return s ? (s->offset ? fmt::format("<{}+{:#x}>", s->symbol.name, s->offset) : "<" + s->symbol.name + ">") : "";
  }
  auto touch = code::touch_at(flow, insn.address, nullptr);
  if (touch && touch->object && !touch->text.empty()) return "# " + touch->text;
  if (touch && touch->address && touch->address->kind == code::Expression::Kind::kSymbol) return "# " + touch->text;
  if (insn.destination.is_register() && index + 1 < code.instructions().size()) {
    auto e = flow.register_before(index + 1, insn.destination.reg);
    bool address = code::known(e) && e->kind == code::Expression::Kind::kOffset && e->left->type.pointed_aggregate();
    if (address && insn.operation != arch::Operation::kMove) return "# " + code::text(e);
  }
  return "";
}

std::string insn_line(const code::ValueFlow& flow, size_t index) {
  const auto& code = flow.code();
  const auto& insn = code.instructions()[index];
  auto symbol = code.program().symbol_at(insn.address);
  std::string name = symbol ? fmt::format("<{}+{:#x}>", symbol->symbol.name, symbol->offset) : "";
  if (symbol && symbol->offset == 0) name = "<" + symbol->symbol.name + ">";
  std::string text = fmt::format("{:#018x} {}:\t{:<7} {}", insn.address.value, name, insn.mnemonic, insn.operands);
  std::string note = annotation(flow, index);
  return note.empty() ? text : fmt::format("{:<70} {}", text, note);
}

}  // namespace

Result<std::string> dis(const Context& context, const Words& words) {
  if (words.words.empty()) return Error(ErrorCode::kUsage, "which function or address?");
  TRY(Place place, parse_place(context, words.words.front()));
  uint64_t address = place.address;
  TRY(auto code, code::FunctionCode::at(context.program(), VirtualAddress(address)));
  code::ValueFlow flow(code);
  const auto& all = code->instructions();
  auto at = code->index_of(VirtualAddress(address));
  if (!at) return Error(ErrorCode::kNotFound, fmt::format("{:x} is not the start of an instruction of {}", address, code->name()));
  auto symbol = context.program().symbol_at(VirtualAddress(address));
  bool whole = symbol && symbol->offset == 0 && !words.has('f');
  size_t first = *at, last = *at;
  if (words.has('r')) first = 0;
  else if (words.words.size() > 1) last = std::min(all.size() - 1, first + size_t(std::max(1, std::atoi(words.words[1].c_str()))) - 1);
  else if (whole || words.has('f')) last = all.size() - 1;
  std::string out = place.note, where;
  for (size_t i = first; i <= last; i++) {
    if (words.has('l')) {
      auto source = code->source_of(i);
      std::string line = source.empty() ? "" : fmt::format("{}: {}", source.front().file, source.front().line);
      if (!line.empty() && line != where) out += line + "\n";
      where = line;
    }
    out += insn_line(flow, i) + "\n";
  }
  return out;
}

Result<std::string> event(const Context& context, const Words& words) {
  std::string wanted = words.words.empty() ? "" : words.words.front();
  std::string out;
  for (const auto& view : context.scene->events()) {
    if (!wanted.empty() && view.id != wanted) continue;
    const auto& e = view.event;
    out += fmt::format("{}  {}{}{}{}\n", view.id, e.time ? fmt::format("[{:.6f}] ", *e.time) : "", e.title.empty() ? e.header : e.title, e.cpu ? fmt::format("  CPU {}", *e.cpu) : "",
                       e.pid ? fmt::format("  pid {} ({})", *e.pid, e.comm) : "");
    if (wanted.empty()) continue;
    for (const auto& s : view.source) out += fmt::format("  at {} {}:{}\n", s.function, s.file, s.line);
    if (view.condition) out += fmt::format("  found {}{}\n", view.condition->text, view.condition->line ? fmt::format(" ({}:{})", view.condition->file, view.condition->line) : "");
    if (view.touch && !view.touch->text.empty()) out += fmt::format("  touched {} by `{}`\n", view.touch->text, view.touch->instruction);
    if (e.fault_address) out += fmt::format("  fault address {:#x}\n", *e.fault_address);
    for (const auto& line : scene::event_words(view)) out += "  " + line + "\n";
    for (const auto& line : scene::code_listing(view)) out += "  " + line + "\n";
    for (const auto& r : e.registers) {
      out += fmt::format("  {:>8} {:016x}", r.name, r.value);
      for (const auto& m : view.registers)
        if (m.reg == r.name) out += fmt::format("  {}  ({})", m.text, m.type);
      out += "\n";
    }
    for (const auto& f : view.frames) {
      out += fmt::format("  {:x} {}+{:#x}{}{}\n", f.address, f.symbol, f.offset, f.module.empty() ? "" : " [" + f.module + "]", f.reliable ? "" : "  (?)");
      for (const auto& s : f.source) out += fmt::format("      {} {}:{}\n", s.function, s.file, s.line);
    }
  }
  if (out.empty() && !wanted.empty()) return Error(ErrorCode::kNotFound, wanted + ": no such event; `events` lists them");
  return out.empty() ? "no event in the log\n" : out;
}

// One step back: "h->peer (struct peer *) = 0x…, in rdi: loaded from 0x…, struct hub.peer; memory holds 0x… now".
std::string origin_line(const scene::OriginView& s) {
  std::string out = fmt::format("  {}{}", s.text, s.type.empty() ? "" : fmt::format(" ({})", s.type));
  if (s.value) out += fmt::format(" = {:#x}{}", *s.value, s.value_how.empty() ? "" : ", " + s.value_how);
  if (s.birth == "loaded") {
    out += s.on_stack ? ": loaded from this function's own stack" : ": loaded";
    if (s.address) out += fmt::format(" from {:#x}", *s.address);
    if (!s.object.empty()) out += fmt::format(", offset {:#x} of {}", uint64_t(s.offset), s.object);
    if (s.now) out += s.changed() ? fmt::format("; that memory holds {:#x} now: it changed since", *s.now) : fmt::format("; that memory holds {:#x}", *s.now);
    else out += "; that memory: " + s.why_not_now;
  } else if (s.birth == "call") {
    out += ": returned by " + s.callee;
  } else if (s.birth != "unknown") {
    out += ": " + s.birth;
  }
  if (!s.source.empty()) out += fmt::format("\n      at {} {}:{}", s.source.front().function, s.source.front().file, s.source.front().line);
  return out + "\n";
}

Result<std::string> why(const Context& context, const Words& words) {
  if (words.words.empty()) return Error(ErrorCode::kUsage, "which register?");
  const auto& reg = words.words.front();
  const scene::EventView* view = nullptr;
  if (words.words.size() > 1) view = context.scene->event(words.words[1]);
  else if (!context.scene->events().empty()) view = &context.scene->events().front();
  if (!view) return Error(ErrorCode::kNotFound, "no such event; `events` lists them");
  auto value = view->event.reg(reg);
  if (!value) return Error(ErrorCode::kNotFound, fmt::format("{} does not tell the register {}", view->id, reg));
  std::string out = fmt::format("{} at {}: {:#x}\n", reg, view->id, *value);
  for (const auto& m : view->registers) {
    if (m.reg != reg) continue;
    out += fmt::format("  is {} ({})\n", m.text, m.type);
    if (!m.object.empty()) out += fmt::format("  points into {} at offset {:#x}{}\n", m.object, uint64_t(m.offset), m.member.empty() ? "" : ": member " + m.member);
  }
  if (view->touch && view->touch->base_register == reg) out += fmt::format("  base of `{}`: {}\n", view->touch->instruction, view->touch->text);
  for (const auto& other : context.scene->events()) {
    if (other.id == view->id) continue;
    if (other.event.fault_address == value) out += fmt::format("  equals the fault address of {}\n", other.id);
    else if (other.event.fault_address && *other.event.fault_address > *value && *other.event.fault_address - *value < 1024)
      out += fmt::format("  the fault address of {}, {:#x}, is {:#x} behind it\n", other.id, *other.event.fault_address, *other.event.fault_address - *value);
  }
  if (auto identity = context.scene->identify(*value).text; !identity.empty()) out += "  " + identity + "\n";
  for (const auto& step : context.scene->origin_of(view->id, reg)) out += origin_line(step);
  if (auto journey = context.scene->journey_of(*view, reg)) out += journey_text(*journey);
  return out;
}

// Who hands a function over to whom: the calls that pass its address, and other code that makes it.
static Result<std::string> callbacks_of_function(const Context& context, const std::string& name) {
  TRY(Place place, parse_place(context, name));
  uint64_t address = place.address;
  std::string out;
  for (VirtualAddress at : code::takers_of(context.program(), VirtualAddress(address))) {
    auto symbol = context.program().symbol_at(at);
    auto code = symbol ? code::FunctionCode::at(context.program(), at) : Error(ErrorCode::kNotFound, "no function there");
    if (!code.ok()) continue;
    code::ValueFlow flow(*code);
    std::string passed;
    for (size_t i = 0; i < (*code)->instructions().size() && passed.empty(); i++) {
      const auto& insn = (*code)->instructions()[i];
      if (insn.operation != arch::Operation::kCall && insn.operation != arch::Operation::kJump) continue;
      std::string callee = (*code)->target_name(insn);
      for (unsigned r : context.program().arch().parameters) {
        auto e = callee.empty() ? nullptr : flow.register_before(i, r);
        if (code::known(e) && e->kind == code::Expression::Kind::kSymbol && e->number == address) passed = "passed to " + callee;
      }
    }
    auto source = context.program().source_at(at);
    out += fmt::format("{:x} {}: {}{}\n", at.value, symbol->symbol.name, passed.empty() ? "stored or compared" : passed,
                       source.empty() || !source.front().line ? "" : fmt::format("  ({} {}:{})", source.front().function, source.front().file, source.front().line));
  }
  return place.note + (out.empty() ? "no code makes its address\n" : out) + kLoadTimeNote;
}

Result<std::string> callbacks(const Context& context, const Words& words) {
  if (words.words.empty()) return Error(ErrorCode::kUsage, "which FUNCTION, or which TYPE.MEMBER?");
  std::string what = words.words.front();
  size_t dot = what.find('.');
  if (dot == std::string::npos || context.program().symbol(what)) return callbacks_of_function(context, what);
  TRY(uint64_t offset, context.program().offset(what.substr(0, dot), what.substr(dot + 1)));
  const auto* type = context.program().type(object::TypeKind::kStruct, what.substr(0, dot));
  if (!type) return Error(ErrorCode::kNotFound, "no such type in this kernel: " + what.substr(0, dot));
  std::string out;
  for (const auto& r : context.scene->registrations({"call_rcu", "call_rcu_hurry", "__call_rcu"}, debuginfo::spell(type), offset, {})) {
    out += fmt::format("{}({}, {}) at {:x} in {}\n", r.api, r.argument, r.callback, r.pc, r.function);
    for (const auto& s : r.source) out += fmt::format("    {} {}:{}\n", s.function, s.file, s.line);
  }
  return (out.empty() ? "nobody, as far as direct calls tell\n" : out) + kLoadTimeNote;
}

}  // namespace inquest::shell::commands_of
