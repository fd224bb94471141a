// The records of BTF, and an index of their names. Not part of the room's interface.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "debuginfo/type.h"

namespace inquest::debuginfo::btf {

enum Kind : unsigned {
  kInt = 1,
  kPtr,
  kArray,
  kStruct,
  kUnion,
  kEnum,
  kFwd,
  kTypedef,
  kVolatile,
  kConst,
  kRestrict,
  kFunc,
  kFuncProto,
  kVar,
  kDatasec,
  kFloat,
  kDeclTag,
  kTypeTag,
  kEnum64,
  kKindCount
};

// struct btf_type, and where what follows it starts.
struct Record {
  uint32_t name = 0, info = 0, size_or_type = 0;
  size_t extra = 0;
  unsigned kind() const { return info >> 24 & 0x1f; }
  uint32_t count() const { return info & 0xffff; }
  bool flag() const { return info >> 31; }
};

// Bytes behind a record, by kind; nothing for a kind unknown.
inline std::optional<size_t> extra_size(const Record& r) {
  switch (r.kind()) {
    case kInt:
    case kVar:
    case kDeclTag: return 4;
    case kArray: return 12;
    case kStruct:
    case kUnion:
    case kDatasec:
    case kEnum64: return size_t{12} * r.count();
    case kEnum:
    case kFuncProto: return size_t{8} * r.count();
    case kPtr:
    case kFwd:
    case kTypedef:
    case kVolatile:
    case kConst:
    case kRestrict:
    case kFunc:
    case kFloat:
    case kTypeTag: return 0;
    default: return std::nullopt;
  }
}

using NameTable = std::unordered_map<std::string_view, uint32_t>;  // to ids

// Names by what they name. Each table is made when first asked, for a kernel has 60,000 functions and 30,000
// enumerators that most questions never touch.
enum class Names { kStructs, kUnions, kEnums, kTypedefs, kScalars, kFunctions, kVariables };
inline constexpr size_t kNameTables = 7;

inline std::optional<Names> names_of(TypeKind kind) {
  switch (kind) {
    case TypeKind::kStruct: return Names::kStructs;
    case TypeKind::kUnion: return Names::kUnions;
    case TypeKind::kEnum: return Names::kEnums;
    case TypeKind::kTypedef: return Names::kTypedefs;
    case TypeKind::kInteger:
    case TypeKind::kBool:
    case TypeKind::kFloat: return Names::kScalars;
    default: return std::nullopt;
  }
}

inline std::optional<Names> names_of(const Record& r) {
  switch (r.kind()) {
    case kStruct: return Names::kStructs;
    case kUnion: return Names::kUnions;
    case kEnum:
    case kEnum64: return Names::kEnums;
    case kTypedef: return Names::kTypedefs;
    case kInt:
    case kFloat: return Names::kScalars;
    case kFunc: return Names::kFunctions;
    case kVar: return Names::kVariables;
    default: return std::nullopt;
  }
}

}  // namespace inquest::debuginfo::btf
