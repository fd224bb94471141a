#include <fmt/format.h>

#include <algorithm>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

std::string source_text(const std::vector<scene::SourceRef>& source) {
  std::string text;
  for (const auto& s : source) {
    if (!text.empty()) text += ", inlined in ";
    text += s.function;
    if (s.line) text += fmt::format(" ({}:{})", s.file, s.line);
  }
  return text;
}

std::string headline(const scene::EventView& event) {
  const auto& e = event.event;
  return e.header.empty() ? e.title : e.header;
}

std::string sentence(std::string text) {
  while (!text.empty() && (text.back() == '.' || text.back() == ' ')) text.pop_back();
  return text + ".";
}

std::string capital(std::string text) {
  static const char* const kWords[] = {"a ", "an ", "the ", "what ", "it ", "its "};
  for (const char* word : kWords)
    if (text.starts_with(word)) {
      text[0] = char(text[0] - 'a' + 'A');
      break;
    }
  return text;
}

void add_name(std::string& names, const std::string& name) {
  if ((", " + names + ",").find(", " + name + ",") == std::string::npos) names += (names.empty() ? "" : ", ") + name;
}

std::string add_event(Dossier& dossier, const scene::EventView& event) {
  const auto& e = event.event;
  std::string where = !event.source.empty() ? source_text(event.source) : e.function.empty() ? "" : e.function;
  std::string claim = fmt::format("{}{}: {}", event.id, e.time ? fmt::format(" at {:.6f} s", *e.time) : "", headline(event));
  if (e.cpu) claim += fmt::format(", CPU {}", *e.cpu);
  if (e.pid) claim += fmt::format(", pid {} ({})", *e.pid, e.comm);
  if (!where.empty()) claim += ", in " + where;
  if (event.condition) claim += fmt::format("; it found {}", event.condition->text);
  std::vector<std::pair<std::string, std::string>> values = {{"event", event.id}};
  if (e.fault_address) values.push_back({"fault_address", hex(*e.fault_address)});
  if (event.condition) {
    values.push_back({"condition", event.condition->text});
    values.push_back({"condition_line", fmt::format("{}:{}", event.condition->file, event.condition->line)});
  }
  return dossier.add(Origin::kLog, claim, "event " + event.id, values);
}

std::string add_gap(Dossier& dossier, const Observations& seen) {
  if (!seen.gap_milliseconds) return "";
  return dossier.add(Origin::kLog, fmt::format("{} came {:.3f} ms before {}", seen.warning->id, *seen.gap_milliseconds, seen.fatal->id), "events",
                     {{"milliseconds", fmt::format("{:.3f}", *seen.gap_milliseconds)}});
}

std::string add_link(Dossier& dossier, const Link& link, const scene::EventView& to) {
  std::string meaning = link.meaning.empty() ? "" : fmt::format(" ({})", link.meaning);
  std::string plus = link.plus ? fmt::format(" + {:#x}", link.plus) : "";
  std::string what = fmt::format("the {} of {}, {}, equals {}{} of {}{}", link.to_what, to.id, hex(link.value), link.from_register, plus, link.from_event, meaning);
  return dossier.add(Origin::kRegister, what, fmt::format("why {} {}", link.from_register, link.from_event),
                     {{"value", hex(link.value)}, {"register", link.from_register}, {"event", link.from_event}, {"plus", fmt::format("{}", link.plus)}, {"equals", link.to_what + " of " + to.id}});
}

Guilty guilty_of_source(const std::vector<scene::SourceRef>& source, const std::string& module) {
  for (const auto& s : source)
    if (!is_machinery(s.function, s.file)) return {s.function, s.file, module, s.line, ""};
  return {};
}

Guilty guilty_of_jump(const Observations& seen) {
  if (!seen.caller) return {};
  if (seen.call && !seen.call->tail_of.empty())
    if (Guilty g = guilty_of_source(seen.call->source, seen.caller->module); !g.function.empty()) return g;
  Guilty direct = guilty_of({*seen.caller});
  return direct.function.empty() ? guilty_of(seen.caller_frames) : direct;
}

void tell_pointer_place(Verdict& verdict, const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  const auto* from = seen.suspect ? seen.suspect->source() : nullptr;
  if (!from || !from->address) return;
  cite(verdict, add_origin(dossier, *seen.suspect));
  cite(verdict, add_identity(scene, dossier, *from->address, "the place it was read from,"));
  if (seen.suspect->holder.kind != scene::Identity::Kind::kStack) return;
  verdict.confidence = std::min(verdict.confidence, 0.6);  // true of the last step only
  verdict.summary += fmt::format(" It was read from {}, {}: what is registered by its address must not outlive the function that it belongs to.", hex(*from->address), seen.suspect->holder.text);
  verdict.would_settle.push_back("whose variable lay there: the function that registered it had to take it back before it returned");
}

std::string add_caller(Dossier& dossier, const Observations& seen) {
  if (!seen.caller) return "";
  std::string claim = fmt::format("the jump came from {}", seen.caller->symbol.empty() ? hex(seen.caller->address)
                                                                                     : fmt::format("{}+{:#x}", seen.caller->symbol, seen.caller->offset));
  std::vector<std::pair<std::string, std::string>> values = {{"return_address", hex(seen.caller->address)}, {"found_by", seen.caller_how}};
  std::string command = "bt -l";
  if (seen.call) {
    claim += seen.call->tail_of.empty() ? fmt::format(": the call `{}`", seen.call->instruction)
                                        : fmt::format(", which called {}, and that left by the jump `{}`", seen.call->tail_of, seen.call->instruction);
    if (!seen.call->source.empty()) claim += " at " + source_text(seen.call->source);
    if (!seen.call->target_text.empty()) claim += fmt::format(", which calls {}", seen.call->target_text);
    values.push_back({"call", hex(seen.call->pc)});
    values.push_back({"calls", seen.call->target_text});
    if (!seen.call->source.empty()) values.push_back({"line", fmt::format("{}:{}", seen.call->source.front().file, seen.call->source.front().line)});
    command = "dis -lx " + bare_hex(seen.call->pc);
  }
  return dossier.add(Origin::kStack, claim, command, values);
}

}  // namespace inquest::inquiry::causes
