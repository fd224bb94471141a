// What the decoders of this folder share. Includes capstone, so no other folder includes it.
#pragma once

#include <capstone/capstone.h>

#include <string>

#include "arch/instruction.h"

namespace inquest::arch {

// Fills everything of `out` but address and size, from one instruction that capstone decoded with details.
void describe_x86(csh handle, const cs_insn& decoded, Instruction& out);
void describe_a64(csh handle, const cs_insn& decoded, Instruction& out);

// The text: mnemonic and operands in the spelling of objdump and gdb. False if capstone's own text is better.
bool att_text(csh handle, const cs_insn& decoded, std::string& mnemonic, std::string& operands);
void a64_text(const cs_insn& decoded, std::string& mnemonic, std::string& operands);
// Everything, text too, of the aarch64 instructions that capstone does not know. False if it is none of them.
bool describe_a64_new(uint32_t word, Instruction& out);

// Our number of a capstone register, and how many bytes of it that name views.
struct RegisterView {
  uint8_t number = kNoRegister;
  uint8_t size = 8;
};
RegisterView x86_register(unsigned capstone_register);
RegisterView a64_register(unsigned capstone_register);

// Operand `index` in Intel's order; what capstone 4's tables say of written registers, and what they leave out.
Operand x86_operand(const cs_insn& decoded, unsigned index);
void fill_x86_written(const cs_insn& decoded, Instruction& out);

// Adds to out.written, once.
void add_written(Instruction& out, unsigned number);
Operand register_operand(RegisterView view);
Operand immediate_operand(int64_t value, unsigned size = 8);

}  // namespace inquest::arch
