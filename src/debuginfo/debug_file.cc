// Opening: the ELF file, then its index, from the cache or made now. Questions are in debug_file_queries.cc.
#include "debuginfo/debug_file.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/worker_pool.h"
#include "debuginfo/debug_file_impl.h"

namespace inquest::debuginfo {

namespace {

uint64_t modified_ns(const std::string& path) {
  struct stat st;
  if (path.empty() || ::stat(path.c_str(), &st) != 0) return 0;
  return uint64_t(st.st_mtim.tv_sec) * 1'000'000'000 + uint64_t(st.st_mtim.tv_nsec);
}

Result<std::shared_ptr<const DebugFile>> open_any(MappedFile file, Bytes bytes, const std::string& path,
                                                  const OpenOptions& options, LossLedger& ledger) {
  auto elf = elf::ElfFile::parse(bytes);
  if (!elf) return std::move(elf).error().in(path);
  if (elf->type() == elf::kEtCore) return Error(ErrorCode::kNotMine, path + ": a core dump, not debuginfo");
  auto made = std::make_shared<DebugFileImpl>(std::move(file), bytes, path, std::move(*elf), ledger);
  if (auto attached = made->attach_index(options); !attached) return std::move(attached).error().in(path);
  return std::shared_ptr<const DebugFile>(std::move(made));
}

}  // namespace

Result<std::shared_ptr<const DebugFile>> DebugFile::open(MappedFile file, const OpenOptions& options,
                                                         LossLedger& ledger) {
  Bytes bytes = file.bytes();
  std::string path = file.path();
  return open_any(std::move(file), bytes, path, options, ledger);
}

Result<std::shared_ptr<const DebugFile>> DebugFile::open(Bytes bytes, const std::string& path,
                                                         const OpenOptions& options, LossLedger& ledger) {
  return open_any(MappedFile(), bytes, path, options, ledger);
}

DebugFileImpl::DebugFileImpl(MappedFile file, Bytes bytes, std::string path, elf::ElfFile elf, LossLedger& ledger)
    : file_(std::move(file)),
      bytes_(bytes),
      path_(std::move(path)),
      elf_(std::move(elf)),
      ledger_(ledger),
      sections_(elf_, ledger) {
  has_dwarf_ = sections_.has(dwarf::SectionId::kInfo) && sections_.has(dwarf::SectionId::kAbbrev) &&
               elf_.order() == ByteOrder::kLittle;
  arch_ = arch::find_machine(elf_.machine());
  build_id_ = elf_.build_id();
  for (const elf::Section& section : elf_.sections())
    if (section.flags & elf::kShfAlloc)
      places_.push_back({section.name, sections_.addresses()[section.index], section.size, section.flags});
}

index::Subject DebugFileImpl::subject() const {
  index::Subject subject;
  build_id_.copy(subject.build_id, sizeof subject.build_id - 1);
  subject.file_size = bytes_.size();
  subject.modified_ns = modified_ns(file_.path());
  for (const elf::Section& section : elf_.sections()) {
    uint64_t facts[] = {subject.layout_hash, section.offset, section.size,
                        section.address,     section.flags,  section.type};
    subject.layout_hash = index::hash_block(std::as_bytes(std::span(facts)), index::hash_name(section.name));
  }
  return subject;
}

Result<void> DebugFileImpl::attach_index(const OpenOptions& options) {
  index::Subject wanted = subject();
  // The name holds all of the subject, so that two copies of a file do not fight over one index.
  std::string name = fmt::format("debug-{}-{:016x}.index", build_id_.empty() ? "none" : build_id_.substr(0, 40),
                                 index::hash_block(std::as_bytes(std::span(&wanted, 1))));
  from_cache_ = options.cache && !options.rebuild && open_cached(*options.cache, name, wanted);
  if (!from_cache_) {
    TRY_VOID(make_index(options, wanted));
    // Bytes of no file have nothing to be found again by.
    if (options.cache && !file_.path().empty())
      if (auto stored = options.cache->store(name, {Bytes(index_blob_)}); !stored)
        ledger_.add(Loss::kCacheUnusable, stored.error().message());
  }
  if (index_.damaged_units())
    ledger_.add(Loss::kDebuginfoDamaged,
                fmt::format("{}: {} units of .debug_info are damaged", path_, index_.damaged_units()));
  strings_.debug_str = sections_.unrelocated(dwarf::SectionId::kStr);
  strings_.line_str = sections_.unrelocated(dwarf::SectionId::kLineStr);
  strings_.strtab = index::symbol_strings(elf_);
  strings_.pool = index_.pool();
  dwarf_.emplace(sections_, index_.units());
  types_.emplace(*dwarf_, index_, strings_);
  lines_.emplace(*dwarf_);
  code_.emplace(*dwarf_, index_, strings_, *types_, *lines_);
  read_identity();
  return {};
}

bool DebugFileImpl::open_cached(const CacheFolder& cache, const std::string& name, const index::Subject& wanted) {
  auto file = cache.open(name);
  if (!file) return false;
  auto opened = index::Index::open(file->bytes(), wanted);
  if (!opened) {
    // One of an older inquest is simply made anew.
    if (opened.error().code() != ErrorCode::kMismatch)
      ledger_.add(Loss::kCacheUnusable, name + ": " + opened.error().message());
    return false;
  }
  index_file_ = std::move(*file);
  index_ = *opened;
  if (index_.relocations_sorted()) sections_.allow_pieces();
  return true;
}

std::vector<dwarf::UnitHeader> DebugFileImpl::unit_headers(uint32_t& damaged) const {
  std::vector<dwarf::UnitHeader> headers;
  if (!has_dwarf_) return headers;
  Bytes info = sections_.get(dwarf::SectionId::kInfo);
  for (uint64_t offset = 0, next = 0; offset < info.size(); offset = next) {
    if (auto header = dwarf::read_unit_header(info, offset, next))
      headers.push_back(*header);
    else
      damaged++;
  }
  return headers;
}

std::vector<index::FrameRecord> DebugFileImpl::list_frames() const {
  auto section = cfi_section();
  if (!section) return {};
  return debuginfo::list_frames(section->bytes, section->address, section->is_eh_frame, elf_.order());
}

Result<void> DebugFileImpl::make_index(const OpenOptions& options, const index::Subject& wanted) {
  if (const elf::Section* info = sections_.find(dwarf::SectionId::kInfo)) file_.will_read(info->offset, info->size);
  uint32_t damaged = 0;
  std::vector<dwarf::UnitHeader> headers = unit_headers(damaged);
  index::NameStrings strings{sections_.unrelocated(dwarf::SectionId::kStr),
                             index::symbol_strings(elf_),
                             sections_.unrelocated(dwarf::SectionId::kLineStr),
                             {}};
  dwarf::Dwarf dwarf(sections_, headers);
  dwarf::ParallelScan scan(dwarf, options.workers);
  std::vector<index::SymbolRecord> symbols;
  std::vector<index::FrameRecord> frames;
  // The symbol table and the unwind entries are two more pieces of work beside the units.
  parallel_for(
      headers.size() + 2,
      [&](size_t i, unsigned worker) {
        if (i == 0)
          symbols = index::read_symbols(elf_, sections_.addresses(), strings.strtab);
        else if (i == 1)
          frames = list_frames();
        else
          scan.scan(i - 2, worker);
      },
      options.workers);
  dwarf::ScanResult found = scan.merge();
  found.damaged_units += damaged;
  index_blob_ =
      index::build({wanted, headers, std::move(found), std::move(symbols), std::move(frames), strings, sections_.relocations_sorted()},
                   options.workers);
  auto opened = index::Index::open(index_blob_, wanted);
  if (!opened) return std::move(opened).error();
  index_ = *opened;
  return {};
}

std::string_view modinfo_value(Bytes modinfo, std::string_view key) {
  std::string_view text = as_text(modinfo);
  while (!text.empty()) {
    size_t end = std::min(text.find('\0'), text.size());
    std::string_view entry = text.substr(0, end);
    if (entry.starts_with(key) && entry.size() > key.size() && entry[key.size()] == '=')
      return entry.substr(key.size() + 1);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

std::string_view release_of_banner(std::string_view banner) {
  constexpr std::string_view kStart = "Linux version ";
  if (!banner.starts_with(kStart)) return {};
  banner.remove_prefix(kStart.size());
  return banner.substr(0, banner.find_first_of(std::string_view(" \0\n", 3)));
}

std::string module_name_of_path(std::string_view path) {
  path = path.substr(path.rfind('/') + 1);
  path = path.substr(0, path.find('.'));
  std::string name(path);
  std::ranges::replace(name, '-', '_');
  return name;
}

void DebugFileImpl::read_identity() {
  if (!is_module()) {
    if (auto banner = find_symbol("linux_banner"))
      release_ = release_of_banner(as_text(file_bytes(banner->address, 256)));
    return;
  }
  const elf::Section* section = elf_.section(".modinfo");
  Bytes modinfo = section ? elf_.contents(*section) : Bytes{};
  std::string_view name = modinfo_value(modinfo, "name"), vermagic = modinfo_value(modinfo, "vermagic");
  module_name_ = module_name_of_path(name.empty() ? path_ : std::string(name));
  release_ = vermagic.substr(0, vermagic.find(' '));
}

}  // namespace inquest::debuginfo
