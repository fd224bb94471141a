#include <algorithm>

#include "debuginfo/index/builder.h"

namespace inquest::debuginfo::index {

namespace {

struct Found {
  SymbolRecord record;
  uint16_t section = 0;
};

// At one address the best name comes first: an empty object last (as a lock_class_key without lockdep is, which shares its address with the variable behind
// it), functions and objects before labels, global ones before local.
int rank(const SymbolRecord& symbol) {
  bool typed = symbol.type == elf::kSttFunc || symbol.type == elf::kSttObject;
  bool empty = symbol.type == elf::kSttObject && symbol.size == 0;
  return (empty ? 4 : 0) + (typed ? 0 : 2) + (symbol.global ? 0 : 1);
}

// "$x", "$d": aarch64's marks of code and data (AAELF64, 5.5.4); ".L…": labels the assembler was to drop.
bool is_noise(std::string_view name) { return name.empty() || name[0] == '$' || name.starts_with(".L"); }

}  // namespace

Bytes symbol_strings(const elf::ElfFile& file) {
  const elf::Section* table = nullptr;
  for (uint32_t wanted : {elf::kShtSymtab, elf::kShtDynsym})
    for (const elf::Section& section : file.sections())
      if (!table && section.type == wanted) table = &section;
  if (!table || table->link >= file.sections().size()) return {};
  return file.contents(file.sections()[table->link]);
}

std::vector<SymbolRecord> read_symbols(const elf::ElfFile& file, const std::vector<uint64_t>& addresses, Bytes strtab) {
  const char* begin = reinterpret_cast<const char*>(strtab.data());
  std::vector<Found> found;
  std::vector<elf::Symbol> all = file.symbols();
  found.reserve(all.size());
  bool relocatable = file.type() == elf::kEtRel;
  for (const elf::Symbol& symbol : all) {
    bool named = !is_noise(symbol.name) && symbol.name.data() >= begin && symbol.name.data() < begin + strtab.size();
    bool kept_type = symbol.type == elf::kSttNotype || symbol.type == elf::kSttObject || symbol.type == elf::kSttFunc ||
                     symbol.type > 4;
    if (!named || !kept_type || symbol.section == elf::kShnUndef || symbol.section >= addresses.size()) continue;
    if (!(file.sections()[symbol.section].flags & elf::kShfAlloc)) continue;
    Found& f = found.emplace_back();
    f.record.address = symbol.value + (relocatable ? addresses[symbol.section] : 0);
    f.record.size = symbol.size;
    f.record.name = name_ref(NameSpace::kStrtab, uint64_t(symbol.name.data() - begin));
    f.record.type = symbol.type;
    f.record.global = symbol.binding != 0;
    f.section = symbol.section;
  }
  std::ranges::sort(found, [](const Found& a, const Found& b) {
    if (a.record.address != b.record.address) return a.record.address < b.record.address;
    if (rank(a.record) != rank(b.record)) return rank(a.record) < rank(b.record);
    return a.record.name < b.record.name;
  });
  // From the end: where the next symbol of a higher address in the same section begins.
  std::vector<uint64_t> next(addresses.size()), current(addresses.size());
  for (size_t i = 0; i < addresses.size(); i++) current[i] = addresses[i] + file.sections()[i].size;
  next = current;
  std::vector<SymbolRecord> symbols(found.size());
  for (size_t i = found.size(); i-- > 0;) {
    SymbolRecord& record = found[i].record;
    uint16_t section = found[i].section;
    if (record.address < current[section]) next[section] = current[section];
    current[section] = std::min(current[section], record.address);
    if (record.size == 0 && next[section] > record.address) record.size = next[section] - record.address;
    symbols[i] = record;
  }
  return symbols;
}

}  // namespace inquest::debuginfo::index
