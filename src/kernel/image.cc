#include "kernel/image.h"

#include <fmt/format.h>

#include <algorithm>

#include "elf/elf_file.h"
#include "kernel/data_symbols.h"
#include "kernel/module_memory.h"

namespace inquest::kernel {

namespace {

constexpr uint64_t kUpperHalf = uint64_t{1} << 63;

// Whether a vmlinux was built as the very kernel whose banner ("Linux version … (gcc …) #1 SMP … date") lies in the dump.
bool carries_banner(const debuginfo::FoundFile& found, std::string_view banner) {
  while (banner.ends_with('\n') || banner.ends_with('\0')) banner.remove_suffix(1);
  auto file = elf::ElfFile::parse(found.file.bytes());
  if (!file.ok() || banner.empty()) return false;
  const elf::Section* rodata = file->section(".rodata");
  return rodata && as_text(file->contents(*rodata)).find(banner) != std::string_view::npos;
}

Result<debuginfo::FoundFile> choose(const target::KernelIdentity& identity, const debuginfo::Finder& finder) {
  if (!identity.release.empty() || !identity.build_id.empty()) {
    TRY(debuginfo::FoundFile found, finder.find({"vmlinux", identity.release, identity.build_id}));
    if (identity.build_id.empty() && !identity.banner.empty() && !carries_banner(found, identity.banner))
      return Error(ErrorCode::kMismatch, fmt::format("{} has the release {}, but is another build: its banner is not \"{}\"", found.path,
                                                     identity.release, identity.banner));
    return found;
  }
  for (debuginfo::FoundFile& found : finder.kernels())
    if (carries_banner(found, identity.banner)) return std::move(found);
  return Error(ErrorCode::kNotFound, "the dump does not say which kernel it is of, and no vmlinux on offer carries its banner");
}

// ORC rows straight from the file: the offsets in .orc_unwind_ip are relative to themselves, so they hold wherever the image was loaded.
// Sorted at build time since 5.6 (57fa18994285); a table that is not is sorted in memory alone, by the kernel at boot.
std::shared_ptr<const debuginfo::UnwindTable> orc_of_file(const std::shared_ptr<const debuginfo::DebugFile>& file, uint64_t slide) {
  auto ips = file->section_bytes(".orc_unwind_ip"), entries = file->section_bytes(".orc_unwind");
  if (!ips.ok() || !entries.ok() || ips->size() < 8 || entries->size() / 6 != ips->size() / 4) return nullptr;
  uint64_t at = 0;
  for (const debuginfo::SectionPlace& p : file->section_places())
    if (p.name == ".orc_unwind_ip") at = p.address;
  if (!at) return nullptr;
  uint64_t count = ips->size() / 4, step = std::max<uint64_t>(1, count / 2048), last = 0;
  for (uint64_t i = 0; i < count; i += step) {
    uint64_t ip = at + 4 * i + uint64_t(int64_t(load_unchecked<int32_t>(ips->data() + 4 * i)));
    if (ip < last) return nullptr;
    last = ip;
  }
  std::optional<Bytes> header;
  if (auto bytes = file->section_bytes(".orc_header"); bytes.ok()) header = *bytes;
  struct Owned {
    std::shared_ptr<const debuginfo::DebugFile> file;
    std::unique_ptr<debuginfo::UnwindTable> table;
  };
  auto owned = std::make_shared<Owned>();
  owned->file = file;
  owned->table = debuginfo::make_orc_table(*ips, *entries, at + slide, header);
  if (!owned->table) return nullptr;
  return {owned, owned->table.get()};
}

std::shared_ptr<const debuginfo::UnwindTable> orc_by_symbols(const object::Program& program,
                                                             const std::function<std::optional<VirtualAddress>(std::string_view)>& symbol,
                                                             std::optional<Bytes> header) {
  auto ips = symbol("__start_orc_unwind_ip"), end = symbol("__stop_orc_unwind_ip"), entries = symbol("__start_orc_unwind");
  if (!ips || !end || !entries || *end <= *ips) return nullptr;
  return orc_from_memory(KernelView(program), *ips, *entries, (*end - *ips) / 4, header);
}

std::shared_ptr<const debuginfo::UnwindTable> described_orc(const object::Program& program, const std::shared_ptr<const debuginfo::DebugFile>& file,
                                                            uint64_t slide) {
  if (auto table = orc_of_file(file, slide)) return table;
  std::optional<Bytes> header;
  if (auto bytes = file->section_bytes(".orc_header"); bytes.ok()) header = *bytes;
  auto symbol = [&](std::string_view name) -> std::optional<VirtualAddress> {
    auto s = file->find_symbol(name);
    return s ? std::optional(VirtualAddress(s->address + slide)) : std::nullopt;
  };
  return orc_by_symbols(program, symbol, header);
}

}  // namespace

KernelDebug find_vmlinux(const target::KernelIdentity& identity, const debuginfo::Finder& finder, const debuginfo::OpenOptions& options, LossLedger& ledger) {
  KernelDebug debug;
  auto found = choose(identity, finder);
  if (!found.ok()) {
    debug.why_not = found.error().message();
    return debug;
  }
  auto opened = debuginfo::DebugFile::open(found->file, options, ledger);
  if (!opened.ok()) {
    debug.why_not = fmt::format("{}: {}", found->path, opened.error().message());
    return debug;
  }
  debug.file = *opened;
  return debug;
}

// One mapping for the image, which moves as a whole; x86_64's per-CPU section is linked at 0 until 6.15 and stays there: the addresses of its
// variables are offsets.
object::LoadedFile described_image(const object::Program& program, std::shared_ptr<const debuginfo::DebugFile> file) {
  object::LoadedFile image;
  uint64_t slide = program.layout().kaslr_offset.value_or(0);
  image.build_id = file->build_id();
  object::LoadedDebug debug;
  debug.file = file;
  uint64_t low = ~uint64_t{0}, high = 0;
  for (const debuginfo::SectionPlace& p : file->section_places()) {
    if (!p.size || !(p.flags & elf::kShfAlloc)) continue;
    if (p.address < kUpperHalf) {
      debug.mappings.push_back({p.address, p.size, VirtualAddress(p.address)});
      continue;
    }
    low = std::min(low, p.address);
    high = std::max(high, p.address + p.size);
  }
  auto symbol = [&](const char* name) -> std::optional<uint64_t> {
    auto s = file->find_symbol(name);
    return s ? std::optional(s->address) : std::nullopt;
  };
  if (auto end = symbol("_end"); end && *end >= kUpperHalf) high = std::max(high, *end);
  if (low < high) {
    debug.mappings.insert(debug.mappings.begin(), {low, high - low, VirtualAddress(low + slide)});
    image.extents.emplace_back(VirtualAddress(low + slide), high - low);
  }
  auto text = symbol("_stext") ? symbol("_stext") : symbol("_text");
  if (auto end = symbol("_etext"); text && end && *end > *text) {
    image.text_start = VirtualAddress(*text + slide);
    image.text_size = *end - *text;
  }
  image.load_orc = [file, slide, &program] { return described_orc(program, file, slide); };
  image.load_debug = [debug] { return debug; };
  return image;
}

namespace {

constexpr uint64_t kMaxImage = uint64_t{256} << 20, kMaxGap = uint64_t{16} << 20;

// The image in memory, from its start to the first large hole: freed init memory leaves small ones.
std::vector<Piece> image_pieces(const object::Program& program, VirtualAddress start) {
  std::vector<Piece> pieces;
  const target::AddressSpace& memory = program.memory();
  const uint64_t page = memory.format().page_size();
  uint64_t gap = 0;
  Piece piece;
  std::optional<arch::Mapping> map;  // blocks of 2 MiB and more are asked for once
  for (VirtualAddress at = start; at - start < kMaxImage && gap < kMaxGap && at.value + page > at.value;) {
    if (!map || at - map->virtual_start >= map->size) map = memory.mapping(at).maybe();
    const uint64_t left = map ? std::min(map->virtual_start + map->size - at, page - at.value % page) : page;
    const dump::Chunk chunk = map ? memory.physical().chunk(map->physical_start + (at - map->virtual_start), left) : dump::Chunk{.size = left};
    const uint64_t step = std::clamp<uint64_t>(chunk.size, 1, left);
    if (has_bytes(chunk.origin) && !chunk.bytes.empty()) {
      Bytes bytes = chunk.bytes.first(std::min<uint64_t>(chunk.bytes.size(), left));
      if (piece.bytes.empty()) piece.start = at;
      piece.bytes.insert(piece.bytes.end(), bytes.begin(), bytes.end());
      gap = 0;
      at += bytes.size();
      continue;
    }
    gap += step;
    at += step;
    if (!piece.bytes.empty()) pieces.push_back(std::move(piece));
    piece = Piece();
  }
  if (!piece.bytes.empty()) pieces.push_back(std::move(piece));
  return pieces;
}

// struct btf_header: magic 0xeb9f, version 1, flags 0, hdr_len 24 (include/uapi/linux/btf.h). The kernel's own is the largest blob that parses.
std::shared_ptr<const debuginfo::Btf> find_btf(const std::vector<Piece>& pieces) {
  static constexpr char kHead[] = "\x9f\xeb\x01\x00\x18\x00\x00\x00";
  std::shared_ptr<const debuginfo::Btf> best;
  for (const Piece& p : pieces) {
    std::string_view text = as_text(p.bytes);
    for (size_t at = text.find({kHead, 8}); at != std::string_view::npos; at = text.find({kHead, 8}, at + 8)) {
      if (text.size() - at < 24) break;
      uint64_t strings = load_unchecked<uint32_t>(p.bytes.data() + at + 16), length = load_unchecked<uint32_t>(p.bytes.data() + at + 20);
      uint64_t size = 24 + strings + length;
      if (size > text.size() - at || length < 16) continue;
      auto parsed = debuginfo::Btf::parse(Bytes(p.bytes).subspan(at, size));
      if (parsed.ok() && (!best || (*parsed)->type_count() > best->type_count())) best = *parsed;
    }
  }
  return best;
}

// Where distributions keep the debuginfo of a kernel, as its release and banner tell whose it is.
std::string where_debuginfo_is(const target::KernelIdentity& identity, std::string_view banner) {
  const std::string& release = identity.release;
  auto says = [&](std::string_view word) { return banner.find(word) != std::string::npos || release.find(word) != std::string::npos; };
  std::string which = release.empty() ? "the vmlinux of this kernel" : "the vmlinux of " + release;
  if (!identity.build_id.empty()) which += " (build ID " + identity.build_id + ")";
  std::string how;
  if (release.empty()) how = "";
  else if (says("Ubuntu")) how = fmt::format("linux-image-{}-dbgsym from ddebs.ubuntu.com", release);
  else if (says("Debian") || says("debian")) how = fmt::format("the package linux-image-{}-dbg", release);
  else if (says(".el") || says(".fc") || says("amzn")) how = fmt::format("dnf debuginfo-install kernel-{}", release);
  else if (says("SUSE") || release.ends_with("-default")) how = "the package kernel-default-debuginfo";
  return which + (how.empty() ? "" : ": " + how) + "; give it with -d, or set DEBUGINFOD_URLS";
}

// What the dump told of its kernel, and what more debuginfo would.
struct FromMemory {
  std::vector<object::MemorySymbol> symbols;
  std::shared_ptr<const debuginfo::Btf> btf;
};

void tell_what_is_left(const object::Program& program, const FromMemory& found, bool has_orc, const std::string& banner, const std::string& why_no_debug,
                       LossLedger& ledger) {
  std::string left;
  auto add = [&](const std::string& text) { left += (left.empty() ? "" : ", ") + text; };
  if (!found.symbols.empty()) add(fmt::format("{} symbols of kallsyms", found.symbols.size()));
  if (found.btf) add(fmt::format("{} types of BTF", found.btf->type_count()));
  if (has_orc) add("ORC");
  ledger.add(Loss::kNoDebuginfo, fmt::format("{}. From the dump itself: {}. Debuginfo would add files, lines, inlined functions and variables: {}", why_no_debug,
                                             left.empty() ? "nothing" : left, where_debuginfo_is(program.layout().identity, banner)));
  if (!found.btf) ledger.add(Loss::kFeatureMissing, "BTF, the kernel's own types: none whole in the dump");
}

}  // namespace

object::LoadedFile undescribed_image(const object::Program& program, const std::string& why_no_debug, LossLedger& ledger) {
  object::LoadedFile image;
  image.build_id = program.layout().identity.build_id;
  image.load_debug = [why_no_debug] { return object::LoadedDebug{nullptr, {}, why_no_debug}; };
  auto start = program.layout().identity.vmcoreinfo.symbol("_stext");
  if (!start) {
    tell_what_is_left(program, {}, false, program.layout().identity.banner, why_no_debug, ledger);
    return image;
  }
  FromMemory found;
  auto pieces = std::make_shared<std::vector<Piece>>(image_pieces(program, VirtualAddress(*start)));
  std::string why = "the image is not in the dump";
  for (const Piece& p : *pieces) {
    auto tables = debuginfo::find_kallsyms(p.bytes, p.start.value);
    auto symbols = tables.ok() ? debuginfo::decode_kallsyms(*tables) : Result<std::vector<debuginfo::KallsymsSymbol>>(tables.error());
    if (!symbols.ok()) {
      why = symbols.error().message();
      continue;
    }
    for (debuginfo::KallsymsSymbol& s : *symbols) found.symbols.push_back({std::move(s.name), VirtualAddress(s.address), 0, s.type});
    break;
  }
  if (found.symbols.empty()) ledger.add(Loss::kFeatureMissing, "the kernel's own symbol table (kallsyms): " + why);
  if (auto btf = find_btf(*pieces)) {
    // The types point into the bytes they were parsed from.
    struct Owned {
      std::shared_ptr<std::vector<Piece>> pieces;
      std::shared_ptr<const debuginfo::Btf> btf;
    };
    auto owned = std::make_shared<Owned>(Owned{pieces, btf});
    found.btf = {owned, owned->btf.get()};
  }
  add_data_symbols(program, *pieces, found.btf.get(), found.symbols);
  auto symbol = [&](std::string_view name) -> std::optional<VirtualAddress> {
    for (const object::MemorySymbol& s : found.symbols)
      if (s.name == name) return s.address;
    return std::nullopt;
  };
  image.text_start = VirtualAddress(*start);
  auto text_end = symbol("_etext"), end = symbol("_end");
  if (text_end && text_end->value > *start) image.text_size = text_end->value - *start;
  if (end && end->value > *start) {
    image.extents.emplace_back(VirtualAddress(*start), end->value - *start);
  } else {
    for (const Piece& p : *pieces) image.extents.emplace_back(p.start, p.bytes.size());
  }
  auto orc = orc_by_symbols(program, symbol, std::nullopt);
  std::string banner = program.layout().identity.banner;
  for (const Piece& p : *pieces)
    if (size_t at = banner.empty() ? as_text(p.bytes).find("Linux version ") : std::string_view::npos; at != std::string_view::npos)
      banner = std::string(as_text(p.bytes).substr(at, 256));
  tell_what_is_left(program, found, orc != nullptr, banner, why_no_debug, ledger);
  image.load_symbols = object::ready(std::move(found.symbols));
  image.load_orc = object::ready(std::move(orc));
  image.load_btf = object::ready(std::move(found.btf));
  return image;
}

}  // namespace inquest::kernel
