// Unit and Die: the tree of one compilation unit (DWARF 5, sections 7.5.1 and 2.3), read in place.
//
// A Die is a small value that points into its Unit's bytes; nothing is built. Units live in a Dwarf (dwarf.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "debuginfo/dwarf/abbrev.h"
#include "debuginfo/dwarf/form.h"

namespace inquest::debuginfo::dwarf {

// What a unit's header says. Offsets are in .debug_info.
struct UnitHeader {
  uint64_t offset = 0, end = 0;  // the unit with its header
  uint64_t first_die = 0;
  uint64_t abbrev_offset = 0;
  uint64_t signature = 0, type_die = 0;  // of type units
  uint16_t version = 0;
  uint8_t address_size = 8, offset_size = 4, type = DW_UT_compile;
  uint8_t reserved[3] = {};  // no padding: the index keeps these as they are
  FormContext forms() const { return {address_size, offset_size, version}; }
};

// The header at `offset`; nothing if it is damaged or of a version this reader does not know (2 to 5).
// `next` gets the offset of the unit behind it, or the section's size if that is not known.
std::optional<UnitHeader> read_unit_header(Bytes info, uint64_t offset, uint64_t& next);

struct Unit {
  UnitHeader header;
  AbbrevTable abbrevs;
  Bytes info;  // the whole section, cut at the unit's end
  // From the root DIE. Bases are section offsets.
  uint16_t tag = 0, language = 0;
  uint64_t str_offsets_base = 0, addr_base = 0, rnglists_base = 0, loclists_base = 0;
  std::optional<uint64_t> low_pc, line_offset;
  std::string_view name, comp_dir;
};

class Die {
 public:
  Die() = default;
  // `offset` is in .debug_info. Invalid if it is outside the unit, or a null entry lies there.
  Die(const Unit* unit, uint64_t offset);

  explicit operator bool() const { return abbrev_ != nullptr; }
  const Unit& unit() const { return *unit_; }
  uint64_t offset() const { return offset_; }
  uint16_t tag() const { return abbrev_->tag; }
  bool has_children() const { return abbrev_->children; }

  // Calls body(name, value) for each attribute in order; body gives false to stop. Gives the offset behind them,
  // or nothing if stopped or damaged.
  template <typename Body>
  std::optional<uint64_t> for_each_attribute(Body&& body) const {
    ByteReader reader(unit_->info, attributes_at_);
    FormContext forms = unit_->header.forms();
    for (const AttributeSpec& spec : unit_->abbrevs.attributes(*abbrev_)) {
      Value value = read_form(reader, spec.form, spec.implicit, forms);
      if (reader.failed || !body(spec.name, value)) return std::nullopt;
    }
    return uint64_t(reader.p - unit_->info.data());
  }
  Value attribute(uint16_t name) const;
  bool flag(uint16_t name) const { return attribute(name).number != 0; }

  // A reference of this unit as an offset in .debug_info; nothing for other forms. (sig8 and ref_addr:
  // Dwarf::reference.)
  Die first_child() const;
  // The next DIE of the same parent; invalid at the end of the list.
  Die next_sibling() const;

 private:
  // Where this DIE's attributes end, and its DW_AT_sibling if it has a plausible one.
  std::optional<uint64_t> end_of_attributes(uint64_t* sibling) const;

  const Unit* unit_ = nullptr;
  const Abbrev* abbrev_ = nullptr;
  uint64_t offset_ = 0, attributes_at_ = 0;
};

}  // namespace inquest::debuginfo::dwarf
