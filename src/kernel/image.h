// The kernel's own image as a LoadedFile: with its vmlinux, or with what it says of itself in memory (kallsyms, BTF, ORC).
#pragma once

#include <memory>
#include <string>

#include "debuginfo/finder.h"
#include "object/program.h"

namespace inquest::kernel {

struct KernelDebug {
  std::shared_ptr<const debuginfo::DebugFile> file;  // null: none that belongs to this kernel
  std::string why_not;
};

// The vmlinux by build ID or release; where the dump knows neither, the one that carries the banner found in memory. Why none: in the ledger too.
KernelDebug find_vmlinux(const target::KernelIdentity& identity, const debuginfo::Finder& finder, const debuginfo::OpenOptions& options, LossLedger& ledger);

object::LoadedFile described_image(const object::Program& program, std::shared_ptr<const debuginfo::DebugFile> file);
object::LoadedFile undescribed_image(const object::Program& program, const std::string& why_no_debug, LossLedger& ledger);

}  // namespace inquest::kernel
