// Relocations of debug sections in ET_REL files (modules), as the kernel's own linker would apply them.
//
// Only what debug sections hold: 64, 32 and 16-bit absolute and pc-relative values of x86_64 (psABI, table 4.9) and
// aarch64 (ELF for the Arm 64-bit Architecture, 5.7.4). Others are counted and left alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "elf/elf_file.h"

namespace inquest::debuginfo::dwarf {

// Applies the SHT_RELA section `rela` to `target`, the contents of a section that lies at `target_address`.
// `addresses` are the places of all sections by index. Gives the number of relocations that could not be applied.
// `entries` are its bytes or some of them.
uint64_t apply_relocations(const elf::ElfFile& file, const elf::Section& rela, Bytes entries,
                           const std::vector<uint64_t>& addresses, uint64_t target_address,
                           std::span<std::byte> target);

// The entries of `rela` (sorted by offset, see below) that patch [begin, end) of the target; bytes of the section.
Bytes relocations_in(Bytes entries, uint64_t begin, uint64_t end);
// Whether the entries are in the order of what they patch, as assemblers write them and linkers keep them.
bool relocations_sorted(Bytes entries);

}  // namespace inquest::debuginfo::dwarf
