#include "unwind/placeless.h"

#include <fmt/format.h>

#include <algorithm>

#include "unwind/frame_evaluator.h"
#include "unwind/variable_flow.h"

namespace inquest::unwind {

using debuginfo::FunctionTree;

namespace {

struct Placeless {
  FrameVariable* variable = nullptr;
  const FunctionTree::Variable* told = nullptr;
};

bool is_placeless(const FrameVariable& variable) { return !variable.value && variable.why_not == "optimized out"; }

// In the block around the address, by what they were declared as.
const FunctionTree::Variable* find(const FunctionTree& tree, uint64_t address, const debuginfo::LocalVariable& local) {
  for (const auto& node : tree.nodes) {
    if (std::ranges::none_of(node.spans, [&](const auto& span) { return span.contains(address); })) continue;
    for (const auto& v : node.variables)
      if (v.origin == local.origin && v.name == local.name) return &v;
  }
  return nullptr;
}

std::vector<Placeless> all_placeless(const FunctionTree& tree, uint64_t address, const debuginfo::Scopes& here, std::vector<FrameVariable>& variables) {
  std::vector<Placeless> all;
  size_t next = 0;
  for (const debuginfo::FunctionScope& f : here.functions)
    for (const debuginfo::LocalVariable& local : f.variables) {
      FrameVariable& variable = variables[next++];
      if (!is_placeless(variable)) continue;
      if (const auto* told = find(tree, address, local)) all.push_back({&variable, told});
    }
  return all;
}

// A variable that DWARF places only behind this address has no value yet: what it will get is what the call or a later line gives.
// Whether it had a place before.
bool tell_why(const Placeless& one, uint64_t address, const std::string& function, uint64_t function_at) {
  const FunctionTree::Place* last = nullptr;
  bool behind = false;
  for (const auto& place : one.told->places) {
    if (place.location.bytes.empty()) continue;
    if (place.span.low > address) behind = true;
    else if (!last || place.span.high > last->span.high) last = &place;
  }
  if (last) one.variable->why_not = fmt::format("not kept behind {}+{:#x}", function, last->span.high - function_at);
  else if (behind) one.variable->why_not = "not set yet";
  return last;
}

// Indirect calls, and those through trampolines, may give anything back.
std::optional<const debuginfo::Type*> result_of(const object::Program& program, const arch::Instruction& call) {
  const object::LoadedFile* file = call.target ? program.file_at(*call.target) : nullptr;
  auto at = file && file->debug_file() ? file->to_file(*call.target) : std::nullopt;
  auto function = at ? file->debug_file()->function_at(*at) : std::nullopt;
  return function ? std::optional(function->result) : std::nullopt;
}

// By what was given, or by what the code still tells.
std::optional<CallValues::Kept> value_of(CallValues& values, size_t frame, const EntryFlow& flow, const EntryValue& wanted, unsigned size) {
  FrameEvaluator evaluator(values, frame, true);
  if (auto value = evaluator.of_own_entry(wanted); value && evaluator.width() >= size) return CallValues::Kept{*value, evaluator.width(), evaluator.how()};
  return values.like(frame, flow, wanted, size);
}

void set_value(CallValues& values, size_t frame, const EntryFlow& flow, const EntryValue& carried, const std::string& where, FrameVariable& variable) {
  uint64_t size = variable.type ? variable.type->size().value_or(8) : 8;
  if (!carried.known() || carried.width < size || size > 8) return;
  auto found = value_of(values, frame, flow, carried, unsigned(size));
  if (!found) return;
  bool is_bool = variable.type && variable.type->stripped()->kind() == debuginfo::TypeKind::kBool;
  uint64_t mask = size >= 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * size)) - 1;
  if (is_bool && (found->value & mask) > 1) return;  // see Reader::from_piece
  variable.value = object::Value::of_number(values.program(), variable.type, found->value & mask);
  variable.why_not.clear();
  variable.how = where + (found->how.empty() ? "" : ", ") + found->how;
  variable.basis = Basis::kEarlier;
}

}  // namespace

void find_placeless(CallValues& values, size_t frame, uint64_t address, const debuginfo::Scopes& here, std::vector<FrameVariable>& variables) {
  if (std::ranges::none_of(variables, is_placeless)) return;
  const object::Program& program = values.program();
  const Frame& f = values.stack().frames[frame];
  const object::LoadedFile* file = program.file_at(f.lookup());
  auto tree = file->debug_file()->tree_at(address);
  auto extent = function_extent(program, f.lookup());
  if (!tree.ok() || !extent) return;
  uint64_t to_file = address - f.lookup().value;
  std::vector<Placeless> all = all_placeless(*tree, address, here, variables);
  const debuginfo::Expression* frame_base = values.frame_base(frame);
  std::erase_if(all, [&](const Placeless& one) {
    return !tell_why(one, address, extent->name, extent->entry.value + to_file) || !VariableFlow::can_carry(*one.told, frame_base);
  });
  if (all.empty()) return;
  std::vector<const FunctionTree::Variable*> wanted;
  for (const Placeless& one : all) wanted.push_back(one.told);
  std::map<uint64_t, std::optional<const debuginfo::Type*>> results;
  auto result_of_call = [&](const arch::Instruction& call) {
    auto [known, fresh] = results.try_emplace(call.address.value);
    if (fresh) known->second = result_of(program, call);
    return known->second;
  };
  VariableFlow watch(program.arch(), wanted, to_file, frame_base, result_of_call);
  auto given = values.given(frame);
  auto flow = EntryFlow::analyse(program, values.call_address(frame), {&watch, true, given, {}});
  if (!flow) return;
  auto address_in_function = [&](uint64_t at) { return fmt::format("{}+{:#x}", extent->name, at - extent->entry.value - to_file); };
  for (size_t i = 0; i < all.size(); i++) {
    const CarriedValue& carried = flow->state().carried[i];
    set_value(values, frame, *flow, carried.value, "last known at " + address_in_function(carried.until), *all[i].variable);
  }
}

}  // namespace inquest::unwind
