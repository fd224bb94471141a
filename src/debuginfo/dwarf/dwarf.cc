#include "debuginfo/dwarf/dwarf.h"

#include <algorithm>

namespace inquest::debuginfo::dwarf {

namespace {

// Concrete function → abstract instance → declaration is three; more than this is a loop.
constexpr int kMaxOrigins = 16;

std::string_view string_at(Bytes section, uint64_t offset) { return ByteReader(section, offset).cstring(); }

}  // namespace

Dwarf::Dwarf(const Sections& sections, std::span<const UnitHeader> headers)
    : sections_(sections), headers_(headers), units_(new std::atomic<Unit*>[headers.size()]()) {}

Dwarf::~Dwarf() {
  for (size_t i = 0; i < headers_.size(); i++) delete units_[i].load();
}

std::optional<size_t> Dwarf::unit_index(uint64_t die_offset) const {
  auto after = std::ranges::upper_bound(headers_, die_offset, {}, &UnitHeader::offset);
  if (after == headers_.begin() || die_offset >= (after - 1)->end) return std::nullopt;
  return size_t(after - headers_.begin()) - 1;
}

const Unit* Dwarf::unit(size_t index) const {
  if (index >= headers_.size()) return nullptr;
  std::atomic<Unit*>& slot = units_[index];
  if (Unit* unit = slot.load(std::memory_order_acquire)) return unit->tag ? unit : nullptr;
  auto fresh = std::make_unique<Unit>();
  if (!load(headers_[index], *fresh)) fresh->tag = 0;
  Unit* expected = nullptr;
  if (slot.compare_exchange_strong(expected, fresh.get(), std::memory_order_acq_rel)) expected = fresh.release();
  return expected->tag ? expected : nullptr;
}

const Unit* Dwarf::unit_of(uint64_t die_offset) const {
  std::optional<size_t> index = unit_index(die_offset);
  return index ? unit(*index) : nullptr;
}

bool Dwarf::load(const UnitHeader& header, Unit& unit) const {
  Bytes info = sections_.info(header.offset, header.end);
  if (header.end > info.size() || header.first_die >= header.end) return false;
  unit.header = header;
  unit.info = info.first(header.end);
  unit.abbrevs.parse(sections_.get(SectionId::kAbbrev), header.abbrev_offset, header.forms());
  unit.tag = unit.language = 0;
  unit.low_pc.reset();
  unit.line_offset.reset();
  // 7.26: a unit without a base uses the first table, behind that section's header.
  uint64_t table_header = header.offset_size == 8 ? 16 : 8;
  unit.str_offsets_base = unit.addr_base = header.version >= 5 ? table_header : 0;
  unit.rnglists_base = unit.loclists_base = table_header + 4;
  Die root(&unit, header.first_die);
  if (!root) return false;
  // Names and addresses may need bases that come later in the same DIE.
  Value name, comp_dir, low_pc;
  (void)root.for_each_attribute([&](uint16_t attribute, const Value& value) {
    switch (attribute) {
      case DW_AT_name: name = value; break;
      case DW_AT_comp_dir: comp_dir = value; break;
      case DW_AT_low_pc: low_pc = value; break;
      case DW_AT_stmt_list: unit.line_offset = value.number; break;
      case DW_AT_str_offsets_base: unit.str_offsets_base = value.number; break;
      case DW_AT_addr_base: unit.addr_base = value.number; break;
      case DW_AT_rnglists_base: unit.rnglists_base = value.number; break;
      case DW_AT_loclists_base: unit.loclists_base = value.number; break;
    }
    return true;
  });
  unit.tag = root.tag();
  unit.name = string(unit, name);
  unit.comp_dir = string(unit, comp_dir);
  unit.low_pc = address(unit, low_pc);
  return true;
}

std::string_view Dwarf::string(const Unit& unit, const Value& value) const {
  switch (value.form) {
    case DW_FORM_string: return as_text(value.block);
    case DW_FORM_strp: return string_at(sections_.get(SectionId::kStr), value.number);
    case DW_FORM_line_strp: return string_at(sections_.get(SectionId::kLineStr), value.number);
    case DW_FORM_strx:
    case DW_FORM_strx1:
    case DW_FORM_strx2:
    case DW_FORM_strx3:
    case DW_FORM_strx4: {
      std::optional<uint64_t> offset = string_offset(unit, value.number);
      return offset ? string_at(sections_.get(SectionId::kStr), *offset) : std::string_view();
    }
    default: return {};
  }
}

std::optional<uint64_t> Dwarf::string_offset(const Unit& unit, uint64_t index) const {
  return list_offset(unit, SectionId::kStrOffsets, unit.str_offsets_base, index);
}

std::optional<uint64_t> Dwarf::list_offset(const Unit& unit, SectionId id, uint64_t base, uint64_t index) const {
  uint64_t at = 0;
  if (__builtin_mul_overflow(index, unit.header.offset_size, &at) || __builtin_add_overflow(at, base, &at))
    return std::nullopt;
  ByteReader reader(sections_.get(id), at);
  uint64_t offset = reader.number(unit.header.offset_size);
  if (reader.failed) return std::nullopt;
  return offset;
}

std::optional<uint64_t> Dwarf::indexed_address(const Unit& unit, uint64_t index) const {
  uint64_t at = 0;
  if (__builtin_mul_overflow(index, unit.header.address_size, &at) || __builtin_add_overflow(at, unit.addr_base, &at))
    return std::nullopt;
  ByteReader reader(sections_.get(SectionId::kAddr), at);
  uint64_t address = reader.number(unit.header.address_size);
  if (reader.failed) return std::nullopt;
  return address;
}

std::optional<uint64_t> Dwarf::address(const Unit& unit, const Value& value) const {
  switch (value.form) {
    case DW_FORM_addr: return value.number;
    case DW_FORM_addrx:
    case DW_FORM_addrx1:
    case DW_FORM_addrx2:
    case DW_FORM_addrx3:
    case DW_FORM_addrx4: return indexed_address(unit, value.number);
    default: return std::nullopt;
  }
}

std::optional<uint64_t> Dwarf::type_unit(uint64_t signature) const {
  for (const UnitHeader& header : headers_)
    if (header.type == DW_UT_type && header.signature == signature) return header.type_die;
  return std::nullopt;
}

std::optional<uint64_t> Dwarf::reference(const Unit& unit, const Value& value) const {
  switch (value.form) {
    case DW_FORM_ref1:
    case DW_FORM_ref2:
    case DW_FORM_ref4:
    case DW_FORM_ref8:
    case DW_FORM_ref_udata: {
      uint64_t offset = unit.header.offset + value.number;
      return offset >= unit.header.first_die && offset < unit.header.end ? std::optional(offset) : std::nullopt;
    }
    case DW_FORM_ref_addr: return value.number;
    case DW_FORM_ref_sig8: return type_unit(value.number);
    default: return std::nullopt;
  }
}

Die Dwarf::origin(const Die& die) const {
  Value found;
  (void)die.for_each_attribute([&](uint16_t name, const Value& value) {
    if (name == DW_AT_abstract_origin || name == DW_AT_specification) found = value;
    return !found;
  });
  std::optional<uint64_t> offset = reference(die.unit(), found);
  if (!offset) return {};
  bool same_unit = *offset >= die.unit().header.first_die && *offset < die.unit().header.end;
  return same_unit ? Die(&die.unit(), *offset) : this->die(*offset);
}

Die Dwarf::last_origin(const Die& die) const {
  Die last = die;
  for (int i = 0; i < kMaxOrigins; i++) {
    Die next = origin(last);
    if (!next) break;
    last = next;
  }
  return last;
}

Value Dwarf::inherited(const Die& die, uint16_t name, Die* owner) const {
  *owner = die;
  for (int i = 0; *owner && i < kMaxOrigins; i++) {
    if (Value value = owner->attribute(name)) return value;
    *owner = origin(*owner);
  }
  return {};
}

std::string_view Dwarf::name(const Die& die) const {
  if (!die) return {};
  Die owner;
  Value value = inherited(die, DW_AT_name, &owner);
  return value ? string(owner.unit(), value) : std::string_view();
}

std::optional<uint64_t> Dwarf::type_reference(const Die& die) const {
  if (!die) return std::nullopt;
  Die owner;
  Value value = inherited(die, DW_AT_type, &owner);
  return value ? reference(owner.unit(), value) : std::nullopt;
}

}  // namespace inquest::debuginfo::dwarf
