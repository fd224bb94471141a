// x86_64 instructions in the neutral form. Intel SDM vol. 2 for what each writes; capstone's operand order here is
// Intel's (destination first), whatever the text shows.
#include <algorithm>

#include "arch/decoding.h"

namespace inquest::arch {

namespace {

using namespace x86;

Condition condition_of(unsigned id) {
  switch (id) {
    case X86_INS_JE:
    case X86_INS_SETE:
    case X86_INS_CMOVE: return Condition::kEqual;
    case X86_INS_JNE:
    case X86_INS_SETNE:
    case X86_INS_CMOVNE: return Condition::kNotEqual;
    case X86_INS_JB:
    case X86_INS_SETB:
    case X86_INS_CMOVB: return Condition::kBelow;
    case X86_INS_JBE:
    case X86_INS_SETBE:
    case X86_INS_CMOVBE: return Condition::kBelowEqual;
    case X86_INS_JA:
    case X86_INS_SETA:
    case X86_INS_CMOVA: return Condition::kAbove;
    case X86_INS_JAE:
    case X86_INS_SETAE:
    case X86_INS_CMOVAE: return Condition::kAboveEqual;
    case X86_INS_JL:
    case X86_INS_SETL:
    case X86_INS_CMOVL: return Condition::kLess;
    case X86_INS_JLE:
    case X86_INS_SETLE:
    case X86_INS_CMOVLE: return Condition::kLessEqual;
    case X86_INS_JG:
    case X86_INS_SETG:
    case X86_INS_CMOVG: return Condition::kGreater;
    case X86_INS_JGE:
    case X86_INS_SETGE:
    case X86_INS_CMOVGE: return Condition::kGreaterEqual;
    case X86_INS_JS:
    case X86_INS_SETS:
    case X86_INS_CMOVS: return Condition::kNegative;
    case X86_INS_JNS:
    case X86_INS_SETNS:
    case X86_INS_CMOVNS: return Condition::kPositive;
    case X86_INS_JO:
    case X86_INS_JNO:
    case X86_INS_JP:
    case X86_INS_JNP:
    case X86_INS_JCXZ:
    case X86_INS_JECXZ:
    case X86_INS_JRCXZ:
    case X86_INS_LOOP:
    case X86_INS_LOOPE:
    case X86_INS_LOOPNE: return Condition::kOther;
    default: return Condition::kNone;
  }
}

// destination = left op right, of the instructions with two operands.
Operation binary_of(unsigned id) {
  switch (id) {
    case X86_INS_ADD: return Operation::kAdd;
    case X86_INS_SUB: return Operation::kSubtract;
    case X86_INS_AND: return Operation::kAnd;
    case X86_INS_OR: return Operation::kOr;
    case X86_INS_XOR: return Operation::kXor;
    case X86_INS_SHL:
    case X86_INS_SAL: return Operation::kShiftLeft;
    case X86_INS_SHR:
    case X86_INS_SAR: return Operation::kShiftRight;
    case X86_INS_SHLX: return Operation::kShiftLeft;
    case X86_INS_SHRX:
    case X86_INS_SARX: return Operation::kShiftRight;
    case X86_INS_IMUL: return Operation::kMultiply;
    default: return Operation::kOther;
  }
}

void move(Instruction& out, Operand to, Operand from) {
  out.operation = to.is_memory() ? Operation::kStore : from.is_memory() ? Operation::kLoad : Operation::kMove;
  // A 32-bit result clears the upper half (SDM vol. 1, 3.4.1.1).
  if (to.is_register() && to.size == 4 && from.size == 4) out.zero_extend = true;
  out.destination = to;
  out.left = from;
}

void arithmetic(Instruction& out, Operation operation, Operand to, Operand left, Operand right) {
  out.operation = operation;
  out.destination = to;
  out.left = left;
  out.right = right;
}

// xor %eax,%eax and sub %eax,%eax are how compilers write 0.
bool is_zeroing(unsigned id, const Operand& a, const Operand& b) {
  return (id == X86_INS_XOR || id == X86_INS_SUB) && a.is_register() && b.is_register() && a.reg == b.reg &&
         a.size == b.size && a.reg != kNoRegister && a.size >= 4;
}

bool describe_binary(const cs_insn& decoded, Instruction& out) {
  Operation operation = binary_of(decoded.id);
  if (operation == Operation::kOther) return false;
  Operand a = x86_operand(decoded, 0), b = x86_operand(decoded, 1), c = x86_operand(decoded, 2);
  unsigned count = decoded.detail->x86.op_count;
  if (is_zeroing(decoded.id, a, b)) {
    move(out, a, immediate_operand(0, a.size));
  } else if (decoded.id == X86_INS_IMUL && count == 1) {
    Operand rax = register_operand({kRax, uint8_t(a.size)});
    arithmetic(out, operation, rax, rax, a);
    add_written(out, kRax);
    if (a.size > 1) add_written(out, kRdx);
  } else if (count == 3) {  // imul $5,%rcx,%rax; shlx
    arithmetic(out, operation, a, b, c);
  } else {
    arithmetic(out, operation, a, a, count == 1 ? immediate_operand(1, 1) : b);
  }
  out.sign_extend = decoded.id == X86_INS_SAR || decoded.id == X86_INS_SARX;
  return true;
}

bool describe_unary(const cs_insn& decoded, Instruction& out) {
  Operand a = x86_operand(decoded, 0);
  Operand rax = register_operand({kRax, uint8_t(a.size)});
  switch (decoded.id) {
    case X86_INS_INC: arithmetic(out, Operation::kAdd, a, a, immediate_operand(1, a.size)); return true;
    case X86_INS_DEC: arithmetic(out, Operation::kSubtract, a, a, immediate_operand(1, a.size)); return true;
    case X86_INS_NEG: arithmetic(out, Operation::kSubtract, a, immediate_operand(0, a.size), a); return true;
    case X86_INS_NOT: arithmetic(out, Operation::kXor, a, a, immediate_operand(-1, a.size)); return true;
    case X86_INS_MUL:
    case X86_INS_DIV:
    case X86_INS_IDIV:
      arithmetic(out, decoded.id == X86_INS_MUL ? Operation::kMultiply : Operation::kDivide, rax, rax, a);
      out.sign_extend = decoded.id == X86_INS_IDIV;
      add_written(out, kRax);
      if (a.size > 1) add_written(out, kRdx);
      return true;
    default: return false;
  }
}

bool describe_move(const cs_insn& decoded, Instruction& out) {
  Operand a = x86_operand(decoded, 0), b = x86_operand(decoded, 1);
  switch (decoded.id) {
    case X86_INS_MOV:
    case X86_INS_MOVABS:
    case X86_INS_MOVNTI:
    case X86_INS_MOVBE: move(out, a, b); return true;
    case X86_INS_MOVZX:
      move(out, a, b);
      out.zero_extend = true;
      return true;
    case X86_INS_MOVSX:
    case X86_INS_MOVSXD:
      move(out, a, b);
      out.sign_extend = true;
      return true;
    case X86_INS_LEA:
      out.operation = Operation::kAddress;
      out.destination = a;
      out.left = b;
      return true;
    case X86_INS_CBW:
    case X86_INS_CWDE:
    case X86_INS_CDQE: {
      uint8_t size = decoded.id == X86_INS_CBW ? 2 : decoded.id == X86_INS_CWDE ? 4 : 8;
      move(out, register_operand({kRax, size}), register_operand({kRax, uint8_t(size / 2)}));
      out.sign_extend = true;
      add_written(out, kRax);
      return true;
    }
    case X86_INS_CWD:
    case X86_INS_CDQ:
    case X86_INS_CQO: out.written = {kRdx}; return true;
    case X86_INS_PUSH:
      out.operation = Operation::kPush;
      out.left = a;
      add_written(out, kRsp);
      return true;
    case X86_INS_POP:
      out.operation = Operation::kPop;
      out.destination = a;
      add_written(out, kRsp);
      return true;
    case X86_INS_PUSHFQ:
      out.operation = Operation::kPush;
      add_written(out, kRsp);
      return true;
    case X86_INS_POPFQ:
      out.operation = Operation::kPop;
      add_written(out, kRsp);
      return true;
    case X86_INS_LEAVE:
      add_written(out, kRsp);
      add_written(out, kRbp);
      return true;
    default: return false;
  }
}

bool describe_flags(const cs_insn& decoded, Instruction& out) {
  Operand a = x86_operand(decoded, 0), b = x86_operand(decoded, 1);
  switch (decoded.id) {
    case X86_INS_CMP: out.operation = Operation::kCompare; break;
    case X86_INS_TEST: out.operation = Operation::kTest; break;
    case X86_INS_BT:
      out.operation = Operation::kTest;
      if (b.is_immediate())
        b = immediate_operand(int64_t(uint64_t{1} << (uint64_t(b.immediate) & (8 * std::min(a.size, 8u) - 1))), a.size);
      break;
    default: return false;
  }
  out.left = a;
  out.right = b;
  out.written.clear();
  return true;
}

bool describe_flow(const cs_insn& decoded, Instruction& out) {
  Operand a = x86_operand(decoded, 0);
  Condition condition = condition_of(decoded.id);
  switch (decoded.id) {
    case X86_INS_CALL:
    case X86_INS_LCALL:
      out.operation = Operation::kCall;
      out.written.clear();
      break;
    case X86_INS_JMP:
    case X86_INS_LJMP: out.operation = Operation::kJump; break;
    case X86_INS_RET:
    case X86_INS_RETF:
    case X86_INS_RETFQ:
    case X86_INS_IRET:
    case X86_INS_IRETD:
    case X86_INS_IRETQ:
    case X86_INS_SYSRET:
    case X86_INS_SYSEXIT:
      out.operation = Operation::kReturn;
      out.written.clear();
      return true;
    case X86_INS_UD0:
    case X86_INS_UD2:
    case X86_INS_UD2B:
    case X86_INS_INT3:
    case X86_INS_INT1:
    case X86_INS_HLT: out.operation = Operation::kTrap; return true;
    default:
      if (condition == Condition::kNone || decoded.mnemonic[0] == 's' || decoded.mnemonic[0] == 'c') return false;
      out.operation = Operation::kBranch;
      out.condition = condition;
      break;
  }
  if (a.is_immediate())
    out.target = VirtualAddress(uint64_t(a.immediate));
  else
    out.left = a;
  return true;
}

bool describe_exchange(const cs_insn& decoded, Instruction& out) {
  Operand a = x86_operand(decoded, 0), b = x86_operand(decoded, 1);
  switch (decoded.id) {
    case X86_INS_XCHG:
    case X86_INS_XADD:
    case X86_INS_CMPXCHG:
    case X86_INS_CMPXCHG8B:
    case X86_INS_CMPXCHG16B: break;
    default: return false;
  }
  // 66 90 and such: xchg %ax,%ax.
  if (decoded.id == X86_INS_XCHG && a.is_register() && b.is_register() && a.reg == b.reg) {
    out.operation = Operation::kNop;
    out.written.clear();
    return true;
  }
  if (b.is_memory()) std::swap(a, b);
  out.operation = Operation::kExchange;
  out.destination = a;
  out.left = b;
  return true;
}

bool is_nop(unsigned id) {
  switch (id) {
    case X86_INS_NOP:
    case X86_INS_PAUSE:
    case X86_INS_LFENCE:
    case X86_INS_MFENCE:
    case X86_INS_SFENCE:
    case X86_INS_PREFETCHT0:
    case X86_INS_PREFETCHT1:
    case X86_INS_PREFETCHT2:
    case X86_INS_PREFETCHNTA:
    case X86_INS_PREFETCH:
    case X86_INS_PREFETCHW: return true;
    default: return false;
  }
}

// endbr64 is f3 0f 1e fa, a hint nop that capstone 4 does not always know by name.
bool is_endbr(const cs_insn& decoded) {
  return decoded.size == 4 && decoded.bytes[0] == 0xf3 && decoded.bytes[1] == 0x0f && decoded.bytes[2] == 0x1e &&
         decoded.bytes[3] >= 0xfa;
}

// setcc, cmovcc, adc, sbb, bts, string operations, SSE: what they read and write, with no claim of the result.
void describe_other(const cs_insn& decoded, Instruction& out) {
  const cs_x86& x = decoded.detail->x86;
  Operand a = x86_operand(decoded, 0);
  if (x.op_count == 0) return;
  bool set = decoded.id >= X86_INS_SETAE && decoded.id <= X86_INS_SETS;
  bool cmov = condition_of(decoded.id) != Condition::kNone && !set;
  out.condition = condition_of(decoded.id);
  bool writes = (x.operands[0].access & CS_AC_WRITE) || set || decoded.id == X86_INS_MOVNTDQ ||
                decoded.id == X86_INS_VMOVDQU || decoded.id == X86_INS_VMOVDQA || decoded.id == X86_INS_ROL ||
                decoded.id == X86_INS_ROR || (x.operands[0].access == 0 && a.is_register());
  if (writes) out.destination = a;
  if (set) return;
  if (x.op_count == 1) out.left = a;
  if (x.op_count == 2 && (cmov || (x.operands[0].access & CS_AC_READ) == 0))
    out.left = x86_operand(decoded, 1);
  else if (x.op_count >= 2)
    out.left = a, out.right = x86_operand(decoded, 1);
}

}  // namespace

void describe_x86(csh, const cs_insn& decoded, Instruction& out) {
  fill_x86_written(decoded, out);
  if (is_nop(decoded.id) || is_endbr(decoded)) {
    out.operation = Operation::kNop;
    out.written.clear();
    return;
  }
  if (describe_move(decoded, out) || describe_binary(decoded, out) || describe_unary(decoded, out) ||
      describe_flags(decoded, out) || describe_flow(decoded, out) || describe_exchange(decoded, out)) {
    return;
  }
  describe_other(decoded, out);
}

}  // namespace inquest::arch
