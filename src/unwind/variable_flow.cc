#include "unwind/variable_flow.h"

#include <algorithm>

namespace inquest::unwind {

using arch::Instruction;
using arch::Operation;

namespace {

// DW_OP_entry_value or DW_OP_GNU_entry_value of one register, DW_OP_plus_uconst: as compilers write what a function was given.
struct EntryRelation {
  unsigned reg = 0;
  int64_t offset = 0;
  bool in_memory = true;
};
std::optional<EntryRelation> entry_relation(Bytes expression) {
  Cursor in(expression);
  uint8_t op = in.u8();
  uint64_t size = in.uleb();
  uint8_t reg = in.u8();
  if ((op != 0xa3 && op != 0xf3) || size != 1 || reg < 0x50 || reg > 0x6f) return std::nullopt;
  EntryRelation relation{reg - 0x50u, 0, true};
  if (!in.at_end() && expression[3] == std::byte{0x23}) in.u8(), relation.offset = int64_t(in.uleb());
  if (!in.at_end()) relation.in_memory = in.u8() != 0x9f;  // DW_OP_stack_value
  return in.ok() && in.at_end() ? std::optional(relation) : std::nullopt;
}

// DW_OP_lit0 to lit31, const1u to consts, and what is computed from them, with DW_OP_stack_value at the end.
std::optional<int64_t> constant_of(const debuginfo::Expression& expression) {
  Bytes bytes = expression.bytes;
  uint8_t first = bytes.empty() ? 0 : std::to_integer<uint8_t>(bytes.front());
  bool pushes = (first >= 0x30 && first <= 0x4f) || (first >= 0x08 && first <= 0x11);
  if (!pushes || bytes.back() != std::byte{0x9f}) return std::nullopt;
  debuginfo::EvaluationContext nothing;
  nothing.to_runtime = [&pushes](uint64_t address) { return pushes = false, address; };
  auto value = debuginfo::evaluate_value(expression, nothing);
  return value.ok() && pushes ? std::optional(int64_t(*value)) : std::nullopt;
}

bool is_cfa(const debuginfo::Expression* frame_base) {
  return frame_base && frame_base->bytes.size() == 1 && frame_base->bytes[0] == std::byte{0x9c};  // DW_OP_call_frame_cfa
}

}  // namespace

VariableFlow::Place VariableFlow::place_of(const debuginfo::FunctionTree::Place& place, bool base_is_cfa) {
  Place made;
  made.low = place.span.low;
  made.high = place.span.high;
  if (auto now = debuginfo::register_relation(place.location); now && now->reg < FlowState::kRegisters)
    made.reg = now->reg, made.offset = now->offset, made.in_memory = now->in_memory;
  else if (auto entry = entry_relation(place.location.bytes); entry && entry->reg < FlowState::kRegisters)
    made.reg = entry->reg, made.offset = entry->offset, made.in_memory = entry->in_memory, made.at_entry = true;
  if (auto number = constant_of(place.location)) made.constant = true, made.offset = *number;
  Cursor in(place.location.bytes);
  if (base_is_cfa && in.u8() == 0x91) {  // DW_OP_fbreg
    made.offset = in.sleb();
    made.on_cfa = made.in_memory = in.ok() && in.at_end();
  }
  return made;
}

VariableFlow::VariableFlow(const arch::Arch& arch, const std::vector<const Variable*>& wanted, uint64_t to_file, const debuginfo::Expression* frame_base, ResultOf result_of)
    : arch_(arch), to_file_(to_file), result_of_(std::move(result_of)) {
  for (const Variable* one : wanted) {
    Carried carried;
    carried.type = one->type;
    carried.width = uint8_t(std::min<uint64_t>(8, one->type ? one->type->size().value_or(8) : 8));
    for (const auto& place : one->places)
      if (!place.location.bytes.empty()) carried.places.push_back(place_of(place, is_cfa(frame_base)));
    carried_.push_back(std::move(carried));
  }
}

bool VariableFlow::can_carry(const Variable& variable, const debuginfo::Expression* frame_base) {
  return std::ranges::any_of(variable.places, [&](const auto& place) {
    Place made = place_of(place, is_cfa(frame_base));
    return made.known();
  });
}

const VariableFlow::Place* VariableFlow::Carried::place_at(uint64_t address) const {
  for (const Place& place : places)
    if (address >= place.low && address < place.high) return &place;
  return nullptr;
}

// Whether the instruction takes away what the place holds. Any store may change memory, as the compiler sees it.
bool VariableFlow::changes(const Instruction& instruction, bool keeps_registers, const Place& place) const {
  if (place.reg == arch::kNoRegister) return false;
  if (instruction.operation == Operation::kCall && keeps_registers) return false;
  bool call = instruction.operation == Operation::kCall;
  bool stores = instruction.destination.is_memory() || instruction.operation == Operation::kPush;
  if (place.in_memory && (call || stores)) return true;
  if (place.at_entry) return false;
  if (call) return std::find(arch_.callee_saved.begin(), arch_.callee_saved.end(), place.reg) == arch_.callee_saved.end();
  return instruction.writes(place.reg);
}

// Behind the instruction before: `explained` if its end is no sign of a new value.
void VariableFlow::settle(const Carried& one, uint64_t address, bool explained, CarriedValue& value) const {
  bool here = one.place_at(address);
  if (value.placed && !here) {
    value.until = address;
    if (!value.destroyed && !explained) value.value = {};
  }
  value.placed = value.destroyed = false;
}

void VariableFlow::arrive(const Way& way, FlowState& state) const {
  state.carried.resize(carried_.size());
  for (size_t i = 0; i < carried_.size(); i++) {
    // Where ways meet, a place that not all of them have is given up.
    const Place* left = way.from.is_null() ? nullptr : carried_[i].place_at(way.from.value + to_file_);
    auto has_it = [&](VirtualAddress other) {
      const Place* place = carried_[i].place_at(other.value + to_file_);
      return place && place->same(*left);
    };
    bool explained = left && !std::ranges::all_of(way.others, has_it);
    settle(carried_[i], way.to.value + to_file_, explained, state.carried[i]);
    // In a loop, a variable may be one of those that the compiler counts by another, and replaces; nor may it be what an earlier round
    // left of a block that is entered anew. Nobody counts by `current`.
    if (way.into_loop && state.carried[i].value.base != kCurrentBase) state.carried[i].value = {};
  }
}

// The slot of the frame that a place is.
std::optional<int64_t> VariableFlow::slot_of(const Place& place, const FlowState& state) {
  if (place.on_cfa) return place.offset;
  if (!place.in_memory || place.at_entry || place.reg == arch::kNoRegister || !state.registers[place.reg].is(kCfaBase)) return std::nullopt;
  return int64_t(uint64_t(state.registers[place.reg].offset) + uint64_t(place.offset));
}

EntryValue VariableFlow::value_in(const Place& place, const FlowState& state, uint8_t width) const {
  if (auto slot = slot_of(place, state)) {
    auto found = state.slots.find(*slot);
    EntryValue held = found == state.slots.end() ? EntryValue{} : found->second;
    if (held.known()) held.width = std::min(held.width, width);
    return held;
  }
  if (place.constant) return {kConstantBase, width, false, place.offset};
  if (place.reg == arch::kNoRegister) return {};
  EntryValue held = place.at_entry ? EntryValue{uint8_t(place.reg), 8, false, 0} : state.registers[place.reg];
  if (!held.known() || (held.loaded && (place.offset || place.in_memory))) return {};
  // Debuginfo is wrong (see FrameEvaluator::is_callers): what the function keeps for its caller is no variable.
  if (std::find(arch_.callee_saved.begin(), arch_.callee_saved.end(), held.base) != arch_.callee_saved.end()) return {};
  if (place.in_memory && (held.width < 8 || held.base >= FlowState::kRegisters)) return {};
  held.offset = int64_t(uint64_t(held.offset) + uint64_t(place.offset));
  held.loaded = held.loaded || place.in_memory;
  held.width = std::min(held.width, width);
  return held;
}

// "x ^= 1", where x is nowhere, is nowhere either. Of pointers, members' addresses are computed much more often.
bool VariableFlow::computes_with(std::span<const Instruction> code, const FlowState& state, const EntryValue& value) const {
  const Instruction& instruction = code[0];
  if (code.size() > 1 && code[1].operation == Operation::kBranch) return false;  // for the flags
  switch (instruction.operation) {
    case Operation::kAdd:
    case Operation::kSubtract:
    case Operation::kAnd:
    case Operation::kOr:
    case Operation::kXor:
    case Operation::kShiftLeft:
    case Operation::kShiftRight:
    case Operation::kMultiply:
    case Operation::kDivide:
    case Operation::kAddress:
    case Operation::kOther: break;
    default: return false;
  }
  if (value.base == kConstantBase) return false;
  for (unsigned reg = 0; reg < FlowState::kRegisters; reg++) {
    const EntryValue& held = state.registers[reg];
    if (held.known() && held.base == value.base && held.loaded == value.loaded && (!value.is_born() || held.born == value.born) && reads(instruction, reg)) return true;
  }
  return false;
}

void VariableFlow::before(std::span<const Instruction> code, FlowState& state) const {
  const Instruction& instruction = code[0];
  uint64_t address = instruction.address.value + to_file_;
  for (size_t i = 0; i < carried_.size(); i++) {
    CarriedValue& value = state.carried[i];
    settle(carried_[i], address, false, value);
    const Place* place = carried_[i].place_at(address);
    if (!place) {
      if (computes_with(code, state, value.value) && !(carried_[i].type && carried_[i].type->is_pointer())) value.value = {};
      continue;
    }
    value = {};
    value.placed = true;
    value.value = value_in(*place, state, carried_[i].width);
  }
}

bool VariableFlow::reads(const Instruction& one, unsigned reg) const {
  bool any = false;
  for (const arch::Operand* operand : {&one.left, &one.right, &one.second, &one.destination}) {
    bool is_read = operand != &one.destination && !(operand == &one.second && one.operation == Operation::kLoad);
    any = any || (operand->is_register() && is_read && operand->reg == reg) || (operand->is_memory() && (operand->memory.base == reg || operand->memory.index == reg));
  }
  return any;
}

// Up to the end of the block: compilers put the first look at a result right behind the call.
bool VariableFlow::result_is_read(std::span<const Instruction> code) const {
  for (const Instruction& one : code.subspan(1)) {
    if (reads(one, arch_.result)) return true;
    if (one.operation == Operation::kReturn) return true;  // what this function gives back
    bool over = one.operation == Operation::kCall || one.operation == Operation::kBranch || one.ends_block() || one.writes(arch_.result);
    if (over) return false;
  }
  return false;
}

bool may_hold(const debuginfo::Type* variable, const debuginfo::Type* result) {
  if (!variable || !result) return false;
  bool pointer = result->is_pointer();
  return variable->stripped()->is_aggregate() || variable->is_pointer() == pointer;
}

// An assignment of a result that nobody reads leaves no other trace.
void VariableFlow::forget_assigned(std::span<const Instruction> code, FlowState& state) const {
  if (result_is_read(code)) return;
  auto result = result_of_ ? result_of_(code[0]) : std::nullopt;
  for (size_t i = 0; i < carried_.size(); i++)
    if (!state.carried[i].placed || state.carried[i].destroyed)
      if (!result || may_hold(carried_[i].type, *result)) state.carried[i].value = {};
}

void VariableFlow::after(std::span<const Instruction> code, bool keeps_registers, FlowState& state) const {
  const Instruction& instruction = code[0];
  for (size_t i = 0; i < carried_.size(); i++) {
    CarriedValue& value = state.carried[i];
    const Place* place = value.placed ? carried_[i].place_at(instruction.address.value + to_file_) : nullptr;
    if (!place) continue;
    value.destroyed = slot_of(*place, state) ? value_in(*place, state, carried_[i].width) != value.value : changes(instruction, keeps_registers, *place);
  }
  if (instruction.operation == Operation::kCall && !keeps_registers) forget_assigned(code, state);
}

}  // namespace inquest::unwind
