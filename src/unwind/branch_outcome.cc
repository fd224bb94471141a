#include "unwind/branch_outcome.h"

namespace inquest::unwind {

using arch::Condition;

std::optional<FlowComparison> compared_with(const FlowState& state, const arch::Operand& left, uint64_t mask, uint64_t constant) {
  if (!left.is_register() || left.reg >= FlowState::kRegisters || left.shift) return std::nullopt;
  const EntryValue& value = state.registers[left.reg];
  if (!value.known() || value.is(kCfaBase)) return std::nullopt;
  return FlowComparison{value, mask, constant, left.size};
}

std::optional<FlowComparison> comparison_of(const FlowState& state, const arch::Instruction& branch) {
  switch (branch.condition) {
    case Condition::kZero:
    case Condition::kNotZero: return compared_with(state, branch.left, ~uint64_t{0}, 0);
    case Condition::kBitSet:
    case Condition::kBitClear: return branch.right.is_immediate() ? compared_with(state, branch.left, uint64_t(branch.right.immediate), 0) : std::nullopt;
    case Condition::kOther:
    case Condition::kNone: return std::nullopt;
    default: return state.compared;
  }
}

std::optional<FlowFact> fact_of(const FlowState& state, const arch::Instruction& branch, bool taken) {
  auto compared = comparison_of(state, branch);
  bool equal = branch.condition == Condition::kEqual || branch.condition == Condition::kZero;
  bool differs = branch.condition == Condition::kNotEqual || branch.condition == Condition::kNotZero;
  if (!compared || compared->mask != ~uint64_t{0} || !(taken ? equal : differs)) return std::nullopt;
  EntryValue value = compared->value;
  if (value.base == kConstantBase || (value.loaded && !value.born)) return std::nullopt;
  value.width = uint8_t(std::min<unsigned>(value.width, compared->size));
  return FlowFact{value, compared->constant};
}

std::optional<bool> is_taken(Condition condition, const FlowComparison& compared, uint64_t value) {
  if (!compared.size || compared.size > 8) return std::nullopt;
  unsigned shift = 64 - 8 * compared.size;
  uint64_t left = (value & compared.mask) << shift, right = compared.constant << shift;
  int64_t signed_left = int64_t(left), signed_right = int64_t(right);
  switch (condition) {
    case Condition::kEqual:
    case Condition::kZero:
    case Condition::kBitClear: return left == right;
    case Condition::kNotEqual:
    case Condition::kNotZero:
    case Condition::kBitSet: return left != right;
    case Condition::kBelow: return left < right;
    case Condition::kBelowEqual: return left <= right;
    case Condition::kAbove: return left > right;
    case Condition::kAboveEqual: return left >= right;
    case Condition::kLess: return signed_left < signed_right;
    case Condition::kLessEqual: return signed_left <= signed_right;
    case Condition::kGreater: return signed_left > signed_right;
    case Condition::kGreaterEqual: return signed_left >= signed_right;
    case Condition::kNegative: return int64_t(left - right) < 0;
    case Condition::kPositive: return int64_t(left - right) >= 0;
    case Condition::kNone:
    case Condition::kOther: break;
  }
  return std::nullopt;
}

}  // namespace inquest::unwind
