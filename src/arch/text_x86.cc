// AT&T text as objdump and gdb spell it. Capstone's own AT&T printer differs in a hundred small ways (suffixes where a
// register tells the size, decimal small numbers, no zero displacements), and crash's users read and grep gdb's.
#include <fmt/format.h>

#include <iterator>
#include <string_view>

#include "arch/decoding.h"

namespace inquest::arch {

namespace {

using Text = std::back_insert_iterator<std::string>;

void put_hex(std::string& text, int64_t value) {
  if (value < 0)
    fmt::format_to(Text(text), "-{:#x}", 0 - uint64_t(value));
  else
    fmt::format_to(Text(text), "{:#x}", uint64_t(value));
}

void put_memory(csh handle, const cs_insn& decoded, const x86_op_mem& m, std::string& text) {
  const cs_x86& x = decoded.detail->x86;
  if (m.segment != X86_REG_INVALID) fmt::format_to(Text(text), "%{}:", cs_reg_name(handle, m.segment));
  bool none = m.base == X86_REG_INVALID && m.index == X86_REG_INVALID;
  if (none) {  // an address, so no negative number
    fmt::format_to(Text(text), "{:#x}", uint64_t(m.disp));
    return;
  }
  // Displacements that are encoded are shown, zeroes too.
  bool no_base = m.base == X86_REG_INVALID;
  if (m.disp != 0 || x.encoding.disp_size != 0 || no_base) put_hex(text, m.disp);
  text += '(';
  if (!no_base) fmt::format_to(Text(text), "%{}", cs_reg_name(handle, m.base));
  if (m.index != X86_REG_INVALID) fmt::format_to(Text(text), ",%{},{}", cs_reg_name(handle, m.index), m.scale);
  text += ')';
}

bool put_operand(csh handle, const cs_insn& decoded, const cs_x86_op& op, unsigned size, std::string& text) {
  switch (op.type) {
    case X86_OP_REG:
      if (op.reg >= X86_REG_ST0 && op.reg <= X86_REG_ST7) return false;
      fmt::format_to(Text(text), "%{}", cs_reg_name(handle, op.reg));
      return true;
    case X86_OP_IMM: {
      uint64_t value = uint64_t(op.imm);
      if (size < 8) value &= (uint64_t{1} << (8 * size)) - 1;
      fmt::format_to(Text(text), "${:#x}", value);
      return true;
    }
    case X86_OP_MEM: put_memory(handle, decoded, op.mem, text); return true;
    default: return false;
  }
}

char size_suffix(unsigned size) { return size == 1 ? 'b' : size == 2 ? 'w' : size == 4 ? 'l' : 'q'; }

// Instructions whose AT&T name takes a size letter when only memory (and perhaps a constant) tells the size.
bool takes_suffix(unsigned id) {
  switch (id) {
    case X86_INS_MOV:
    case X86_INS_ADD:
    case X86_INS_ADC:
    case X86_INS_SUB:
    case X86_INS_SBB:
    case X86_INS_AND:
    case X86_INS_OR:
    case X86_INS_XOR:
    case X86_INS_CMP:
    case X86_INS_TEST:
    case X86_INS_INC:
    case X86_INS_DEC:
    case X86_INS_NOT:
    case X86_INS_NEG:
    case X86_INS_MUL:
    case X86_INS_IMUL:
    case X86_INS_DIV:
    case X86_INS_IDIV:
    case X86_INS_SHL:
    case X86_INS_SAL:
    case X86_INS_SHR:
    case X86_INS_SAR:
    case X86_INS_ROL:
    case X86_INS_ROR:
    case X86_INS_RCL:
    case X86_INS_RCR:
    case X86_INS_BT:
    case X86_INS_BTS:
    case X86_INS_BTR:
    case X86_INS_BTC:
    case X86_INS_NOP: return true;
    default: return false;
  }
}

bool is_shift(unsigned id) {
  switch (id) {
    case X86_INS_SHL:
    case X86_INS_SAL:
    case X86_INS_SHR:
    case X86_INS_SAR:
    case X86_INS_ROL:
    case X86_INS_ROR:
    case X86_INS_RCL:
    case X86_INS_RCR: return true;
    default: return false;
  }
}

// Names AT&T has instead of Intel's.
std::string_view renamed(unsigned id) {
  switch (id) {
    case X86_INS_CBW: return "cbtw";
    case X86_INS_CWDE: return "cwtl";
    case X86_INS_CDQE: return "cltq";
    case X86_INS_CWD: return "cwtd";
    case X86_INS_CDQ: return "cltd";
    case X86_INS_CQO: return "cqto";
    case X86_INS_PUSHFQ: return "pushf";
    case X86_INS_POPFQ: return "popf";
    case X86_INS_IRETQ: return "iretq";
    case X86_INS_LJMP: return "ljmp";
    default: return {};
  }
}

std::string extension_name(const cs_x86& x, unsigned id) {
  char from = size_suffix(x.operands[1].size), to = size_suffix(x.operands[0].size);
  return fmt::format("mov{}{}{}", id == X86_INS_MOVZX ? 'z' : 's', from, to);
}

// Instructions whose operands this file knows how to write.
bool is_plain(const cs_insn& decoded) {
  const cs_x86& x = decoded.detail->x86;
  switch (decoded.id) {
    case X86_INS_INSB:
    case X86_INS_INSW:
    case X86_INS_INSD:
    case X86_INS_OUTSB:
    case X86_INS_OUTSW:
    case X86_INS_OUTSD:
    case X86_INS_LCALL:
    case X86_INS_LJMP:
    case X86_INS_RETF:
    case X86_INS_RETFQ:
    case X86_INS_XLATB:
    case X86_INS_SYSRET: return false;
    // One name, two instructions: the string one and SSE's.
    case X86_INS_MOVSD:
    case X86_INS_CMPSD: return false;
    default: break;
  }
  for (unsigned i = 0; i < x.op_count; i++) {
    if (x.operands[i].avx_bcast != X86_AVX_BCAST_INVALID || x.operands[i].avx_zero_opmask) return false;
  }
  return true;
}

// The string operations and port accesses, by name: "stos", "movsq", …
bool string_text(csh handle, const cs_insn& decoded, std::string& mnemonic, std::string& operands) {
  const cs_x86& x = decoded.detail->x86;
  constexpr std::string_view kFrom = "%ds:(%rsi)", kTo = "%es:(%rdi)";
  const cs_x86_op& a = x.operands[0];
  const cs_x86_op& b = x.operands[1];
  std::string prefix(decoded.mnemonic, std::string_view(decoded.mnemonic).rfind(' ') + 1);
  // In a string operation the operands say what is where; the last letter is the size.
  switch (decoded.id) {
    case X86_INS_STOSB:
    case X86_INS_STOSW:
    case X86_INS_STOSD:
    case X86_INS_STOSQ:
      mnemonic = prefix + "stos", operands = fmt::format("%{},{}", cs_reg_name(handle, b.reg), kTo);
      return true;
    case X86_INS_LODSB:
    case X86_INS_LODSW:
    case X86_INS_LODSD:
    case X86_INS_LODSQ:
      mnemonic = prefix + "lods", operands = fmt::format("{},%{}", kFrom, cs_reg_name(handle, a.reg));
      return true;
    case X86_INS_SCASB:
    case X86_INS_SCASW:
    case X86_INS_SCASD:
    case X86_INS_SCASQ:
      mnemonic = prefix + "scas", operands = fmt::format("{},%{}", kTo, cs_reg_name(handle, a.reg));
      return true;
    case X86_INS_MOVSB:
    case X86_INS_MOVSW:
    case X86_INS_MOVSD:
    case X86_INS_MOVSQ:
    case X86_INS_CMPSB:
    case X86_INS_CMPSW:
    case X86_INS_CMPSD:
    case X86_INS_CMPSQ: {
      if (x.opcode[0] < 0xa4 || x.opcode[0] > 0xa7) return false;  // SSE's movsd
      bool move = x.opcode[0] < 0xa6;
      mnemonic = fmt::format("{}{}{}", prefix, move ? "movs" : "cmps", size_suffix(a.size));
      operands = fmt::format("{},{}", move ? kFrom : kTo, move ? kTo : kFrom);
      return true;
    }
    case X86_INS_IN:
    case X86_INS_OUT: {
      const cs_x86_op& port = decoded.id == X86_INS_IN ? b : a;
      const cs_x86_op& data = decoded.id == X86_INS_IN ? a : b;
      std::string place = port.type == X86_OP_IMM ? fmt::format("${:#x}", uint8_t(port.imm)) : "(%dx)";
      std::string reg = fmt::format("%{}", cs_reg_name(handle, data.reg));
      mnemonic = decoded.mnemonic;
      operands = decoded.id == X86_INS_IN ? place + "," + reg : reg + "," + place;
      return true;
    }
    default: return false;
  }
}

// Padding: "data16 cs nopw 0x0(%rax,%rax,1)". Its prefixes do nothing, but a reader who compares bytes wants to see
// them.
bool nop_text(csh handle, const cs_insn& decoded, std::string& mnemonic, std::string& operands) {
  const cs_x86& x = decoded.detail->x86;
  unsigned wide = 0, at = 0;
  std::string prefixes;
  for (; at < decoded.size && (decoded.bytes[at] == 0x66 || decoded.bytes[at] == 0x2e); at++) {
    if (decoded.bytes[at] == 0x2e)
      prefixes += "cs ";
    else if (wide++)
      prefixes.insert(0, "data16 ");
  }
  if (at < decoded.size && decoded.bytes[at] == 0x90) {
    mnemonic = wide ? "xchg" : "nop";
    operands = wide ? "%ax,%ax" : "";
    return true;
  }
  if (x.op_count != 1 || x.operands[0].type != X86_OP_MEM) return false;
  x86_op_mem memory = x.operands[0].mem;
  memory.segment = X86_REG_INVALID;
  put_memory(handle, decoded, memory, operands);
  mnemonic = prefixes + "nop" + size_suffix(x.operands[0].size);
  return true;
}

// Prefixes of capstone's mnemonic ("lock ", "rep ") stay; what follows is replaced.
std::string mnemonic_of(const cs_insn& decoded, bool has_memory, bool has_register, unsigned size) {
  const cs_x86& x = decoded.detail->x86;
  std::string_view name = decoded.mnemonic;
  std::string prefix;
  if (size_t space = name.rfind(' '); space != std::string_view::npos) {
    prefix = name.substr(0, space + 1);
    name.remove_prefix(space + 1);
  }
  if (decoded.id == X86_INS_MOVZX || decoded.id == X86_INS_MOVSX) return prefix + extension_name(x, decoded.id);
  if (decoded.id == X86_INS_MOVSXD) return prefix + "movslq";
  if (std::string_view other = renamed(decoded.id); !other.empty()) return prefix + std::string(other);
  std::string result = prefix + std::string(name);
  if (has_memory && !has_register && takes_suffix(decoded.id)) result += size_suffix(size);
  return result;
}

bool branch_text(csh handle, const cs_insn& decoded, std::string& operands) {
  const cs_x86_op& op = decoded.detail->x86.operands[0];
  if (op.type == X86_OP_IMM) {
    operands = fmt::format("{:#x}", uint64_t(op.imm));
    return true;
  }
  operands = "*";
  return put_operand(handle, decoded, op, 8, operands);
}

}  // namespace

bool att_text(csh handle, const cs_insn& decoded, std::string& mnemonic, std::string& operands) {
  const cs_x86& x = decoded.detail->x86;
  mnemonic.clear();
  operands.clear();
  if (string_text(handle, decoded, mnemonic, operands)) return true;
  if (decoded.id == X86_INS_NOP && nop_text(handle, decoded, mnemonic, operands)) return true;
  if (!is_plain(decoded)) return false;
  bool branches = cs_insn_group(handle, &decoded, CS_GRP_JUMP) || decoded.id == X86_INS_CALL ||
                  decoded.id == X86_INS_LOOP || decoded.id == X86_INS_LOOPE || decoded.id == X86_INS_LOOPNE;
  if (branches && x.op_count == 1) {
    // Compilers pad calls that are patched later with a segment prefix.
    mnemonic = decoded.bytes[0] == 0x2e ? "cs " : "";
    mnemonic += decoded.mnemonic;
    return branch_text(handle, decoded, operands);
  }
  bool shift = is_shift(decoded.id);
  // d0 and d1 shift by one, and the one is not written.
  unsigned count = shift && (x.opcode[0] == 0xd0 || x.opcode[0] == 0xd1) ? 1 : x.op_count;
  bool has_memory = false, has_register = false;
  unsigned size = 8;
  for (unsigned i = 0; i < count; i++) {
    const cs_x86_op& op = x.operands[i];
    if (op.type == X86_OP_MEM) has_memory = true, size = op.size;
    if (op.type == X86_OP_REG && !(shift && i == 1)) has_register = true;
  }
  // Constants are shown at the width of what they meet.
  unsigned immediate_size = count > 1 && !shift ? x.operands[0].size : 8;
  for (unsigned i = count; i-- > 0;) {
    if (!put_operand(handle, decoded, x.operands[i], immediate_size, operands)) return false;
    if (i) operands += ',';
  }
  mnemonic = mnemonic_of(decoded, has_memory, has_register, size);
  return true;
}

}  // namespace inquest::arch
