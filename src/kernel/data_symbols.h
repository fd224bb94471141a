// Where variables lie in a kernel whose kallsyms names functions only (no CONFIG_KALLSYMS_ALL: Debian's arm64 kernels until 6.6), without debuginfo.
//
// From what else is in its memory: the table of exported symbols (struct kernel_symbol, include/linux/export.h: since 4.19 three or two 32-bit
// offsets relative to themselves, commit 7290d5809571), BTF's list of per-CPU variables, and, for a list that is neither, the addresses that a
// function which walks it names in its code, of which that one is taken that heads a list of such objects.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "object/program.h"

namespace inquest::kernel {

// A contiguous, readable stretch of the image.
struct Piece {
  VirtualAddress start;
  std::vector<std::byte> bytes;
};

// All exported symbols; empty if no table was found. `known`: the name of one that every kernel exports.
std::vector<object::MemorySymbol> exported_symbols(std::span<const Piece> pieces, std::string_view known = "init_task");
// The per-CPU variables of BTF, where some of them is exported, too.
std::vector<object::MemorySymbol> per_cpu_symbols(const debuginfo::Btf& btf, std::span<const object::MemorySymbol> exported);

// A list of the kernel by the code of a function that walks it.
struct ListByCode {
  std::string_view symbol, function, type, link, name;  // `name`: a member of `type`, an array or pointer of characters
};
std::optional<object::MemorySymbol> list_by_code(const object::Program& program, const debuginfo::Btf& btf, std::span<const object::MemorySymbol> functions,
                                                 const ListByCode& list);

// Everything of the above that `symbols` (sorted or not) lacks, added to it.
void add_data_symbols(const object::Program& program, std::span<const Piece> pieces, const debuginfo::Btf* btf, std::vector<object::MemorySymbol>& symbols);

}  // namespace inquest::kernel
