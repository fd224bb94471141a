#include "elf/testing/elf_builder.h"

#include <algorithm>

namespace inquest::elf::testing {

Writer& Writer::integer(uint64_t v, size_t size) {
  for (size_t i = 0; i < size; i++) {
    size_t shift = 8 * (order_ == ByteOrder::kLittle ? i : size - 1 - i);
    text_ += char(v >> shift & 0xff);
  }
  return *this;
}

std::string note(std::string_view name, uint32_t type, std::string_view description, ByteOrder order,
                 size_t alignment) {
  Writer w(order);
  w.u32(name.size() + 1).u32(description.size()).u32(type);
  w.bytes(name).u8(0).align(alignment).bytes(description).align(alignment);
  return w.text();
}

void ElfBuilder::add_load(uint64_t physical, uint64_t virtual_address, std::string contents, uint64_t memory_size) {
  Segment h;
  h.type = kPtLoad;
  h.physical_address = physical;
  h.virtual_address = virtual_address;
  h.memory_size = std::max<uint64_t>(memory_size, contents.size());
  segments.push_back({h, std::move(contents)});
}

void ElfBuilder::add_note(std::string contents) {
  Segment h;
  h.type = kPtNote;
  segments.push_back({h, std::move(contents)});
}

void ElfBuilder::add_symbols(const std::vector<NewSymbol>& symbols) {
  Writer table(order), strings(order);
  strings.u8(0);
  for (const NewSymbol& s : symbols) {
    table.u32(strings.size());
    if (!is_64) table.u32(s.value).u32(s.size);
    table.u8(s.info).u8(0).u16(s.section);
    if (is_64) table.u64(s.value).u64(s.size);
    strings.bytes(s.name).u8(0);
  }
  Section symtab, strtab;
  symtab.type = kShtSymtab;
  symtab.link = uint32_t(sections.size() + 2);  // section 0 comes first, .strtab right behind
  symtab.entry_size = is_64 ? 24 : 16;
  strtab.type = kShtStrtab;
  sections.push_back({".symtab", symtab, table.text()});
  sections.push_back({".strtab", strtab, strings.text()});
}

namespace {

void write_section(Writer& w, bool is_64, uint32_t name, const Section& h, uint64_t offset, uint64_t size) {
  const size_t word = is_64 ? 8 : 4;
  w.u32(name).u32(h.type).integer(h.flags, word).integer(h.address, word).integer(offset, word);
  w.integer(size, word).u32(h.link).u32(h.info).integer(h.alignment, word).integer(h.entry_size, word);
}

void write_segment(Writer& w, bool is_64, const Segment& h, uint64_t offset, uint64_t file_size) {
  const size_t word = is_64 ? 8 : 4;
  w.u32(h.type);
  if (is_64) w.u32(h.flags);
  w.integer(offset, word).integer(h.virtual_address, word).integer(h.physical_address, word);
  w.integer(file_size, word).integer(h.memory_size, word);
  if (!is_64) w.u32(h.flags);
  w.integer(h.alignment, word);
}

}  // namespace

// Layout: file header, segment headers, contents of segments, contents of sections, section headers.
std::string ElfBuilder::build() const {
  const size_t word = is_64 ? 8 : 4;
  const size_t header = is_64 ? 64 : 52, ph = is_64 ? 56 : 32, sh = is_64 ? 64 : 40;
  const bool with_sections = !sections.empty() || force_pn_xnum || force_many_sections;
  std::vector<NewSection> all = sections;
  Writer names(order);
  std::vector<uint32_t> name_offsets;
  if (with_sections) {
    Section null, strings;
    strings.type = kShtStrtab;
    all.insert(all.begin(), NewSection{"", null, ""});
    all.push_back(NewSection{".shstrtab", strings, ""});
    for (const NewSection& s : all) {
      name_offsets.push_back(uint32_t(names.size()));
      names.bytes(s.name).u8(0);
    }
    all.back().contents = names.text();
    if (force_pn_xnum) all[0].header.info = uint32_t(segments.size());
    if (force_many_sections) all[0].header.link = uint32_t(all.size() - 1);
  }

  Writer body(order);
  std::vector<uint64_t> offsets;
  const size_t body_start = header + segments.size() * ph;
  for (const NewSegment& s : segments) offsets.push_back(body_start + body.size()), body.bytes(s.contents).align(4);
  for (const NewSection& s : all) offsets.push_back(body_start + body.size()), body.bytes(s.contents).align(4);

  Writer w(order);
  w.bytes("\177ELF").u8(is_64 ? 2 : 1).u8(order == ByteOrder::kLittle ? 1 : 2).u8(1).zeroes(9);
  w.u16(type).u16(machine).u32(1).integer(0, word);
  w.integer(segments.empty() ? 0 : header, word).integer(with_sections ? body_start + body.size() : 0, word);
  w.u32(flags).u16(header).u16(segment_entry_size ? segment_entry_size : ph);
  w.u16(force_pn_xnum ? kPnXnum : segments.size()).u16(section_entry_size ? section_entry_size : sh);
  w.u16(force_many_sections ? 0 : all.size())
      .u16(force_many_sections ? kShnXindex
           : with_sections     ? all.size() - 1
                               : 0);
  for (size_t i = 0; i < segments.size(); i++) {
    const Segment& h = segments[i].header;
    write_segment(w, is_64, h, offsets[i], h.file_size ? h.file_size : segments[i].contents.size());
  }
  w.bytes(body.text());
  for (size_t i = 0; i < all.size(); i++) {
    const NewSection& s = all[i];
    uint64_t size = s.header.size ? s.header.size : s.contents.size();
    if (i == 0 && force_many_sections) size = all.size();
    write_section(w, is_64, name_offsets[i], s.header, i == 0 ? 0 : offsets[segments.size() + i], size);
  }
  return w.text();
}

}  // namespace inquest::elf::testing
