#include "unwind/flow_effect.h"

#include <algorithm>

#include "unwind/branch_outcome.h"

namespace inquest::unwind {

using arch::Instruction;
using arch::MemoryOperand;
using arch::Operand;
using arch::Operation;

namespace {

EntryValue narrowed(EntryValue value, unsigned size) {
  if (!size) return {};
  value.width = uint8_t(std::min<unsigned>(value.width, size));
  if (value.width < 8 && value.is(kCfaBase)) return {};
  return value;
}

EntryValue plus(EntryValue value, int64_t offset) {
  // What was loaded has no place for a sum.
  if ((value.loaded || value.base == kMaskBase || value.base == kMaskedBase) && offset) return {};
  value.offset = int64_t(uint64_t(value.offset) + uint64_t(offset));
  return value;
}

// x86_64's %ah, %bh, %ch, %dh, which are not the low bytes of anything.
bool names_high_byte(std::string_view operands) {
  for (size_t at = operands.find('%'); at != operands.npos; at = operands.find('%', at + 1))
    if (at + 2 < operands.size() && operands[at + 1] >= 'a' && operands[at + 1] <= 'd' && operands[at + 2] == 'h') return true;
  return false;
}

// "sbb %rdx, %rdx": minus the carry (arch/x86/include/asm/barrier.h, array_index_mask_nospec, since 4.16).
bool makes_mask(const Instruction& i) {
  std::string_view operands = i.operands;
  size_t comma = operands.find(','), second = operands.find_first_not_of(", ", comma);
  return i.mnemonic.starts_with("sbb") && i.destination.is_register() && second != operands.npos && operands.substr(0, comma) == operands.substr(second);
}

}  // namespace

EntryValue FlowEffect::get(const Operand& operand) const {
  if (operand.is_immediate()) return {kConstantBase, 8, false, operand.immediate};
  if (!operand.is_register() || operand.reg >= FlowState::kRegisters || (operand.size == 1 && high_bytes_)) return {};
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
  if (operand.size == 1 && high_bytes_) return set(operand.reg, {});
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
    bool overlaps = it->first < to && from < it->first + int64_t{it->second.width};
    it = overlaps ? state_.slots.erase(it) : std::next(it);
  }
  value = narrowed(value, size);
  if (value.known()) state_.slots[from] = value;
  expose(value);
}

bool FlowEffect::is_current(const MemoryOperand& memory, unsigned size) const {
  if (!memory.per_cpu || !current_at_ || size != 8 || memory.index != arch::kNoRegister) return false;
  return memory.absolute ? *memory.absolute == *current_at_ : memory.base == arch::kNoRegister && uint64_t(memory.displacement) == *current_at_;
}

EntryValue FlowEffect::load(const MemoryOperand& memory, unsigned size, int64_t extra) const {
  if (is_current(memory, size)) return {kCurrentBase, 8, false, 0};
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
  if (born_) state_.registers[arch_.result] = {kBornBase, 8, false, 0, born_};
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

EntryValue FlowEffect::masked(EntryValue value, EntryValue mask) {
  if (value.base == kMaskBase) std::swap(value, mask);
  if (value.base != kBornBase || mask.base != kMaskBase || value.offset) return {};
  value.base = kMaskedBase;
  return value;
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
      // Extended, it is something else in all its bytes.
      if (born_ && i.left.size < size && left.is_born()) result = {};
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
  // arm64 keeps `current` in sp_el0 (arch/arm64/include/asm/current.h, since 4.10).
  if (arch_.link && i.mnemonic == "mrs" && i.operands.find("sp_el0") != std::string::npos) result = {kCurrentBase, 8, false, 0};
  if (born_ && makes_mask(i)) result = {kMaskBase, 8, false, 0, 0};
  if (born_ && i.operation == Operation::kAnd) result = masked(left, get(i.right));
  if (born_ && !result.known() && i.operation != Operation::kStore) result = {kBornBase, uint8_t(std::min(size, 8u)), false, 0, born_};
  if (result.loaded) result.born = born_;
  if (result2.loaded) result2.born = born_;
  for (uint8_t reg : i.written)
    if (!written_back || reg != written_back->base) set(reg, {});
  if (i.operation == Operation::kLoad && one) set_operand(i.second, result2, one);
  if (i.destination.is_register()) set_operand(i.destination, result, size);
  if (written_back) write_back(*written_back);
}

// The instruction runs again: what it gave the last time is not what it gives now.
void FlowEffect::forget_last_birth() {
  auto gone = [this](const EntryValue& value) { return value.born == born_; };
  auto forget = [&gone](EntryValue& value) {
    if (!gone(value)) return;
    if (value.is_born()) value = {};
    value.born = 0;
  };
  for (EntryValue& value : state_.registers) forget(value);
  for (auto& [offset, value] : state_.slots) forget(value);
  for (CarriedValue& one : state_.carried) forget(one.value);
  std::erase_if(state_.facts, [&gone](const FlowFact& fact) { return gone(fact.value); });
  if (state_.compared && gone(state_.compared->value)) state_.compared.reset();
}

void FlowEffect::name_unknown(uint32_t block) {
  for (unsigned reg = 0; reg < FlowState::kRegisters; reg++)
    if (reg != arch_.pc && reg != arch_.sp && !state_.registers[reg].known()) state_.registers[reg] = {kBornBase, 8, false, 0, block + reg};
}

void FlowEffect::note_flags(const Instruction& i) {
  switch (i.operation) {
    case Operation::kMove:
    case Operation::kLoad:
    case Operation::kStore:
    case Operation::kAddress:
    case Operation::kPush:
    case Operation::kNop:
    case Operation::kJump:
    case Operation::kBranch: return;
    default: state_.compared.reset();
  }
  bool same = i.left.is_register() && i.right.is_register() && i.left.reg == i.right.reg && !i.right.shift;
  if (i.left.size == 1 && high_bytes_) return;
  // Not ccmp, whose flags may come from its condition, nor bt.
  if (i.operation == Operation::kCompare && i.mnemonic.starts_with("cm") && i.right.is_immediate())
    state_.compared = compared_with(state_, i.left, ~uint64_t{0}, uint64_t(i.right.immediate));
  if (i.operation != Operation::kTest || !(i.mnemonic.starts_with("test") || i.mnemonic == "tst")) return;
  if (same) state_.compared = compared_with(state_, i.left, ~uint64_t{0}, 0);
  else if (i.right.is_immediate()) state_.compared = compared_with(state_, i.left, uint64_t(i.right.immediate), 0);
}

void FlowEffect::apply(const Instruction& i, bool transparent_call) {
  high_bytes_ = names_high_byte(i.operands);
  if (born_) forget_last_birth(), note_flags(i);
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
