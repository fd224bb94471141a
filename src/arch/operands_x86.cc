// Operands and registers of x86_64, from capstone's to ours.
#include <array>

#include "arch/decoding.h"

namespace inquest::arch {

namespace {

using namespace x86;

std::array<RegisterView, X86_REG_ENDING> make_views() {
  std::array<RegisterView, X86_REG_ENDING> views{};
  struct Family {
    unsigned number;
    x86_reg r64, r32, r16, r8, high;
  };
  static constexpr Family kFamilies[] = {
      {kRax, X86_REG_RAX, X86_REG_EAX, X86_REG_AX, X86_REG_AL, X86_REG_AH},
      {kRdx, X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL, X86_REG_DH},
      {kRcx, X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL, X86_REG_CH},
      {kRbx, X86_REG_RBX, X86_REG_EBX, X86_REG_BX, X86_REG_BL, X86_REG_BH},
      {kRsi, X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL, X86_REG_INVALID},
      {kRdi, X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL, X86_REG_INVALID},
      {kRbp, X86_REG_RBP, X86_REG_EBP, X86_REG_BP, X86_REG_BPL, X86_REG_INVALID},
      {kRsp, X86_REG_RSP, X86_REG_ESP, X86_REG_SP, X86_REG_SPL, X86_REG_INVALID},
      {8, X86_REG_R8, X86_REG_R8D, X86_REG_R8W, X86_REG_R8B, X86_REG_INVALID},
      {9, X86_REG_R9, X86_REG_R9D, X86_REG_R9W, X86_REG_R9B, X86_REG_INVALID},
      {10, X86_REG_R10, X86_REG_R10D, X86_REG_R10W, X86_REG_R10B, X86_REG_INVALID},
      {11, X86_REG_R11, X86_REG_R11D, X86_REG_R11W, X86_REG_R11B, X86_REG_INVALID},
      {12, X86_REG_R12, X86_REG_R12D, X86_REG_R12W, X86_REG_R12B, X86_REG_INVALID},
      {13, X86_REG_R13, X86_REG_R13D, X86_REG_R13W, X86_REG_R13B, X86_REG_INVALID},
      {14, X86_REG_R14, X86_REG_R14D, X86_REG_R14W, X86_REG_R14B, X86_REG_INVALID},
      {15, X86_REG_R15, X86_REG_R15D, X86_REG_R15W, X86_REG_R15B, X86_REG_INVALID},
      {kRip, X86_REG_RIP, X86_REG_EIP, X86_REG_IP, X86_REG_INVALID, X86_REG_INVALID}};
  for (const Family& f : kFamilies) {
    views[f.r64] = {uint8_t(f.number), 8};
    views[f.r32] = {uint8_t(f.number), 4};
    views[f.r16] = {uint8_t(f.number), 2};
    views[f.r8] = {uint8_t(f.number), 1};
    views[f.high] = {uint8_t(f.number), 1};
  }
  views[X86_REG_CS] = {kCs, 2};
  views[X86_REG_SS] = {kSs, 2};
  views[X86_REG_CR0] = {kCr0, 8};
  views[X86_REG_CR2] = {kCr2, 8};
  views[X86_REG_CR3] = {kCr3, 8};
  views[X86_REG_CR4] = {kCr4, 8};
  views[X86_REG_INVALID] = {};
  return views;
}

}  // namespace

RegisterView x86_register(unsigned capstone_register) {
  static const std::array<RegisterView, X86_REG_ENDING> kViews = make_views();
  return capstone_register < kViews.size() ? kViews[capstone_register] : RegisterView{};
}

Operand x86_operand(const cs_insn& decoded, unsigned index) {
  const cs_x86& x = decoded.detail->x86;
  if (index >= x.op_count) return {};
  const cs_x86_op& op = x.operands[index];
  if (op.type == X86_OP_REG) {
    RegisterView view = x86_register(op.reg);
    if (view.number == kNoRegister) view.size = op.size;
    return register_operand(view);
  }
  if (op.type == X86_OP_IMM) return immediate_operand(op.imm, op.size);
  if (op.type != X86_OP_MEM) return {};
  Operand operand;
  operand.kind = Operand::Kind::kMemory;
  operand.size = op.size;
  MemoryOperand& m = operand.memory;
  m.base = x86_register(op.mem.base).number;
  m.index = x86_register(op.mem.index).number;
  m.scale = unsigned(op.mem.scale);
  m.displacement = op.mem.disp;
  m.per_cpu = op.mem.segment == X86_REG_GS;
  m.size = op.size;
  if (m.base == kRip) m.absolute = decoded.address + decoded.size + uint64_t(op.mem.disp);
  if (op.mem.base == X86_REG_INVALID && op.mem.index == X86_REG_INVALID) m.absolute = uint64_t(op.mem.disp);
  return operand;
}

// What capstone 4's tables say of written registers, and what they leave out.
void fill_x86_written(const cs_insn& decoded, Instruction& out) {
  const cs_detail& detail = *decoded.detail;
  for (unsigned i = 0; i < detail.x86.op_count; i++) {
    const cs_x86_op& op = detail.x86.operands[i];
    if (op.type != X86_OP_REG) continue;
    // Access 0 is "not in the table": the first operand may be written then.
    if ((op.access & CS_AC_WRITE) || (op.access == 0 && i == 0)) add_written(out, x86_register(op.reg).number);
  }
  for (unsigned i = 0; i < detail.regs_write_count; i++) add_written(out, x86_register(detail.regs_write[i]).number);
  switch (decoded.id) {
    case X86_INS_CMPXCHG:
    case X86_INS_VMCALL:
    case X86_INS_VMMCALL:
    case X86_INS_ENCLS:
    case X86_INS_ENCLU: add_written(out, kRax); break;
    case X86_INS_SYSCALL:
      add_written(out, kRcx);
      add_written(out, 11);
      break;
    case X86_INS_SWAPGS:
    case X86_INS_WRGSBASE: add_written(out, kGsBase); break;
    case X86_INS_WRFSBASE: add_written(out, kFsBase); break;
    case X86_INS_RDTSCP: add_written(out, kRcx); [[fallthrough]];
    case X86_INS_RDTSC:
      add_written(out, kRax);
      add_written(out, kRdx);
      break;
    default: break;
  }
}

}  // namespace inquest::arch
