// A64: one aarch64 instruction while it is described. Its methods are in decoder_a64.cc (values) and
// decoder_a64_flow.cc (memory, branches, system); each family says whether the instruction is one of its own.
#pragma once

#include "arch/decoding.h"

namespace inquest::arch {

inline constexpr unsigned kA64Zero = 254;  // xzr, wzr: never leaves these files

class A64 {
 public:
  A64(const cs_insn& decoded, Instruction& out) : decoded_(decoded), a_(decoded.detail->arm64), out_(out) {}
  void describe();

 private:
  bool moves();
  bool arithmetic();
  bool shifts();
  bool compares();
  bool memory();
  bool exclusives();
  bool flow();
  bool system();
  void other();

  Operand source(unsigned index) const;
  Operand memory_operand(unsigned index, unsigned size) const;
  bool odd_shift(unsigned index) const;
  void to(unsigned index);  // destination = operand `index`
  void compute(Operation operation, Operand left, Operand right);
  void load(unsigned size, bool sign_extend);  // reg [, reg], memory
  void store(unsigned size);
  void write_back(Operand& memory);
  void extend_move(unsigned size, bool sign_extend);
  int64_t immediate(unsigned index) const {
    return index < a_.op_count ? a_.operands[index].imm << a_.operands[index].shift.value : 0;
  }
  Condition condition() const;

  const cs_insn& decoded_;
  const cs_arm64& a_;
  Instruction& out_;
};

}  // namespace inquest::arch
