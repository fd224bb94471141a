// Reach: which instructions may have given a register or a stack slot the value it has at another one, and what nothing touches between two.
//
// By instruction alone, without names: a name says "the variable", these say "this value". Sound: a call destroys what the calling
// convention lets it destroy, an unreadable part of the way makes the answer incomplete, which is said. One thread.
#pragma once

#include <bitset>
#include <functional>
#include <vector>

#include "code/value_flow.h"

namespace inquest::code {

struct Definitions {
  std::vector<size_t> instructions;  // ascending
  bool entry = false;                // the value the function was entered with gets here, too
  bool unknown = false;              // a block that nothing known leads to is on the way: there may be more
  bool only_entry() const { return entry && !unknown && instructions.empty(); }
  std::optional<size_t> single() const { return !entry && !unknown && instructions.size() == 1 ? std::optional(instructions[0]) : std::nullopt; }
};

// The last instructions before `instruction`, on each way to it, of which `stop` is true.
Definitions last_before(const FunctionCode& code, size_t instruction, const std::function<bool(size_t)>& stop);
// Of register `reg` as it is just before `instruction`.
Definitions definitions_of(const FunctionCode& code, size_t instruction, unsigned reg);
// Of the 8 bytes of the function's own frame at `slot` (from the stack pointer at entry); stores through other pointers are not seen.
Definitions slot_definitions(const ValueFlow& flow, size_t instruction, int64_t slot);

using RegisterSet = std::bitset<arch::kRegisterCount>;
// Registers that some way from `from` (which counts, and is not run again) to just before `to` changes.
RegisterSet written_between(const FunctionCode& code, size_t from, size_t to);
bool changes(const FunctionCode& code, size_t instruction, unsigned reg);

// The place in the function's own frame that a memory operand means.
std::optional<int64_t> own_slot(const ValueFlow& flow, const State& state, size_t instruction, const arch::MemoryOperand& memory);

}  // namespace inquest::code
