#include "debuginfo/dwarf/die.h"

namespace inquest::debuginfo::dwarf {

std::optional<UnitHeader> read_unit_header(Bytes info, uint64_t offset, uint64_t& next) {
  next = info.size();
  ByteReader reader(info, offset);
  UnitHeader unit;
  unit.offset = offset;
  uint64_t length = reader.u32();
  if (length == 0xffffffff) {  // 7.4: the 64-bit format
    length = reader.u64();
    unit.offset_size = 8;
  } else if (length >= 0xfffffff0) {
    return std::nullopt;
  }
  if (reader.failed || length > reader.left()) return std::nullopt;
  next = unit.end = uint64_t(reader.p - info.data()) + length;
  reader.end = info.data() + unit.end;
  unit.version = reader.u16();
  if (unit.version >= 5) {
    unit.type = reader.u8();
    unit.address_size = reader.u8();
    unit.abbrev_offset = reader.number(unit.offset_size);
    if (unit.type == DW_UT_skeleton || unit.type == DW_UT_split_compile) reader.skip(8);
    if (unit.type == DW_UT_type || unit.type == DW_UT_split_type) {
      unit.signature = reader.u64();
      unit.type_die = unit.offset + reader.number(unit.offset_size);
    }
  } else {
    unit.abbrev_offset = reader.number(unit.offset_size);
    unit.address_size = reader.u8();
  }
  unit.first_die = uint64_t(reader.p - info.data());
  bool good =
      !reader.failed && unit.version >= 2 && unit.version <= 5 && (unit.address_size == 8 || unit.address_size == 4);
  return good ? std::optional(unit) : std::nullopt;
}

Die::Die(const Unit* unit, uint64_t offset) : unit_(unit), offset_(offset) {
  if (!unit || offset < unit->header.first_die || offset >= unit->header.end) return;
  ByteReader reader(unit->info, offset);
  uint64_t code = reader.uleb();
  if (reader.failed || code == 0) return;
  abbrev_ = unit->abbrevs.find(code);
  attributes_at_ = uint64_t(reader.p - unit->info.data());
}

Value Die::attribute(uint16_t name) const {
  Value found;
  (void)for_each_attribute([&](uint16_t n, const Value& value) {
    if (n == name) found = value;
    return n != name;
  });
  return found;
}

std::optional<uint64_t> Die::end_of_attributes(uint64_t* sibling) const {
  *sibling = 0;
  if (abbrev_->size >= 0) {
    // The usual case, without looking at each attribute.
    uint64_t end = attributes_at_ + uint64_t(abbrev_->size);
    if (end > unit_->header.end) return std::nullopt;
    if (abbrev_->sibling_at >= 0)
      *sibling =
          unit_->header.offset + load_unchecked<uint32_t>(unit_->info.data() + attributes_at_ + abbrev_->sibling_at);
    if (*sibling < end || *sibling > unit_->header.end) *sibling = 0;
    return end;
  }
  auto end = for_each_attribute([&](uint16_t name, const Value& value) {
    if (name == DW_AT_sibling && value.form != DW_FORM_ref_addr && value.form != DW_FORM_ref_sig8)
      *sibling = unit_->header.offset + value.number;
    return true;
  });
  if (end && (*sibling < *end || *sibling > unit_->header.end)) *sibling = 0;
  return end;
}

Die Die::first_child() const {
  if (!abbrev_->children) return {};
  uint64_t sibling = 0;
  std::optional<uint64_t> end = end_of_attributes(&sibling);
  return end ? Die(unit_, *end) : Die();
}

Die Die::next_sibling() const {
  uint64_t sibling = 0;
  std::optional<uint64_t> at = end_of_attributes(&sibling);
  if (!at) return {};
  if (!abbrev_->children) return Die(unit_, *at);
  if (sibling) return Die(unit_, sibling);
  // No DW_AT_sibling (clang writes none): walk over the children. Every step moves forward, so this ends.
  for (uint64_t depth = 1; depth > 0;) {
    ByteReader reader(unit_->info, *at);
    uint64_t code = reader.uleb();
    if (reader.failed) return {};
    if (code == 0) {
      depth--;
      at = uint64_t(reader.p - unit_->info.data());
      continue;
    }
    Die die(unit_, *at);
    if (!die) return {};
    uint64_t next = 0;
    std::optional<uint64_t> end = die.end_of_attributes(&next);
    if (!end) return {};
    if (die.has_children() && !next) depth++;
    at = die.has_children() && next ? next : *end;
  }
  return Die(unit_, *at);
}

}  // namespace inquest::debuginfo::dwarf
