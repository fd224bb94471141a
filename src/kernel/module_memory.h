// What lies in one module's memory: its parts, sections, symbols, build ID, unwind rows. Used by load_modules() alone.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernel/kernel_view.h"
#include "kernel/modules.h"

namespace inquest::kernel {

struct ModuleExtents {
  std::vector<std::pair<VirtualAddress, uint64_t>> parts;  // what is still there: freed init memory is not
  VirtualAddress text;
  uint64_t text_size = 0;
  uint64_t core_size = 0;
  bool contains(VirtualAddress a) const;
};

ModuleExtents module_extents(const KernelView& view, VirtualAddress module);
std::vector<ModuleSection> module_sections(const KernelView& view, VirtualAddress module);
std::vector<object::MemorySymbol> module_symbols(const KernelView& view, VirtualAddress module, std::string* problem);
std::string module_build_id(const KernelView& view, VirtualAddress module, const std::vector<ModuleSection>& sections);
// Rows by run-time address; null on an architecture without ORC, or where the tables are not in the dump.
std::shared_ptr<const debuginfo::UnwindTable> module_orc(const KernelView& view, VirtualAddress module);

// ORC tables in memory, [ips, ips + 4 * count) and [entries, entries + 6 * count); keeps its copy of the bytes.
std::shared_ptr<const debuginfo::UnwindTable> orc_from_memory(const KernelView& view, VirtualAddress ips, VirtualAddress entries, uint64_t count,
                                                              std::optional<Bytes> header);

}  // namespace inquest::kernel
