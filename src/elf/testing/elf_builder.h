// ElfBuilder: writes small ELF images for tests: any class and byte order, segments, sections, notes, symbols,
// and the gABI's escapes for large counts. The tests then break what they like.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/cursor.h"
#include "elf/elf_file.h"

namespace inquest::elf::testing {

// Appends integers and bytes in a byte order.
class Writer {
 public:
  explicit Writer(ByteOrder order = ByteOrder::kLittle) : order_(order) {}
  Writer& u8(uint64_t v) { return integer(v, 1); }
  Writer& u16(uint64_t v) { return integer(v, 2); }
  Writer& u32(uint64_t v) { return integer(v, 4); }
  Writer& u64(uint64_t v) { return integer(v, 8); }
  Writer& integer(uint64_t v, size_t size);
  Writer& bytes(std::string_view s) { return text_ += s, *this; }
  Writer& zeroes(size_t count) { return text_.append(count, '\0'), *this; }
  Writer& pad_to(size_t size) { return text_.resize(std::max(size, text_.size())), *this; }
  Writer& align(size_t to) { return zeroes((to - text_.size() % to) % to); }
  size_t size() const { return text_.size(); }
  const std::string& text() const { return text_; }
  std::string& text() { return text_; }

 private:
  ByteOrder order_;
  std::string text_;
};

// One note, padded to `alignment`.
std::string note(std::string_view name, uint32_t type, std::string_view description,
                 ByteOrder order = ByteOrder::kLittle, size_t alignment = 4);

struct ElfBuilder {
  bool is_64 = true;
  ByteOrder order = ByteOrder::kLittle;
  uint16_t type = kEtCore, machine = kEmX8664;
  uint32_t flags = 0;
  bool force_pn_xnum = false;        // the segment count in section header 0, whatever it is
  bool force_many_sections = false;  // the section count and name index there too

  struct NewSegment {
    Segment header;  // offset is filled in by build(); file_size too, unless it is not 0
    std::string contents;
  };
  struct NewSection {
    std::string name;
    Section header;
    std::string contents;
  };
  std::vector<NewSegment> segments;
  // Section 0 and the name table are added by build() if there is any, or if a count is forced there.
  std::vector<NewSection> sections;
  uint16_t segment_entry_size = 0, section_entry_size = 0;  // 0: what the class wants

  void add_load(uint64_t physical, uint64_t virtual_address, std::string contents, uint64_t memory_size = 0);
  void add_note(std::string contents);
  // Adds `.symtab` and `.strtab`.
  struct NewSymbol {
    std::string name;
    uint64_t value, size;
    uint8_t info;
    uint16_t section;
  };
  void add_symbols(const std::vector<NewSymbol>& symbols);
  std::string build() const;
};

}  // namespace inquest::elf::testing
