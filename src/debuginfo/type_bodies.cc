// What is inside a type: members, values, parameters, dimensions, from the children of its DIE (DWARF 5, chapter 5).
#include "debuginfo/type_table.h"

namespace inquest::debuginfo {

using dwarf::Die;
using dwarf::Value;
using namespace dwarf;  // DWARF's numbers

namespace {

// The largest enumeration or struct of the kernel has a few thousand; hostile ones may claim more.
constexpr size_t kMaxParts = 1 << 17;

// 5.7.6: a constant, or (DWARF 2) an expression that adds one.
uint64_t member_offset(const Value& location) {
  if (!is_block(location.form)) return location.number;
  ByteReader reader(location.block);
  return reader.u8() == DW_OP_plus_uconst ? reader.uleb() : 0;
}

}  // namespace

const Type* TypeTable::target_of(const Die& die) const {
  std::optional<uint64_t> target = dwarf_.type_reference(die);
  if (!target) return nullptr;
  const Type* type = at(*target);
  return type->kind() == TypeKind::kVoid ? nullptr : type;
}

void TypeTable::read_members(const Die& die, Body& body) const {
  for (Die child = die.first_child(); child && body.members.size() < kMaxParts; child = child.next_sibling()) {
    if (child.tag() != DW_TAG_member) continue;
    Member member;
    Value name, type, location, data_bit_offset, bit_offset, bit_size, storage;
    bool is_static = false;
    (void)child.for_each_attribute([&](uint16_t attribute, const Value& value) {
      switch (attribute) {
        case DW_AT_name: name = value; break;
        case DW_AT_type: type = value; break;
        case DW_AT_data_member_location: location = value; break;
        case DW_AT_data_bit_offset: data_bit_offset = value; break;
        case DW_AT_bit_offset: bit_offset = value; break;
        case DW_AT_bit_size: bit_size = value; break;
        case DW_AT_byte_size: storage = value; break;
        case DW_AT_external:
        case DW_AT_declaration: is_static = true; break;
      }
      return true;
    });
    if (is_static) continue;
    member.name = dwarf_.string(die.unit(), name);
    member.type = at(dwarf_.reference(die.unit(), type).value_or(~uint64_t{0}));
    member.bit_size = uint32_t(bit_size.number);
    member.bit_offset = member_offset(location) * 8;
    if (data_bit_offset) {
      member.bit_offset += data_bit_offset.number;
    } else if (bit_offset) {
      // DWARF 3, 5.6.6: counted from the most significant bit of the storage unit.
      uint64_t bytes = storage ? storage.number : member.type->size().value_or(0);
      member.bit_offset += bytes * 8 - bit_offset.number - bit_size.number;
    }
    body.members.push_back(member);
  }
}

void TypeTable::read_enumerators(const Die& die, Body& body) const {
  for (Die child = die.first_child(); child && body.enumerators.size() < kMaxParts; child = child.next_sibling()) {
    if (child.tag() != DW_TAG_enumerator) continue;
    body.enumerators.push_back(
        {dwarf_.string(die.unit(), child.attribute(DW_AT_name)), int64_t(child.attribute(DW_AT_const_value).number)});
  }
}

void TypeTable::read_parameters(const Die& die, Body& body) const {
  for (Die child = die.first_child(); child && body.parameters.size() < kMaxParts; child = child.next_sibling()) {
    if (child.tag() == DW_TAG_unspecified_parameters) body.variadic = true;
    if (child.tag() != DW_TAG_formal_parameter) continue;
    body.parameters.push_back({dwarf_.name(child), target_of(child)});
  }
}

void TypeTable::read_array(const Die& die, const Type& type, Body& body) const {
  // 5.5: each dimension is a child; C's a[2][3] is one DIE with two, here an array of arrays.
  unsigned dimension = unsigned(type.key() >> kDimensionShift & 0xff), number = 0;
  bool more = false;
  for (Die child = die.first_child(); child; child = child.next_sibling()) {
    if (child.tag() != DW_TAG_subrange_type) continue;
    if (number == dimension) {
      Value count = child.attribute(DW_AT_count), upper = child.attribute(DW_AT_upper_bound);
      if (is_constant(count.form)) body.count = count.number;
      // GCC writes int a[0] with an upper bound of -1 or without one.
      else if (is_constant(upper.form))
        body.count = upper.number + 1;
    }
    if (number++ > dimension) {
      more = true;
      break;
    }
  }
  if (!more || dimension == 0xfe) {
    body.target = target_of(die);
    return;
  }
  uint64_t key = die.offset() | uint64_t(dimension + 1) << kDimensionShift;
  const Type* inner = lookup(key);
  body.target =
      inner ? inner
            : keep(key, std::make_unique<const Type>(this, key, TypeKind::kArray, "", std::nullopt, false, false));
}

TypeSource::Body TypeTable::body_of(const Type& type) const {
  Body body;
  if (type.kind() == TypeKind::kUnknown) return body;  // its key may be any number that a reference held
  if (type.key() & kDerived) {
    std::lock_guard lock(derived_mutex_);
    const Derived& derived = derived_[type.key() & ~kDerived];
    body.target = derived.target;
    if (derived.kind == TypeKind::kArray) body.count = derived.count;
    return body;
  }
  Die die = dwarf_.die(type.key() & ((uint64_t{1} << kDimensionShift) - 1));
  if (!die) return body;
  switch (type.kind()) {
    case TypeKind::kStruct:
    case TypeKind::kUnion: read_members(die, body); break;
    case TypeKind::kEnum:
      read_enumerators(die, body);
      body.target = target_of(die);
      break;
    case TypeKind::kArray: read_array(die, type, body); break;
    case TypeKind::kFunction:
      read_parameters(die, body);
      body.target = target_of(die);
      break;
    case TypeKind::kInteger:
    case TypeKind::kBool:
    case TypeKind::kFloat:
    case TypeKind::kVoid:
    case TypeKind::kUnknown: break;
    default: body.target = target_of(die);
  }
  return body;
}

}  // namespace inquest::debuginfo
