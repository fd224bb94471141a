// Dump: an opened crash dump of any format: its memory, its notes, and what its headers claim.
//
// open() tries every row of formats() (formats.cc) in turn; each says "not mine", "mine", or "mine but broken",
// and when none takes the file the error lists what each saw. Headers are claims, not truth: QEMU's kdump
// headers carry an empty utsname and, for arm64, a block size that is not the page size; arch and page size are
// settled in `target`.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arch/arch.h"
#include "base/loss_ledger.h"
#include "base/result.h"
#include "dump/physical_memory.h"

namespace inquest::dump {

// One CPU's registers as the dump's notes have them.
struct CpuState {
  int cpu = 0;                // by order of the notes; QEMU and the kernel write one a CPU
  std::optional<int> pid;     // NT_PRSTATUS pr_pid (QEMU: cpu number + 1, so not a pid: left empty there)
  arch::Registers registers;  // from NT_PRSTATUS, completed by QEMU's own note (control and segment registers)
  // x86_64 under QEMU: MSR_KERNEL_GS_BASE, which is the per-CPU base while the CPU is in user mode.
  std::optional<uint64_t> kernel_gs_base;
  bool from_qemu = false;  // written by the hypervisor: the CPU as it really stood when the dump was taken
};

struct DumpFacts {
  // "elf", "kdump-zlib", "kdump-lzo", "kdump-snappy", "kdump-zstd", "kdump" (raw pages); with " (split, 3 parts)" and
  // " (flattened)" appended.
  std::string format;
  // From ELF e_machine, utsname.machine, else the size of NT_PRSTATUS; null if none of them says.
  const arch::Arch* arch = nullptr;
  // sysname nodename release version machine domainname, as in the header; may be empty.
  std::array<std::string, 6> uts;
  int header_version = 0;
  std::optional<int> dump_level;  // makedumpfile -d
  bool partial = false;           // pages were filtered
  bool incomplete = false;        // its writer or its size says that it ends early
  // Seconds since the epoch. kdump: the header's, when saving began; ELF: VMCOREINFO's CRASHTIME.
  std::optional<uint64_t> crash_time;
  std::optional<uint64_t> phys_base;  // kdump sub header; empty from QEMU, which writes noise there
  std::string vmcoreinfo;             // text of the note, "" if none
  std::string eraseinfo;              // what makedumpfile scrubbed, "" if none
  std::vector<CpuState> cpus;
};

class Dump {
 public:
  // One path, or the parts of a split set in any order. Given one part of a set, looks for the others beside it.
  static Result<Dump> open(const std::vector<std::string>& paths, LossLedger& ledger);

  // The same of dumps that lie in memory; the bytes must outlive the Dump. `names` stand for their paths.
  static Result<Dump> open_bytes(const std::vector<Bytes>& files, const std::vector<std::string>& names,
                                 LossLedger& ledger);

  // No memory at all: what stands for a dump where only a log and debuginfo are at hand.
  static Dump without_memory(const arch::Arch& arch);

  const PhysicalMemory& memory() const { return *memory_; }
  const DumpFacts& facts() const { return facts_; }
  const std::vector<std::string>& paths() const { return paths_; }

 private:
  Dump() = default;
  std::shared_ptr<const PhysicalMemory> memory_;
  DumpFacts facts_;
  std::vector<std::string> paths_;
};

}  // namespace inquest::dump
