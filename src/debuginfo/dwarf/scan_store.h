// What one worker of the scanner has found so far.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "debuginfo/dwarf/scanner.h"
#include "debuginfo/index/hash.h"

namespace inquest::debuginfo::dwarf {

// Records told apart by (kind, declaration, name, size, line): a hash table of numbers beside a vector.
class TypeStore {
 public:
  TypeStore() : slots_(1 << 15, 0) {}
  // Counts the record; true if it is new. Of several the one with the smallest DIE is kept.
  bool add(const index::TypeRecord& record);
  std::vector<index::TypeRecord>& records() { return records_; }
  void rehash(size_t slots = 0);

 private:
  static uint64_t hash(const index::TypeRecord& r) {
    uint64_t key = uint64_t(r.name) << 32 | uint64_t(r.kind) << 24 | uint64_t(r.declaration) << 20;
    return index::mix(key ^ r.line, 0x9e3779b97f4a7c15) ^ index::mix(r.size, 0xbf58476d1ce4e5b9);
  }
  std::vector<uint32_t> slots_;  // number + 1; 0 = free
  std::vector<index::TypeRecord> records_;
};

// A set of 64-bit keys.
class KeySet {
 public:
  KeySet() : slots_(1 << 12, 0) {}
  bool add(uint64_t key);  // true if new

 private:
  std::vector<uint64_t> slots_;
  size_t count_ = 0;
};

struct EnumeratorList {
  uint64_t key = 0, die = 0;  // key: the same enumeration in another unit has the same
  uint32_t first = 0, count = 0;
};

struct ScanStore {
  TypeStore types;
  TypeStore declared_variables;  // kind is unused
  KeySet enumerations;
  std::vector<EnumeratorList> enumerator_lists;
  ScanResult found;  // types stay empty until the merge
  std::unordered_map<std::string_view, index::NameRef> texts;
  index::NameRef intern(std::string_view text);
  // The same for one name in all workers, though each has a pool of its own.
  uint64_t identity(index::NameRef name) const;
};

// All workers' finds as one, each thing once. Empties the stores.
ScanResult merge_stores(const std::vector<ScanStore*>& stores);

}  // namespace inquest::debuginfo::dwarf
