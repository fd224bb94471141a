#include "debuginfo/dwarf/sections.h"

#include <libdeflate.h>
#include <zstd.h>

#include <algorithm>

#include "debuginfo/dwarf/relocate.h"

namespace inquest::debuginfo::dwarf {

namespace {

constexpr std::string_view kNames[] = {".debug_info",        ".debug_abbrev",   ".debug_str",  ".debug_line_str",
                                       ".debug_str_offsets", ".debug_addr",     ".debug_line", ".debug_rnglists",
                                       ".debug_ranges",      ".debug_loclists", ".debug_loc",  ".debug_frame"};
static_assert(std::size(kNames) == size_t(SectionId::kCount));

// The largest .debug_info of a kernel is some 2 GB; zlib packs at most 1032:1, zstd of debug data far less.
constexpr uint64_t kMaxInflated = uint64_t{4} << 30, kMaxRatio = 1100;

constexpr uint64_t kModuleBase = 0x10000, kModuleGap = 64;

}  // namespace

std::vector<uint64_t> section_addresses(const elf::ElfFile& file) {
  std::vector<uint64_t> addresses;
  addresses.reserve(file.sections().size());
  uint64_t next = kModuleBase;
  for (const elf::Section& section : file.sections()) {
    if (file.type() != elf::kEtRel) {
      addresses.push_back(section.address);
      continue;
    }
    uint64_t size = std::min(section.size, uint64_t{1} << 40),
             alignment = std::clamp<uint64_t>(section.alignment, 16, 1 << 20);
    if (!(section.flags & elf::kShfAlloc)) {
      addresses.push_back(0);
      continue;
    }
    next = (next + alignment - 1) / alignment * alignment;
    addresses.push_back(next);
    next += size + kModuleGap;
  }
  return addresses;
}

Result<std::vector<std::byte>> inflate_section(Bytes contents, ByteOrder order, bool is_64) {
  // Elf64_Chdr: u32 type, u32 reserved, u64 size, u64 alignment; Elf32_Chdr: three u32.
  Cursor cursor(contents, order);
  uint32_t method = cursor.u32();
  if (is_64) cursor.skip(4);
  uint64_t size = cursor.unsigned_of(is_64 ? 8 : 4);
  cursor.skip(is_64 ? 8 : 4);
  if (!cursor.ok()) return cursor.error();
  Bytes packed = contents.subspan(cursor.offset());
  if (size > kMaxInflated || size / kMaxRatio > packed.size() + 1)
    return Error(ErrorCode::kLimit, "compressed section claims " + std::to_string(size) + " bytes");
  std::vector<std::byte> out(size);
  if (method == 1) {  // ELFCOMPRESS_ZLIB
    std::unique_ptr<libdeflate_decompressor, void (*)(libdeflate_decompressor*)> inflater(
        libdeflate_alloc_decompressor(), [](libdeflate_decompressor* d) { libdeflate_free_decompressor(d); });
    size_t actual = 0;
    if (!inflater || libdeflate_zlib_decompress(inflater.get(), packed.data(), packed.size(), out.data(), out.size(),
                                                &actual) != LIBDEFLATE_SUCCESS)
      return Error(ErrorCode::kCorrupt, "compressed section does not inflate");
    out.resize(actual);
    return out;
  }
  if (method == 2) {  // ELFCOMPRESS_ZSTD
    size_t actual = ZSTD_decompress(out.data(), out.size(), packed.data(), packed.size());
    if (ZSTD_isError(actual)) return Error(ErrorCode::kCorrupt, "compressed section does not inflate");
    out.resize(actual);
    return out;
  }
  return Error(ErrorCode::kUnsupported, "section compression method " + std::to_string(method));
}

Sections::Sections(const elf::ElfFile& file, LossLedger& ledger)
    : file_(file), ledger_(ledger), addresses_(section_addresses(file)) {
  for (const elf::Section& section : file.sections()) {
    if (!section.name.starts_with(".debug_") || section.type == elf::kShtNobits) continue;
    auto* name = std::ranges::find(kNames, section.name);
    if (name == std::end(kNames)) continue;
    Slot& slot = slots_[size_t(name - std::begin(kNames))];
    if (!slot.section) slot.section = &section;
  }
  for (Slot& slot : slots_)
    if (slot.section) slot.relocations = relocations_of(*slot.section);
}

const elf::Section* Sections::relocations_of(const elf::Section& section) const {
  // A vmlinux linked with --emit-relocs carries relocations too, but they are applied already.
  if (file_.type() != elf::kEtRel) return nullptr;
  for (const elf::Section& other : file_.sections())
    if (other.type == elf::kShtRela && other.info == section.index) return &other;
  return nullptr;
}

bool Sections::needs_work(const elf::Section& section) const {
  return (section.flags & elf::kShfCompressed) || relocations_of(section);
}

Result<std::vector<std::byte>> Sections::prepare(const elf::Section& section) const {
  Bytes contents = file_.contents(section);
  std::vector<std::byte> out;
  if (section.flags & elf::kShfCompressed) {
    auto inflated = inflate_section(contents, file_.order(), file_.is_64());
    if (!inflated) return std::move(inflated).in(std::string(section.name));
    out = std::move(*inflated);
  } else {
    out.assign(contents.begin(), contents.end());
  }
  if (const elf::Section* rela = relocations_of(section)) {
    uint64_t failed =
        apply_relocations(file_, *rela, file_.contents(*rela), addresses_, addresses_[section.index], out);
    if (failed)
      ledger_.add(Loss::kDebuginfoDamaged,
                  std::string(section.name) + ": " + std::to_string(failed) + " relocations not understood");
  }
  return out;
}

Bytes Sections::get(SectionId id) const {
  const Slot& slot = slots_[size_t(id)];
  if (!slot.section) return {};
  std::call_once(slot.once, [&] {
    if (!(slot.section->flags & elf::kShfCompressed) && !slot.relocations) {
      slot.bytes = file_.contents(*slot.section);
      return;
    }
    auto prepared = prepare(*slot.section);
    if (!prepared) {
      ledger_.add(Loss::kDebuginfoDamaged, prepared.error().message());
      return;
    }
    slot.owned = std::move(*prepared);
    slot.bytes = slot.owned;
  });
  return slot.bytes;
}

bool Sections::relocations_sorted() const {
  const elf::Section* rela = slots_[0].relocations;
  return rela && dwarf::relocations_sorted(file_.contents(*rela));
}

Bytes Sections::info(uint64_t begin, uint64_t end) const {
  if (!pieces_) return get(SectionId::kInfo);
  Bytes contents = file_.contents(*slots_[0].section);
  if (begin > end || end > contents.size()) return {};
  std::lock_guard lock(pieces_mutex_);
  if (!piecewise_) piecewise_ = std::make_unique_for_overwrite<std::byte[]>(contents.size());
  Bytes whole(piecewise_.get(), contents.size());
  if (!ready_.insert(begin).second) return whole;
  std::ranges::copy(contents.subspan(begin, end - begin), piecewise_.get() + begin);
  const elf::Section& rela = *slots_[0].relocations;
  uint64_t failed = apply_relocations(file_, rela, relocations_in(file_.contents(rela), begin, end), addresses_, 0,
                                      std::span(piecewise_.get(), size_t(end)));
  if (failed)
    ledger_.add(Loss::kDebuginfoDamaged, ".debug_info: " + std::to_string(failed) + " relocations not understood");
  return whole;
}

Bytes Sections::unrelocated(SectionId id) const {
  const Slot& slot = slots_[size_t(id)];
  if (!slot.section) return {};
  return slot.section->flags & elf::kShfCompressed ? get(id) : file_.contents(*slot.section);
}

}  // namespace inquest::debuginfo::dwarf
