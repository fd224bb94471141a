// Kernel: the dead kernel opened: its Program with modules in place, and small readers over it, each made at its first use.
//
// A reader answers one family of questions, by features (members, symbols), never by version. What it cannot read it says in the
// ledger or in its Result. Const calls are thread-safe after open().
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "debuginfo/finder.h"
#include "kernel/log_buffer.h"
#include "kernel/modules.h"
#include "kernel/per_cpu.h"
#include "kernel/slab.h"
#include "kernel/stacks.h"
#include "kernel/system.h"
#include "kernel/tasks.h"
#include "object/program.h"
#include "unwind/stack.h"

namespace inquest::kernel {

struct OpenOptions {
  debuginfo::OpenOptions debuginfo;
  bool with_modules = true;      // read the module list (their debuginfo is opened when first needed, see Modules)
};

class Kernel {
 public:
  // The dump must outlive it. Works, with less, without any debuginfo.
  static Result<std::unique_ptr<Kernel>> open(const dump::Dump& dump, const debuginfo::Finder& finder, const OpenOptions& options, LossLedger& ledger);

  // Debuginfo alone: code and types answer, every read of memory fails. `nothing` is Dump::without_memory() and must outlive it.
  static std::unique_ptr<Kernel> without_dump(const dump::Dump& nothing, target::KernelLayout layout, std::shared_ptr<const debuginfo::DebugFile> vmlinux,
                                              const std::vector<std::pair<std::string, std::shared_ptr<const debuginfo::DebugFile>>>& modules, LossLedger& ledger);

  const object::Program& program() const { return *program_; }
  const PerCpu& per_cpu() const { return *per_cpu_; }
  const std::vector<LoadedModule>& modules() const { return modules_; }
  const std::string& modules_note() const { return modules_note_; }   // why the list is short, "" if it is whole
  const SystemFacts& system() const;
  const Result<LogText>& log() const;
  const TaskList& tasks() const;
  const SlabCaches& slab() const;
  const Stacks& stacks() const;                                       // whose stack an address is on; CPU contexts
  const unwind::Unwinder& unwinder() const { return *unwinder_; }

 private:
  Kernel() = default;
  std::unique_ptr<object::Program> program_;
  std::unique_ptr<PerCpu> per_cpu_;
  std::vector<LoadedModule> modules_;
  std::string modules_note_;
  std::unique_ptr<unwind::Unwinder> unwinder_;
  mutable std::once_flag system_once_, log_once_, tasks_once_, slab_once_, stacks_once_;
  mutable std::unique_ptr<SystemFacts> system_;
  mutable std::unique_ptr<Result<LogText>> log_;
  mutable std::unique_ptr<TaskList> tasks_;
  mutable std::unique_ptr<SlabCaches> slab_;
  mutable std::unique_ptr<Stacks> stacks_;
};

}  // namespace inquest::kernel
