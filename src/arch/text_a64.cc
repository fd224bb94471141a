// aarch64 text in objdump's and gdb's spelling: capstone 4 leaves aliases out (movz for mov, hint for paciasp), and
// writes numbers by size where they write offsets and shifts in decimal and values in hex.
#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <string_view>

#include "arch/decoding.h"

namespace inquest::arch {

namespace {

// Arm ARM C6.2.127, HINT: the names of the hint space.
const char* hint_name(int64_t number) {
  switch (number) {
    case 6: return "dgh";
    case 7: return "xpaclri";
    case 8: return "pacia1716";
    case 10: return "pacib1716";
    case 12: return "autia1716";
    case 14: return "autib1716";
    case 16: return "esb";
    case 17: return "psb csync";
    case 18: return "tsb csync";
    case 20: return "csdb";
    case 22: return "clearbhb";
    case 24: return "paciaz";
    case 25: return "paciasp";
    case 26: return "pacibz";
    case 27: return "pacibsp";
    case 28: return "autiaz";
    case 29: return "autiasp";
    case 30: return "autibz";
    case 31: return "autibsp";
    case 32: return "bti";
    case 34: return "bti c";
    case 36: return "bti j";
    case 38: return "bti jc";
    default: return nullptr;
  }
}

// Whether constants outside brackets are counts of bits, shown in decimal.
bool counts_bits(unsigned id) {
  switch (id) {
    case ARM64_INS_LSL:
    case ARM64_INS_LSR:
    case ARM64_INS_ASR:
    case ARM64_INS_ROR:
    case ARM64_INS_UBFX:
    case ARM64_INS_SBFX:
    case ARM64_INS_UBFIZ:
    case ARM64_INS_SBFIZ:
    case ARM64_INS_BFI:
    case ARM64_INS_BFXIL:
    case ARM64_INS_EXTR:
    case ARM64_INS_TBZ:
    case ARM64_INS_TBNZ:
    case ARM64_INS_SHL:
    case ARM64_INS_SHRN:
    case ARM64_INS_SSHR:
    case ARM64_INS_USHR:
    case ARM64_INS_EXT:
    case ARM64_INS_SLI:
    case ARM64_INS_SRI:
    case ARM64_INS_USHLL:
    case ARM64_INS_SSHLL: return true;
    default: return false;
  }
}

bool has_address(unsigned id) {
  switch (id) {
    case ARM64_INS_B:
    case ARM64_INS_BL:
    case ARM64_INS_CBZ:
    case ARM64_INS_CBNZ:
    case ARM64_INS_TBZ:
    case ARM64_INS_TBNZ:
    case ARM64_INS_ADR:
    case ARM64_INS_ADRP: return true;
    case ARM64_INS_LDR:
    case ARM64_INS_LDRSW:
    case ARM64_INS_PRFM: return true;
    default: return false;
  }
}

// The number that starts at `text` ("-0x20", "8"), and how many characters it takes.
struct Number {
  bool negative = false;
  uint64_t value = 0;
  size_t length = 0;
};
Number parse_number(std::string_view text) {
  Number n;
  size_t at = 0;
  if (at < text.size() && text[at] == '-') n.negative = true, at++;
  int base = 10;
  if (text.substr(at).starts_with("0x")) base = 16, at += 2;
  const char* first = text.data() + at;
  auto [end, error] = std::from_chars(first, text.data() + text.size(), n.value, base);
  if (error == std::errc()) n.length = size_t(end - text.data());
  if (!n.negative && base == 16 && n.value > ~uint64_t{0} - 0x1000)
    n.negative = true, n.value = 0 - n.value;  // post-index offsets
  return n;
}

// Rewrites the numbers of capstone's operand text; the rest is copied.
std::string rewritten(const cs_insn& decoded) {
  std::string_view text = decoded.op_str;
  std::string out;
  bool in_memory = false, bits = counts_bits(decoded.id),
       address = has_address(decoded.id) && text.find('[') == std::string_view::npos;
  for (size_t at = 0; at < text.size();) {
    char c = text[at];
    if (c == '[') in_memory = true;  // stays: after "]," comes a post-index offset, in decimal too
    if (c != '#') {
      out += c;
      at++;
      continue;
    }
    Number n = parse_number(text.substr(at + 1));
    if (n.length == 0 || (at + 1 + n.length < text.size() && text[at + 1 + n.length] == '.')) {  // a float
      out += c;
      at++;
      continue;
    }
    at += 1 + n.length;
    bool last = at == text.size();
    bool shift = out.size() >= 4 && out.back() == ' ' && std::isalpha(static_cast<unsigned char>(out[out.size() - 2]));
    if (address && last && !n.negative)
      out += fmt::format("{:#x}", n.value);
    else if (in_memory || shift || bits)
      out += fmt::format("#{}{}", n.negative ? "-" : "", n.value);
    else
      out += fmt::format("#{}{:#x}", n.negative ? "-" : "", n.value);
  }
  return out;
}

// "lo" and "hs" are "cc" and "cs" to binutils.
void rename_condition(std::string& text) {
  for (auto [from, to] : {std::pair{" lo", " cc"}, {" hs", " cs"}, {".lo", ".cc"}, {".hs", ".cs"}}) {
    if (text.size() > 3 && text.ends_with(from)) text.replace(text.size() - 3, 3, to);
  }
}

uint64_t moved_constant(const cs_insn& decoded, bool narrow) {
  const cs_arm64& a = decoded.detail->arm64;
  uint64_t value = uint64_t(a.operands[1].imm) << a.operands[1].shift.value;
  if (decoded.id == ARM64_INS_MOVN) value = ~value;
  return narrow ? value & 0xffffffff : value;
}

}  // namespace

void a64_text(const cs_insn& decoded, std::string& mnemonic, std::string& operands) {
  const cs_arm64& a = decoded.detail->arm64;
  std::string_view text = decoded.op_str;
  mnemonic = decoded.mnemonic;
  if (decoded.id == ARM64_INS_HINT && a.op_count == 1) {
    if (const char* name = hint_name(a.operands[0].imm)) {
      std::string_view whole = name;
      size_t space = whole.find(' ');
      mnemonic = whole.substr(0, space);
      operands = space == std::string_view::npos ? "" : whole.substr(space + 1);
      return;
    }
  }
  std::string_view first = text.substr(0, text.find(','));
  bool narrow = first.starts_with('w');
  // mov is preferred unless a zero is shifted (Arm ARM C6.2.218).
  bool wide_move = (decoded.id == ARM64_INS_MOVZ || decoded.id == ARM64_INS_MOVN) && a.op_count == 2 &&
                   !(a.operands[1].imm == 0 && a.operands[1].shift.value != 0);
  if (wide_move) {
    mnemonic = "mov";
    operands = fmt::format("{}, #{:#x}", first, moved_constant(decoded, narrow));
    return;
  }
  operands = rewritten(decoded);
  if (decoded.id == ARM64_INS_RET) {  // capstone leaves the register out
    unsigned from = unsigned(decoded.bytes[0] | decoded.bytes[1] << 8) >> 5 & 31;
    operands = from == 30 ? "" : fmt::format("x{}", from);
  }
  if (decoded.id == ARM64_INS_ORR && a.op_count == 3 && a.operands[2].type == ARM64_OP_IMM &&
      (a.operands[1].reg == ARM64_REG_WZR || a.operands[1].reg == ARM64_REG_XZR)) {
    mnemonic = "mov";
    size_t comma = operands.find(','), second = operands.find(',', comma + 1);
    operands.erase(comma, second - comma);
  }
  rename_condition(mnemonic);
  rename_condition(operands);
}

}  // namespace inquest::arch
