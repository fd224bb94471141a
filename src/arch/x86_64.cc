// x86_64: System V psABI (register numbers: table 3.36), struct pt_regs, struct user_regs_struct.
#include "arch/arch.h"

namespace inquest::arch {

namespace {

using namespace x86;

constexpr std::string_view kNames[] = {"rax",      "rdx", "rcx", "rbx",     "rsi",     "rdi", "rbp", "rsp", "r8",
                                       "r9",       "r10", "r11", "r12",     "r13",     "r14", "r15", "rip", "rflags",
                                       "orig_rax", "cs",  "ss",  "fs_base", "gs_base", "cr2", "cr3", "cr4", "cr0"};
static_assert(std::size(kNames) <= kRegisterCount);

constexpr uint8_t kNone = 255;
constexpr uint8_t kR9 = 9, kR10 = 10, kR11 = 11, kR12 = 12, kR13 = 13, kR14 = 14;

constexpr uint8_t kPtRegs[] = {kR15, kR14, kR13, kR12, kRbp,     kRbx, kR11, kR10,   kR9,  kR8, kRax,
                               kRcx, kRdx, kRsi, kRdi, kOrigRax, kRip, kCs,  kFlags, kRsp, kSs};
// struct user_regs_struct goes on with fs_base gs_base ds es fs gs (arch/x86/include/asm/user_64.h).
constexpr uint8_t kUserRegs[] = {kR15,   kR14, kR13, kR12,    kRbp,    kRbx,  kR11,     kR10,  kR9,
                                 kR8,    kRax, kRcx, kRdx,    kRsi,    kRdi,  kOrigRax, kRip,  kCs,
                                 kFlags, kRsp, kSs,  kFsBase, kGsBase, kNone, kNone,    kNone, kNone};
constexpr uint8_t kCalleeSaved[] = {kRbx, kRbp, kR12, kR13, kR14, kR15};
constexpr uint8_t kParameters[] = {kRdi, kRsi, kRdx, kRcx, kR8, kR9};

// The narrower views: "eax", "ax", "al", "ah", "r8d", "r8w", "r8b", and what oops texts and gdb say.
std::optional<unsigned> alias(std::string_view name) {
  struct Alias {
    std::string_view name;
    unsigned number;
  };
  static constexpr Alias kAliases[] = {
      {"pc", kRip},        {"flags", kFlags},   {"eflags", kFlags},   {"efl", kFlags},      {"orig_ax", kOrigRax},
      {"fsbase", kFsBase}, {"gsbase", kGsBase}, {"gs.base", kGsBase}, {"fs.base", kFsBase}, {"al", kRax},
      {"ah", kRax},        {"bl", kRbx},        {"bh", kRbx},         {"cl", kRcx},         {"ch", kRcx},
      {"dl", kRdx},        {"dh", kRdx},        {"sil", kRsi},        {"dil", kRdi},        {"bpl", kRbp},
      {"spl", kRsp},       {"fp", kRbp},
  };
  for (const Alias& a : kAliases) {
    if (a.name == name) return a.number;
  }
  if (name.size() == 3 && name[0] == 'e') name.remove_prefix(1);  // eax, eip
  if (name.size() == 2 && name[0] != 'r') {
    for (unsigned i = 0; i <= kRip; i++) {
      if (kNames[i].substr(1) == name && !(i >= kR8 && i <= kR15)) return i;
    }
  }
  if (name.size() >= 3 && name[0] == 'r' &&
      (name.back() == 'd' || name.back() == 'w' || name.back() == 'b' || name.back() == 'l')) {
    for (unsigned i = kR8; i <= kR15; i++) {
      if (kNames[i] == name.substr(0, name.size() - 1)) return i;
    }
  }
  // Oops texts write "R08" and "R09" (arch/x86/kernel/process_64.c, __show_regs).
  if (name == "r08") return kR8;
  if (name == "r09") return kR9;
  return std::nullopt;
}

}  // namespace

const Arch& x86_64() {
  static const Arch kArch = {
      .id = ArchId::kX86_64,
      .name = "x86_64",
      .elf_machine = 62,
      .register_count = unsigned(std::size(kNames)),
      .register_names = kNames,
      .pc = kRip,
      .sp = kRsp,
      .frame_pointer = kRbp,
      .link = std::nullopt,
      .callee_saved = kCalleeSaved,
      .parameters = kParameters,
      .result = kRax,
      .pt_regs = kPtRegs,
      .prstatus_words = kUserRegs,
      .prstatus_offset = 112,
      .prstatus_size = 336,
      .prstatus_pid_offset = 32,
      .instruction_alignment = 1,
      .address_bits_unsigned = 8,
      .register_alias = alias,
  };
  return kArch;
}

}  // namespace inquest::arch
