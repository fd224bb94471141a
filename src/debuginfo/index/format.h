// The index file: what is looked up by name or by address, so that nothing is searched at run time.
//
// Mapped, never loaded: a header, then tables of fixed-size records, each aligned to 8 bytes. Everything is in the byte
// order of the machine that wrote it (kByteOrderMark tells). Names are not copied: a NameRef is a place in the debug
// file's own string sections. The file is derived data: whatever looks wrong in it means "make it again".
//
// Versioned by kVersion: raise it when a record's layout *or the meaning of what is put in it* changes.
#pragma once

#include <cstdint>
#include <type_traits>

#include "debuginfo/dwarf/die.h"

namespace inquest::debuginfo::index {

inline constexpr uint64_t kMagic = 0x78646e6971646e69;  // "indqindx"
inline constexpr uint32_t kVersion = 6, kByteOrderMark = 0x01020304;

// A name: the top two bits say in which strings, the rest where. Strings past 1 GB cannot be named (no kernel has so
// many).
using NameRef = uint32_t;
enum class NameSpace : uint32_t { kDebugStr = 0, kStrtab = 1, kPool = 2, kLineStr = 3 };
inline constexpr uint32_t kNameOffsetMask = 0x3fffffff;
constexpr NameRef name_ref(NameSpace space, uint64_t offset) {
  return uint32_t(space) << 30 | uint32_t(offset & kNameOffsetMask);
}

enum class EntryKind : uint32_t { kType, kFunction, kVariable, kEnumerator, kSymbol };

// One name of one record; sorted by hash, then kind, then number.
struct Entry {
  uint32_t hash = 0;
  uint32_t kind_and_number = 0;  // EntryKind in the top 3 bits
  EntryKind kind() const { return EntryKind(kind_and_number >> 29); }
  uint32_t number() const { return kind_and_number & 0x1fffffff; }
};

struct SymbolRecord {  // sorted by address
  uint64_t address = 0, size = 0;
  NameRef name = 0;
  uint8_t type = 0, global = 0;
  uint16_t reserved = 0;
};

inline constexpr uint64_t kNoSize = ~uint64_t{0};

struct TypeRecord {  // one for each (kind, name, size, line)
  uint64_t die = 0, size = kNoSize;
  NameRef name = 0;
  uint32_t line = 0, uses = 0;  // uses: in how many units it was seen
  uint8_t kind = 0;             // TypeKind; all base types are kInteger here
  uint8_t declaration = 0;
  uint16_t reserved = 0;
};

struct FunctionRecord {  // a concrete function; low and size of the range its entry lies in
  uint64_t die = 0, low = 0;
  uint32_t size = 0;
  NameRef name = 0;
};

struct CodeRange {  // sorted by low
  uint64_t low = 0;
  uint32_t size = 0, number = 0;  // of a function or a unit
};

struct FrameRecord {  // an FDE, sorted by low
  uint64_t low = 0;
  uint32_t size = 0, offset = 0;  // offset: of the entry in .debug_frame, else .eh_frame; size: at most what fits
};

struct VariableRecord {  // those with an address first, sorted by it
  uint64_t die = 0, address = 0;
  NameRef name = 0;
  uint8_t has_address = 0, declaration = 0;
  uint16_t reserved = 0;
};

struct EnumeratorRecord {
  int64_t value = 0;
  NameRef name = 0;
  uint32_t reserved = 0;
};

enum TableId : uint32_t {
  kUnits,
  kBuckets,
  kEntries,
  kSymbols,
  kTypes,
  kFunctions,
  kFunctionRanges,
  kUnitRanges,
  kVariables,
  kEnumerators,
  kFrames,
  kPool,
  kTableCount
};

struct TablePlace {
  uint64_t offset = 0, count = 0;  // from the start of the file; records
};

// What the file was made from. Any difference: not ours.
struct Subject {
  char build_id[48] = {};  // hex, NUL-padded
  uint64_t file_size = 0, modified_ns = 0;
  uint64_t layout_hash = 0;  // of the section headers
  friend bool operator==(const Subject&, const Subject&) = default;
};

struct Header {
  uint64_t magic = kMagic;
  uint32_t version = kVersion, byte_order = kByteOrderMark;
  Subject subject;
  uint64_t total_size = 0, content_hash = 0;  // of everything behind the header
  uint32_t bucket_bits = 0, damaged_units = 0;
  uint64_t relocations_sorted = 0;  // of .debug_info, so that a module's units can be relocated one by one
  TablePlace tables[kTableCount];
  uint64_t header_hash = 0;  // of everything before this field
};

static_assert(std::is_trivially_copyable_v<dwarf::UnitHeader> &&
              std::has_unique_object_representations_v<dwarf::UnitHeader>);
static_assert(std::has_unique_object_representations_v<Header> &&
              std::has_unique_object_representations_v<TypeRecord> &&
              std::has_unique_object_representations_v<SymbolRecord> &&
              std::has_unique_object_representations_v<VariableRecord>);

}  // namespace inquest::debuginfo::index
