#include "kernel/kernel.h"

#include <fmt/format.h>

#include "kernel/image.h"

namespace inquest::kernel {

Result<std::unique_ptr<Kernel>> Kernel::open(const dump::Dump& dump, const debuginfo::Finder& finder, const OpenOptions& options, LossLedger& ledger) {
  TRY(target::KernelIdentity identity, target::identify(dump, ledger));
  KernelDebug debug = find_vmlinux(identity, finder, options.debuginfo, ledger);
  target::LinkSymbol link;
  if (debug.file)
    link = [file = debug.file](std::string_view name) -> std::optional<uint64_t> {
      auto s = file->find_symbol(name);
      return s ? std::optional(s->address) : std::nullopt;
    };
  auto layout = target::locate(dump, std::move(identity), link, ledger);
  if (!layout.ok()) {
    Error error = std::move(layout).error();
    if (debug.file || debug.why_not.empty()) return error;
    return Error(error.code(), fmt::format("{} ({})", error.message(), debug.why_not));
  }
  std::unique_ptr<Kernel> kernel(new Kernel());
  kernel->program_ = std::make_unique<object::Program>(dump, std::move(*layout), ledger);
  kernel->program_->add_file(debug.file ? described_image(*kernel->program_, debug.file) : undescribed_image(*kernel->program_, debug.why_not, ledger));
  kernel->per_cpu_ = std::make_unique<PerCpu>(*kernel->program_);
  if (options.with_modules) {
    auto modules = load_modules(*kernel->program_, finder, options.debuginfo, ledger, &kernel->modules_note_);
    if (modules.ok()) {
      kernel->modules_ = std::move(*modules);
    } else {
      kernel->modules_note_ = modules.error().message();
      ledger.add(Loss::kFeatureMissing, kernel->modules_note_);
    }
  }
  kernel->unwinder_ = std::make_unique<unwind::Unwinder>(
      *kernel->program_, [self = kernel.get()](VirtualAddress address) { return self->stacks().find(address); });
  return kernel;
}

const Result<LogText>& Kernel::log() const {
  std::call_once(log_once_, [this] {
    log_ = std::make_unique<Result<LogText>>(read_log(program_->memory(), log_layout(*program_)));
    if (!log_->ok()) program_->ledger().add(Loss::kLogDamaged, log_->error().message());
    if (log_->ok() && !(**log_).note.empty()) program_->ledger().add(Loss::kLogDamaged, (**log_).note);
  });
  return *log_;
}

const SystemFacts& Kernel::system() const {
  std::call_once(system_once_, [this] {
    system_ = std::make_unique<SystemFacts>(read_system(*program_, *per_cpu_, log().ok() ? log()->text() : std::string()));
    if (!tasks().tasks.empty()) system_->tasks = tasks().tasks.size();
  });
  return *system_;
}

const TaskList& Kernel::tasks() const {
  std::call_once(tasks_once_, [this] { tasks_ = std::make_unique<TaskList>(read_tasks(*program_, *per_cpu_)); });
  return *tasks_;
}

const SlabCaches& Kernel::slab() const {
  std::call_once(slab_once_, [this] { slab_ = std::make_unique<SlabCaches>(*program_, *per_cpu_); });
  return *slab_;
}

const Stacks& Kernel::stacks() const {
  std::call_once(stacks_once_, [this] { stacks_ = std::make_unique<Stacks>(*program_, *per_cpu_, tasks()); });
  return *stacks_;
}

}  // namespace inquest::kernel
