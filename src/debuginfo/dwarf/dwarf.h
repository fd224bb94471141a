// Dwarf: the DWARF of one file as units and DIEs, with everything that needs more than one section to be read:
// strings, addresses, references, range lists and location lists. Versions 2 to 5, little-endian.
//
// Units are loaded at their first use and kept. Thread-safe. The sections and the list of headers must outlive it.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "debuginfo/dwarf/die.h"
#include "debuginfo/dwarf/sections.h"

namespace inquest::debuginfo::dwarf {

struct Range {
  uint64_t low = 0, high = 0;
  bool contains(uint64_t address) const { return address >= low && address < high; }
};

inline constexpr Range kEverywhere{0, ~uint64_t{0}};

// One entry of a location list. An empty expression: the variable has no place there (DWARF 5, 2.6.1.1.4).
struct LocatedExpression {
  Range range;
  Bytes expression;
};

class Dwarf {
 public:
  // `headers` in the order of their offsets.
  Dwarf(const Sections& sections, std::span<const UnitHeader> headers);
  ~Dwarf();
  Dwarf(const Dwarf&) = delete;
  Dwarf& operator=(const Dwarf&) = delete;

  const Sections& sections() const { return sections_; }
  std::span<const UnitHeader> headers() const { return headers_; }
  std::optional<size_t> unit_index(uint64_t die_offset) const;
  const Unit* unit(size_t index) const;  // null: damaged
  const Unit* unit_of(uint64_t die_offset) const;
  Die die(uint64_t offset) const { return Die(unit_of(offset), offset); }
  Die root(const Unit& unit) const { return Die(&unit, unit.header.first_die); }

  // Fills a unit's abbreviations and root attributes; `unit` may be one that was used before (the scanner's).
  bool load(const UnitHeader& header, Unit& unit) const;

  // A value as what its attribute's class says. Empty or nothing if the value is of another class or damaged.
  std::string_view string(const Unit& unit, const Value& value) const;
  std::optional<uint64_t> address(const Unit& unit, const Value& value) const;
  std::optional<uint64_t> string_offset(const Unit& unit, uint64_t index) const;  // in .debug_str, of DW_FORM_strx
  std::optional<uint64_t> indexed_address(const Unit& unit, uint64_t index) const;
  std::optional<uint64_t> reference(const Unit& unit, const Value& value) const;

  // The DIE that abstract_origin or specification names; invalid if there is none.
  Die origin(const Die& die) const;
  // The end of the chain of origins: the DIE that was written in the source. Bounded.
  Die last_origin(const Die& die) const;
  // An attribute of the DIE or of one along its chain of origins; `owner` gets the DIE that has it.
  Value inherited(const Die& die, uint16_t name, Die* owner) const;
  std::string_view name(const Die& die) const;
  // What DW_AT_type names, along the chain.
  std::optional<uint64_t> type_reference(const Die& die) const;

  // The ranges of low_pc/high_pc or DW_AT_ranges.
  std::vector<Range> ranges(const Die& die) const;
  std::optional<Range> range_containing(const Die& die, uint64_t address) const;
  // A DW_AT_ranges value's list.
  std::vector<Range> ranges(const Unit& unit, const Value& value) const { return range_list(unit, value, 0, true); }

  // The expression of a location attribute valid at `address`.
  std::optional<Bytes> location_at(const Unit& unit, const Value& value, uint64_t address) const;
  // All of them, at most `most`; the first that contains an address is the one valid there. An expression without a list is one entry, kEverywhere.
  std::vector<LocatedExpression> locations(const Unit& unit, const Value& value, size_t most) const;

 private:
  std::vector<Range> range_list(const Unit& unit, const Value& value, uint64_t wanted, bool all) const;
  void read_rnglist(const Unit& unit, uint64_t offset, uint64_t wanted, bool all, std::vector<Range>& out) const;
  void read_ranges(const Unit& unit, uint64_t offset, uint64_t wanted, bool all, std::vector<Range>& out) const;
  std::vector<Range> ranges_of(const Die& die, uint64_t wanted, bool all) const;
  template <typename Visit>
  void walk_loclist(const Unit& unit, uint64_t offset, Visit&& visit) const;
  template <typename Visit>
  void walk_loc(const Unit& unit, uint64_t offset, Visit&& visit) const;
  template <typename Visit>
  void walk_locations(const Unit& unit, const Value& value, Visit&& visit) const;
  std::optional<uint64_t> list_offset(const Unit& unit, SectionId id, uint64_t base, uint64_t index) const;
  std::optional<uint64_t> type_unit(uint64_t signature) const;

  const Sections& sections_;
  std::span<const UnitHeader> headers_;
  mutable std::unique_ptr<std::atomic<Unit*>[]> units_;
};

}  // namespace inquest::debuginfo::dwarf
