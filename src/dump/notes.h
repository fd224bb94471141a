// The notes of a dump, as ELF cores and kdump-compressed files both carry them: registers of every CPU, VMCOREINFO.
//
//   owner "CORE", type 1: NT_PRSTATUS, one a CPU, by the kernel (pr_pid: the task that ran) or by QEMU (CPU number + 1)
//   owner "QEMU", type 0: QEMUCPUState, one a CPU, in the same order (qemu: target/i386/arch_dump.c); x86_64 only
//   owner "VMCOREINFO", type 0: text; owner "ERASEINFO": text
#pragma once

#include "base/loss_ledger.h"
#include "dump/dump.h"
#include "elf/elf_file.h"

namespace inquest::dump {

// Puts what the notes say into the facts. Without facts.arch the size of NT_PRSTATUS decides, if it can (QEMU's kdump
// header for arm64 names no machine). `by_hypervisor`: known already to be QEMU's, whether or not it left its own note.
void read_notes(const std::vector<elf::Note>& notes, bool by_hypervisor, DumpFacts& facts, LossLedger& ledger);

// The text of a note or header field: up to its first NUL.
std::string text_of(Bytes bytes);

}  // namespace inquest::dump
