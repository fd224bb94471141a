#include "shell/struct_text.h"

#include <fmt/format.h>

#include <array>

namespace inquest::shell {

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> all;
  for (size_t at = 0; at <= text.size();) {
    size_t comma = std::min(text.find(',', at), text.size());
    if (comma > at) all.push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return all;
}

TypeMembers split_type(const std::string& word) {
  size_t dot = word.find('.');
  if (dot == std::string::npos) return {word, {}};
  return {word.substr(0, dot), split_list(word.substr(dot + 1))};
}

Result<const object::Type*> aggregate(const Context& context, const std::string& name, bool union_first) {
  using object::TypeKind;
  auto kinds = union_first ? std::array{TypeKind::kUnion, TypeKind::kStruct, TypeKind::kTypedef} : std::array{TypeKind::kStruct, TypeKind::kUnion, TypeKind::kTypedef};
  for (TypeKind kind : kinds)
    if (const auto* t = context.program().type(kind, name); t && t->stripped()->is_aggregate()) return t;
  return Error(ErrorCode::kNotFound, "no such type in this kernel: " + name);
}

Result<std::string> value_text(const object::Value& value, const std::vector<std::string>& members, const object::PrintOptions& options) {
  if (members.empty()) {
    // Without its bytes there is nothing to show: the reason is the answer.
    if (auto bytes = value.bytes(); !bytes.ok()) return std::move(bytes).error();
    return debuginfo::spell(value.type()->stripped()) + " " + object::print(value, options) + "\n";
  }
  std::string out;
  for (const auto& name : members) {
    TRY(object::Value member, value.member(name));
    out += fmt::format("  {} = {}\n", name, object::print(member, options));
  }
  return out;
}

}  // namespace inquest::shell
