// Index: the mapped index of one debug file (format.h), opened, checked and asked.
//
// Read-only and thread-safe. Every number from the file is checked before use, though the checksum was right: a wrong
// index may cost an answer, never memory. What is handed out points into the index or into the debug file's strings.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "debuginfo/index/format.h"
#include "debuginfo/index/hash.h"

namespace inquest::debuginfo::index {

// The string sections that NameRefs point into.
struct NameStrings {
  Bytes debug_str, strtab, line_str, pool;
  std::string_view at(NameRef ref) const;
};

class Index {
 public:
  // Takes a blob that build() made. kCorrupt, kMismatch: not the index of `subject`, or damaged.
  static Result<Index> open(Bytes blob, const Subject& subject);

  // Tables. What owns the blob must outlive them.
  std::span<const dwarf::UnitHeader> units() const { return table<dwarf::UnitHeader>(kUnits); }
  std::span<const SymbolRecord> symbols() const { return table<SymbolRecord>(kSymbols); }
  std::span<const TypeRecord> types() const { return table<TypeRecord>(kTypes); }
  std::span<const FunctionRecord> functions() const { return table<FunctionRecord>(kFunctions); }
  std::span<const CodeRange> function_ranges() const { return table<CodeRange>(kFunctionRanges); }
  std::span<const CodeRange> unit_ranges() const { return table<CodeRange>(kUnitRanges); }
  std::span<const VariableRecord> variables() const { return table<VariableRecord>(kVariables); }
  std::span<const EnumeratorRecord> enumerators() const { return table<EnumeratorRecord>(kEnumerators); }
  std::span<const FrameRecord> frames() const { return table<FrameRecord>(kFrames); }
  Bytes pool() const { return std::as_bytes(table<std::byte>(kPool)); }
  uint32_t damaged_units() const { return header().damaged_units; }
  bool relocations_sorted() const { return header().relocations_sorted != 0; }
  uint64_t size() const { return blob_.size(); }

  // Calls body(number) for each record of that kind and hash, in the order of their numbers; false stops.
  template <typename Body>
  void for_each(EntryKind kind, uint32_t hash, Body&& body) const {
    std::span<const Entry> entries = bucket(hash);
    for (const Entry& entry : entries)
      if (entry.hash == hash && entry.kind() == kind && !body(entry.number())) return;
  }

  // The range that holds the address, of those sorted by low; ranges may overlap a little (cold parts, aliases).
  static const CodeRange* find_range(std::span<const CodeRange> ranges, uint64_t address);

 private:
  const Header& header() const { return *reinterpret_cast<const Header*>(blob_.data()); }
  template <typename T>
  std::span<const T> table(TableId id) const {
    const TablePlace& place = header().tables[id];
    return {reinterpret_cast<const T*>(blob_.data() + place.offset), size_t(place.count)};
  }
  std::span<const Entry> bucket(uint32_t hash) const;

  Bytes blob_;
};

size_t record_size(TableId id);

}  // namespace inquest::debuginfo::index
