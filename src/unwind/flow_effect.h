// One instruction's effect on a FlowState: the transfer function of EntryFlow.
#pragma once

#include <optional>

#include "unwind/entry_flow.h"

namespace inquest::unwind {

class FlowEffect {
 public:
  FlowEffect(const arch::Arch& arch, FlowState& state, std::optional<uint64_t> current_at) : arch_(arch), state_(state), current_at_(current_at) {}

  // From now on what instructions give is told apart by where they are (kBornBase), and comparisons are noted. `born`: this one.
  void follow_births(uint32_t born) { born_ = born; }
  // At the begin of a block: what is not known is at least the same wherever it goes from here.
  void name_unknown(uint32_t block);
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
  bool is_current(const arch::MemoryOperand& memory, unsigned size) const;
  std::optional<int64_t> place(const arch::MemoryOperand& memory) const;
  void write_back(const arch::MemoryOperand& memory);
  void move_stack(int64_t by);
  void call();
  bool stack_operation(const arch::Instruction& i);
  void data_operation(const arch::Instruction& i);
  void expose(EntryValue value);
  void forget_last_birth();
  static EntryValue masked(EntryValue value, EntryValue mask);
  void note_flags(const arch::Instruction& i);

  const arch::Arch& arch_;
  FlowState& state_;
  std::optional<uint64_t> current_at_;
  uint32_t born_ = 0;
  bool high_bytes_ = false;   // the instruction names one of %ah to %dh
  std::optional<int64_t> exposed_;
};

}  // namespace inquest::unwind
