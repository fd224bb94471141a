// Sections: the debug sections of one ELF file, ready to be parsed.
//
// "Ready": inflated if SHF_COMPRESSED (zlib, zstd; System V gABI, "Section Compression"), and, in an ET_REL file
// (a module), relocated to the layout of module_layout(). Each section is prepared at its first use and kept.
// Sections that need neither are spans of the file. Thread-safe after construction.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <set>
#include <string_view>
#include <vector>

#include "base/cursor.h"
#include "base/loss_ledger.h"
#include "elf/elf_file.h"

namespace inquest::debuginfo::dwarf {

// Where each section of the file lies in its own file addresses, by section index: its address in a linked file; in an
// ET_REL file a place of its own for every SHF_ALLOC section (in file order, gaps between them so that the end of
// one is not the start of the next), and 0 for all others.
std::vector<uint64_t> section_addresses(const elf::ElfFile& file);

// The contents of a compressed section. Errors: kCorrupt, kUnsupported (unknown method), kLimit (a claimed size no file
// like this has).
Result<std::vector<std::byte>> inflate_section(Bytes contents, ByteOrder order, bool is_64);

enum class SectionId {
  kInfo,
  kAbbrev,
  kStr,
  kLineStr,
  kStrOffsets,
  kAddr,
  kLine,
  kRnglists,
  kRanges,
  kLoclists,
  kLoc,
  kFrame,
  kCount
};

class Sections {
 public:
  // `file` and `ledger` must outlive it.
  Sections(const elf::ElfFile& file, LossLedger& ledger);

  Bytes get(SectionId id) const;
  // The whole of .debug_info, of which only [begin, end) (a unit) needs to be ready. A large module's is relocated unit
  // by unit where relocations_sorted() was true; say so with allow_pieces() before the first use.
  Bytes info(uint64_t begin, uint64_t end) const;
  bool relocations_sorted() const;
  void allow_pieces() { pieces_ = !(slots_[0].section->flags & elf::kShfCompressed) && slots_[0].relocations; }
  // As it lies in the file if it is not compressed: same strings, relocations not applied. For names without the cost
  // of get().
  Bytes unrelocated(SectionId id) const;
  bool has(SectionId id) const { return find(id) != nullptr; }
  // Any section by its index, prepared the same way.
  Result<std::vector<std::byte>> prepare(const elf::Section& section) const;
  bool needs_work(const elf::Section& section) const;
  const std::vector<uint64_t>& addresses() const { return addresses_; }
  // Equal strings of .debug_str are one string: a linker's work that `ld -r` leaves undone in modules.
  bool strings_merged() const { return file_.type() != elf::kEtRel; }
  const elf::Section* find(SectionId id) const { return slots_[size_t(id)].section; }

 private:
  struct Slot {
    const elf::Section* section = nullptr;
    const elf::Section* relocations = nullptr;
    mutable std::once_flag once;
    mutable std::vector<std::byte> owned;
    mutable Bytes bytes;
  };
  const elf::Section* relocations_of(const elf::Section& section) const;

  const elf::ElfFile& file_;
  LossLedger& ledger_;
  std::vector<uint64_t> addresses_;
  std::array<Slot, size_t(SectionId::kCount)> slots_;
  bool pieces_ = false;
  mutable std::mutex pieces_mutex_;
  mutable std::unique_ptr<std::byte[]> piecewise_;  // as large as .debug_info, filled where units were asked for
  mutable std::set<uint64_t> ready_;                // where these begin
};

}  // namespace inquest::debuginfo::dwarf
