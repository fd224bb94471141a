#include "debuginfo/dwarf/scan_store.h"

#include <algorithm>

namespace inquest::debuginfo::dwarf {

bool TypeStore::add(const index::TypeRecord& record) {
  uint64_t mask = slots_.size() - 1;
  for (uint64_t at = hash(record) & mask;; at = (at + 1) & mask) {
    if (slots_[at] == 0) {
      records_.push_back(record);
      slots_[at] = uint32_t(records_.size());
      if (records_.size() * 2 > slots_.size()) rehash(slots_.size() * 4);
      return true;
    }
    index::TypeRecord& other = records_[slots_[at] - 1];
    if (other.name != record.name || other.line != record.line || other.size != record.size ||
        other.kind != record.kind || other.declaration != record.declaration)
      continue;
    other.uses += record.uses;
    other.die = std::min(other.die, record.die);
    return false;
  }
}

void TypeStore::rehash(size_t slots) {
  slots_.assign(std::max(slots, slots_.size()), 0);
  uint64_t mask = slots_.size() - 1;
  for (size_t i = 0; i < records_.size(); i++) {
    uint64_t at = hash(records_[i]) & mask;
    while (slots_[at]) at = (at + 1) & mask;
    slots_[at] = uint32_t(i + 1);
  }
}

bool KeySet::add(uint64_t key) {
  key |= 1;  // 0 marks a free slot
  if (count_ * 2 > slots_.size()) {
    std::vector<uint64_t> old(slots_.size() * 4, 0);
    old.swap(slots_);
    count_ = 0;
    for (uint64_t k : old)
      if (k) add(k);
  }
  uint64_t mask = slots_.size() - 1;
  for (uint64_t at = (key >> 20) & mask;; at = (at + 1) & mask) {
    if (slots_[at] == key) return false;
    if (slots_[at]) continue;
    slots_[at] = key;
    count_++;
    return true;
  }
}

index::NameRef ScanStore::intern(std::string_view text) {
  auto [place, fresh] = texts.try_emplace(text, 0);
  if (fresh) {
    place->second = index::name_ref(index::NameSpace::kPool, found.pool.size());
    found.pool.append(text);
    found.pool.push_back('\0');
  }
  return place->second;
}

uint64_t ScanStore::identity(index::NameRef name) const {
  if (name >> 30 != uint32_t(index::NameSpace::kPool) || (name & index::kNameOffsetMask) >= found.pool.size())
    return name;
  return uint64_t{1} << 32 | index::hash_name(found.pool.c_str() + (name & index::kNameOffsetMask));
}

namespace {

using Texts = std::unordered_map<std::string_view, index::NameRef>;

// One pool of all workers' texts, in the order of the alphabet, so that it is the same whoever met what.
Texts merge_pools(const std::vector<ScanStore*>& stores, std::string& pool) {
  std::vector<std::string_view> all;
  for (const ScanStore* store : stores)
    for (const auto& [text, ref] : store->texts) all.push_back(text);
  std::ranges::sort(all);
  Texts merged;
  for (std::string_view text : all) {
    if (!merged.try_emplace(text, index::name_ref(index::NameSpace::kPool, pool.size())).second) continue;
    pool.append(text);
    pool.push_back('\0');
  }
  return merged;
}

// Names in a worker's pool move to the common one.
void move_names(ScanStore& store, const Texts& merged) {
  std::unordered_map<index::NameRef, index::NameRef> moved;
  for (const auto& [text, ref] : store.texts) moved[ref] = merged.find(text)->second;
  auto move = [&](index::NameRef& name) {
    if (name >> 30 == uint32_t(index::NameSpace::kPool)) name = moved[name];
  };
  for (auto& record : store.types.records()) move(record.name);
  for (auto& record : store.declared_variables.records()) move(record.name);
  for (auto& record : store.found.functions) move(record.name);
  for (auto& record : store.found.variables) move(record.name);
  for (auto& record : store.found.enumerators) move(record.name);
}

void append_code(ScanResult& all, const ScanResult& part) {
  uint32_t shift = uint32_t(all.functions.size());
  all.functions.insert(all.functions.end(), part.functions.begin(), part.functions.end());
  for (index::CodeRange range : part.function_ranges) {
    range.number += shift;
    all.function_ranges.push_back(range);
  }
  all.unit_ranges.insert(all.unit_ranges.end(), part.unit_ranges.begin(), part.unit_ranges.end());
}

// The first of each enumeration, by place, so that the outcome does not hang on which worker met it.
void append_enumerators(ScanResult& all, const std::vector<ScanStore*>& stores) {
  std::vector<std::pair<EnumeratorList, const ScanStore*>> lists;
  for (const ScanStore* store : stores)
    for (const EnumeratorList& list : store->enumerator_lists) lists.emplace_back(list, store);
  std::ranges::sort(lists, {}, [](const auto& entry) { return entry.first.die; });
  KeySet seen;
  for (const auto& [list, store] : lists) {
    if (!seen.add(list.key)) continue;
    auto first = store->found.enumerators.begin() + list.first;
    all.enumerators.insert(all.enumerators.end(), first, first + list.count);
  }
}

}  // namespace

ScanResult merge_stores(const std::vector<ScanStore*>& stores) {
  ScanResult all;
  Texts merged = merge_pools(stores, all.pool);
  for (ScanStore* store : stores) move_names(*store, merged);
  TypeStore types = std::move(stores[0]->types), declared = std::move(stores[0]->declared_variables);
  types.rehash();  // the first worker's names moved too
  declared.rehash();
  for (size_t i = 0; i < stores.size(); i++) {
    ScanStore& store = *stores[i];
    if (i > 0) {
      for (const auto& record : store.types.records()) types.add(record);
      for (const auto& record : store.declared_variables.records()) declared.add(record);
    }
    append_code(all, store.found);
    all.variables.insert(all.variables.end(), store.found.variables.begin(), store.found.variables.end());
    all.damaged_units += store.found.damaged_units;
  }
  append_enumerators(all, stores);
  for (const auto& record : declared.records()) {
    index::VariableRecord variable;
    variable.die = record.die;
    variable.name = record.name;
    variable.declaration = record.declaration;
    all.variables.push_back(variable);
  }
  all.types = std::move(types.records());
  return all;
}

}  // namespace inquest::debuginfo::dwarf
