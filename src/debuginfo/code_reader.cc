// Functions, variables and lines by name and address. Scopes are in code_scopes.cc.
#include "debuginfo/code_reader.h"

#include <algorithm>

namespace inquest::debuginfo {

using dwarf::Die;
using dwarf::Value;
using namespace dwarf;  // DWARF's numbers

namespace {

// Listings are of one function; more rows than this are of nobody's.
constexpr size_t kMaxRows = 1 << 20;

}  // namespace

const index::FunctionRecord* CodeReader::record_at(uint64_t address) const {
  const index::CodeRange* range = index::Index::find_range(index_.function_ranges(), address);
  return range && range->number < index_.functions().size() ? &index_.functions()[range->number] : nullptr;
}

std::optional<size_t> CodeReader::unit_at(uint64_t address) const {
  if (const index::FunctionRecord* function = record_at(address)) return dwarf_.unit_index(function->die);
  const index::CodeRange* range = index::Index::find_range(index_.unit_ranges(), address);
  return range ? std::optional<size_t>(range->number) : std::nullopt;
}

std::string CodeReader::file_of(const Unit& unit, const Value& number) const {
  if (!number) return {};
  std::optional<size_t> index = dwarf_.unit_index(unit.header.offset);
  auto lines = index ? lines_.unit(*index) : nullptr;
  return lines ? lines->file(number.number) : std::string();
}

void CodeReader::declared(const Die& die, std::string& file, int& line) const {
  Die owner;
  Value file_number = dwarf_.inherited(die, DW_AT_decl_file, &owner);
  if (file_number) file = file_of(owner.unit(), file_number);
  line = int(dwarf_.inherited(die, DW_AT_decl_line, &owner).number);
}

Function CodeReader::function_of(const index::FunctionRecord& record) const {
  Function function;
  function.name = strings_.at(record.name);
  function.low = record.low;
  function.high = record.low + record.size;
  function.die = record.die;
  Die die = dwarf_.die(record.die);
  if (!die) return function;
  declared(die, function.declared_file, function.declared_line);
  function.result = types_.target_of(die);
  Die owner;
  function.external = dwarf_.inherited(die, DW_AT_external, &owner).number != 0;
  // The written function has all parameters; a clone (.isra, .constprop) may have lost some.
  for (Die child = dwarf_.last_origin(die).first_child(); child; child = child.next_sibling())
    if (child.tag() == DW_TAG_formal_parameter)
      function.parameters.push_back({dwarf_.name(child), types_.target_of(child)});
  return function;
}

std::vector<Function> CodeReader::find_functions(std::string_view name) const {
  std::vector<Function> found;
  auto functions = index_.functions();
  index_.for_each(index::EntryKind::kFunction, index::hash_name(name), [&](uint32_t number) {
    if (number < functions.size() && strings_.at(functions[number].name) == name)
      found.push_back(function_of(functions[number]));
    return true;
  });
  return found;
}

std::optional<Function> CodeReader::function_at(uint64_t address) const {
  const index::FunctionRecord* record = record_at(address);
  if (!record) return std::nullopt;
  Function function = function_of(*record);
  // In a cold part: the range asked about is that part.
  const index::CodeRange* range = index::Index::find_range(index_.function_ranges(), address);
  if (address < function.low || address >= function.high)
    function.low = range->low, function.high = range->low + range->size;
  return function;
}

Variable CodeReader::variable_of(const index::VariableRecord& record) const {
  Variable variable;
  variable.name = strings_.at(record.name);
  variable.die = record.die;
  if (record.has_address) variable.address = record.address;
  if (Die die = dwarf_.die(record.die)) {
    variable.type = types_.target_of(die);
    // `extern char _end[]` is declared, `int x[] = {…}` declared without and defined with its size.
    declared(die, variable.declared_file, variable.declared_line);
  }
  return variable;
}

std::vector<Variable> CodeReader::find_variables(std::string_view name) const {
  std::vector<Variable> found;
  auto variables = index_.variables();
  index_.for_each(index::EntryKind::kVariable, index::hash_name(name), [&](uint32_t number) {
    if (number < variables.size() && strings_.at(variables[number].name) == name)
      found.push_back(variable_of(variables[number]));
    return true;
  });
  return found;
}

std::optional<Variable> CodeReader::variable_at(uint64_t address) const {
  auto all = index_.variables();
  auto placed = all.first(
      size_t(std::ranges::partition_point(all, [](const auto& v) { return v.has_address != 0; }) - all.begin()));
  auto after = std::ranges::upper_bound(placed, address, {}, &index::VariableRecord::address);
  if (after == placed.begin()) return std::nullopt;
  Variable variable = variable_of(*(after - 1));
  std::optional<uint64_t> size = variable.type ? variable.type->size() : std::nullopt;
  if (address != *variable.address && (!size || address - *variable.address >= *size)) return std::nullopt;
  return variable;
}

std::optional<SourceLine> CodeReader::line_at(uint64_t address) const {
  std::optional<size_t> unit = unit_at(address);
  return unit ? lines_.line_at(*unit, address) : std::nullopt;
}

std::vector<DebugFile::LineRow> CodeReader::lines_of(uint64_t low, uint64_t high) const {
  std::vector<DebugFile::LineRow> rows;
  std::vector<size_t> units;
  if (std::optional<size_t> first = unit_at(low)) units.push_back(*first);
  auto ranges = index_.unit_ranges();
  for (auto range = std::ranges::lower_bound(ranges, low, {}, &index::CodeRange::low);
       range != ranges.end() && range->low < high; ++range)
    if (std::ranges::find(units, range->number) == units.end()) units.push_back(range->number);
  for (size_t unit : units) {
    if (rows.size() > kMaxRows) break;
    if (auto lines = lines_.unit_with_rows(unit)) lines->rows(low, high, rows);
  }
  std::ranges::stable_sort(rows, {}, &DebugFile::LineRow::address);
  return rows;
}

}  // namespace inquest::debuginfo
