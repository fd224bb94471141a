// aarch64 instructions in the neutral form (Arm ARM C6.2). Capstone 4's lists of accessed registers have gaps here, so
// what is written follows from the instruction's meaning and its write-back, not from them.
#include "arch/decoder_a64.h"

#include <string_view>

namespace inquest::arch {

namespace {

using namespace a64;

RegisterView raw_register(unsigned r) {
  if (r >= ARM64_REG_X0 && r <= ARM64_REG_X28) return {uint8_t(r - ARM64_REG_X0), 8};
  if (r >= ARM64_REG_W0 && r <= ARM64_REG_W30) return {uint8_t(r - ARM64_REG_W0), 4};
  switch (r) {
    case ARM64_REG_X29: return {kX29, 8};
    case ARM64_REG_X30: return {kX30, 8};
    case ARM64_REG_SP: return {kSp, 8};
    case ARM64_REG_WSP: return {kSp, 4};
    case ARM64_REG_XZR: return {kA64Zero, 8};
    case ARM64_REG_WZR: return {kA64Zero, 4};
    default: break;
  }
  if (r >= ARM64_REG_Q0 && r <= ARM64_REG_Q31) return {kNoRegister, 16};
  if (r >= ARM64_REG_S0 && r <= ARM64_REG_S31) return {kNoRegister, 4};
  if (r >= ARM64_REG_H0 && r <= ARM64_REG_H31) return {kNoRegister, 2};
  if (r >= ARM64_REG_B0 && r <= ARM64_REG_B31) return {kNoRegister, 1};
  return {};
}

}  // namespace

Operand A64::source(unsigned index) const {
  if (index >= a_.op_count) return {};
  const cs_arm64_op& op = a_.operands[index];
  if (op.type == ARM64_OP_IMM || op.type == ARM64_OP_CIMM) return immediate_operand(immediate(index));
  if (op.type != ARM64_OP_REG) return {};
  RegisterView view = raw_register(op.reg);
  if (view.number == kA64Zero) return immediate_operand(0, view.size);
  Operand operand = register_operand(view);
  if (op.shift.type == ARM64_SFT_LSL) operand.shift = op.shift.value;
  switch (op.ext) {
    case ARM64_EXT_UXTB: operand.size = 1; break;
    case ARM64_EXT_UXTH: operand.size = 2; break;
    case ARM64_EXT_UXTW: operand.size = 4; break;
    case ARM64_EXT_SXTB: operand.size = 1, operand.sign_extend = true; break;
    case ARM64_EXT_SXTH: operand.size = 2, operand.sign_extend = true; break;
    case ARM64_EXT_SXTW: operand.size = 4, operand.sign_extend = true; break;
    default: break;
  }
  if (op.ext != ARM64_EXT_INVALID) operand.shift = op.shift.value;
  return operand;
}

// lsr, asr and ror of a source have no place in Operand.
bool A64::odd_shift(unsigned index) const {
  if (index >= a_.op_count) return false;
  arm64_shifter type = a_.operands[index].shift.type;
  return type != ARM64_SFT_INVALID && type != ARM64_SFT_LSL;
}

Operand A64::memory_operand(unsigned index, unsigned size) const {
  Operand operand;
  if (index >= a_.op_count) return operand;
  const cs_arm64_op& op = a_.operands[index];
  operand.size = size;
  MemoryOperand& m = operand.memory;
  m.size = size;
  if (op.type == ARM64_OP_IMM) {  // ldr x0, <literal>
    operand.kind = Operand::Kind::kMemory;
    m.base = kPc;
    m.absolute = uint64_t(op.imm);
    m.displacement = int64_t(uint64_t(op.imm) - decoded_.address);
    return operand;
  }
  if (op.type != ARM64_OP_MEM) return operand;
  operand.kind = Operand::Kind::kMemory;
  m.base = raw_register(op.mem.base).number;
  m.displacement = op.mem.disp;
  if (op.mem.index != ARM64_REG_INVALID) {
    RegisterView view = raw_register(op.mem.index);
    m.index = view.number == kA64Zero ? kNoRegister : view.number;
    m.index_is_32 = view.size == 4;
    m.index_is_signed = op.ext == ARM64_EXT_SXTW || op.ext == ARM64_EXT_SXTX;
    m.scale = 1u << (op.shift.value & 7);
  }
  return operand;
}

void A64::to(unsigned index) {
  if (index >= a_.op_count || a_.operands[index].type != ARM64_OP_REG) return;
  RegisterView view = raw_register(a_.operands[index].reg);
  if (view.number == kA64Zero) view.number = kNoRegister;
  out_.destination = register_operand(view);
  add_written(out_, view.number);
}

void A64::compute(Operation operation, Operand left, Operand right) {
  to(0);
  out_.operation = operation;
  out_.left = left;
  out_.right = right;
}

// "[x0, #8]!" and "[x0], #8" (or "], x2" of vector loads) change the base.
void A64::write_back(Operand& memory) {
  std::string_view text = decoded_.op_str;
  size_t close = text.find(']');
  if (close == std::string_view::npos || !memory.is_memory()) return;
  std::string_view rest = text.substr(close + 1);
  memory.memory.pre_index = rest.starts_with("!");
  memory.memory.post_index = rest.starts_with(",");
  if (memory.memory.post_index) {
    const cs_arm64_op& last = a_.operands[a_.op_count - 1];
    memory.memory.displacement = last.type == ARM64_OP_IMM ? last.imm : 0;
  }
  if (rest.starts_with("!") || rest.starts_with(",")) add_written(out_, memory.memory.base);
}

void A64::load(unsigned size, bool sign_extend) {
  bool pair = a_.op_count > 2 && a_.operands[1].type == ARM64_OP_REG;
  out_.operation = Operation::kLoad;
  if (pair) {
    to(1);
    out_.second = out_.destination;
  }
  to(0);
  if (size == 0) size = out_.destination.size;
  out_.left = memory_operand(pair ? 2 : 1, size);
  out_.sign_extend = sign_extend;
  out_.zero_extend = !sign_extend && size < 8;
  write_back(out_.left);
}

void A64::store(unsigned size) {
  bool pair = a_.op_count > 2 && a_.operands[1].type == ARM64_OP_REG;
  out_.operation = Operation::kStore;
  out_.left = source(0);
  if (pair) out_.second = source(1);
  if (size == 0) size = out_.left.size;
  out_.left.size = size;
  out_.second.size = size;
  out_.destination = memory_operand(pair ? 2 : 1, size);
  write_back(out_.destination);
}

void A64::extend_move(unsigned size, bool sign_extend) {
  compute(Operation::kMove, source(1), {});
  if (out_.left.is_register()) out_.left.size = size;
  out_.sign_extend = sign_extend;
  out_.zero_extend = !sign_extend;
}

bool A64::moves() {
  switch (decoded_.id) {
    case ARM64_INS_MOV:
      if (a_.op_count > 0 && raw_register(a_.operands[0].reg).number == kNoRegister) return false;  // vectors
      if (a_.op_count > 1 && a_.operands[1].type == ARM64_OP_REG &&
          raw_register(a_.operands[1].reg).number == kNoRegister)
        return false;
      compute(Operation::kMove, source(1), {});
      out_.zero_extend = out_.destination.size == 4;
      return true;
    case ARM64_INS_MOVZ: compute(Operation::kMove, immediate_operand(immediate(1)), {}); return true;
    case ARM64_INS_MOVN: {
      to(0);
      uint64_t value = ~uint64_t(immediate(1));
      if (out_.destination.size == 4) value &= 0xffffffff;
      compute(Operation::kMove, immediate_operand(int64_t(value)), {});
      return true;
    }
    case ARM64_INS_MOVK: {
      compute(Operation::kOther, {}, immediate_operand(immediate(1)));
      out_.left = out_.destination;
      out_.second = immediate_operand(int64_t(uint64_t{0xffff} << a_.operands[1].shift.value));
      return true;
    }
    case ARM64_INS_ADR:
    case ARM64_INS_ADRP: compute(Operation::kMove, immediate_operand(a_.operands[1].imm), {}); return true;
    case ARM64_INS_SXTB: extend_move(1, true); return true;
    case ARM64_INS_SXTH: extend_move(2, true); return true;
    case ARM64_INS_SXTW: extend_move(4, true); return true;
    case ARM64_INS_UXTB: extend_move(1, false); return true;
    case ARM64_INS_UXTH: extend_move(2, false); return true;
    case ARM64_INS_UXTW: extend_move(4, false); return true;
    default: return false;
  }
}

bool A64::arithmetic() {
  if (a_.op_count < 2 || a_.operands[0].type != ARM64_OP_REG || raw_register(a_.operands[0].reg).number == kNoRegister)
    return false;
  if (odd_shift(2) || (a_.op_count == 2 && odd_shift(1))) return false;
  switch (decoded_.id) {
    case ARM64_INS_ADD: /* and adds */ compute(Operation::kAdd, source(1), source(2)); return true;
    case ARM64_INS_SUB: /* and subs */ compute(Operation::kSubtract, source(1), source(2)); return true;
    case ARM64_INS_AND: /* and ands */ compute(Operation::kAnd, source(1), source(2)); return true;
    case ARM64_INS_EOR: compute(Operation::kXor, source(1), source(2)); return true;
    case ARM64_INS_ORR:
      compute(Operation::kOr, source(1), source(2));
      if (out_.left.is_immediate() && out_.left.immediate == 0 &&
          out_.right.shift == 0) {  // orr w0, wzr, #…: how constants are made
        out_.operation = Operation::kMove;
        out_.left = out_.right;
        out_.right = {};
      }
      return true;
    case ARM64_INS_MUL: compute(Operation::kMultiply, source(1), source(2)); return true;
    case ARM64_INS_UMULL:
    case ARM64_INS_SMULL:
      compute(Operation::kMultiply, source(1), source(2));
      out_.left.sign_extend = out_.right.sign_extend = out_.sign_extend = decoded_.id == ARM64_INS_SMULL;
      return true;
    case ARM64_INS_UDIV:
    case ARM64_INS_SDIV:
      compute(Operation::kDivide, source(1), source(2));
      out_.sign_extend = decoded_.id == ARM64_INS_SDIV;
      return true;
    case ARM64_INS_NEG:
    case ARM64_INS_NEGS: compute(Operation::kSubtract, immediate_operand(0), source(1)); return true;
    case ARM64_INS_MVN: compute(Operation::kXor, source(1), immediate_operand(-1)); return true;
    default: return false;
  }
}

bool A64::shifts() {
  unsigned bits = a_.op_count > 3 ? unsigned(a_.operands[3].imm) : 0;
  switch (decoded_.id) {
    case ARM64_INS_LSL: compute(Operation::kShiftLeft, source(1), source(2)); return true;
    case ARM64_INS_LSR: compute(Operation::kShiftRight, source(1), source(2)); return true;
    case ARM64_INS_ASR:
      compute(Operation::kShiftRight, source(1), source(2));
      out_.sign_extend = true;
      return true;
    case ARM64_INS_UBFIZ:
    case ARM64_INS_SBFIZ: {  // an index made an offset: (u32)x << n
      bool whole = bits == 8 || bits == 16 || bits == 32;
      compute(whole ? Operation::kShiftLeft : Operation::kOther, source(1), source(2));
      if (whole && out_.left.is_register()) out_.left.size = bits / 8;
      out_.left.sign_extend = out_.sign_extend = decoded_.id == ARM64_INS_SBFIZ;
      if (!whole) out_.second = source(3);
      return true;
    }
    case ARM64_INS_UBFX:
    case ARM64_INS_SBFX: {
      bool low = a_.op_count > 3 && a_.operands[2].imm == 0 && bits > 0 && bits < 64;
      if (low && decoded_.id == ARM64_INS_UBFX) {
        compute(Operation::kAnd, source(1), immediate_operand(int64_t((uint64_t{1} << bits) - 1)));
      } else {
        compute(Operation::kOther, source(1), source(2));
        out_.second = source(3);
      }
      return true;
    }
    case ARM64_INS_BFI:
    case ARM64_INS_BFXIL:
    case ARM64_INS_BFM: compute(Operation::kOther, source(0), source(1)); return true;
    default: return false;
  }
}

bool A64::compares() {
  switch (decoded_.id) {
    case ARM64_INS_CMP: out_.operation = Operation::kCompare; break;
    case ARM64_INS_TST: out_.operation = Operation::kTest; break;
    case ARM64_INS_CMN:
      out_.left = source(0);
      out_.right = source(1);
      if (out_.right.is_immediate()) {  // cmn x0, #1: compares with -1, how IS_ERR() is compiled
        out_.operation = Operation::kCompare;
        out_.right.immediate = -out_.right.immediate;
      }
      return true;
    case ARM64_INS_CCMP:
    case ARM64_INS_CCMN: break;
    default: return false;
  }
  if (odd_shift(1)) out_.operation = Operation::kOther;
  if (decoded_.id == ARM64_INS_CCMP || decoded_.id == ARM64_INS_CCMN) out_.condition = condition();
  out_.left = source(0);
  out_.right = source(1);
  return true;
}

// csel, clz, madd, vectors …: the first register is the result; a memory operand among the others may write back.
void A64::other() {
  to(0);
  out_.left = source(1);
  out_.right = source(2);
  if (out_.destination.is_register() && out_.destination.reg == kNoRegister) out_.destination = {};
  out_.condition = condition();
  for (unsigned i = 0; i < a_.op_count; i++) {
    if (a_.operands[i].type != ARM64_OP_MEM) continue;
    Operand memory = memory_operand(i, 16);
    write_back(memory);
    if (decoded_.mnemonic[0] == 's')
      out_.destination = memory;  // st1, st4: vector stores
    else
      out_.left = memory;
  }
}

void A64::describe() {
  if (moves() || arithmetic() || shifts() || compares() || memory() || flow() || system()) return;
  other();
}

RegisterView a64_register(unsigned capstone_register) {
  RegisterView view = raw_register(capstone_register);
  if (view.number == kA64Zero) view.number = kNoRegister;
  return view;
}

void describe_a64(csh, const cs_insn& decoded, Instruction& out) { A64(decoded, out).describe(); }

}  // namespace inquest::arch
