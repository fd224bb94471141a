// Range lists and location lists (DWARF 5, sections 2.17.3, 2.6.2, 7.28 and 7.29; DWARF 4, 2.17.3 and 2.6.2).
#include "debuginfo/dwarf/dwarf.h"

namespace inquest::debuginfo::dwarf {

namespace {

// No function has more pieces; a list that goes on is damaged.
constexpr size_t kMaxEntries = 1 << 16;

bool wants(const Range& range, uint64_t wanted, bool all) {
  return range.low < range.high && (all || range.contains(wanted));
}

bool is_list_offset(const Value& value, uint16_t version) {
  if (value.form == DW_FORM_sec_offset) return true;
  return version < 4 && (value.form == DW_FORM_data4 || value.form == DW_FORM_data8);
}

}  // namespace

void Dwarf::read_rnglist(const Unit& unit, uint64_t offset, uint64_t wanted, bool all, std::vector<Range>& out) const {
  ByteReader reader(sections_.get(SectionId::kRnglists), offset);
  uint64_t base = unit.low_pc.value_or(0);
  auto indexed = [&] { return indexed_address(unit, reader.uleb()).value_or(0); };
  auto plain = [&] { return reader.number(unit.header.address_size); };
  for (size_t i = 0; i < kMaxEntries; i++) {
    Range range;
    switch (reader.u8()) {
      case DW_RLE_base_addressx: base = indexed(); continue;
      case DW_RLE_base_address: base = plain(); continue;
      case DW_RLE_startx_endx: range.low = indexed(), range.high = indexed(); break;
      case DW_RLE_startx_length: range.low = indexed(), range.high = range.low + reader.uleb(); break;
      case DW_RLE_offset_pair: range.low = base + reader.uleb(), range.high = base + reader.uleb(); break;
      case DW_RLE_start_end: range.low = plain(), range.high = plain(); break;
      case DW_RLE_start_length: range.low = plain(), range.high = range.low + reader.uleb(); break;
      default: return;  // end of list, or damaged
    }
    if (reader.failed) return;
    if (!wants(range, wanted, all)) continue;
    out.push_back(range);
    if (!all) return;
  }
}

void Dwarf::read_ranges(const Unit& unit, uint64_t offset, uint64_t wanted, bool all, std::vector<Range>& out) const {
  ByteReader reader(sections_.get(SectionId::kRanges), offset);
  uint64_t base = unit.low_pc.value_or(0), highest = unit.header.address_size == 8 ? ~uint64_t{0} : 0xffffffff;
  for (size_t i = 0; i < kMaxEntries; i++) {
    Range range;
    range.low = reader.number(unit.header.address_size);
    range.high = reader.number(unit.header.address_size);
    if (reader.failed || (range.low == 0 && range.high == 0)) return;
    if (range.low == highest) {
      base = range.high;
      continue;
    }
    range.low += base;
    range.high += base;
    if (!wants(range, wanted, all)) continue;
    out.push_back(range);
    if (!all) return;
  }
}

std::vector<Range> Dwarf::range_list(const Unit& unit, const Value& value, uint64_t wanted, bool all) const {
  std::vector<Range> out;
  if (value.form == DW_FORM_rnglistx) {
    // The offsets in the table count from the table (7.28).
    if (auto offset = list_offset(unit, SectionId::kRnglists, unit.rnglists_base, value.number))
      read_rnglist(unit, unit.rnglists_base + *offset, wanted, all, out);
  } else if (is_list_offset(value, unit.header.version)) {
    if (unit.header.version >= 5)
      read_rnglist(unit, value.number, wanted, all, out);
    else
      read_ranges(unit, value.number, wanted, all, out);
  }
  return out;
}

std::vector<Range> Dwarf::ranges_of(const Die& die, uint64_t wanted, bool all) const {
  Value low_value, high_value, list;
  (void)die.for_each_attribute([&](uint16_t name, const Value& value) {
    if (name == DW_AT_low_pc) low_value = value;
    if (name == DW_AT_high_pc) high_value = value;
    if (name == DW_AT_ranges) list = value;
    return true;
  });
  if (list) return range_list(die.unit(), list, wanted, all);
  std::optional<uint64_t> low = address(die.unit(), low_value);
  if (!low || !high_value) return {};
  std::optional<uint64_t> high = address(die.unit(), high_value);
  if (!high) high = *low + high_value.number;  // 2.17.2: a constant is the length
  Range range{*low, *high};
  if (!wants(range, wanted, all)) return {};
  return {range};
}

std::vector<Range> Dwarf::ranges(const Die& die) const { return ranges_of(die, 0, true); }

std::optional<Range> Dwarf::range_containing(const Die& die, uint64_t address) const {
  std::vector<Range> found = ranges_of(die, address, false);
  return found.empty() ? std::nullopt : std::optional(found.front());
}

// `visit` gets each entry in the order of the list and returns false to stop; a default location comes last, for all addresses.
template <typename Visit>
void Dwarf::walk_loclist(const Unit& unit, uint64_t offset, Visit&& visit) const {
  ByteReader reader(sections_.get(SectionId::kLoclists), offset);
  uint64_t base = unit.low_pc.value_or(0);
  std::optional<Bytes> fallback;
  auto indexed = [&] { return indexed_address(unit, reader.uleb()).value_or(0); };
  auto plain = [&] { return reader.number(unit.header.address_size); };
  bool more = true;
  for (size_t i = 0; i < kMaxEntries && more; i++) {
    Range range;
    bool is_default = false;
    switch (reader.u8()) {
      case DW_LLE_base_addressx: base = indexed(); continue;
      case DW_LLE_base_address: base = plain(); continue;
      case DW_LLE_GNU_view_pair: reader.uleb(), reader.uleb(); continue;
      case DW_LLE_startx_endx: range.low = indexed(), range.high = indexed(); break;
      case DW_LLE_startx_length: range.low = indexed(), range.high = range.low + reader.uleb(); break;
      case DW_LLE_offset_pair: range.low = base + reader.uleb(), range.high = base + reader.uleb(); break;
      case DW_LLE_start_end: range.low = plain(), range.high = plain(); break;
      case DW_LLE_start_length: range.low = plain(), range.high = range.low + reader.uleb(); break;
      case DW_LLE_default_location: is_default = true; break;
      default: more = false; continue;  // end of list, or damaged
    }
    Bytes expression = reader.take(reader.uleb());
    if (reader.failed) break;
    if (is_default)
      fallback = expression;
    else if (!visit(LocatedExpression{range, expression}))
      return;
  }
  if (fallback) visit(LocatedExpression{kEverywhere, *fallback});
}

template <typename Visit>
void Dwarf::walk_loc(const Unit& unit, uint64_t offset, Visit&& visit) const {
  ByteReader reader(sections_.get(SectionId::kLoc), offset);
  uint64_t base = unit.low_pc.value_or(0), highest = unit.header.address_size == 8 ? ~uint64_t{0} : 0xffffffff;
  for (size_t i = 0; i < kMaxEntries; i++) {
    uint64_t low = reader.number(unit.header.address_size), high = reader.number(unit.header.address_size);
    if (reader.failed || (low == 0 && high == 0)) return;
    if (low == highest) {
      base = high;
      continue;
    }
    Bytes expression = reader.take(reader.u16());
    if (reader.failed || !visit(LocatedExpression{{base + low, base + high}, expression})) return;
  }
}

template <typename Visit>
void Dwarf::walk_locations(const Unit& unit, const Value& value, Visit&& visit) const {
  if (is_block(value.form)) {
    visit(LocatedExpression{kEverywhere, value.block});
  } else if (value.form == DW_FORM_loclistx) {
    auto offset = list_offset(unit, SectionId::kLoclists, unit.loclists_base, value.number);
    if (offset) walk_loclist(unit, unit.loclists_base + *offset, visit);
  } else if (is_list_offset(value, unit.header.version)) {
    if (unit.header.version >= 5)
      walk_loclist(unit, value.number, visit);
    else
      walk_loc(unit, value.number, visit);
  }
}

std::optional<Bytes> Dwarf::location_at(const Unit& unit, const Value& value, uint64_t address) const {
  std::optional<Bytes> found;
  walk_locations(unit, value, [&](const LocatedExpression& entry) {
    if (!entry.range.contains(address)) return true;
    found = entry.expression;
    return false;
  });
  // An empty expression says that the variable has no place here (2.6.1.1.4).
  return found && !found->empty() ? found : std::nullopt;
}

std::vector<LocatedExpression> Dwarf::locations(const Unit& unit, const Value& value, size_t most) const {
  std::vector<LocatedExpression> entries;
  walk_locations(unit, value, [&](const LocatedExpression& entry) {
    if (entries.size() < most) entries.push_back(entry);
    return entries.size() < most;
  });
  return entries;
}

}  // namespace inquest::debuginfo::dwarf
