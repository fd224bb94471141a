// The aarch64 instructions that capstone 4.0.2 does not know: large system extensions (Armv8.1 atomics), pointer
// authentication, memory tags, PSTATE fields. From the encoding tables of the Arm ARM, C4.1.
#include <fmt/format.h>

#include "arch/decoding.h"

namespace inquest::arch {

namespace {

using namespace a64;

unsigned field(uint32_t word, unsigned high, unsigned low) { return word >> low & ((1u << (high - low + 1)) - 1); }

std::string name_of(unsigned number, unsigned size, bool stack_pointer = false) {
  if (number == 31) return stack_pointer ? "sp" : size == 8 ? "xzr" : "wzr";
  return fmt::format("{}{}", size == 8 ? 'x' : 'w', number);
}

Operand source(unsigned number, unsigned size) {
  return number == 31 ? immediate_operand(0, size) : register_operand({uint8_t(number), uint8_t(size)});
}

Operand memory_at(unsigned base, unsigned size) {
  Operand operand;
  operand.kind = Operand::Kind::kMemory;
  operand.size = operand.memory.size = size;
  operand.memory.base = base;
  return operand;
}

void write(Instruction& out, unsigned number) {
  if (number != 31) add_written(out, number);
}

const char* size_letter(unsigned size) { return size == 1 ? "b" : size == 2 ? "h" : ""; }

// st<op>: memory = memory op register, and nothing is loaded.
void plain_update(Instruction& out, unsigned opcode, Operand memory, Operand value) {
  static constexpr Operation kOperations[] = {Operation::kAdd, Operation::kExchange, Operation::kXor, Operation::kOr};
  out.operation = opcode < 4 ? kOperations[opcode] : Operation::kExchange;
  out.destination = memory;
  out.left = value;
  if (out.operation != Operation::kExchange) out.left = memory, out.right = value;
}

// C4.1.94, atomic memory operations: size 111 0 00 A R 1 Rs o3 opc 00 Rn Rt.
bool atomic(uint32_t word, Instruction& out) {
  if ((word & 0x3f200c00) != 0x38200000) return false;
  static constexpr const char* kNames[] = {"add", "clr", "eor", "set", "smax", "smin", "umax", "umin"};
  unsigned size = 1u << field(word, 31, 30), width = size == 8 ? 8 : 4;
  bool acquire = field(word, 23, 23), release = field(word, 22, 22), swap = field(word, 15, 15);
  unsigned opcode = field(word, 14, 12), value = field(word, 20, 16), base = field(word, 9, 5),
           target = field(word, 4, 0);
  Operand memory = memory_at(base, size);
  std::string at = fmt::format("[{}]", name_of(base, 8, true));
  if (swap && opcode == 4) {  // ldapr
    out.operation = Operation::kLoad;
    out.mnemonic = fmt::format("ldapr{}", size_letter(size));
    out.operands = fmt::format("{}, {}", name_of(target, width), at);
    out.destination = register_operand({uint8_t(target == 31 ? kNoRegister : target), uint8_t(width)});
    out.left = memory;
    out.zero_extend = size < 8;
    write(out, target);
    return true;
  }
  if (swap && opcode != 0) return false;
  std::string order = fmt::format("{}{}{}", acquire ? "a" : "", release ? "l" : "", size_letter(size));
  if (!swap && target == 31 && !acquire) {
    plain_update(out, opcode, memory, source(value, size));
    out.mnemonic = fmt::format("st{}{}", kNames[opcode], order);
    out.operands = fmt::format("{}, {}", name_of(value, width), at);
    return true;
  }
  out.operation = Operation::kExchange;
  out.destination = memory;
  out.left = source(value, size);
  out.second = register_operand({uint8_t(target == 31 ? kNoRegister : target), uint8_t(width)});
  write(out, target);
  out.mnemonic = swap ? "swp" + order : fmt::format("ld{}{}", kNames[opcode], order);
  out.operands = fmt::format("{}, {}, {}", name_of(value, width), name_of(target, width), at);
  return true;
}

// C4.1.94, compare and swap (pair): size 001000 1 L 1 Rs o0 11111 Rn Rt; 0 sz 001000 0 L 1 Rs o0 11111 Rn Rt.
bool compare_and_swap(uint32_t word, Instruction& out) {
  bool single = (word & 0x3fa07c00) == 0x08a07c00, pair = (word & 0xbfa07c00) == 0x08207c00;
  if (!single && !pair) return false;
  unsigned size = pair ? (field(word, 30, 30) ? 8 : 4) : 1u << field(word, 31, 30), width = size == 8 ? 8 : 4;
  unsigned compared = field(word, 20, 16), base = field(word, 9, 5), value = field(word, 4, 0);
  if (pair && ((compared | value) & 1)) return false;
  out.operation = Operation::kExchange;
  out.destination = memory_at(base, pair ? 2 * size : size);
  out.left = source(value, size);
  out.second = register_operand({uint8_t(compared == 31 ? kNoRegister : compared), uint8_t(size)});
  write(out, compared);
  if (pair) write(out, compared + 1);
  out.mnemonic = fmt::format("cas{}{}{}{}", pair ? "p" : "", field(word, 22, 22) ? "a" : "",
                             field(word, 15, 15) ? "l" : "", pair ? "" : size_letter(size));
  std::string at = fmt::format("[{}]", name_of(base, 8, true));
  if (pair) {
    out.operands = fmt::format("{}, {}, {}, {}, {}", name_of(compared, width), name_of(compared + 1, width),
                               name_of(value, width), name_of(value + 1, width), at);
  } else {
    out.operands = fmt::format("{}, {}, {}", name_of(compared, width), name_of(value, width), at);
  }
  return true;
}

// C4.1.93 (one source) and C4.1.92 (branches): pacia x0, x1; xpaci x0; retaa; blraa x0, x1.
bool pointer_authentication(uint32_t word, Instruction& out) {
  unsigned rd = field(word, 4, 0), rn = field(word, 9, 5);
  if ((word & 0xffff8000) == 0xdac10000) {
    static constexpr const char* kNames[] = {"pacia",  "pacib",  "pacda",  "pacdb",  "autia",  "autib",
                                             "autda",  "autdb",  "paciza", "pacizb", "pacdza", "pacdzb",
                                             "autiza", "autizb", "autdza", "autdzb", "xpaci",  "xpacd"};
    unsigned opcode = field(word, 15, 10);
    if (opcode >= std::size(kNames)) return false;
    out.mnemonic = kNames[opcode];
    out.operands = opcode < 8 ? fmt::format("{}, {}", name_of(rd, 8), name_of(rn, 8, true)) : name_of(rd, 8);
    write(out, rd);
    return true;
  }
  if ((word & 0xfffffbff) == 0xd65f0bff || (word & 0xfffffbff) == 0xd69f0bff) {
    out.operation = Operation::kReturn;
    out.mnemonic = fmt::format("{}ret{}", word & 0x00800000 ? "e" : "", word & 0x400 ? "ab" : "aa");
    return true;
  }
  if ((word & 0xfedff800) == 0xd61f0800) {  // braaz, blraaz (bit 24 clear, rd = 31), braa, blraa
    bool with_modifier = field(word, 24, 24), call = field(word, 21, 21);
    if (!with_modifier && rd != 31) return false;
    out.operation = call ? Operation::kCall : Operation::kJump;
    out.left = source(rn, 8);
    if (call) add_written(out, kX30);
    out.mnemonic = fmt::format("b{}ra{}{}", call ? "l" : "", word & 0x400 ? "b" : "a", with_modifier ? "" : "z");
    out.operands = name_of(rn, 8);
    if (with_modifier) out.operands += ", " + name_of(rd, 8, true);
    return true;
  }
  return false;
}

// C4.1.92: msr <field>, #imm of fields younger than 8.0; sb; C4.1.94, memory tags; udf.
bool miscellaneous(uint32_t word, Instruction& out) {
  if ((word & 0xfff8f01f) == 0xd500401f) {
    unsigned which = field(word, 18, 16) << 3 | field(word, 7, 5);
    if (which == 036 || which == 037 || which == 5) return false;  // daifset, daifclr, spsel: capstone knows them
    const char* name = which == 4     ? "pan"
                       : which == 3   ? "uao"
                       : which == 032 ? "dit"
                       : which == 031 ? "ssbs"
                       : which == 034 ? "tco"
                                      : "pstate";
    out.mnemonic = "msr";
    out.operands = fmt::format("{}, #{:#x}", name, field(word, 11, 8));
    return true;
  }
  if (word == 0xd50330ff) {
    out.operation = Operation::kNop;
    out.mnemonic = "sb";
    return true;
  }
  if ((word & 0xff200000) == 0xd9200000) {
    static constexpr const char* kNames[] = {"stg", "stzg", "st2g", "stz2g"};
    bool loads = field(word, 11, 10) == 0;
    out.mnemonic = loads ? "ldg" : kNames[field(word, 23, 22)];
    out.operands = fmt::format("{}, [{}]", name_of(field(word, 4, 0), 8, true), name_of(field(word, 9, 5), 8, true));
    if (loads) write(out, field(word, 4, 0));
    if (field(word, 10, 10)) add_written(out, field(word, 9, 5));
    return true;
  }
  if (word >> 16 == 0) {
    out.operation = Operation::kTrap;
    out.left = immediate_operand(word);
    out.mnemonic = "udf";
    out.operands = fmt::format("#{}", word);
    return true;
  }
  return false;
}

}  // namespace

bool describe_a64_new(uint32_t word, Instruction& out) {
  return atomic(word, out) || compare_and_swap(word, out) || pointer_authentication(word, out) ||
         miscellaneous(word, out);
}

}  // namespace inquest::arch
