// Arch: one architecture as a table of facts and pure functions. No files, no dumps, no state.
//
// To port: write a table like x86_64.cc's, add it to all_archs() in arch.cc, a page-table walk in
// page_table.cc, an instruction map in decoder_*.cc, and the tests beside them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "arch/registers.h"
#include "base/address.h"
#include "base/cursor.h"

namespace inquest::arch {

enum class ArchId { kX86_64, kAarch64 };

struct Arch {
  ArchId id;
  std::string_view name;  // as `uname -m` says it: "x86_64", "aarch64"
  uint16_t elf_machine;
  unsigned register_count;  // numbers below this have a name
  const std::string_view* register_names;
  unsigned pc, sp, frame_pointer;
  std::optional<unsigned> link;  // the register that holds the return address after a call (aarch64 x30)
  // Kept by a callee, by the C calling convention, and the parameter and result registers in order.
  std::span<const uint8_t> callee_saved, parameters;
  unsigned result;
  // Layout of struct pt_regs as the kernel saves it at exceptions: word i holds this register (255 = none of ours).
  // x86_64: arch/x86/include/asm/ptrace.h since 2.6.24; arm64: regs[31], sp, pc, pstate: since 3.7.
  std::span<const uint8_t> pt_regs;
  // Layout of the pr_reg field of NT_PRSTATUS (elf_gregset_t) and where it starts in the note.
  std::span<const uint8_t> prstatus_words;
  size_t prstatus_offset, prstatus_size, prstatus_pid_offset;
  unsigned instruction_alignment;  // 1 or 4
  unsigned address_bits_unsigned;  // DWARF address size in bytes (8)
  // The other names of a register, in lower case; see register_number().
  std::optional<unsigned> (*register_alias)(std::string_view lower_case_name);

  std::string_view register_name(unsigned number) const;
  // Accepts the names of register_names and the usual others, in any case, with or without % or $: "rip", "eip", "ip",
  // "eax", "al", "r8d", "R08", "eflags"; "w0", "fp", "lr", "wsp", "psr". Nothing for "xzr" and names unknown.
  std::optional<unsigned> register_number(std::string_view name) const;
  // The word layouts above applied to bytes; nothing if the bytes are too few.
  std::optional<Registers> from_pt_regs(Bytes bytes) const;
  std::optional<Registers> from_prstatus(Bytes note) const;
  uint64_t pt_regs_size() const { return pt_regs.size() * 8; }
};

const Arch& x86_64();
const Arch& aarch64();
std::span<const Arch* const> all_archs();
const Arch* find(std::string_view name);         // "x86_64", "aarch64", "arm64"
const Arch* find_machine(uint16_t elf_machine);  // EM_*

// Register numbers past DWARF's.
namespace x86 {
inline constexpr unsigned kRax = 0, kRdx = 1, kRcx = 2, kRbx = 3, kRsi = 4, kRdi = 5, kRbp = 6, kRsp = 7, kR8 = 8,
                          kR15 = 15, kRip = 16, kFlags = 17, kOrigRax = 18, kCs = 19, kSs = 20, kFsBase = 21,
                          kGsBase = 22, kCr2 = 23, kCr3 = 24, kCr4 = 25, kCr0 = 26;
}
namespace a64 {
inline constexpr unsigned kX0 = 0, kX29 = 29, kX30 = 30, kSp = 31, kPc = 32, kPstate = 33;
}

// Sign-extended or PAC-stripped form of an address: aarch64 pointers may carry a pointer authentication code in the
// bits above the virtual address; `pac_mask` has those bits set (VMCOREINFO KERNELPACMASK), 0 = none.
inline uint64_t strip_pac(uint64_t pointer, uint64_t pac_mask) {
  if (!pac_mask) return pointer;
  return (pointer >> 55 & 1) ? pointer | pac_mask : pointer & ~pac_mask;
}

}  // namespace inquest::arch
