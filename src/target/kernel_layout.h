// KernelLayout: where the dead kernel lies in its memory, and how each fact was found.
//
// From VMCOREINFO where the dump has it; else VMCOREINFO is looked for in memory (the kernel keeps it in a page of its
// own: kernel/crash_core.c, since 4.13); else the kernel is found by its banner and its own page tables, with the link addresses of
// the vmlinux on offer.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arch/arch.h"
#include "arch/page_table.h"
#include "base/loss_ledger.h"
#include "base/result.h"
#include "dump/dump.h"
#include "target/address_space.h"
#include "target/vmcoreinfo.h"

namespace inquest::target {

// What is known of the kernel before any virtual address can be read.
struct KernelIdentity {
  const arch::Arch* arch = nullptr;
  std::string release;       // "6.1.0-56-cloud-amd64"
  std::string banner;        // "Linux version …", if it was found in memory
  std::string build_id;      // "" = not known
  Vmcoreinfo vmcoreinfo;     // may be empty
  std::string how;           // "VMCOREINFO note", "VMCOREINFO page at 0x…", "banner at 0x…"
  std::optional<PhysicalAddress> banner_at;
};

// The link address of a symbol of the vmlinux that goes with the dump; nothing if there is no vmlinux or no such symbol.
using LinkSymbol = std::function<std::optional<uint64_t>(std::string_view)>;

struct KernelLayout {
  KernelIdentity identity;
  arch::PageTableFormat format;
  PhysicalAddress root;                        // top page table
  std::optional<uint64_t> kaslr_offset;        // run-time address = link address + this (modulo 2^64)
  std::optional<uint64_t> image_voffset;       // virtual - physical of the kernel image
  uint64_t pac_mask = 0;
  std::vector<std::string> how;                // a sentence a fact
};

// Scans memory only if the dump has no VMCOREINFO note.
Result<KernelIdentity> identify(const dump::Dump& dump, LossLedger& ledger);
Result<KernelLayout> locate(const dump::Dump& dump, KernelIdentity identity, const LinkSymbol& link, LossLedger& ledger);

}  // namespace inquest::target
