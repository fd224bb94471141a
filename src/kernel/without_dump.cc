// A kernel of which only debuginfo is at hand: its code and types answer, its memory does not.
#include <algorithm>

#include "elf/elf_file.h"
#include "kernel/image.h"
#include "kernel/kernel.h"

namespace inquest::kernel {

namespace {

// Far from where any kernel puts one, so that no printed address is taken for a module's.
constexpr uint64_t kModules = 0xffffee0000000000, kModuleStep = 0x10000000;

object::LoadedFile module_nowhere(std::shared_ptr<const debuginfo::DebugFile> file, const std::string& name, uint64_t base) {
  object::LoadedFile loaded;
  loaded.name = name;
  loaded.build_id = file->build_id();
  uint64_t low = ~uint64_t{0}, high = 0, text_low = ~uint64_t{0}, text_high = 0;
  for (const debuginfo::SectionPlace& p : file->section_places()) {
    if (!p.size || p.name.starts_with(".data..percpu")) continue;
    low = std::min(low, p.address);
    high = std::max(high, p.address + p.size);
    if (!(p.flags & elf::kShfExecinstr)) continue;
    text_low = std::min(text_low, p.address);
    text_high = std::max(text_high, p.address + p.size);
  }
  object::LoadedDebug debug;
  debug.file = std::move(file);
  if (low < high && high - low < kModuleStep) {
    debug.mappings.push_back({low, high - low, VirtualAddress(base)});
    loaded.extents.emplace_back(VirtualAddress(base), high - low);
    if (text_low < text_high) {
      loaded.text_start = VirtualAddress(base + (text_low - low));
      loaded.text_size = text_high - text_low;
    }
  }
  loaded.load_debug = [debug] { return debug; };
  return loaded;
}

}  // namespace

std::unique_ptr<Kernel> Kernel::without_dump(const dump::Dump& nothing, target::KernelLayout layout, std::shared_ptr<const debuginfo::DebugFile> vmlinux,
                                             const std::vector<std::pair<std::string, std::shared_ptr<const debuginfo::DebugFile>>>& modules, LossLedger& ledger) {
  std::unique_ptr<Kernel> kernel(new Kernel());
  kernel->program_ = std::make_unique<object::Program>(nothing, std::move(layout), ledger);
  kernel->program_->add_file(described_image(*kernel->program_, std::move(vmlinux)));
  for (size_t i = 0; i < modules.size(); i++) kernel->program_->add_file(module_nowhere(modules[i].second, modules[i].first, kModules + i * kModuleStep));
  kernel->per_cpu_ = std::make_unique<PerCpu>(*kernel->program_);
  kernel->unwinder_ = std::make_unique<unwind::Unwinder>(*kernel->program_, [](VirtualAddress) { return std::nullopt; });
  return kernel;
}

}  // namespace inquest::kernel
