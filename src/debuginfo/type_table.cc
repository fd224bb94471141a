#include "debuginfo/type_table.h"

#include <algorithm>

namespace inquest::debuginfo {

using dwarf::Die;
using dwarf::Value;
using namespace dwarf;  // DWARF's numbers

namespace {

// A declaration leads to a definition, which may be told by another unit: two steps. More is damage.
constexpr int kMaxDetours = 8;

TypeKind kind_of(const Die& die) {
  switch (die.tag()) {
    case DW_TAG_structure_type:
    case DW_TAG_class_type: return TypeKind::kStruct;
    case DW_TAG_union_type: return TypeKind::kUnion;
    case DW_TAG_enumeration_type: return TypeKind::kEnum;
    case DW_TAG_typedef: return TypeKind::kTypedef;
    case DW_TAG_pointer_type:
    case DW_TAG_reference_type:
    case DW_TAG_rvalue_reference_type: return TypeKind::kPointer;
    case DW_TAG_array_type: return TypeKind::kArray;
    case DW_TAG_const_type: return TypeKind::kConst;
    case DW_TAG_volatile_type: return TypeKind::kVolatile;
    case DW_TAG_restrict_type: return TypeKind::kRestrict;
    case DW_TAG_atomic_type: return TypeKind::kAtomic;
    case DW_TAG_subroutine_type:
    case DW_TAG_subprogram: return TypeKind::kFunction;
    case DW_TAG_unspecified_type: return TypeKind::kVoid;
    case DW_TAG_base_type: {
      uint64_t encoding = die.attribute(DW_AT_encoding).number;
      // 7.8: 3 and 4 are complex and real floats, 0x0e, 0x0f, 0x12 imaginary and decimal ones.
      if (encoding == DW_ATE_boolean) return TypeKind::kBool;
      return encoding == 3 || encoding == DW_ATE_float ? TypeKind::kFloat : TypeKind::kInteger;
    }
    default: return TypeKind::kUnknown;
  }
}

bool is_signed_encoding(uint64_t encoding) { return encoding == DW_ATE_signed || encoding == DW_ATE_signed_char; }

// Base types of all kinds are indexed as integers.
TypeKind indexed_kind(TypeKind kind) {
  return kind == TypeKind::kBool || kind == TypeKind::kFloat ? TypeKind::kInteger : kind;
}

}  // namespace

const Type* TypeTable::lookup(uint64_t key) const {
  Shard& s = shard(key);
  std::lock_guard lock(s.mutex);
  auto found = s.by_key.find(key);
  return found == s.by_key.end() ? nullptr : found->second;
}

const Type* TypeTable::keep(uint64_t key, std::unique_ptr<const Type> type) const {
  Shard& s = shard(key);
  std::lock_guard lock(s.mutex);
  auto [place, fresh] = s.by_key.try_emplace(key, type.get());
  if (fresh) s.owned.push_back(std::move(type));
  return place->second;
}

const Type* TypeTable::alias(uint64_t key, const Type* type) const {
  Shard& s = shard(key);
  std::lock_guard lock(s.mutex);
  return s.by_key.try_emplace(key, type).first->second;
}

const Type* TypeTable::at(uint64_t die) const { return at(die, 0); }

const Type* TypeTable::at(uint64_t die, int depth) const {
  if (const Type* known = lookup(die)) return known;
  return make(die, depth);
}

const Type* TypeTable::make(uint64_t offset, int depth) const {
  Die die = dwarf_.die(offset);
  if (!die || kind_of(die) == TypeKind::kUnknown || depth > kMaxDetours)
    return keep(offset, std::make_unique<const Type>(this, offset, TypeKind::kUnknown, "", std::nullopt, false, false));
  // 5.7.1: a type unit's type is reached through a declaration with DW_AT_signature.
  if (Value signature = die.attribute(DW_AT_signature)) {
    std::optional<uint64_t> target = dwarf_.reference(die.unit(), signature);
    if (target && *target != offset) return alias(offset, at(*target, depth + 1));
  }
  TypeKind kind = kind_of(die);
  bool shared = kind == TypeKind::kStruct || kind == TypeKind::kUnion || kind == TypeKind::kEnum ||
                kind == TypeKind::kTypedef || indexed_kind(kind) == TypeKind::kInteger;
  std::string_view name = shared ? dwarf_.string(die.unit(), die.attribute(DW_AT_name)) : std::string_view();
  if (!name.empty()) {
    const index::TypeRecord* record = nullptr;
    if (die.flag(DW_AT_declaration)) {
      record = best(kind, name);
      if (record && record->declaration) record = nullptr;
    } else {
      Value size = die.attribute(DW_AT_byte_size);
      uint64_t bytes = size && is_constant(size.form) ? size.number : index::kNoSize;
      record = canonical(indexed_kind(kind), name, bytes, uint32_t(die.attribute(DW_AT_decl_line).number));
    }
    if (record && record->die != offset) return alias(offset, at(record->die, depth + 1));
  }
  return keep(offset, describe(die));
}

std::unique_ptr<const Type> TypeTable::describe(const Die& die) const {
  TypeKind kind = kind_of(die);
  std::string_view name = dwarf_.string(die.unit(), die.attribute(DW_AT_name));
  if (kind == TypeKind::kInteger) name = canonical_integer_name(name);
  if (kind == TypeKind::kVoid) name = "void";
  if (kind == TypeKind::kFunction) name = {};
  std::optional<uint64_t> size;
  if (Value value = die.attribute(DW_AT_byte_size); value && is_constant(value.form)) size = value.number;
  if (kind == TypeKind::kPointer && !size) size = die.unit().header.address_size;
  bool is_signed =
      kind == TypeKind::kEnum ? enum_is_signed(die) : is_signed_encoding(die.attribute(DW_AT_encoding).number);
  return std::make_unique<const Type>(this, die.offset(), kind, name, size, is_signed, die.flag(DW_AT_declaration));
}

bool TypeTable::enum_is_signed(const Die& die) const {
  Value encoding = die.attribute(DW_AT_encoding);
  if (!encoding)
    if (Die base = dwarf_.die(dwarf_.type_reference(die).value_or(~uint64_t{0})))
      encoding = base.attribute(DW_AT_encoding);
  if (encoding) return is_signed_encoding(encoding.number);
  // Compilers write DW_FORM_sdata where a value is negative.
  for (Die child = die.first_child(); child; child = child.next_sibling()) {
    Value value = child.attribute(DW_AT_const_value);
    if ((value.form == DW_FORM_sdata || value.form == DW_FORM_implicit_const) && int64_t(value.number) < 0) return true;
  }
  return false;
}

const index::TypeRecord* TypeTable::canonical(TypeKind kind, std::string_view name, uint64_t size,
                                              uint32_t line) const {
  const index::TypeRecord* found = nullptr;
  auto types = index_.types();
  index_.for_each(index::EntryKind::kType, index::hash_name(name), [&](uint32_t number) {
    if (number >= types.size()) return true;
    const index::TypeRecord& record = types[number];
    bool same = TypeKind(record.kind) == kind && !record.declaration && record.size == size && record.line == line;
    if (same && strings_.at(record.name) == name) found = &record;
    return !found;
  });
  return found;
}

const index::TypeRecord* TypeTable::best(TypeKind kind, std::string_view name) const {
  const index::TypeRecord* found = nullptr;
  auto types = index_.types();
  index_.for_each(index::EntryKind::kType, index::hash_name(name), [&](uint32_t number) {
    if (number >= types.size()) return true;
    const index::TypeRecord& record = types[number];
    if (TypeKind(record.kind) != kind || strings_.at(record.name) != name) return true;
    bool better = !found || (found->declaration && !record.declaration) ||
                  (found->declaration == record.declaration && record.uses > found->uses);
    if (better) found = &record;
    return true;
  });
  return found;
}

const Type* TypeTable::find(TypeKind kind, std::string_view name) const {
  kind = indexed_kind(kind);
  if (const index::TypeRecord* record = best(kind, name)) return at(record->die);
  if (kind != TypeKind::kInteger) return nullptr;
  // "unsigned long" is written "long unsigned int" in DWARF. Base types are few and first in the table.
  std::string_view wanted = canonical_integer_name(name);
  for (const index::TypeRecord& record : index_.types()) {
    if (TypeKind(record.kind) != TypeKind::kInteger) break;
    if (canonical_integer_name(strings_.at(record.name)) == wanted) return at(record.die);
  }
  return nullptr;
}

std::vector<const Type*> TypeTable::find_all(TypeKind kind, std::string_view name) const {
  std::vector<const Type*> found;
  auto types = index_.types();
  index_.for_each(index::EntryKind::kType, index::hash_name(name), [&](uint32_t number) {
    if (number >= types.size() || TypeKind(types[number].kind) != indexed_kind(kind) || types[number].declaration)
      return true;
    if (strings_.at(types[number].name) == name) found.push_back(at(types[number].die));
    return true;
  });
  const Type* first = find(kind, name);
  if (auto place = std::ranges::find(found, first); place != found.end()) std::rotate(found.begin(), place, place + 1);
  return found;
}

std::vector<std::string_view> TypeTable::names(TypeKind kind) const {
  std::vector<std::string_view> names;
  for (const index::TypeRecord& record : index_.types())
    if (TypeKind(record.kind) == indexed_kind(kind)) names.push_back(strings_.at(record.name));
  if (indexed_kind(kind) == TypeKind::kInteger)
    for (std::string_view& name : names) name = canonical_integer_name(name);
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

const Type* TypeTable::derived(TypeKind kind, const Type* target, uint64_t count) const {
  std::lock_guard lock(derived_mutex_);
  for (size_t i = 0; i < derived_.size(); i++)
    if (derived_[i].kind == kind && derived_[i].target == target && derived_[i].count == count)
      if (const Type* known = lookup(kDerived | i)) return known;
  uint64_t key = kDerived | derived_.size();
  derived_.push_back({kind, target, count});
  std::optional<uint64_t> size;
  if (kind == TypeKind::kPointer) size = index_.units().empty() ? 8 : index_.units()[0].address_size;
  return keep(key, std::make_unique<const Type>(this, key, kind, "", size, false, false));
}

}  // namespace inquest::debuginfo
