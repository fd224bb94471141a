#include "scene/text_kernel.h"

#include <fmt/format.h>

#include <set>

namespace inquest::scene {

namespace {

constexpr size_t kMaxModules = 32;

struct Place {
  const std::string* symbol;
  std::optional<uint64_t> offset, size, address;
};

// All places in the kernel proper that the log names.
template <typename Each>
void for_each_place(const oops::Log& log, Each each) {
  for (const oops::Event& e : log.events) {
    std::optional<uint64_t> pc = e.reg("rip") ? e.reg("rip") : e.reg("pc");
    if (!e.function.empty() && e.function_offset && e.function_module.empty()) each(Place{&e.function, e.function_offset, e.function_size, pc});
    for (const oops::Frame& f : e.frames)
      if (f.module.empty() && f.offset && !f.symbol.empty() && !f.inlined) each(Place{&f.symbol, f.offset, f.size, f.address});
  }
}

struct Fit {
  int agree = 0, differ = 0;
};

Fit fit(const oops::Log& log, const debuginfo::DebugFile& vmlinux) {
  Fit result;
  for_each_place(log, [&](const Place& p) {
    if (!p.size) return;
    auto symbols = vmlinux.find_symbols(*p.symbol);
    if (symbols.empty()) return;
    bool good = false;
    for (const auto& s : symbols) good = good || object::size_agrees(*p.size, s.size);
    (good ? result.agree : result.differ)++;
  });
  return result;
}

// Run-time address less link address: said by panic() ("Kernel Offset:"), else by a frame whose address is printed beside its name.
std::optional<uint64_t> slide_of(const oops::Log& log, const debuginfo::DebugFile& vmlinux) {
  for (const oops::Event& e : log.events)
    if (e.kernel_offset) return e.kernel_offset;
  std::optional<uint64_t> slide;
  for_each_place(log, [&](const Place& p) {
    if (slide || !p.address || !p.size) return;
    auto symbols = vmlinux.find_symbols(*p.symbol);
    if (symbols.size() == 1 && object::size_agrees(*p.size, symbols[0].size)) slide = *p.address - symbols[0].address - *p.offset;
  });
  return slide;
}

Result<std::shared_ptr<const debuginfo::DebugFile>> vmlinux_of(const oops::Log& log, const arch::Arch& arch, const debuginfo::Finder& finder,
                                                               const debuginfo::OpenOptions& options, LossLedger& ledger) {
  std::vector<debuginfo::FoundFile> candidates;
  if (log.release.empty()) {
    candidates = finder.kernels();
    if (candidates.empty()) return Error(ErrorCode::kNotFound, "no vmlinux found");
  } else {
    TRY(debuginfo::FoundFile found, finder.find({"vmlinux", log.release, ""}));
    candidates.push_back(std::move(found));
  }
  Error refused(ErrorCode::kMismatch, "");
  for (debuginfo::FoundFile& found : candidates) {
    std::string path = found.path;
    TRY(auto file, debuginfo::DebugFile::open(std::move(found.file), options, ledger));
    if (file->arch() != &arch) {
      refused = Error(ErrorCode::kMismatch, fmt::format("{} is of {}, the log of {}", path, file->arch() ? file->arch()->name : "another architecture", arch.name));
      continue;
    }
    Fit f = fit(log, *file);
    if (f.differ <= f.agree && (f.agree || !log.release.empty())) return file;
    refused = Error(ErrorCode::kMismatch, fmt::format("{}: another build: {} of {} functions of the log have another size there", path, f.differ, f.agree + f.differ));
  }
  return refused;
}

std::vector<std::pair<std::string, std::shared_ptr<const debuginfo::DebugFile>>> modules_of(const oops::Log& log, const debuginfo::Finder& finder,
                                                                                            const debuginfo::OpenOptions& options, LossLedger& ledger) {
  std::vector<std::pair<std::string, std::string>> wanted;  // name, build ID
  std::set<std::string> known;
  auto want = [&](const std::string& name, const std::string& build_id) {
    if (!name.empty() && wanted.size() < kMaxModules && known.insert(name).second) wanted.emplace_back(name, build_id);
  };
  for (const oops::Event& e : log.events) {
    for (const oops::Frame& f : e.frames) want(f.module, f.build_id);
    want(e.function_module, "");
  }
  std::vector<debuginfo::Wanted> all;
  for (const auto& [name, id] : wanted) all.push_back({name, log.release, id});
  finder.prepare(all);
  std::vector<std::pair<std::string, std::shared_ptr<const debuginfo::DebugFile>>> files;
  for (const debuginfo::Wanted& w : all) {
    auto found = finder.find(w);
    auto opened = found.ok() ? debuginfo::DebugFile::open(std::move(found->file), options, ledger) : Result<std::shared_ptr<const debuginfo::DebugFile>>(found.error());
    if (opened.ok()) files.emplace_back(w.name, *opened);
    else ledger.add(Loss::kNoModuleDebuginfo, opened.error().message().starts_with(w.name) ? opened.error().message() : w.name + ": " + opened.error().message());
  }
  return files;
}

}  // namespace

Result<std::unique_ptr<TextKernel>> open_for_log(const oops::Log& log, const debuginfo::Finder& finder, const debuginfo::OpenOptions& options, LossLedger& ledger) {
  const arch::Arch* arch = log.arch == oops::Arch::kX86_64 ? &arch::x86_64() : log.arch == oops::Arch::kArm64 ? &arch::aarch64() : nullptr;
  if (!arch) return Error(ErrorCode::kUnsupported, "debuginfo is read for logs of x86_64 and aarch64 only");
  TRY(auto vmlinux, vmlinux_of(log, *arch, finder, options, ledger));
  auto slide = slide_of(log, *vmlinux);
  target::KernelLayout layout;
  layout.identity.arch = arch;
  layout.identity.release = log.release;
  layout.identity.how = "the log";
  layout.format.arch = arch->id;
  layout.kaslr_offset = slide.value_or(0);
  layout.how.push_back(slide ? fmt::format("the kernel was moved by {:#x}, as the log tells", *slide)
                             : "the log does not tell where the kernel was loaded: addresses of code are the debuginfo's own, those of modules made up");
  auto opened = std::make_unique<TextKernel>(TextKernel{dump::Dump::without_memory(*arch), nullptr, slide.has_value()});
  opened->kernel = kernel::Kernel::without_dump(opened->nothing, std::move(layout), vmlinux, modules_of(log, finder, options, ledger), ledger);
  return opened;
}

}  // namespace inquest::scene
