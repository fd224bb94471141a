#include "code/expression.h"

#include <fmt/format.h>

#include <bit>

namespace inquest::code {

namespace {

constexpr int kMaxDepth = 12;
using Kind = Expression::Kind;

std::shared_ptr<Expression> make(Kind kind, VirtualAddress at) {
  auto e = std::make_shared<Expression>();
  e->kind = kind;
  e->at = at;
  return e;
}

// The outermost member path that starts exactly at the offset of a deepest one: "private_list.next" -> "private_list".
std::string outermost(const Type* object, const debuginfo::FoundMember& deepest) {
  std::string best = deepest.path;
  for (size_t dot = best.rfind('.'); dot != std::string::npos; dot = best.rfind('.')) {
    std::string shorter = best.substr(0, dot);
    auto found = debuginfo::find_member(object, shorter);
    if (!found || found->member.bit_offset != deepest.member.bit_offset) break;
    best = shorter;
  }
  return best;
}

TypeRef member_type(const Type* object, uint64_t offset, unsigned size) {
  for (const auto& m : debuginfo::members_at(object, offset))
    if (m.member.offset() == offset && m.member.type && m.member.type->size().value_or(0) == size) return {m.member.type, 0};
  return {};
}

std::string text_at(const ExpressionRef& e, int depth);

std::string place_text(const Place& place, bool address, unsigned size, int depth) {
  const auto& base = place.base;
  bool global = base->kind == Kind::kSymbol || base->kind == Kind::kPerCpu;
  std::string object = global || base->kind == Kind::kEntry ? base->name : text_at(base, depth + 1);
  bool plain = object.find_first_of(" *&+") == std::string::npos || base->kind == Kind::kLoad || base->kind == Kind::kEntry;
  if (!plain && !global) object = "(" + object + ")";
  std::string member;
  if (address) member = place.member;
  else
    for (const auto& m : place.members)
      if (!m.member.bit_size && m.member.offset() == uint64_t(place.offset) && m.member.type->size().value_or(size) == size) {
        member = m.path;
        break;
      }
  if (!address && member.empty() && !place.members.empty()) member = place.members.front().path;
  // Bit-fields share a word: a load of it is of all of them until a mask picks one.
  std::string fields;
  size_t count = 0;
  for (const auto& m : place.members)
    if (m.member.bit_size && m.member.bit_offset / 8 < uint64_t(place.offset) + std::max(size, 1u)) fields += (count++ ? ", " : "") + m.path;
  if (!address && count > 1 && member == place.members.front().path && place.members.front().member.bit_size) member = "{" + fields + "}";
  if (!member.empty()) return fmt::format("{}{}{}{}", address ? "&" : "", object, global ? "." : "->", member);
  if (address) return place.offset ? fmt::format("{}{}{:#x}", global ? "&" + object : object, place.offset < 0 ? " - " : " + ",
                                                 uint64_t(place.offset < 0 ? -place.offset : place.offset))
                                   : (global ? "&" + object : object);
  if (global && place.offset == 0) return object;
  if (global) return fmt::format("*(&{}{}{:#x})", object, place.offset < 0 ? " - " : " + ", uint64_t(place.offset < 0 ? -place.offset : place.offset));
  // What lies at an offset of something whose type nobody knows.
  if (place.offset == 0) return object + "->[0]";
  return fmt::format("{}->[{}{:#x}]", object, place.offset < 0 ? "-" : "", uint64_t(place.offset < 0 ? -place.offset : place.offset));
}

// "cabin->state" of `cabin's byte & 15`: the bit-field of which just these bits are. "" if there is none.
std::string bit_field_text(const ExpressionRef& e, int depth) {
  auto place = bit_field_of(e);
  if (!place) return "";
  place->members.front().member.bit_offset = uint64_t(place->offset) * 8;
  place->members.front().member.bit_size = 0;
  return place_text(*place, false, e->left->size, depth);
}

std::string text_at(const ExpressionRef& e, int depth) {
  if (!e || depth > kMaxDepth) return "?";
  switch (e->kind) {
    case Kind::kUnknown: return "?";
    case Kind::kConstant: return e->number < 4096 ? fmt::format("{}", e->number) : fmt::format("{:#x}", e->number);
    case Kind::kSymbol: return (e->type && e->type.type->stripped()->kind() == TypeKind::kFunction ? "" : "&") + e->name;
    case Kind::kVariable: return e->name;
    case Kind::kEntry: return e->name + " at entry";
    case Kind::kCall: return e->name + "()";
    case Kind::kCurrent: return "current";
    case Kind::kPerCpu: return "this_cpu_ptr(&" + e->name + ")";
    case Kind::kMerged: return "a " + (e->type ? debuginfo::spell(e->type.type) : "?");
    case Kind::kBinary: {
      std::string field = bit_field_text(e, depth);
      return field.empty() ? text_at(e->left, depth + 1) + " " + e->name + " " + text_at(e->right, depth + 1) : field;
    }
    case Kind::kOffset: {
      auto place = place_of(e);
      return place ? place_text(*place, true, 0, depth) : "?";
    }
    case Kind::kLoad: {
      auto place = place_of(e->left);
      return place ? place_text(*place, false, e->size, depth) : "*" + text_at(e->left, depth + 1);
    }
  }
  return "?";
}

bool same_at(const ExpressionRef& a, const ExpressionRef& b, int depth) {
  if (a == b) return true;
  if (!a || !b || depth > kMaxDepth) return false;
  // An inlined function's parameter is the value it was given.
  bool both = a->kind == Kind::kVariable && b->kind == Kind::kVariable && a->name == b->name && a->function == b->function;
  if (!both && a->kind == Kind::kVariable && a->left && same_at(a->left, b, depth + 1)) return true;
  if (!both && b->kind == Kind::kVariable && b->left && same_at(a, b->left, depth + 1)) return true;
  if (a->kind != b->kind || a->number != b->number || a->offset != b->offset || a->name != b->name || a->function != b->function) return false;
  if (a->kind == Kind::kUnknown) return false;
  if (a->kind == Kind::kVariable) return true;
  if (a->kind == Kind::kCall) return a->at == b->at;
  if (a->kind == Kind::kEntry) return a->reg == b->reg;
  if (a->kind == Kind::kMerged) return a->reg == b->reg && a->at == b->at;
  if (a->kind == Kind::kLoad && (a->size != b->size || a->at != b->at)) return false;
  bool left = (!a->left && !b->left) || same_at(a->left, b->left, depth + 1);
  bool right = (!a->right && !b->right) || same_at(a->right, b->right, depth + 1);
  return left && right;
}

}  // namespace

TypeRef TypeRef::pointee() const {
  if (!type) return {};
  if (pointers > 0) return {type, pointers - 1};
  const Type* to = type->pointee();
  return {to, 0};
}

const Type* TypeRef::pointed_aggregate() const {
  TypeRef to = pointee();
  if (!to || to.pointers > 0) return nullptr;
  const Type* t = to.type->stripped();
  while (t && t->kind() == TypeKind::kArray && t->target()) t = t->target()->stripped();
  return t && t->is_aggregate() ? t : nullptr;
}

std::string TypeRef::spell() const {
  if (!type) return "?";
  std::string s = debuginfo::spell(type);
  for (int i = 0; i < pointers; i++) s += s.ends_with('*') ? "*" : " *";
  return s;
}

ExpressionRef constant(uint64_t number, VirtualAddress at) {
  auto e = make(Kind::kConstant, at);
  e->number = number;
  return e;
}

ExpressionRef symbol(std::string name, uint64_t address, TypeRef type, VirtualAddress at) {
  auto e = make(Kind::kSymbol, at);
  e->name = std::move(name);
  e->number = address;
  e->type = type;
  return e;
}

ExpressionRef offset_of(ExpressionRef base, int64_t offset, VirtualAddress at) {
  if (!known(base)) return make(Kind::kUnknown, at);
  if (offset == 0) return base;
  if (base->kind == Kind::kConstant) return constant(base->number + uint64_t(offset), at);
  if (base->kind == Kind::kOffset) return offset_of(base->left, base->offset + offset, at);
  auto e = make(Kind::kOffset, at);
  e->left = base;
  e->offset = offset;
  if (const Type* object = base->type.pointed_aggregate(); object && offset >= 0)
    for (const auto& deepest : debuginfo::members_at(object, uint64_t(offset)))
      if (deepest.member.offset() == uint64_t(offset)) {
        if (auto found = debuginfo::find_member(object, outermost(object, deepest))) e->type = {found->member.type, 1};
        break;
      }
  return e;
}

ExpressionRef load(ExpressionRef address, unsigned size, VirtualAddress at) {
  auto e = make(Kind::kLoad, at);
  e->left = address;
  e->size = size;
  if (!known(address)) return make(Kind::kUnknown, at);
  if (auto place = place_of(address); place && place->object && place->offset >= 0) e->type = member_type(place->object, uint64_t(place->offset), size);
  if (!e->type) {
    TypeRef to = address->type.pointee();
    if (to && (to.pointers > 0 || to.type->size().value_or(0) == size)) e->type = to;
  }
  return e;
}

bool same(const ExpressionRef& a, const ExpressionRef& b) { return same_at(a, b, 0); }
std::string text(const ExpressionRef& e) { return text_at(e, 0); }

std::optional<Place> place_of(const ExpressionRef& address) {
  if (!known(address)) return std::nullopt;
  Place place;
  place.base = address->kind == Kind::kOffset ? address->left : address;
  place.offset = address->kind == Kind::kOffset ? address->offset : 0;
  place.object = place.base->type.pointed_aggregate();
  if (place.object && place.offset >= 0) {
    place.members = debuginfo::members_at(place.object, uint64_t(place.offset));
    for (const auto& m : place.members)
      if (m.member.offset() == uint64_t(place.offset)) {
        place.member = outermost(place.object, m);
        break;
      }
  }
  return place;
}

std::optional<Place> bit_field_of(const ExpressionRef& e) {
  if (!known(e) || e->kind != Kind::kBinary || e->name != "&" || !known(e->left) || e->left->kind != Kind::kLoad || !known(e->right)) return std::nullopt;
  auto place = e->right->kind == Kind::kConstant && e->right->number ? place_of(e->left->left) : std::nullopt;
  if (!place || place->offset < 0) return std::nullopt;
  uint64_t mask = e->right->number;
  unsigned low = unsigned(std::countr_zero(mask)), bits = unsigned(std::popcount(mask));
  if (mask >> low != (bits >= 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1)) return std::nullopt;
  for (const auto& m : place->members) {
    if (m.member.bit_size != bits || m.member.bit_offset != uint64_t(place->offset) * 8 + low) continue;
    Place one = *place;
    one.members = {m};
    one.member = m.path;
    return one;
  }
  return std::nullopt;
}

ExpressionRef loaded_from(const ExpressionRef& e) {
  ExpressionRef at = e;
  for (int i = 0; at && at->kind == Kind::kVariable && i < kMaxDepth; i++) at = at->left;
  return at && at->kind == Kind::kLoad ? at->left : nullptr;
}

ExpressionRef root_of(const ExpressionRef& e) {
  ExpressionRef at = e;
  for (int i = 0; at && i < kMaxDepth; i++) {
    if (at->kind != Kind::kOffset && at->kind != Kind::kLoad) break;
    at = at->left;
  }
  return at;
}

}  // namespace inquest::code
