#include "elf/elf_file.h"

#include <fmt/format.h>

#include <algorithm>

namespace inquest::elf {

namespace {

constexpr uint64_t kIdentSize = 16;
constexpr uint32_t kNtGnuBuildId = 3;

// The name at `offset` of a string table, "" if it is not (wholly) there.
std::string_view string_at(Bytes table, uint64_t offset) {
  if (offset >= table.size()) return {};
  Cursor c(table, ByteOrder::kLittle, offset);
  return c.cstring();
}

Segment read_segment(Cursor& c, bool is_64) {
  Segment s;
  s.type = c.u32();
  if (is_64) s.flags = c.u32();
  const size_t word = is_64 ? 8 : 4;
  s.offset = c.unsigned_of(word);
  s.virtual_address = c.unsigned_of(word);
  s.physical_address = c.unsigned_of(word);
  s.file_size = c.unsigned_of(word);
  s.memory_size = c.unsigned_of(word);
  if (!is_64) s.flags = c.u32();
  s.alignment = c.unsigned_of(word);
  return s;
}

Section read_section(Cursor& c, bool is_64, uint32_t& name_offset) {
  Section s;
  const size_t word = is_64 ? 8 : 4;
  name_offset = c.u32();
  s.type = c.u32();
  s.flags = c.unsigned_of(word);
  s.address = c.unsigned_of(word);
  s.offset = c.unsigned_of(word);
  s.size = c.unsigned_of(word);
  s.link = c.u32();
  s.info = c.u32();
  s.alignment = c.unsigned_of(word);
  s.entry_size = c.unsigned_of(word);
  return s;
}

uint64_t segment_header_size(bool is_64) { return is_64 ? 56 : 32; }
uint64_t section_header_size(bool is_64) { return is_64 ? 64 : 40; }

}  // namespace

struct ElfFile::Tables {
  uint64_t segments = 0, sections = 0;  // file offsets
  uint64_t segment_size = 0, segment_count = 0, section_size = 0, section_count = 0;
  uint32_t names_section = 0;
};

Result<ElfFile> ElfFile::parse(Bytes file) {
  ElfFile elf;
  elf.file_ = file;
  TRY(Tables tables, elf.read_file_header());
  TRY_VOID(elf.read_sections(tables));
  TRY_VOID(elf.read_segments(tables));
  return elf;
}

Result<ElfFile::Tables> ElfFile::read_file_header() {
  if (!as_text(file_).starts_with("\177ELF")) return Error(ErrorCode::kNotMine, "no ELF magic at offset 0");
  if (file_.size() < kIdentSize)
    return Error(ErrorCode::kTruncated, fmt::format("ELF header: {} bytes of 16 of e_ident", file_.size()));
  auto file_class = std::to_integer<unsigned>(file_[4]), data = std::to_integer<unsigned>(file_[5]);
  if (file_class != 1 && file_class != 2)
    return Error(ErrorCode::kCorrupt, fmt::format("ELF header: class {} at offset 4, expected 1 or 2", file_class));
  if (data != 1 && data != 2)
    return Error(ErrorCode::kCorrupt, fmt::format("ELF header: byte order {} at offset 5, expected 1 or 2", data));
  is_64_ = file_class == 2;
  order_ = data == 1 ? ByteOrder::kLittle : ByteOrder::kBig;

  Tables t;
  const size_t word = is_64_ ? 8 : 4;
  Cursor c(file_, order_, kIdentSize);
  type_ = c.u16();
  machine_ = c.u16();
  c.u32();  // e_version
  entry_ = c.unsigned_of(word);
  t.segments = c.unsigned_of(word);
  t.sections = c.unsigned_of(word);
  flags_ = c.u32();
  c.u16();  // e_ehsize
  t.segment_size = c.u16();
  t.segment_count = c.u16();
  t.section_size = c.u16();
  t.section_count = c.u16();
  t.names_section = c.u16();
  if (!c.ok()) return c.error().in("ELF header");
  return t;
}

Result<void> ElfFile::read_sections(const Tables& tables) {
  uint64_t count = tables.section_count;
  uint32_t names = tables.names_section;
  if (tables.sections == 0) return {};
  const uint64_t entry = section_header_size(is_64_);
  if (count && tables.section_size < entry)
    return Error(ErrorCode::kCorrupt,
                 fmt::format("ELF header: section headers of {} bytes, expected {}", tables.section_size, entry));
  const uint64_t stride = std::max(tables.section_size, entry);
  if (tables.sections >= file_.size() || file_.size() - tables.sections < entry) {
    headers_cut_ = headers_cut_ || count > 0;
    return {};
  }
  uint32_t name_offset = 0;
  Cursor c(file_, order_, tables.sections);
  Section first = read_section(c, is_64_, name_offset);
  if (count == 0)
    count =
        first.size;  // gABI: "if the number of sections is >= SHN_LORESERVE … sh_size of the section header at index 0"
  if (names == kShnXindex) names = first.link;
  const uint64_t present = (file_.size() - tables.sections - entry) / stride + 1;
  if (count > present) {
    headers_cut_ = true;
    count = present;
  }
  if (count > kMaxHeaders)
    return Error(ErrorCode::kLimit,
                 fmt::format("ELF header: {} section headers, over our limit {}", count, kMaxHeaders));
  std::vector<uint32_t> name_offsets(count);
  sections_.reserve(count);
  for (uint64_t i = 0; i < count; i++) {
    c.seek(tables.sections + i * stride);
    sections_.push_back(read_section(c, is_64_, name_offsets[i]));
    sections_.back().index = i;
  }
  if (names >= sections_.size()) return {};
  Bytes strings = contents(sections_[names]);
  for (Section& s : sections_) s.name = string_at(strings, name_offsets[s.index]);
  return {};
}

Result<void> ElfFile::read_segments(const Tables& tables) {
  uint64_t count = tables.segment_count;
  const uint64_t entry = segment_header_size(is_64_);
  if (count == kPnXnum) {  // gABI chapter 5: the count is in sh_info of section header 0
    const uint64_t at = tables.sections + (is_64_ ? 44 : 28);
    Cursor c(file_, order_);
    c.seek(at < tables.sections ? file_.size() + 1 : at);
    uint32_t extended = c.u32();
    if (tables.sections && c.ok() && extended)
      count = extended;
    else
      headers_cut_ = true;
  }
  if (count == 0 || tables.segments == 0) return {};
  if (tables.segment_size < entry)
    return Error(ErrorCode::kCorrupt,
                 fmt::format("ELF header: program headers of {} bytes, expected {}", tables.segment_size, entry));
  uint64_t present = 0;
  if (tables.segments < file_.size() && file_.size() - tables.segments >= entry)
    present = (file_.size() - tables.segments - entry) / tables.segment_size + 1;
  if (count > present) {
    headers_cut_ = true;
    count = present;
  }
  if (count > kMaxHeaders)
    return Error(ErrorCode::kLimit,
                 fmt::format("ELF header: {} program headers, over our limit {}", count, kMaxHeaders));
  segments_.reserve(count);
  for (uint64_t i = 0; i < count; i++) {
    Cursor c(file_, order_, tables.segments + i * tables.segment_size);
    segments_.push_back(read_segment(c, is_64_));
  }
  return {};
}

const Section* ElfFile::section(std::string_view name) const {
  for (const Section& s : sections_)
    if (s.name == name) return &s;
  return nullptr;
}

Bytes ElfFile::piece(uint64_t offset, uint64_t size) const {
  if (offset >= file_.size()) return {};
  return file_.subspan(offset, std::min<uint64_t>(size, file_.size() - offset));
}

Bytes ElfFile::contents(const Section& section) const {
  return section.type == kShtNobits ? Bytes{} : piece(section.offset, section.size);
}
Bytes ElfFile::contents(const Segment& segment) const { return piece(segment.offset, segment.file_size); }
bool ElfFile::is_cut(const Segment& segment) const { return contents(segment).size() < segment.file_size; }
bool ElfFile::is_cut(const Section& section) const {
  return section.type != kShtNobits && contents(section).size() < section.size;
}

std::vector<Symbol> ElfFile::symbols() const {
  const Section* table = nullptr;
  for (uint32_t wanted : {kShtSymtab, kShtDynsym}) {
    for (const Section& s : sections_)
      if (!table && s.type == wanted) table = &s;
  }
  std::vector<Symbol> all;
  if (!table) return all;
  Bytes bytes = contents(*table);
  Bytes strings = table->link < sections_.size() ? contents(sections_[table->link]) : Bytes{};
  const size_t entry = is_64_ ? 24 : 16;
  const uint64_t stride = std::max<uint64_t>(table->entry_size, entry);
  if (bytes.size() < entry) return all;
  const uint64_t count = (bytes.size() - entry) / stride + 1;
  all.reserve(count);
  for (uint64_t i = 0; i < count; i++) {
    Cursor c(bytes, order_, i * stride);
    Symbol s;
    uint32_t name = c.u32();
    if (!is_64_) s.value = c.u32(), s.size = c.u32();
    uint8_t info = c.u8();
    c.u8();  // st_other
    s.section = c.u16();
    if (is_64_) s.value = c.u64(), s.size = c.u64();
    s.name = string_at(strings, name);
    s.type = info & 0xf;
    s.binding = uint8_t(info >> 4);
    all.push_back(s);
  }
  return all;
}

std::vector<Note> ElfFile::notes() const {
  std::vector<Note> all;
  auto add = [&](Bytes blob, uint64_t alignment) {
    // Cores pad by 4 whatever p_align says: the kernel wrote 0, 4 and 8 there over time.
    for (Note n : parse_notes(blob, order_, nullptr, alignment == 8 && type_ != kEtCore ? 8 : 4)) {
      n.offset += uint64_t(blob.data() - file_.data());
      all.push_back(n);
    }
  };
  bool any = false;
  for (const Segment& s : segments_) {
    if (s.type != kPtNote) continue;
    any = true;
    add(contents(s), s.alignment);
  }
  if (any) return all;
  for (const Section& s : sections_)
    if (s.type == kShtNote) add(contents(s), s.alignment);
  return all;
}

std::string ElfFile::build_id() const { return build_id_of(notes()); }

std::vector<Note> parse_notes(Bytes blob, ByteOrder order, bool* complete, uint64_t alignment) {
  std::vector<Note> all;
  Cursor c(blob, order);
  auto pad = [&] { c.skip(std::min<uint64_t>((alignment - c.offset() % alignment) % alignment, c.left())); };
  bool good = true;
  while (c.left() >= 12) {
    uint64_t name_size = c.u32(), size = c.u32();
    uint32_t type = c.u32();
    // A kernel's note buffer ends with a header of zeroes (include/linux/elfcore.h, final_note()).
    if (name_size == 0 && size == 0 && type == 0) break;
    Note n;
    n.type = type;
    std::string_view name = as_text(c.take(name_size));
    n.name = name.substr(0, std::min(name.find('\0'), name.size()));
    pad();
    n.offset = c.offset();
    n.description = c.take(size);
    if (!c.ok()) {
      good = false;
      break;
    }
    pad();
    all.push_back(n);
  }
  if (c.ok() && c.left() > 0 && c.left() < 12)
    good = std::ranges::all_of(c.take(c.left()), [](std::byte b) { return b == std::byte{0}; });
  if (complete) *complete = good;
  return all;
}

std::string build_id_of(const std::vector<Note>& notes) {
  std::string hex;
  for (const Note& n : notes) {
    if (n.type != kNtGnuBuildId || n.name != "GNU") continue;
    for (std::byte b : n.description) hex += fmt::format("{:02x}", std::to_integer<unsigned>(b));
    break;
  }
  return hex;
}

}  // namespace inquest::elf
