#include <algorithm>

#include "debuginfo/debug_file_impl.h"

namespace inquest::debuginfo {

namespace {

// How many symbols below an address may end before it while one still further below covers it (labels inside a
// function).
constexpr int kMaxNesting = 64;

}  // namespace

Bytes DebugFileImpl::file_bytes(uint64_t address, uint64_t size) const {
  for (const elf::Section& section : elf_.sections()) {
    uint64_t begin = sections_.addresses()[section.index];
    if (!(section.flags & elf::kShfAlloc) || address < begin || address - begin >= section.size) continue;
    if (section.flags & elf::kShfCompressed) return {};
    Bytes contents = elf_.contents(section);
    if (address - begin >= contents.size()) return {};
    contents = contents.subspan(address - begin);
    return contents.first(std::min<uint64_t>(size, contents.size()));
  }
  return {};
}

Result<Bytes> DebugFileImpl::section_bytes(std::string_view name) const {
  const elf::Section* section = elf_.section(name);
  if (!section) return Error(ErrorCode::kNotFound, path_ + ": no section " + std::string(name));
  for (size_t id = 0; id < size_t(dwarf::SectionId::kCount); id++)
    if (sections_.find(dwarf::SectionId(id)) == section) return sections_.get(dwarf::SectionId(id));
  bool relocated = !(section->flags & elf::kShfAlloc) || name == ".orc_unwind_ip" || name == ".eh_frame";
  bool compressed = section->flags & elf::kShfCompressed;
  if (!compressed && !(relocated && sections_.needs_work(*section))) return elf_.contents(*section);
  std::lock_guard lock(prepared_mutex_);
  auto known = prepared_.find(section->index);
  if (known == prepared_.end()) {
    TRY(std::vector<std::byte> bytes, sections_.prepare(*section));
    known = prepared_.emplace(section->index, std::move(bytes)).first;
  }
  return Bytes(known->second);
}

FileSymbol DebugFileImpl::symbol(const index::SymbolRecord& record) const {
  return {strings_.at(record.name), record.address, record.size, record.type, record.global != 0};
}

const std::vector<FileSymbol>& DebugFileImpl::symbols() const {
  std::call_once(symbols_once_, [this] {
    symbols_.reserve(index_.symbols().size());
    for (const index::SymbolRecord& record : index_.symbols()) symbols_.push_back(symbol(record));
  });
  return symbols_;
}

std::vector<FileSymbol> DebugFileImpl::find_symbols(std::string_view name) const {
  std::vector<FileSymbol> found;
  auto all = index_.symbols();
  index_.for_each(index::EntryKind::kSymbol, index::hash_name(name), [&](uint32_t number) {
    if (number < all.size() && strings_.at(all[number].name) == name) found.push_back(symbol(all[number]));
    return true;
  });
  std::ranges::stable_sort(found, [](const FileSymbol& a, const FileSymbol& b) { return a.global && !b.global; });
  return found;
}

std::optional<FileSymbol> DebugFileImpl::find_symbol(std::string_view name) const {
  std::vector<FileSymbol> found = find_symbols(name);
  return found.empty() ? std::nullopt : std::optional(found.front());
}

std::optional<FileSymbol> DebugFileImpl::symbol_at(uint64_t address) const {
  auto all = index_.symbols();
  auto after = std::ranges::upper_bound(all, address, {}, &index::SymbolRecord::address);
  const index::SymbolRecord* best = nullptr;
  for (int i = 0; i < kMaxNesting && after != all.begin(); i++) {
    --after;
    // Among those at one address the first is the best (read_symbols sorts them so): go on through equals.
    if (best && after->address != best->address) break;
    if (address == after->address || address - after->address < after->size) best = &*after;
  }
  return best ? std::optional(symbol(*best)) : std::nullopt;
}

std::optional<int64_t> DebugFileImpl::find_enumerator(std::string_view name) const {
  std::optional<int64_t> value;
  auto all = index_.enumerators();
  index_.for_each(index::EntryKind::kEnumerator, index::hash_name(name), [&](uint32_t number) {
    if (number < all.size() && strings_.at(all[number].name) == name) value = all[number].value;
    return !value;
  });
  return value;
}

std::optional<Variable> DebugFileImpl::find_variable(std::string_view name) const {
  std::vector<Variable> found = code_->find_variables(name);
  if (found.empty()) return std::nullopt;
  std::optional<FileSymbol> symbol = find_symbol(name);
  if (symbol && symbol->global) {
    auto global = std::ranges::find(found, std::optional(symbol->address), &Variable::address);
    if (global != found.end()) return *global;
  }
  if (!found.front().address && symbol) found.front().address = symbol->address;
  return found.front();
}

std::optional<Variable> DebugFileImpl::variable_at(uint64_t address) const {
  if (std::optional<Variable> variable = code_->variable_at(address)) return variable;
  // What the assembler or the linker defines and C only declares.
  std::optional<FileSymbol> symbol = symbol_at(address);
  if (!symbol || symbol->type == elf::kSttFunc) return std::nullopt;
  for (Variable& variable : code_->find_variables(symbol->name)) {
    if (variable.address) continue;
    variable.address = symbol->address;
    return variable;
  }
  return std::nullopt;
}

const Type* DebugFileImpl::type_of_die(uint64_t die) const { return types_->target_of(dwarf_->die(die)); }

const Type* DebugFileImpl::type_at_die(uint64_t die) const { return types_->at(die); }

std::optional<DebugFileImpl::CfiSection> DebugFileImpl::cfi_section() const {
  for (std::string_view name : {".debug_frame", ".eh_frame"}) {
    const elf::Section* section = elf_.section(name);
    auto bytes = section_bytes(name);
    if (section && bytes && !bytes->empty()) return CfiSection{*bytes, sections_.addresses()[section->index], name == ".eh_frame"};
  }
  return std::nullopt;
}

const UnwindTable* DebugFileImpl::cfi() const {
  std::call_once(cfi_once_, [this] {
    if (auto section = cfi_section()) cfi_ = make_cfi_table(section->bytes, section->address, section->is_eh_frame, elf_.order(), index_.frames());
  });
  return cfi_.get();
}

Result<uint64_t> DebugFileImpl::indexed_address(uint64_t unit_offset, uint64_t index) const {
  const dwarf::Unit* unit = dwarf_->unit_of(unit_offset);
  std::optional<uint64_t> address = unit ? dwarf_->indexed_address(*unit, index) : std::nullopt;
  if (!address) return Error(ErrorCode::kNotFound, "no indexed address " + std::to_string(index));
  return *address;
}

}  // namespace inquest::debuginfo
