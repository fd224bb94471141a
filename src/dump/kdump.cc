// kdump-compressed files: makedumpfile's own format, and QEMU's dump-guest-memory -z, -l, -s.
//
// Oddities, each with where it comes from:
//   - QEMU fills only utsname.machine ("Unknown" for arm64) and, for arm64, writes 64K blocks whatever the guest's
//   pages
//     are (qemu: dump/dump.c create_header64, target/arm/arch_dump.c cpu_get_dump_info)
//   - QEMU's phys_base is noise: it reads the decimal NUMBER(phys_base)=-127926272 as hexadecimal
//   - vmcoreinfo's offset points inside the note blob where there are notes (makedumpfile: write_kdump_header)
//   - the header's time is when the dump was begun; zero from QEMU
//   - status 0x8: the writer ran out of space (makedumpfile DUMP_DH_COMPRESSED_INCOMPLETE); what it did not
//     get to has empty descriptors
#include <fmt/format.h>

#include <algorithm>

#include "dump/formats.h"
#include "dump/kdump_memory.h"
#include "dump/notes.h"
#include "dump/split.h"

namespace inquest::dump {

namespace {

constexpr uint64_t kMaxTextBytes = uint64_t{256} << 20;
constexpr int kLevelZeroPages = 1;  // leaving these out loses nothing

std::string format_name(uint32_t status) {
  const char* codec = codec_name(status & kPageCodecs);
  return codec && *codec ? fmt::format("kdump-{}", codec) : "kdump";
}

bool by_qemu(const KdumpHeader& h) { return h.uts[0].empty(); }

// A stretch of the file that the sub header names, or a loss.
std::optional<Bytes> named_range(const FileView& file, const FileRange& range, const char* what,
                                 std::vector<std::byte>& scratch, LossLedger& ledger) {
  if (range.size == 0) return std::nullopt;
  std::optional<Bytes> bytes;
  if (range.size <= kMaxTextBytes) bytes = file.gather(range.start, range.size, scratch);
  if (!bytes)
    ledger.add(Loss::kNoteUnreadable,
               fmt::format("{}: {} bytes at offset {:#x} are not in the file", what, range.size, range.start));
  return bytes;
}

void read_texts_and_notes(const FileView& file, const KdumpHeader& h, DumpFacts& facts, LossLedger& ledger) {
  std::vector<std::byte> a, b, c;
  if (std::optional<Bytes> text = named_range(file, h.vmcoreinfo, "VMCOREINFO", a, ledger))
    facts.vmcoreinfo = text_of(*text);
  if (std::optional<Bytes> text = named_range(file, h.eraseinfo, "eraseinfo", b, ledger))
    facts.eraseinfo = text_of(*text);
  std::optional<Bytes> blob = named_range(file, h.notes, "notes", c, ledger);
  bool complete = true;
  std::vector<elf::Note> notes;
  if (blob) notes = elf::parse_notes(*blob, ByteOrder::kLittle, &complete);
  if (!complete)
    ledger.add(Loss::kNoteUnreadable,
               fmt::format("notes of {} bytes at offset {:#x}: damaged", h.notes.size, h.notes.start));
  read_notes(notes, by_qemu(h), facts, ledger);
}

constexpr uint64_t kDescriptorsLookedAt = 65536;

// Whether a descriptor could be the last one's: a page at or behind `first`, of sane size and codec.
bool may_be_last(const std::byte* raw, uint64_t first, uint64_t block_size) {
  const auto offset = load_unchecked<uint64_t>(raw);
  const auto size = load_unchecked<uint32_t>(raw + 8), flags = load_unchecked<uint32_t>(raw + 12);
  return offset > first && offset - first < (uint64_t{1} << 50) && size > 0 && size <= block_size && codec_name(flags);
}

// Whether the file ends before its last page does, without counting all its pages. Descriptors lie in one table and
// pages behind it in the same order, so the first descriptor's page bounds how many descriptors there can be. Behind
// the last of them come at most the shared page of zeroes, packed, which does not look like a descriptor; before it may
// be many that name that page.
const char* ends_early(const KdumpPart& part) {
  const KdumpHeader& h = part.header;
  const uint64_t table = h.descriptors_start();
  std::byte raw[kDescriptorSize];
  if (h.start_pfn >= h.end_pfn) return nullptr;  // an empty part
  if (!part.file->copy(table, raw))
    return part.dumped.rank(h.end_pfn).value_or(1) ? "the file ends before its page descriptors" : nullptr;
  const auto first = load_unchecked<uint64_t>(raw);
  if (first < table + kDescriptorSize) return nullptr;  // empty (the header's status speaks for such) or damaged
  if (first > part.file->size()) return "the file ends before its pages";
  const uint64_t most = (first - table) / kDescriptorSize;
  for (uint64_t i = most; i > 0 && most - i < kDescriptorsLookedAt; i--) {
    if (!part.file->copy(table + (i - 1) * kDescriptorSize, raw)) return "the file ends inside its page descriptors";
    if (!may_be_last(raw, first, h.block_size)) continue;
    const auto offset = load_unchecked<uint64_t>(raw);
    return offset + load_unchecked<uint32_t>(raw + 8) > part.file->size() ? "the file ends inside its pages" : nullptr;
  }
  return first + load_unchecked<uint32_t>(raw + 8) > part.file->size() ? "the file ends inside its pages" : nullptr;
}

Result<std::vector<SplitPart>> gather_parts(const OpenRequest& request) {
  std::vector<SplitPart> parts;
  for (const Source& s : request.sources) {
    TRY(KdumpHeader header, read_kdump_header(*s.view).in(request.sources.size() > 1 ? s.path : "kdump"));
    parts.push_back({s.path, s.view, std::move(header)});
  }
  if (parts.size() > 1) {
    for (const SplitPart& p : parts) {
      if (!p.header.split)
        return Error(ErrorCode::kUsage, p.path + ": not a part of a split dump, so it is given alone");
      if (!same_dump(parts.front().header, p.header))
        return Error(ErrorCode::kMismatch,
                     fmt::format("{}: a part of another dump than {}", p.path, parts.front().path));
    }
  }
  if (parts.front().header.split && request.look_beside) {
    const SplitPart first = parts.front();
    for (SplitPart& p : find_parts_beside(first.path, first.header)) parts.push_back(std::move(p));
  }
  return in_order(std::move(parts));
}

void note_missing_parts(const std::vector<SplitPart>& parts, DumpFacts& facts, LossLedger& ledger) {
  uint64_t at = 0;
  auto gap = [&](uint64_t to) {
    if (to <= at) return;
    facts.incomplete = true;
    ledger.add(Loss::kDumpIncomplete,
               fmt::format("split dump: the part of physical addresses {:#x} to {:#x} is missing",
                           at * parts.front().header.block_size, to * parts.front().header.block_size));
  };
  for (const SplitPart& p : parts) {
    gap(p.header.start_pfn);
    at = p.header.end_pfn;
  }
  gap(parts.front().header.max_pfn);
}

DumpFacts facts_of(const std::vector<SplitPart>& parts, LossLedger& ledger) {
  const KdumpHeader& h = parts.front().header;
  DumpFacts facts;
  facts.format = format_name(h.status);
  if (h.split) facts.format += parts.size() == 1 ? " (split, 1 part)" : fmt::format(" (split, {} parts)", parts.size());
  facts.uts = h.uts;
  facts.arch = arch::find(h.uts[4]);
  facts.header_version = h.version;
  facts.dump_level = h.dump_level;
  facts.partial = h.dump_level && (*h.dump_level & ~kLevelZeroPages) != 0;
  if (h.seconds) facts.crash_time = h.seconds;
  if (!by_qemu(h)) facts.phys_base = h.phys_base;
  read_texts_and_notes(*parts.front().file, h, facts, ledger);
  if (h.status & kStatusIncomplete) {
    facts.incomplete = true;
    ledger.add(Loss::kDumpIncomplete, parts.front().path + ": marked as incomplete by its writer");
  }
  if (h.split) note_missing_parts(parts, facts, ledger);
  return facts;
}

}  // namespace

Result<void> probe_kdump(const FileView& file) {
  if (!has_kdump_signature(file)) return Error(ErrorCode::kNotMine, "no KDUMP signature");
  return {};
}

Result<Opened> open_kdump(const OpenRequest& request, LossLedger& ledger) {
  TRY(std::vector<SplitPart> found, gather_parts(request));
  if (found.front().header.max_pfn == 0) return Error(ErrorCode::kCorrupt, "kdump header: it speaks of no page at all");
  Opened opened;
  opened.facts = facts_of(found, ledger);
  std::vector<std::unique_ptr<const KdumpPart>> parts;
  for (SplitPart& p : found) {
    opened.paths.push_back(p.path);
    parts.push_back(std::make_unique<const KdumpPart>(p.path, p.file, p.header));
    if (const char* why = ends_early(*parts.back())) {
      opened.facts.incomplete = true;
      ledger.add(Loss::kDumpIncomplete, fmt::format("{}: {}", p.path, why));
    }
  }
  opened.memory = std::make_shared<KdumpMemory>(std::move(parts), opened.facts.incomplete);
  return opened;
}

}  // namespace inquest::dump
