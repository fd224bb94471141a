#include "debuginfo/dwarf/relocate.h"

#include <cstring>

namespace inquest::debuginfo::dwarf {

namespace {

constexpr size_t kRelaSize = 24, kSymbolSize = 24;  // Elf64_Rela, Elf64_Sym

struct Patch {
  uint8_t width = 0;  // bytes; 0 = nothing to write
  bool relative = false;
  bool known = true;
};

Patch patch_of(uint16_t machine, uint32_t type) {
  if (machine == elf::kEmX8664) {
    switch (type) {
      case 0: return {0, false, true};   // R_X86_64_NONE
      case 1: return {8, false, true};   // R_X86_64_64
      case 2:                            // R_X86_64_PC32
      case 4: return {4, true, true};    // R_X86_64_PLT32
      case 10:                           // R_X86_64_32
      case 11: return {4, false, true};  // R_X86_64_32S
      case 12: return {2, false, true};  // R_X86_64_16
      case 24: return {8, true, true};   // R_X86_64_PC64
    }
  } else if (machine == elf::kEmAarch64) {
    switch (type) {
      case 0:
      case 256: return {0, false, true};  // R_AARCH64_NONE
      case 257: return {8, false, true};  // R_AARCH64_ABS64
      case 258: return {4, false, true};  // R_AARCH64_ABS32
      case 259: return {2, false, true};  // R_AARCH64_ABS16
      case 260: return {8, true, true};   // R_AARCH64_PREL64
      case 261: return {4, true, true};   // R_AARCH64_PREL32
    }
  }
  return {0, false, false};
}

}  // namespace

Bytes relocations_in(Bytes entries, uint64_t begin, uint64_t end) {
  auto first_from = [&](uint64_t offset) {
    size_t low = 0, high = entries.size() / kRelaSize;
    while (low < high) {
      size_t middle = (low + high) / 2;
      if (load_unchecked<uint64_t>(entries.data() + middle * kRelaSize) < offset)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  };
  size_t first = first_from(begin), last = first_from(end);
  return first < last ? entries.subspan(first * kRelaSize, (last - first) * kRelaSize) : Bytes();
}

bool relocations_sorted(Bytes entries) {
  uint64_t previous = 0;
  for (size_t at = 0; at + kRelaSize <= entries.size(); at += kRelaSize) {
    uint64_t offset = load_unchecked<uint64_t>(entries.data() + at);
    if (offset < previous) return false;
    previous = offset;
  }
  return true;
}

uint64_t apply_relocations(const elf::ElfFile& file, const elf::Section& rela, Bytes entries,
                           const std::vector<uint64_t>& addresses, uint64_t target_address,
                           std::span<std::byte> target) {
  Bytes symbols;
  if (rela.link < file.sections().size()) symbols = file.contents(file.sections()[rela.link]);
  uint64_t failed = 0, symbol_count = symbols.size() / kSymbolSize;
  for (size_t at = 0; at + kRelaSize <= entries.size(); at += kRelaSize) {
    uint64_t offset = load_unchecked<uint64_t>(entries.data() + at),
             info = load_unchecked<uint64_t>(entries.data() + at + 8);
    uint64_t value = load_unchecked<uint64_t>(entries.data() + at + 16);  // the addend
    Patch patch = patch_of(file.machine(), uint32_t(info));
    if (patch.known && patch.width == 0) continue;
    uint64_t symbol = info >> 32;
    if (!patch.known || symbol >= symbol_count || offset > target.size() || target.size() - offset < patch.width) {
      failed++;
      continue;
    }
    const std::byte* entry = symbols.data() + symbol * kSymbolSize;
    uint16_t section = load_unchecked<uint16_t>(entry + 6);
    value += load_unchecked<uint64_t>(entry + 8);
    if (section < addresses.size()) value += addresses[section];
    if (patch.relative) value -= target_address + offset;
    std::memcpy(target.data() + offset, &value, patch.width);  // little-endian on both sides
  }
  return failed;
}

}  // namespace inquest::debuginfo::dwarf
