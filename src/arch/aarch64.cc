// aarch64: "DWARF for the Arm 64-bit Architecture" (register numbers), AAPCS64 6.1, struct pt_regs and elf_gregset_t.
#include "arch/arch.h"

namespace inquest::arch {

namespace {

using namespace a64;

// DWARF numbers pc 32 and ELR_mode 33; no compiler emits 33, so pstate sits there.
constexpr std::string_view kNames[] = {"x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",    "x7",  "x8",
                                       "x9",  "x10", "x11", "x12", "x13", "x14", "x15",   "x16", "x17",
                                       "x18", "x19", "x20", "x21", "x22", "x23", "x24",   "x25", "x26",
                                       "x27", "x28", "x29", "x30", "sp",  "pc",  "pstate"};
static_assert(std::size(kNames) <= kRegisterCount);

// arch/arm64/include/uapi/asm/ptrace.h: struct user_pt_regs, which heads struct pt_regs and is elf_gregset_t too.
constexpr uint8_t kWords[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14,  15,  16,
                              17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, kSp, kPc, kPstate};
constexpr uint8_t kCalleeSaved[] = {19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29};
constexpr uint8_t kParameters[] = {0, 1, 2, 3, 4, 5, 6, 7};

std::optional<unsigned> alias(std::string_view name) {
  if (name == "fp") return kX29;
  if (name == "lr") return kX30;
  if (name == "wsp") return kSp;
  if (name == "elr" || name == "ip") return kPc;
  if (name == "spsr" || name == "cpsr" || name == "psr") return kPstate;
  if (name == "ip0") return 16;
  if (name == "ip1") return 17;
  if (name.size() < 2 || name.size() > 3 || (name[0] != 'w' && name[0] != 'x')) return std::nullopt;
  unsigned number = 0;  // w0..w30, and x00 or x0 padded
  for (char c : name.substr(1)) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + unsigned(c - '0');
  }
  if (number > kX30) return std::nullopt;
  return number;
}

}  // namespace

const Arch& aarch64() {
  static const Arch kArch = {
      .id = ArchId::kAarch64,
      .name = "aarch64",
      .elf_machine = 183,
      .register_count = unsigned(std::size(kNames)),
      .register_names = kNames,
      .pc = kPc,
      .sp = kSp,
      .frame_pointer = kX29,
      .link = kX30,
      .callee_saved = kCalleeSaved,
      .parameters = kParameters,
      .result = kX0,
      .pt_regs = kWords,
      .prstatus_words = kWords,
      .prstatus_offset = 112,
      .prstatus_size = 392,
      .prstatus_pid_offset = 32,
      .instruction_alignment = 4,
      .address_bits_unsigned = 8,
      .register_alias = alias,
  };
  return kArch;
}

}  // namespace inquest::arch
