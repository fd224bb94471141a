// ElfFile: one reader of ELF for vmcores, vmlinux, modules, and images found in a dump's memory.
//
// 32 and 64-bit, both byte orders, PN_XNUM (more than 65,534 program headers: System V gABI, chapter 5),
// section names, notes, symbols; SHF_COMPRESSED (zlib, zstd) is the caller's to inflate (debuginfo does).
// A view: the bytes must outlive it. Immutable after parse(), so const use is thread-safe.
// Headers whose offsets leave the file are kept (a truncated dump is still worth reading); contents() then gives
// what is there and is_cut() says so. Of a header table that itself leaves the file the entries before its end are
// kept, and headers_cut() is true. Errors: kNotMine (no ELF magic), kCorrupt (class, byte order, entry sizes),
// kTruncated (the file header is not all there), kLimit (more headers than kMaxHeaders).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cursor.h"
#include "base/result.h"

namespace inquest::elf {

// The System V gABI's numbers, by their names there.
inline constexpr uint16_t kEtRel = 1, kEtExec = 2, kEtDyn = 3, kEtCore = 4;
inline constexpr uint16_t kEm386 = 3, kEmPpc64 = 21, kEmS390 = 22, kEmArm = 40, kEmX8664 = 62, kEmAarch64 = 183,
                          kEmRiscv = 243;
inline constexpr uint32_t kPtLoad = 1, kPtNote = 4;
inline constexpr uint32_t kPnXnum = 0xffff, kShnXindex = 0xffff;  // "look into section header 0"
inline constexpr uint32_t kShtProgbits = 1, kShtSymtab = 2, kShtStrtab = 3, kShtRela = 4, kShtNote = 7, kShtNobits = 8,
                          kShtRel = 9, kShtDynsym = 11;
inline constexpr uint64_t kShfWrite = 1, kShfAlloc = 2, kShfExecinstr = 4, kShfCompressed = 0x800;
inline constexpr uint8_t kSttNotype = 0, kSttObject = 1, kSttFunc = 2, kSttSection = 3;
inline constexpr uint16_t kShnUndef = 0, kShnLoreserve = 0xff00, kShnAbs = 0xfff1;

// A bound on what a hostile header can make us keep; vmcores of the largest machines have some 100,000 segments.
inline constexpr uint64_t kMaxHeaders = uint64_t{1} << 22;

struct Segment {
  uint32_t type = 0, flags = 0;
  uint64_t offset = 0, virtual_address = 0, physical_address = 0, file_size = 0, memory_size = 0, alignment = 0;
};

struct Section {
  size_t index = 0;
  std::string_view name;
  uint32_t type = 0, link = 0, info = 0;
  uint64_t flags = 0, address = 0, offset = 0, size = 0, alignment = 0, entry_size = 0;
};

struct Symbol {
  std::string_view name;
  uint64_t value = 0, size = 0;
  uint8_t type = 0, binding = 0;
  uint16_t section = 0;
};

struct Note {
  std::string_view name;  // without the closing NUL
  uint32_t type = 0;
  Bytes description;
  uint64_t offset = 0;  // of the description: from parse_notes() in its blob, from ElfFile::notes() in the file
};

class ElfFile {
 public:
  static Result<ElfFile> parse(Bytes file);

  uint16_t type() const { return type_; }
  uint16_t machine() const { return machine_; }
  uint32_t flags() const { return flags_; }
  bool is_64() const { return is_64_; }
  ByteOrder order() const { return order_; }
  uint64_t entry() const { return entry_; }
  Bytes file() const { return file_; }
  bool headers_cut() const { return headers_cut_; }  // the file ends inside its program or section header table
  const std::vector<Segment>& segments() const { return segments_; }
  const std::vector<Section>& sections() const { return sections_; }
  const Section* section(std::string_view name) const;

  // The bytes of a section or segment: what of it lies inside the file. Empty for SHT_NOBITS.
  Bytes contents(const Section& section) const;
  Bytes contents(const Segment& segment) const;
  bool is_cut(const Segment& segment) const;  // the file ends before the segment does
  bool is_cut(const Section& section) const;

  // Every entry of .symtab (or, without one, .dynsym), in file order. Entries whose names lie outside the
  // string table get "".
  std::vector<Symbol> symbols() const;
  // The notes of all PT_NOTE segments, or, without any, of all SHT_NOTE sections.
  std::vector<Note> notes() const;
  // The GNU build ID (NT_GNU_BUILD_ID = 3, owner "GNU") as lower-case hex, "" if none.
  std::string build_id() const;

 private:
  struct Tables;  // where the header tables lie, as the file header says
  Result<Tables> read_file_header();
  Result<void> read_segments(const Tables& tables);
  Result<void> read_sections(const Tables& tables);
  Bytes piece(uint64_t offset, uint64_t size) const;

  Bytes file_;
  ByteOrder order_ = ByteOrder::kLittle;
  bool is_64_ = true, headers_cut_ = false;
  uint16_t type_ = 0, machine_ = 0;
  uint32_t flags_ = 0;
  uint64_t entry_ = 0;
  std::vector<Segment> segments_;
  std::vector<Section> sections_;
};

// The notes in a blob, up to the first that leaves it. `complete` (if given) is set to whether the blob ended cleanly.
// Names and descriptions are padded to `alignment` (4; 8 in a segment or section of that alignment, as
// .note.gnu.property's is). The zeroes that fill up a kernel's note page are not a note.
std::vector<Note> parse_notes(Bytes blob, ByteOrder order, bool* complete = nullptr, uint64_t alignment = 4);
// The build ID among notes, as lower-case hex.
std::string build_id_of(const std::vector<Note>& notes);

}  // namespace inquest::elf
