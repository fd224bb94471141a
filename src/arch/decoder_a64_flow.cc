// aarch64 loads and stores, branches, and system instructions; see decoder_a64.h.
#include "arch/decoder_a64.h"

namespace inquest::arch {

using namespace a64;

bool A64::memory() {
  switch (decoded_.id) {
    case ARM64_INS_LDR:
    case ARM64_INS_LDUR:
    case ARM64_INS_LDTR:
    case ARM64_INS_LDP:
    case ARM64_INS_LDNP:
    case ARM64_INS_LDAR:
    case ARM64_INS_LDXR:
    case ARM64_INS_LDAXR:
    case ARM64_INS_LDXP:
    case ARM64_INS_LDAXP: load(0, false); return true;
    case ARM64_INS_LDRB:
    case ARM64_INS_LDURB:
    case ARM64_INS_LDTRB:
    case ARM64_INS_LDARB:
    case ARM64_INS_LDXRB:
    case ARM64_INS_LDAXRB: load(1, false); return true;
    case ARM64_INS_LDRH:
    case ARM64_INS_LDURH:
    case ARM64_INS_LDTRH:
    case ARM64_INS_LDARH:
    case ARM64_INS_LDXRH:
    case ARM64_INS_LDAXRH: load(2, false); return true;
    case ARM64_INS_LDRSB:
    case ARM64_INS_LDURSB:
    case ARM64_INS_LDTRSB: load(1, true); return true;
    case ARM64_INS_LDRSH:
    case ARM64_INS_LDURSH:
    case ARM64_INS_LDTRSH: load(2, true); return true;
    case ARM64_INS_LDRSW:
    case ARM64_INS_LDURSW:
    case ARM64_INS_LDTRSW:
    case ARM64_INS_LDPSW: load(4, true); return true;
    case ARM64_INS_STR:
    case ARM64_INS_STUR:
    case ARM64_INS_STTR:
    case ARM64_INS_STP:
    case ARM64_INS_STNP:
    case ARM64_INS_STLR: store(0); return true;
    case ARM64_INS_STRB:
    case ARM64_INS_STURB:
    case ARM64_INS_STTRB:
    case ARM64_INS_STLRB: store(1); return true;
    case ARM64_INS_STRH:
    case ARM64_INS_STURH:
    case ARM64_INS_STTRH:
    case ARM64_INS_STLRH: store(2); return true;
    default: return exclusives();
  }
}

// stxr w3, x2, [x0]: w3 = 0 if x2 was stored.
bool A64::exclusives() {
  unsigned size = 0;
  switch (decoded_.id) {
    case ARM64_INS_STXR:
    case ARM64_INS_STLXR:
    case ARM64_INS_STXP:
    case ARM64_INS_STLXP: break;
    case ARM64_INS_STXRB:
    case ARM64_INS_STLXRB: size = 1; break;
    case ARM64_INS_STXRH:
    case ARM64_INS_STLXRH: size = 2; break;
    default: return false;
  }
  to(0);
  out_.operation = Operation::kExchange;
  out_.left = source(1);
  if (size == 0) size = out_.left.size;
  out_.left.size = size;
  out_.second = a_.op_count == 4 ? source(2) : Operand{};
  out_.destination = memory_operand(a_.op_count - 1u, size);
  return true;
}

Condition A64::condition() const {
  switch (a_.cc) {
    case ARM64_CC_EQ: return Condition::kEqual;
    case ARM64_CC_NE: return Condition::kNotEqual;
    case ARM64_CC_HS: return Condition::kAboveEqual;
    case ARM64_CC_LO: return Condition::kBelow;
    case ARM64_CC_HI: return Condition::kAbove;
    case ARM64_CC_LS: return Condition::kBelowEqual;
    case ARM64_CC_MI: return Condition::kNegative;
    case ARM64_CC_PL: return Condition::kPositive;
    case ARM64_CC_GE: return Condition::kGreaterEqual;
    case ARM64_CC_LT: return Condition::kLess;
    case ARM64_CC_GT: return Condition::kGreater;
    case ARM64_CC_LE: return Condition::kLessEqual;
    case ARM64_CC_INVALID: return Condition::kNone;
    default: return Condition::kOther;
  }
}

bool A64::flow() {
  const cs_arm64_op& last = a_.operands[a_.op_count ? a_.op_count - 1 : 0];
  switch (decoded_.id) {
    case ARM64_INS_B:
      out_.operation = a_.cc == ARM64_CC_INVALID || a_.cc == ARM64_CC_AL || a_.cc == ARM64_CC_NV ? Operation::kJump
                                                                                                 : Operation::kBranch;
      out_.condition = out_.operation == Operation::kBranch ? condition() : Condition::kNone;
      break;
    case ARM64_INS_CBZ:
    case ARM64_INS_CBNZ:
      out_.operation = Operation::kBranch;
      out_.condition = decoded_.id == ARM64_INS_CBZ ? Condition::kZero : Condition::kNotZero;
      out_.left = source(0);
      out_.right = immediate_operand(0);
      break;
    case ARM64_INS_TBZ:
    case ARM64_INS_TBNZ:
      out_.operation = Operation::kBranch;
      out_.condition = decoded_.id == ARM64_INS_TBZ ? Condition::kBitClear : Condition::kBitSet;
      out_.left = source(0);
      out_.right = immediate_operand(int64_t(uint64_t{1} << (a_.operands[1].imm & 63)));
      break;
    case ARM64_INS_BL:
    case ARM64_INS_BLR:
      out_.operation = Operation::kCall;
      add_written(out_, kX30);
      if (decoded_.id == ARM64_INS_BLR) out_.left = source(0);
      break;
    case ARM64_INS_BR:
      out_.operation = Operation::kJump;
      out_.left = source(0);
      break;
    case ARM64_INS_RET:
    case ARM64_INS_ERET:
    case ARM64_INS_DRPS: out_.operation = Operation::kReturn; return true;
    case ARM64_INS_BRK:
    case ARM64_INS_HLT:
      out_.operation = Operation::kTrap;
      out_.left = source(0);
      return true;
    default: return false;
  }
  if (last.type == ARM64_OP_IMM) out_.target = VirtualAddress(uint64_t(last.imm));
  return true;
}

bool A64::system() {
  switch (decoded_.id) {
    case ARM64_INS_MRS:
    case ARM64_INS_SYSL: to(decoded_.id == ARM64_INS_MRS ? 0 : a_.op_count - 1u); return true;
    case ARM64_INS_MSR: out_.left = source(1); return true;
    case ARM64_INS_HVC:
    case ARM64_INS_SMC:  // SMC calling convention 1.0, 2.6: x0 to x17 may change
      for (unsigned i = 0; i < 18; i++) add_written(out_, i);
      return true;
    case ARM64_INS_NOP:
    case ARM64_INS_HINT:
    case ARM64_INS_DMB:
    case ARM64_INS_DSB:
    case ARM64_INS_ISB:
    case ARM64_INS_PRFM:
    case ARM64_INS_PRFUM:
    case ARM64_INS_CLREX:
    case ARM64_INS_YIELD:
    case ARM64_INS_WFE:
    case ARM64_INS_WFI:
    case ARM64_INS_SEV:
    case ARM64_INS_SEVL: out_.operation = Operation::kNop; return true;
    case ARM64_INS_SYS:
    case ARM64_INS_DC:
    case ARM64_INS_IC:
    case ARM64_INS_AT:
    case ARM64_INS_TLBI:
    case ARM64_INS_SVC: return true;
    default: return false;
  }
}

}  // namespace inquest::arch
