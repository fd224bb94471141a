// Making an index: from what the scanner found and the symbol table to the blob of format.h.
#pragma once

#include <span>
#include <vector>

#include "debuginfo/dwarf/scanner.h"
#include "debuginfo/index/index.h"

namespace inquest::debuginfo::index {

// Named symbols of code and data, sorted by address; a size of 0 reaches to the next symbol of the section.
// `addresses`: of sections, as dwarf::section_addresses() gives them. Names point into `strtab`.
std::vector<SymbolRecord> read_symbols(const elf::ElfFile& file, const std::vector<uint64_t>& addresses, Bytes strtab);
// The string table of the symbols that ElfFile::symbols() gives.
Bytes symbol_strings(const elf::ElfFile& file);

// 8-aligned. Sorts what it is given.
struct Ingredients {
  Subject subject;
  std::span<const dwarf::UnitHeader> units;
  dwarf::ScanResult found;
  std::vector<SymbolRecord> symbols;
  std::vector<FrameRecord> frames;  // sorted
  NameStrings strings;
  bool relocations_sorted = false;
};
std::vector<std::byte> build(Ingredients ingredients, unsigned workers);

}  // namespace inquest::debuginfo::index
