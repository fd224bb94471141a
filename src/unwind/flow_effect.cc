#include "unwind/flow_effect.h"

#include <algorithm>

namespace inquest::unwind {

using arch::Instruction;
using arch::MemoryOperand;
using arch::Operand;
using arch::Operation;

namespace {

EntryValue narrowed(EntryValue value, unsigned size) {
  // What is narrower than a short may be %ah, which is not the low byte.
  if (size < 2) return {};
  value.width = uint8_t(std::min<unsigned>(value.width, size));
  if (value.width < 8 && value.is(kCfaBase)) return {};
  return value;
}

EntryValue plus(EntryValue value, int64_t offset) {
  // What was loaded has no place for a sum.
  if (value.loaded && offset) return {};
  value.offset = int64_t(uint64_t(value.offset) + uint64_t(offset));
  return value;
}

}  // namespace

EntryValue FlowEffect::get(const Operand& operand) const {
  if (operand.is_immediate()) return {kConstantBase, 8, false, operand.immediate};
  if (!operand.is_register() || operand.reg >= FlowState::kRegisters) return {};
  return narrowed(state_.registers[operand.reg], operand.size);
}

void FlowEffect::expose(EntryValue value) {
  if (value.is(kCfaBase) && (!exposed_ || value.offset < *exposed_)) exposed_ = value.offset;
}

void FlowEffect::set(unsigned reg, EntryValue value) {
  if (reg >= FlowState::kRegisters) return;
  if (reg != arch_.sp && reg != arch_.frame_pointer) expose(value);
  state_.registers[reg] = value;
}

void FlowEffect::set_operand(const Operand& operand, EntryValue value, unsigned size) {
  if (!operand.is_register()) return;
  bool constant = value.base == kConstantBase && value.width == 8 && size == 8 && operand.size >= 4;
  set(operand.reg, constant ? value : narrowed(value, std::min(size, operand.size)));
}

// The CFA offset a memory operand means, if it is on the frame at a fixed place. Write-back before the access is included.
std::optional<int64_t> FlowEffect::place(const MemoryOperand& memory) const {
  if (memory.absolute || memory.per_cpu || memory.base >= FlowState::kRegisters || memory.index != arch::kNoRegister) return std::nullopt;
  const EntryValue& base = state_.registers[memory.base];
  if (!base.is(kCfaBase)) return std::nullopt;
  return plus(base, memory.post_index ? 0 : memory.displacement).offset;
}

void FlowEffect::store(const MemoryOperand& memory, unsigned size, int64_t extra, EntryValue value) {
  auto at = place(memory);
  if (!at) {
    // An array on the frame, indexed: anything above may be written.
    if (memory.base < FlowState::kRegisters && memory.index != arch::kNoRegister) expose(plus(state_.registers[memory.base], memory.displacement));
    expose(value);
    return;
  }
  int64_t from = plus({}, *at).offset + extra, to = from + int64_t(std::max(size, 1u));
  for (auto it = state_.slots.begin(); it != state_.slots.end();) {
    bool overlaps = it->first < to && from < it->first + int64_t{8};
    it = overlaps ? state_.slots.erase(it) : std::next(it);
  }
  value = narrowed(value, size);
  if (value.known()) state_.slots[from] = value;
  expose(value);
}

EntryValue FlowEffect::load(const MemoryOperand& memory, unsigned size, int64_t extra) const {
  auto at = place(memory);
  if (!at) return loaded_from(memory, size, extra);
  auto slot = state_.slots.find(*at + extra);
  return slot == state_.slots.end() ? EntryValue{} : narrowed(slot->second, size);
}

// Memory that an entry register points into: what it holds may have changed since, which whoever uses it must judge.
EntryValue FlowEffect::loaded_from(const MemoryOperand& memory, unsigned size, int64_t extra) const {
  if (memory.absolute || memory.per_cpu || memory.base >= FlowState::kRegisters || memory.index != arch::kNoRegister) return {};
  EntryValue base = state_.registers[memory.base];
  if (!base.known() || base.loaded || base.width < 8 || base.base >= FlowState::kRegisters) return {};
  EntryValue value = plus(base, (memory.post_index ? 0 : memory.displacement) + extra);
  value.loaded = true;
  return narrowed(value, size);
}

void FlowEffect::write_back(const MemoryOperand& memory) {
  if ((memory.pre_index || memory.post_index) && memory.base < FlowState::kRegisters)
    set(memory.base, plus(state_.registers[memory.base], memory.displacement));
}

void FlowEffect::move_stack(int64_t by) { state_.registers[arch_.sp] = plus(state_.registers[arch_.sp], by); }

void FlowEffect::call() {
  for (unsigned reg = 0; reg < FlowState::kRegisters; reg++) {
    bool saved = std::find(arch_.callee_saved.begin(), arch_.callee_saved.end(), reg) != arch_.callee_saved.end();
    if (!saved && reg != arch_.sp) state_.registers[reg] = {};
  }
}

bool FlowEffect::stack_operation(const Instruction& i) {
  MemoryOperand top;
  top.base = arch_.sp;
  if (i.operation == Operation::kPush) {
    EntryValue value = get(i.left);
    move_stack(-8);
    store(top, 8, 0, value);
    return true;
  }
  if (i.operation == Operation::kPop) {
    EntryValue value = load(top, 8, 0);
    move_stack(8);
    set_operand(i.destination, value, 8);
    return true;
  }
  if (i.mnemonic.starts_with("leave")) {
    state_.registers[arch_.sp] = state_.registers[arch_.frame_pointer];
    EntryValue value = load(top, 8, 0);
    move_stack(8);
    set(arch_.frame_pointer, value);
    return true;
  }
  return false;
}

void FlowEffect::data_operation(const Instruction& i) {
  // What is read is read before anything changes.
  EntryValue left = get(i.left), second = get(i.second), result, result2;
  unsigned size = i.destination.is_register() ? i.destination.size : 8;
  const MemoryOperand* loaded = i.operation == Operation::kLoad && i.left.is_memory() ? &i.left.memory : nullptr;
  unsigned one = i.second.is_register() ? i.second.size : 0;  // ldp, stp: the pair's single size
  std::optional<MemoryOperand> written_back;
  switch (i.operation) {
    case Operation::kMove:
      result = left;
      // A 32-bit constant is the whole register's.
      if (left.base == kConstantBase && size == 4) result.offset = int64_t(uint32_t(left.offset)), size = 8;
      break;
    case Operation::kLoad:
      if (loaded) {
        result = load(*loaded, one ? one : loaded->size, 0);
        if (one) result2 = load(*loaded, one, one);
        written_back = *loaded;
      }
      break;
    case Operation::kAdd:
    case Operation::kSubtract:
      if (i.right.is_immediate() && left.known())
        result = plus(left, i.operation == Operation::kAdd ? i.right.immediate : int64_t(-uint64_t(i.right.immediate)));
      break;
    case Operation::kAddress: {
      const MemoryOperand& m = i.left.memory;
      if (i.left.is_memory() && m.base < FlowState::kRegisters && !m.absolute) {
        EntryValue base = plus(state_.registers[m.base], m.displacement);
        if (m.index == arch::kNoRegister) result = base;
        else expose(base);
      } else if (m.absolute) {
        result = {kConstantBase, 8, false, int64_t(*m.absolute)};
      }
      break;
    }
    case Operation::kStore:
      if (i.destination.is_memory()) {
        const MemoryOperand& m = i.destination.memory;
        store(m, one ? one : m.size, 0, left);
        if (one) store(m, one, one, second);
        written_back = m;
      }
      break;
    default:
      // Read-modify-write, exchanges and what is not described: memory on the frame may have changed.
      for (const Operand* operand : {&i.destination, &i.left, &i.right})
        if (operand->is_memory() && i.operation != Operation::kCompare && i.operation != Operation::kTest)
          store(operand->memory, std::max(operand->memory.size, operand->size), 0, {});
      break;
  }
  if (i.operation != Operation::kStore && i.destination.is_memory()) store(i.destination.memory, 8, 0, {});
  for (uint8_t reg : i.written)
    if (!written_back || reg != written_back->base) set(reg, {});
  if (i.operation == Operation::kLoad && one) set_operand(i.second, result2, one);
  if (i.destination.is_register()) set_operand(i.destination, result, size);
  if (written_back) write_back(*written_back);
}

void FlowEffect::apply(const Instruction& i, bool transparent_call) {
  switch (i.operation) {
    case Operation::kNop:  // paciasp among them: it changes x30, but only in bits that are stripped later
    case Operation::kCompare:
    case Operation::kTest:
    case Operation::kJump:
    case Operation::kBranch:
    case Operation::kReturn:
    case Operation::kTrap: return;
    case Operation::kCall:
      if (!transparent_call) call();
      return;
    default: break;
  }
  if (!stack_operation(i)) data_operation(i);
}

}  // namespace inquest::unwind
