// One instruction's effect on a FlowState: the transfer function of EntryFlow.
#pragma once

#include <optional>

#include "unwind/entry_flow.h"

namespace inquest::unwind {

class FlowEffect {
 public:
  FlowEffect(const arch::Arch& arch, FlowState& state) : arch_(arch), state_(state) {}

  // `transparent_call`: a call that keeps every register (ftrace's hook at a function's entry).
  void apply(const arch::Instruction& instruction, bool transparent_call);
  // The lowest CFA offset whose address this instruction gave away; nothing if none.
  std::optional<int64_t> exposed() const { return exposed_; }

 private:
  EntryValue get(const arch::Operand& operand) const;
  void set(unsigned reg, EntryValue value);
  void set_operand(const arch::Operand& operand, EntryValue value, unsigned size);
  void store(const arch::MemoryOperand& memory, unsigned size, int64_t extra, EntryValue value);
  EntryValue load(const arch::MemoryOperand& memory, unsigned size, int64_t extra) const;
  EntryValue loaded_from(const arch::MemoryOperand& memory, unsigned size, int64_t extra) const;
  std::optional<int64_t> place(const arch::MemoryOperand& memory) const;
  void write_back(const arch::MemoryOperand& memory);
  void move_stack(int64_t by);
  void call();
  bool stack_operation(const arch::Instruction& i);
  void data_operation(const arch::Instruction& i);
  void expose(EntryValue value);

  const arch::Arch& arch_;
  FlowState& state_;
  std::optional<int64_t> exposed_;
};

}  // namespace inquest::unwind
