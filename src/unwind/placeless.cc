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
void tell_why(const Placeless& one, uint64_t address, const std::string& function, uint64_t function_at) {
  const FunctionTree::Place* last = nullptr;
  bool behind = false;
  for (const auto& place : one.told->places) {
    if (place.location.bytes.empty()) continue;
    if (place.span.low > address) behind = true;
    else if (!last || place.span.high > last->span.high) last = &place;
  }
  if (last) one.variable->why_not = fmt::format("not kept behind {}+{:#x}", function, last->span.high - function_at);
  else if (behind) one.variable->why_not = "not set yet";
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
  std::vector<const FunctionTree::Variable*> wanted;
  for (const Placeless& one : all) {
    tell_why(one, address, extent->name, extent->entry.value + to_file);
    wanted.push_back(one.told);
  }
  if (wanted.empty()) return;
  VariableFlow watch(program.arch(), wanted, to_file, values.frame_base(frame), [&program](const arch::Instruction& call) { return result_of(program, call); });
  auto flow = EntryFlow::analyse(program, values.call_address(frame), {&watch, true, {}});
  if (!flow) return;
  for (size_t i = 0; i < all.size(); i++) {
    const CarriedValue& carried = flow->state().carried[i];
    FrameVariable& variable = *all[i].variable;
    uint64_t size = variable.type ? variable.type->size().value_or(8) : 8;
    if (!carried.value.known() || carried.value.width < size || size > 8) continue;
    auto found = value_of(values, frame, *flow, carried.value, unsigned(size));
    if (!found) continue;
    uint64_t mask = size >= 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * size)) - 1;
    variable.value = object::Value::of_number(program, variable.type, found->value & mask);
    variable.why_not.clear();
    variable.how = fmt::format("last known at {}+{:#x}{}{}", extent->name, carried.until - extent->entry.value - to_file, found->how.empty() ? "" : ", ", found->how);
    variable.basis = Basis::kEarlier;
  }
}

}  // namespace inquest::unwind
