#include "dump/notes.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace inquest::dump {

namespace {

constexpr uint32_t kNtPrstatus = 1;

// qemu: target/i386/arch_dump.c, struct QEMUCPUState, version 1. kernel_gs_base came later (size 440, before it
// 432).
struct QemuState {
  arch::Registers registers;
  std::optional<uint64_t> kernel_gs_base;
};

Result<QemuState> read_qemu_state(Bytes note) {
  Cursor c(note);
  const uint32_t version = c.u32();
  const uint32_t size = c.u32();
  if (c.ok() && version != 1) return Error(ErrorCode::kUnsupported, fmt::format("QEMU CPU state version {}", version));
  QemuState q;
  using namespace arch::x86;
  constexpr unsigned kOrder[] = {kRax, kRbx, kRcx, kRdx, kRsi, kRdi, kRsp, kRbp};
  for (unsigned r : kOrder) q.registers.set(r, c.u64());
  for (unsigned r = kR8; r <= kR15; r++) q.registers.set(r, c.u64());
  q.registers.set(kRip, c.u64());
  q.registers.set(kFlags, c.u64());
  // cs ds es fs gs ss ldt tr gdt idt: {u32 selector, limit, flags, pad; u64 base}
  for (int i = 0; i < 10; i++) {
    const uint32_t selector = c.u32();
    c.skip(12);
    const uint64_t base = c.u64();
    if (i == 0) q.registers.set(kCs, selector);
    if (i == 3) q.registers.set(kFsBase, base);
    if (i == 4) q.registers.set(kGsBase, base);
    if (i == 5) q.registers.set(kSs, selector);
  }
  q.registers.set(kCr0, c.u64());
  c.u64();  // cr1
  q.registers.set(kCr2, c.u64());
  q.registers.set(kCr3, c.u64());
  q.registers.set(kCr4, c.u64());
  if (!c.ok()) return c.error();
  if (size >= 440 && c.left() >= 8) q.kernel_gs_base = c.u64();
  return q;
}

const arch::Arch* arch_by_prstatus(Bytes note) {
  for (const arch::Arch* a : arch::all_archs())
    if (note.size() == a->prstatus_size) return a;
  return nullptr;
}

void read_prstatus(const elf::Note& note, DumpFacts& facts, LossLedger& ledger) {
  CpuState cpu;
  cpu.cpu = int(facts.cpus.size());
  std::optional<arch::Registers> registers;
  if (facts.arch) registers = facts.arch->from_prstatus(note.description);
  if (registers) {
    cpu.registers = *registers;
    Cursor c(note.description, ByteOrder::kLittle, 0);
    c.skip(facts.arch->prstatus_pid_offset);
    const auto pid = int32_t(c.u32());
    if (c.ok()) cpu.pid = pid;
  } else {
    ledger.add(Loss::kNoteUnreadable,
               fmt::format("NT_PRSTATUS of CPU {}: {} bytes, {}", cpu.cpu, note.description.size(),
                           facts.arch ? "too few" : "for an unknown architecture"));
  }
  facts.cpus.push_back(std::move(cpu));
}

void merge_qemu_state(const elf::Note& note, CpuState& cpu, LossLedger& ledger) {
  Result<QemuState> state = read_qemu_state(note.description);
  if (!state.ok()) {
    ledger.add(Loss::kNoteUnreadable, fmt::format("QEMU's note of CPU {}: {}", cpu.cpu, state.error().message()));
    return;
  }
  for (unsigned r = 0; r < arch::kRegisterCount; r++)
    if (std::optional<uint64_t> v = state->registers.get(r)) cpu.registers.set(r, *v);
  cpu.kernel_gs_base = state->kernel_gs_base;
}

// "CRASHTIME=1763806651" (kernel 4.14 and later): when the kernel died, by its own clock.
std::optional<uint64_t> crash_time_of(const std::string& vmcoreinfo) {
  constexpr std::string_view kKey = "CRASHTIME=";
  size_t at = vmcoreinfo.starts_with(kKey) ? 0 : vmcoreinfo.find("\nCRASHTIME=");
  if (at == std::string::npos) return std::nullopt;
  at = vmcoreinfo.find('=', at) + 1;
  uint64_t seconds = 0;
  if (std::from_chars(vmcoreinfo.data() + at, vmcoreinfo.data() + vmcoreinfo.size(), seconds).ec != std::errc())
    return std::nullopt;
  return seconds;
}

}  // namespace

std::string text_of(Bytes bytes) {
  std::string_view text = as_text(bytes);
  return std::string(text.substr(0, std::min(text.find('\0'), text.size())));
}

void read_notes(const std::vector<elf::Note>& notes, bool by_hypervisor, DumpFacts& facts, LossLedger& ledger) {
  for (const elf::Note& n : notes)
    if (!facts.arch && n.name == "CORE" && n.type == kNtPrstatus) facts.arch = arch_by_prstatus(n.description);
  std::vector<const elf::Note*> states;
  for (const elf::Note& n : notes) {
    if (n.name == "CORE" && n.type == kNtPrstatus) read_prstatus(n, facts, ledger);
    if (n.name == "QEMU" && n.type == 0) states.push_back(&n);
    if (n.name == "VMCOREINFO" && facts.vmcoreinfo.empty()) facts.vmcoreinfo = text_of(n.description);
    if (n.name == "ERASEINFO" && facts.eraseinfo.empty()) facts.eraseinfo = text_of(n.description);
  }
  if (facts.arch && facts.arch->id == arch::ArchId::kX86_64)
    for (size_t i = 0; i < states.size() && i < facts.cpus.size(); i++)
      merge_qemu_state(*states[i], facts.cpus[i], ledger);
  if (by_hypervisor || !states.empty()) {
    for (CpuState& cpu : facts.cpus) {
      cpu.from_qemu = true;
      cpu.pid.reset();
    }
  }
  if (!facts.crash_time) facts.crash_time = crash_time_of(facts.vmcoreinfo);
}

}  // namespace inquest::dump
