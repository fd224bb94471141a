// What the log of a kernel and its debuginfo give together, without a dump: a kernel::Kernel whose memory is not there.
//
// The debuginfo must be of the log's release, and its functions as long as the log says; else it is refused with the reason.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "debuginfo/finder.h"
#include "kernel/kernel.h"
#include "oops/parse.h"

namespace inquest::scene {

struct TextKernel {
  dump::Dump nothing;
  std::unique_ptr<kernel::Kernel> kernel;
  bool slide_known = false;  // false: addresses are the debuginfo's own, of modules made up; printed ones are not comparable
};

Result<std::unique_ptr<TextKernel>> open_for_log(const oops::Log& log, const debuginfo::Finder& finder, const debuginfo::OpenOptions& options, LossLedger& ledger);

}  // namespace inquest::scene
