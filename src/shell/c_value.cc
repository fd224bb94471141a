// What can be asked of an expression's value.
#include <fmt/format.h>

#include "shell/c_expression.h"

namespace inquest::shell {

using debuginfo::Type;
using debuginfo::TypeKind;

Result<void> check_readable(const CValue& value) {
  const Type* t = value.value.type() ? value.value.type()->stripped() : nullptr;
  auto at = value.value.address();
  if (!t || !at || t->kind() == TypeKind::kFunction) return {};
  const auto& memory = value.value.program().memory();
  auto first = memory.read_unsigned(*at, 1);
  if (first.ok() || (t->size().value_or(1) > 1 && memory.read_unsigned(*at + (t->size().value_or(1) - 1), 1).ok())) return {};
  return std::move(first).error();
}

Result<uint64_t> address_of(const CValue& value) {
  const Type* t = value.value.type() ? value.value.type()->stripped() : nullptr;
  bool place = !t || t->is_aggregate() || t->kind() == TypeKind::kArray || t->kind() == TypeKind::kFunction;
  if (place && value.value.address()) return value.value.address()->value;
  return value.value.as_unsigned();
}

std::string print(const CValue& value, const object::PrintOptions& options) {
  const Type* t = value.value.type() ? value.value.type()->stripped() : nullptr;
  std::string text = object::print(value.value, options);
  if (t && t->kind() == TypeKind::kFunction) return "{function} " + text;
  if (!t || t->kind() != TypeKind::kPointer || text.starts_with("<")) return text;
  const Type* to = t->target() ? t->target()->stripped() : nullptr;
  bool to_char = to && to->kind() == TypeKind::kInteger && to->size() == 1;
  return to_char ? text : fmt::format("({}) {}", debuginfo::spell(value.value.type()), text);
}

}  // namespace inquest::shell
