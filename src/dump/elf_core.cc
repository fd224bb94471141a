// ELF vmcores: /proc/vmcore as it was, `makedumpfile -E`, QEMU's dump-guest-memory.
//
// Oddities, each with where it comes from:
//   - QEMU without paging: p_vaddr is 0 or the physical address, only p_paddr counts (qemu: dump/dump.c,
//   write_elf64_load;
//     the lab's dumps have both)
//   - more than 65,534 segments: PN_XNUM (elf_file.h)
//   - e_flags 1: makedumpfile ran out of space (DUMP_ELF_INCOMPLETE); the missing end is seen by the file's size
//   - p_filesz < p_memsz: pages left out; ELF cannot say of what kind
//   - all p_paddr 0: a core of a process
#include "dump/elf_core.h"

#include <fmt/format.h>

#include <algorithm>

#include "dump/formats.h"
#include "dump/notes.h"
#include "elf/elf_file.h"

namespace inquest::dump {

namespace {

constexpr uint32_t kDumpElfIncomplete = 1;
constexpr uint64_t kMaxHeaderBytes = uint64_t{1} << 30;
constexpr uint64_t kMaxNoteBytes = uint64_t{256} << 20;

std::string machine_name(uint16_t machine) {
  switch (machine) {
    case elf::kEm386: return "i386";
    case elf::kEmPpc64: return "ppc64";
    case elf::kEmS390: return "s390";
    case elf::kEmArm: return "arm";
    case elf::kEmRiscv: return "riscv";
    default: return fmt::format("machine {}", machine);
  }
}

// The file's start, far enough for its program headers (and section header 0, for PN_XNUM).
Result<Bytes> header_bytes(const FileView& file, std::vector<std::byte>& scratch) {
  Bytes all = file.piece(0, file.size());
  if (all.size() == file.size()) return all;  // a plain file
  std::optional<Bytes> start = file.gather(0, 64, scratch);
  if (!start) return Error(ErrorCode::kTruncated, "the file ends inside its ELF header");
  Cursor c(*start, ByteOrder::kLittle, 32);
  const uint64_t segments = c.u64(), sections = c.u64();
  c.seek(54);
  const uint64_t entry = c.u16();
  uint64_t count = c.u16();
  if (count == elf::kPnXnum && sections < kMaxHeaderBytes) {
    std::byte extended[4];
    if (file.copy(sections + 44, extended)) count = load_unchecked<uint32_t>(extended);
  }
  uint64_t wanted = std::min(file.size(), kMaxHeaderBytes);
  if (segments < kMaxHeaderBytes && sections < kMaxHeaderBytes)
    wanted = std::min(wanted, std::max(segments + count * entry, sections + 64));
  for (; wanted >= 64; wanted /= 2)
    if (std::optional<Bytes> headers = file.gather(0, wanted, scratch)) return *headers;
  return Error(ErrorCode::kTruncated, "the file ends inside its ELF header");
}

std::vector<Extent> extents_of(const elf::ElfFile& elf) {
  std::vector<Extent> extents;
  for (const elf::Segment& s : elf.segments()) {
    if (s.type != elf::kPtLoad || s.physical_address == ~uint64_t{0}) continue;
    if (s.file_size) extents.push_back({s.physical_address, s.file_size, s.offset, ElfMemory::kStoredRank});
    if (s.memory_size > s.file_size && s.physical_address + s.file_size >= s.physical_address)
      extents.push_back({s.physical_address + s.file_size, s.memory_size - s.file_size, 0, ElfMemory::kFilteredRank});
  }
  return resolve_overlaps(std::move(extents));
}

Result<void> check_kind(const elf::ElfFile& elf) {
  if (elf.type() != elf::kEtCore)
    return Error(ErrorCode::kUnsupported,
                 fmt::format("an ELF file of type {}, not a core: a kernel or module is given with -d", elf.type()));
  if (!elf.is_64())
    return Error(ErrorCode::kUnsupported,
                 fmt::format("a 32-bit ELF core ({}): unsupported", machine_name(elf.machine())));
  if (elf.order() != ByteOrder::kLittle)
    return Error(ErrorCode::kUnsupported,
                 fmt::format("a big-endian ELF core ({}): unsupported", machine_name(elf.machine())));
  if (!arch::find_machine(elf.machine()))
    return Error(ErrorCode::kUnsupported, fmt::format("an ELF core of {}: unsupported", machine_name(elf.machine())));
  return {};
}

// A kernel's vmcore has RAM at many physical addresses; a process's core has none.
bool is_process_core(const elf::ElfFile& elf) {
  size_t loads = 0;
  for (const elf::Segment& s : elf.segments()) {
    if (s.type != elf::kPtLoad) continue;
    if (s.physical_address != 0) return false;
    loads++;
  }
  return loads > 1;
}

// A kernel lists its segments at the addresses of its linear map; QEMU, unless asked to walk the page tables, does not.
bool by_hypervisor(const elf::ElfFile& elf) {
  bool any = false;
  for (const elf::Segment& s : elf.segments()) {
    if (s.type != elf::kPtLoad) continue;
    if (s.virtual_address != 0 && s.virtual_address != s.physical_address) return false;
    any = true;
  }
  return any;
}

Result<void> read_core_notes(const FileView& file, const elf::ElfFile& elf, DumpFacts& facts, LossLedger& ledger) {
  std::vector<elf::Note> notes;
  std::vector<std::vector<std::byte>> scratch;
  for (const elf::Segment& s : elf.segments()) {
    if (s.type != elf::kPtNote || s.file_size == 0) continue;
    scratch.emplace_back();
    uint64_t size = std::min(s.file_size, kMaxNoteBytes);
    if (s.offset < file.size()) size = std::min(size, file.size() - s.offset);
    std::optional<Bytes> blob = file.gather(s.offset, size, scratch.back());
    bool complete = false;
    if (blob) {
      std::vector<elf::Note> some = elf::parse_notes(*blob, elf.order(), &complete);
      notes.insert(notes.end(), some.begin(), some.end());
    }
    if (!complete || size < s.file_size)
      ledger.add(Loss::kNoteUnreadable,
                 fmt::format("notes of {} bytes at offset {:#x}: cut or damaged", s.file_size, s.offset));
  }
  for (const elf::Note& n : notes)
    if (n.name == "Xen" || n.name == "XEN CORE")
      return Error(ErrorCode::kUnsupported, "an ELF core of a Xen hypervisor or guest: unsupported");
  read_notes(notes, by_hypervisor(elf), facts, ledger);
  return {};
}

}  // namespace

ElfMemory::ElfMemory(std::shared_ptr<const FileView> file, std::vector<Extent> extents)
    : file_(std::move(file)), extents_(std::move(extents)) {}

Chunk ElfMemory::chunk(PhysicalAddress address, uint64_t wanted) const {
  wanted = std::max<uint64_t>(wanted, 1);
  Chunk c;
  const Extent* e = find_extent(extents_, address.value);
  if (!e) {
    const Extent* next = next_extent(extents_, address.value);
    c.size = next ? next->start - address.value : std::max<uint64_t>(~uint64_t{0} - address.value, 1);
    return c;
  }
  const uint64_t into = address.value - e->start, left = e->size - into;
  c.size = left;
  if (e->rank == kFilteredRank) {
    c.origin = PageOrigin::kFiltered;
    return c;
  }
  c.bytes = file_->piece(e->target + into, std::min(wanted, left));
  if (!c.bytes.empty()) {
    c.origin = PageOrigin::kStored;
    c.size = c.bytes.size();
    return c;
  }
  c.origin = PageOrigin::kLost;
  c.size = std::min(left, std::max<uint64_t>(file_->absent(e->target + into), 1));
  c.why = fmt::format("its bytes, at offset {:#x}, are not in the file ({:#x} bytes)", e->target + into, file_->size());
  return c;
}

std::vector<PhysicalRange> ElfMemory::stored_ranges() const {
  std::vector<PhysicalRange> ranges;
  for (const Extent& e : extents_) {
    if (e.rank != kStoredRank) continue;
    for (uint64_t done = 0; done < e.size;) {
      if (uint64_t gap = file_->absent(e.target + done)) {
        done += std::min(gap, e.size - done);
        continue;
      }
      const uint64_t n = std::max<uint64_t>(file_->piece(e.target + done, e.size - done).size(), 1);
      if (!ranges.empty() && ranges.back().start.value + ranges.back().size == e.start + done)
        ranges.back().size += n;
      else
        ranges.push_back({PhysicalAddress(e.start + done), n});
      done += n;
    }
  }
  return ranges;
}

PageCounts ElfMemory::count_pages() const {
  uint64_t listed = 0, filtered = 0, stored = 0;
  for (const Extent& e : extents_) (e.rank == kStoredRank ? listed : filtered) += e.size;
  for (const PhysicalRange& r : stored_ranges()) stored += r.size;
  auto pages = [](uint64_t bytes) { return (bytes + kBlockSize - 1) / kBlockSize; };
  return {pages(stored), pages(filtered), pages(listed - stored)};
}

void ElfMemory::scan(const std::function<void(PhysicalAddress, Bytes)>& visit, unsigned workers) const {
  PhysicalMemory::scan(
      [&](PhysicalAddress at, Bytes bytes) {
        visit(at, bytes);
        if (const Extent* e = find_extent(extents_, at.value))
          file_->done_with(e->target + (at.value - e->start), bytes.size());
      },
      workers);
}

Result<void> probe_elf_core(const FileView& file) {
  if (as_text(file.piece(0, 4)) != "\177ELF") return Error(ErrorCode::kNotMine, "no ELF magic");
  return {};
}

Result<Opened> open_elf_core(const OpenRequest& request, LossLedger& ledger) {
  if (request.sources.size() > 1) return Error(ErrorCode::kUsage, "an ELF core is one file, several were given");
  const Source& source = request.sources.front();
  std::vector<std::byte> scratch;
  TRY(Bytes headers, header_bytes(*source.view, scratch));
  TRY(elf::ElfFile elf, elf::ElfFile::parse(headers));
  TRY_VOID(check_kind(elf));
  if (is_process_core(elf))
    return Error(ErrorCode::kUnsupported, "a core of a process, not of a kernel: it has no physical addresses");

  Opened opened;
  opened.paths = {source.path};
  DumpFacts& facts = opened.facts;
  facts.format = "elf";
  facts.arch = arch::find_machine(elf.machine());
  TRY_VOID(read_core_notes(*source.view, elf, facts, ledger));

  std::vector<Extent> extents = extents_of(elf);
  uint64_t last_stored = 0;
  for (const Extent& e : extents) {
    if (e.rank == ElfMemory::kFilteredRank)
      facts.partial = true;
    else
      last_stored = std::max(last_stored, e.target + e.size);
  }
  const bool no_memory = extents.empty();
  if (no_memory && !elf.headers_cut())
    return Error(ErrorCode::kCorrupt, "an ELF core without a single PT_LOAD segment");
  if (no_memory) return Error(ErrorCode::kTruncated, "the file ends inside its program headers");
  const bool cut = last_stored > source.view->size();
  if (cut || (elf.flags() & kDumpElfIncomplete)) {
    facts.incomplete = true;
    ledger.add(Loss::kDumpIncomplete, cut ? fmt::format("{}: {:#x} bytes, its segments need {:#x}", source.path,
                                                        source.view->size(), last_stored)
                                          : fmt::format("{}: marked as incomplete by makedumpfile", source.path));
  }
  opened.memory = std::make_shared<ElfMemory>(source.view, std::move(extents));
  return opened;
}

}  // namespace inquest::dump
