// What comparisons tell: whether a branch is taken if the value compared is known, and what is known of the value where it was taken or not.
#pragma once

#include <optional>

#include "unwind/entry_flow.h"

namespace inquest::unwind {

// A register compared with a constant, here; nothing: what it holds is not known.
std::optional<FlowComparison> compared_with(const FlowState& state, const arch::Operand& left, uint64_t mask, uint64_t constant);
// What a branch depends on.
std::optional<FlowComparison> comparison_of(const FlowState& state, const arch::Instruction& branch);
std::optional<FlowFact> fact_of(const FlowState& state, const arch::Instruction& branch, bool taken);
std::optional<bool> is_taken(arch::Condition condition, const FlowComparison& compared, uint64_t value);

}  // namespace inquest::unwind
