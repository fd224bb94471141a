// writers, users: which functions store to a member, or read it.
#include <fmt/format.h>

#include <cstdlib>

#include "code/accesses.h"
#include "shell/shell.h"

namespace inquest::shell::commands_of {

namespace {

// TYPE.MEMBER [MODULE | SECONDS]...
Result<std::string> accesses(const Context& context, const Words& words, bool writes, bool reads) {
  if (words.words.empty()) return Error(ErrorCode::kUsage, "which TYPE.MEMBER?");
  std::string what = words.words.front();
  if (what == "struct" && words.words.size() > 1) what = words.words[1];
  size_t dot = what.find('.');
  if (dot == std::string::npos) return Error(ErrorCode::kUsage, "TYPE.MEMBER, as in task_struct.__state");
  std::string module;
  double seconds = 20;
  for (size_t i = 1; i < words.words.size(); i++) {
    const std::string& w = words.words[i];
    if (w == what) continue;
    if (std::isdigit(static_cast<unsigned char>(w[0]))) seconds = std::atof(w.c_str());
    else if (context.program().file(w)) module = w;
    else return Error(ErrorCode::kNotFound, w + ": no module of that name is loaded");
  }
  std::string name = what.substr(0, dot), member = what.substr(dot + 1);
  const auto& program = context.program();
  const auto* near = module.empty() ? nullptr : program.file(module);
  const object::Type* type = program.type(object::TypeKind::kStruct, name, near);
  if (!type) type = program.type(object::TypeKind::kUnion, name, near);
  if (!type) return Error(ErrorCode::kNotFound, "no such type in this kernel: " + name);
  auto field = debuginfo::find_member(type, member);
  if (!field) return Error(ErrorCode::kNotFound, name + " has no member " + member);
  auto view = code::find_accesses(program, {type, field->member.offset(), field->member.type->size().value_or(1), writes, reads, module, seconds});
  std::string out;
  for (const auto& a : view.found) {
    out += fmt::format("{:x} {}{} {} {}{}\n", a.pc.value, a.function, a.module.empty() ? "" : " [" + a.module + "]", a.writes ? "writes" : "reads", a.text, a.value.empty() ? "" : " = " + a.value);
    for (const auto& s : a.source) out += fmt::format("    {} {}:{}\n", s.function, s.file, s.line);
  }
  if (view.found.empty()) out += "nobody, as far as types can be followed\n";
  if (view.unread) out += fmt::format("{} functions were not looked at: their code is not at hand, or too large\n", view.unread);
  out += fmt::format("{} of {} functions were followed{}\n", view.followed, view.functions, view.complete ? "" : "; the time was up before all were looked at: give more seconds, or a module");
  out += kLoadTimeNote;
  return out;
}

}  // namespace

Result<std::string> writers(const Context& context, const Words& words) { return accesses(context, words, true, false); }
Result<std::string> users(const Context& context, const Words& words) { return accesses(context, words, true, true); }

}  // namespace inquest::shell::commands_of
