#include "unwind/step_parts.h"

#include <fmt/format.h>

#include "unwind/code.h"
#include "unwind/entry_flow.h"

namespace inquest::unwind {

Step no_caller(End end, std::string why, VirtualAddress cfa) { return {std::nullopt, end, std::move(why), cfa}; }

Step found(Frame caller, VirtualAddress cfa) { return {std::move(caller), End::kRoot, {}, cfa}; }

Frame caller_frame(const object::Program& program, arch::Registers registers, uint64_t return_address, Trust trust) {
  Frame caller;
  caller.pc = VirtualAddress(arch::strip_pac(return_address, program.layout().pac_mask));
  caller.pc_is_return = true;
  caller.trust = trust;
  caller.registers = registers;
  caller.registers.set(program.arch().pc, caller.pc.value);
  return caller;
}

std::optional<bool> is_user_mode(const arch::Arch& arch, const arch::Registers& registers) {
  if (arch.id == arch::ArchId::kX86_64) {
    auto cs = registers.get(arch::x86::kCs), flags = registers.get(arch::x86::kFlags);
    if (!cs) return std::nullopt;
    // Bit 1 of rflags is always set (SDM vol. 1, 3.4.3). FRED keeps other things above cs (6.9).
    if (flags && (!(*flags & 2) || *flags >> 32)) return std::nullopt;
    uint64_t selector = *cs & 0xffff;
    if ((selector & 3) == 3) return true;
    // __KERNEL_CS; Xen PV guests run at FLAT_KERNEL_CS64.
    if (selector == 0x10 || selector == 0xe030) return false;
    return std::nullopt;
  }
  auto pstate = registers.get(arch::a64::kPstate);
  if (!pstate) return std::nullopt;
  switch (*pstate & 0x1f) {  // Arm ARM C5.2.19, SPSR_EL1.M
    case 0x00:
    case 0x10: return true;                               // EL0t, or user mode of AArch32
    case 0x04: case 0x05: case 0x08: case 0x09: return false;  // EL1t, EL1h, EL2t, EL2h
    default: return std::nullopt;
  }
}

namespace {

// ip, cs, flags, sp, ss: what the processor itself pushes.
Result<arch::Registers> hardware_part(const object::Program& program, const Frame& frame, VirtualAddress at) {
  arch::Registers registers;
  for (uint8_t reg : program.arch().callee_saved)
    if (auto value = frame.registers.get(reg)) registers.set(reg, *value);
  unsigned order[] = {arch::x86::kRip, arch::x86::kCs, arch::x86::kFlags, arch::x86::kRsp, arch::x86::kSs};
  for (unsigned reg : order) {
    TRY(uint64_t value, program.memory().read_u64(at));
    registers.set(reg, value);
    at += 8;
  }
  return registers;
}

Result<arch::Registers> whole_pt_regs(const object::Program& program, VirtualAddress at) {
  std::vector<std::byte> bytes(program.arch().pt_regs_size());
  TRY_VOID(program.memory().read(at, bytes));
  auto registers = program.arch().from_pt_regs(bytes);
  if (!registers) return Error(ErrorCode::kTruncated, "pt_regs is too short");
  return *registers;
}

}  // namespace

Step interrupted_frame(const object::Program& program, const Frame& frame, VirtualAddress at, bool partial) {
  const arch::Arch& arch = program.arch();
  auto registers = partial ? hardware_part(program, frame, at) : whole_pt_regs(program, at);
  if (!registers.ok())
    return no_caller(End::kUnreadable, fmt::format("the registers saved at {:#x} cannot be read: {}", at.value, registers.error().message()));
  auto user = is_user_mode(arch, *registers);
  if (!user) return no_caller(End::kGarbage, fmt::format("no registers of an interrupted context lie at {:#x}", at.value));
  Frame caller;
  caller.registers = *registers;
  caller.pc = VirtualAddress(registers->get(arch.pc).value_or(0));
  caller.trust = Trust::kPtRegs;
  caller.interrupted = true;
  caller.user = *user;
  caller.pt_regs_at = at;
  return found(std::move(caller), *user ? VirtualAddress() : VirtualAddress(registers->get(arch.sp).value_or(0)));
}

Step caller_by_code(const object::Program& program, const Frame& frame) {
  const arch::Arch& arch = program.arch();
  Step none = no_caller(End::kNoRow, fmt::format("no unwind row for {:#x}", frame.pc.value));
  auto flow = EntryFlow::analyse(program, frame.lookup());
  if (!flow) return none;
  auto cfa = flow->cfa(frame.registers);
  if (!cfa) return none;
  auto read = [&program](VirtualAddress at) { return program.memory().read_u64(at); };
  unsigned return_register = arch.link.value_or(arch.pc);
  auto return_address = flow->entry_value(return_register, frame.registers, *cfa, read);
  if (!return_address || return_address->width < 8) return none;
  arch::Registers caller;
  for (uint8_t reg : arch.callee_saved)
    if (auto value = flow->entry_value(reg, frame.registers, *cfa, read); value && value->width == 8) caller.set(reg, value->value);
  caller.set(arch.sp, cfa->value);
  bool in_link = arch.link && return_address->reg != 255;
  Frame next = caller_frame(program, caller, return_address->value, in_link ? Trust::kLinkRegister : Trust::kCfi);
  if (!is_code(program, next.pc)) return none;
  return found(std::move(next), *cfa);
}

// Whether a few records, each above the one before, lead from `at` to the one that ends a stack: both words 0 (arch/arm64/kernel/head.S:
// init_cpu_task, 7d7b720a4b80).
static bool leads_to_the_end(const object::Program& program, uint64_t at) {
  constexpr int kMaxRecords = 8;
  for (int i = 0; i < kMaxRecords && at != 0; i++) {
    auto fp = program.memory().read_u64(VirtualAddress(at)), pc = program.memory().read_u64(VirtualAddress(at + 8));
    if (!fp.ok() || !pc.ok()) return false;
    if (*fp == 0 && *pc == 0) return true;
    if (*fp <= at || *fp - at > 0x4000) return false;
    at = *fp;
  }
  return false;
}

Step caller_by_frame_record(const object::Program& program, const Frame& frame, bool checked) {
  const arch::Arch& arch = program.arch();
  auto fp = frame.registers.get(arch.frame_pointer);
  if (!fp) return no_caller(End::kNoRow, fmt::format("no unwind row for {:#x}, and no frame pointer", frame.pc.value));
  auto sp = frame.registers.get(arch.sp);
  if (*fp % 8 || (sp && *fp < *sp && *sp - *fp < 0x4000))
    return no_caller(End::kNoRow, fmt::format("no unwind row for {:#x}, and {} points at no frame record", frame.pc.value,
                                              arch.register_name(arch.frame_pointer)));
  auto next_fp = program.memory().read_u64(VirtualAddress(*fp)), next_pc = program.memory().read_u64(VirtualAddress(*fp + 8));
  if (!next_fp.ok() || !next_pc.ok())
    return no_caller(End::kUnreadable, fmt::format("the frame record at {:#x} cannot be read", *fp));
  if (arch.link && *next_fp == 0 && *next_pc == 0) return no_caller(End::kRoot, "");
  arch::Registers caller;
  caller.set(arch.frame_pointer, *next_fp);
  // x86_64 pushes rbp last, right below the return address. On aarch64 the record may lie anywhere in the frame.
  if (!arch.link) caller.set(arch.sp, *fp + 16);
  Frame next = caller_frame(program, caller, *next_pc, Trust::kFrameRecord);
  // The boot thread was started by code that is freed since (.init.text), which nothing names without debuginfo: records alone lead to its end.
  if (arch.link && !is_code(program, next.pc) && leads_to_the_end(program, *next_fp)) return no_caller(End::kRoot, "");
  if (!is_code(program, next.pc) || (checked && !call_before(program, next.pc)))
    return no_caller(End::kNoRow, fmt::format("no unwind row for {:#x}, and no frame record at {:#x}", frame.pc.value, *fp));
  return found(std::move(next), arch.link ? VirtualAddress() : VirtualAddress(*fp + 16));
}

}  // namespace inquest::unwind
