// Which functions are alive at an address, with their variables (DWARF 5, sections 3.3 and 3.4), and the calls in a
// function.
#include <algorithm>

#include "debuginfo/code_reader.h"

namespace inquest::debuginfo {

using dwarf::Die;
using dwarf::Range;
using dwarf::Value;
using namespace dwarf;  // DWARF's numbers

namespace {

// The deepest inlining seen in a kernel is some 40 levels, each with a block or two.
constexpr int kMaxDepth = 256;
constexpr size_t kMaxCalls = 1 << 16;

}  // namespace

// The functions around an address, outermost first while walking.
struct CodeReader::Path {
  bool all = true;
  std::vector<FunctionScope> scopes;
};

Expression CodeReader::expression(const Unit& unit, Bytes bytes) const {
  Expression e;
  e.bytes = bytes;
  e.unit_offset = unit.header.offset;
  e.address_size = unit.header.address_size;
  e.offset_size = unit.header.offset_size;
  e.version = uint8_t(unit.header.version);
  return e;
}

FunctionScope CodeReader::scope_of(const Die& die, const Range& range, bool all) const {
  FunctionScope scope;
  Die origin = dwarf_.last_origin(die);
  scope.name = dwarf_.name(origin);
  scope.die = die.offset();
  scope.origin = origin.offset();
  scope.inlined = die.tag() == DW_TAG_inlined_subroutine;
  scope.low = scope.entry = range.low;
  scope.high = range.high;
  if (all) fill_scope(die, origin, scope);
  return scope;
}

void CodeReader::fill_scope(const Die& die, const Die& origin, FunctionScope& scope) const {
  declared(origin, scope.declared_file, scope.declared_line);
  scope.result = types_.target_of(origin);
  Value low, entry, ranges, frame_base;
  (void)die.for_each_attribute([&](uint16_t name, const Value& value) {
    switch (name) {
      case DW_AT_low_pc: low = value; break;
      case DW_AT_entry_pc: entry = value; break;
      case DW_AT_ranges: ranges = value; break;
      case DW_AT_frame_base: frame_base = value; break;
    }
    return true;
  });
  std::optional<uint64_t> first = dwarf_.address(die.unit(), low);
  if (!first && ranges)
    if (std::vector<Range> all = dwarf_.ranges(die.unit(), ranges); !all.empty()) first = all.front().low;
  if (first) scope.entry = *first;
  if (std::optional<uint64_t> e = dwarf_.address(die.unit(), entry))
    scope.entry = *e;
  else if (is_constant(entry.form) && first)
    scope.entry = *first + entry.number;  // 2.18: an offset from the base
  if (std::optional<Bytes> base = dwarf_.location_at(die.unit(), frame_base, scope.low))
    scope.frame_base = expression(die.unit(), *base);
}

std::optional<LocalVariable> CodeReader::local_of(const Die& die, uint64_t address) const {
  LocalVariable local;
  local.parameter = die.tag() == DW_TAG_formal_parameter;
  local.die = die.offset();
  local.origin = dwarf_.last_origin(die).offset();
  local.name = dwarf_.name(die);
  if (local.name.empty()) return std::nullopt;
  local.type = types_.target_of(die);
  Die owner;
  if (Value location = dwarf_.inherited(die, DW_AT_location, &owner)) {
    if (std::optional<Bytes> bytes = dwarf_.location_at(owner.unit(), location, address))
      local.location = expression(owner.unit(), *bytes);
  }
  Value constant = dwarf_.inherited(die, DW_AT_const_value, &owner);
  // gcc writes an int of 159 in one byte and a negative one as DW_FORM_sdata (dwarf2out.cc, add_const_value_attribute).
  if (is_constant(constant.form)) local.constant = int64_t(constant.number);
  return local;
}

void CodeReader::enter_inlined(const Die& die, const Range& range, Path& path) const {
  FunctionScope scope = scope_of(die, range, path.all);
  scope.call.file = file_of(die.unit(), die.attribute(DW_AT_call_file));
  scope.call.line = int(die.attribute(DW_AT_call_line).number);
  scope.call.column = int(die.attribute(DW_AT_call_column).number);
  path.scopes.push_back(std::move(scope));
}

void CodeReader::walk(const Die& parent, uint64_t address, Path& path, int depth) const {
  if (depth > kMaxDepth) return;
  size_t own = path.scopes.size() - 1;
  Die inner;
  Range inner_range;
  for (Die child = parent.first_child(); child; child = child.next_sibling()) {
    switch (child.tag()) {
      case DW_TAG_formal_parameter:
      case DW_TAG_variable:
        if (!path.all) break;
        if (std::optional<LocalVariable> local = local_of(child, address))
          path.scopes[own].variables.push_back(std::move(*local));
        break;
      case DW_TAG_inlined_subroutine:
      case DW_TAG_lexical_block: {
        if (inner) break;
        std::optional<Range> range = dwarf_.range_containing(child, address);
        if (range) inner = child, inner_range = *range;
        break;
      }
      default: break;
    }
  }
  if (!inner) return;
  if (inner.tag() == DW_TAG_inlined_subroutine) enter_inlined(inner, inner_range, path);
  walk(inner, address, path, depth + 1);
}

Result<Scopes> CodeReader::scopes_at(uint64_t address, bool all) const {
  const index::FunctionRecord* record = record_at(address);
  Die function = record ? dwarf_.die(record->die) : Die();
  if (!function) return Error(ErrorCode::kNotFound, "no function in the debuginfo covers this address");
  // Not inside the DIE's own ranges: in the no-ops before its low_pc (see begin_at_symbols), which the index counts as
  // the function's.
  std::optional<Range> range = dwarf_.range_containing(function, address);
  if (!range) range = Range{record->low, record->low + record->size};
  Path path;
  path.all = all;
  path.scopes.push_back(scope_of(function, *range, all));
  path.scopes.back().entry = record->low;
  walk(function, address, path, 0);
  // GCC writes the parameters of an inlined copy in an order of its own.
  for (FunctionScope& scope : path.scopes) {
    auto locals = std::stable_partition(scope.variables.begin(), scope.variables.end(), [](const LocalVariable& v) { return v.parameter; });
    std::ranges::stable_sort(scope.variables.begin(), locals, {}, &LocalVariable::origin);
  }
  Scopes scopes;
  scopes.functions.assign(std::make_move_iterator(path.scopes.rbegin()), std::make_move_iterator(path.scopes.rend()));
  return scopes;
}

CallSite CodeReader::call_site(const Die& die) const {
  CallSite site;
  Value return_pc, low_pc, origin;
  (void)die.for_each_attribute([&](uint16_t name, const Value& value) {
    switch (name) {
      case DW_AT_call_return_pc: return_pc = value; break;
      case DW_AT_low_pc: low_pc = value; break;  // GNU, DWARF 4: the return address under another name
      case DW_AT_call_origin:
      case DW_AT_abstract_origin: origin = value; break;
      case DW_AT_call_tail_call:
      case DW_AT_GNU_tail_call: site.tail_call = value.number != 0; break;
    }
    return true;
  });
  site.return_address = dwarf_.address(die.unit(), return_pc ? return_pc : low_pc).value_or(0);
  if (std::optional<uint64_t> callee = dwarf_.reference(die.unit(), origin)) {
    Die last = dwarf_.last_origin(dwarf_.die(*callee));
    if (last) site.callee = dwarf_.name(last), site.callee_die = last.offset();
  }
  for (Die child = die.first_child(); child; child = child.next_sibling()) {
    if (child.tag() != DW_TAG_call_site_parameter && child.tag() != DW_TAG_GNU_call_site_parameter) continue;
    CallSite::Parameter parameter;
    Value value = child.attribute(DW_AT_call_value);
    if (!value) value = child.attribute(DW_AT_GNU_call_site_value);
    parameter.location = child.attribute(DW_AT_location).block;
    if (!parameter.location.empty()) {
      ByteReader reader(parameter.location);
      uint8_t op = reader.u8();
      if (op >= DW_OP_reg0 && op <= DW_OP_reg31)
        parameter.reg = op - DW_OP_reg0;
      else if (op == DW_OP_regx)
        parameter.reg = unsigned(reader.uleb());
    }
    parameter.value = expression(die.unit(), value.block);
    // GNU, DWARF 4: the callee's parameter under another name.
    Value passed_nowhere = child.attribute(DW_AT_call_parameter);
    if (!passed_nowhere) passed_nowhere = child.attribute(DW_AT_abstract_origin);
    parameter.optimized_out = dwarf_.reference(die.unit(), passed_nowhere).value_or(0);
    site.parameters.push_back(std::move(parameter));
  }
  return site;
}

void CodeReader::collect_calls(const Die& parent, std::vector<CallSite>& calls, int depth) const {
  if (depth > kMaxDepth) return;
  for (Die child = parent.first_child(); child && calls.size() < kMaxCalls; child = child.next_sibling()) {
    if (child.tag() == DW_TAG_call_site || child.tag() == DW_TAG_GNU_call_site)
      calls.push_back(call_site(child));
    else if (child.tag() == DW_TAG_inlined_subroutine || child.tag() == DW_TAG_lexical_block)
      collect_calls(child, calls, depth + 1);
  }
}

std::vector<CallSite> CodeReader::call_sites(uint64_t function_die) const {
  std::vector<CallSite> calls;
  if (Die function = dwarf_.die(function_die)) collect_calls(function, calls, 0);
  return calls;
}

}  // namespace inquest::debuginfo
