// VariableFlow: what variables that DWARF places nowhere at an instruction held when it placed them last.
//
// Debuginfo forgets a variable once its register is used for something else and nothing else it may name has the value: system calls'
// arguments, which the user's saved registers still have, are forgotten so, and what the function was given, or `current`, or a
// constant, in a variable of its own. EntryFlow carries such values along from where DWARF placed the variable, on all paths.
// A place that ends though nothing changed it there, and no other way comes in, ends because the variable was assigned again: then nothing is
// known. So it is in loops, and of what paths do not agree on.
// A call whose result nobody reads may have been assigned to a variable, in which nobody reads it either: then the compiler drops the
// assignment, and the variable's old value must not outlive that call.
#pragma once

#include <vector>

#include "debuginfo/debug_file.h"
#include "unwind/entry_flow.h"

namespace inquest::unwind {

class VariableFlow : public FlowWatch {
 public:
  using Variable = debuginfo::FunctionTree::Variable;
  // What a call gives back; null: nothing. No value: not known.
  using ResultOf = std::function<std::optional<const debuginfo::Type*>(const arch::Instruction& call)>;
  // Carries these variables. `to_file` is added to run-time addresses; `frame_base`: what DW_OP_fbreg is relative to, may be null.
  VariableFlow(const arch::Arch& arch, const std::vector<const Variable*>& wanted, uint64_t to_file, const debuginfo::Expression* frame_base,
               ResultOf result_of);

  // Whether anything can be carried of a variable.
  static bool can_carry(const Variable& variable, const debuginfo::Expression* frame_base);

  void arrive(const Way& way, FlowState& state) const override;
  void before(std::span<const arch::Instruction> code, FlowState& state) const override;
  void after(std::span<const arch::Instruction> code, bool keeps_registers, FlowState& state) const override;

 private:
  // A place that is a register plus an offset, or the memory there; reg kNoRegister: some other place.
  struct Place {
    uint64_t low = 0, high = 0;
    unsigned reg = arch::kNoRegister;
    int64_t offset = 0;
    bool in_memory = false, at_entry = false;  // at_entry: the register as it was when the function was entered
    bool on_cfa = false;                       // memory at the CFA plus the offset; no register
    bool constant = false;                     // the offset itself; no register
    bool known() const { return reg != arch::kNoRegister || on_cfa || constant; }
    bool same(const Place& other) const {
      return reg == other.reg && offset == other.offset && on_cfa == other.on_cfa && constant == other.constant && in_memory == other.in_memory &&
             at_entry == other.at_entry;
    }
  };
  static Place place_of(const debuginfo::FunctionTree::Place& place, bool base_is_cfa);
  struct Carried {
    const debuginfo::Type* type = nullptr;
    uint8_t width = 8;
    std::vector<Place> places;                 // as the compiler wrote them: the first that contains an address is valid there
    const Place* place_at(uint64_t address) const;
  };
  bool computes_with(std::span<const arch::Instruction> code, const FlowState& state, const EntryValue& value) const;
  bool reads(const arch::Instruction& instruction, unsigned reg) const;
  bool result_is_read(std::span<const arch::Instruction> code) const;
  void forget_assigned(std::span<const arch::Instruction> code, FlowState& state) const;
  bool changes(const arch::Instruction& instruction, bool keeps_registers, const Place& place) const;
  static std::optional<int64_t> slot_of(const Place& place, const FlowState& state);
  EntryValue value_in(const Place& place, const FlowState& state, uint8_t width) const;
  void settle(const Carried& one, uint64_t address, bool explained, CarriedValue& value) const;

  const arch::Arch& arch_;
  std::vector<Carried> carried_;
  uint64_t to_file_;
  ResultOf result_of_;
};

}  // namespace inquest::unwind
