// ScanPlans: a unit's abbreviations compiled for one pass over it.
//
// Of each DIE the scanner wants a few values and to get past the rest fast. So each abbreviation becomes a short
// program: "skip 5, name here, skip 3, sibling here". Runs of attributes of known size become one skip; DIEs nobody
// wants become one addition.
#pragma once

#include <cstdint>
#include <vector>

#include "debuginfo/dwarf/abbrev.h"

namespace inquest::debuginfo::dwarf {

enum class DieClass : uint8_t { kOther, kType, kEnum, kFunction, kVariable, kEnumerator, kNamespace };

// Where a program puts what it reads.
enum class Slot : uint8_t {
  kNone,
  kNameStr,
  kNameLineStr,
  kNameText,
  kNameIndex,  // an offset, an offset, a place in .debug_info, an index
  kSize,
  kLine,
  kSibling,
  kDeclaration,
  kConstant,
  kLow,
  kLowIndex,
  kHigh,
  kHighAddress,
  kRanges,
  kRangesIndex,
  kOrigin,
  kOriginFar,  // relative to the unit, absolute
  kLocation,
  kLocationSize,
  kCount
};

struct ScanOp {
  enum class Method : uint8_t {
    kSkip,
    kU8,
    kU16,
    kU32,
    kU64,
    kU24,
    kUleb,
    kSleb,
    kText,
    kBlock1,
    kBlock2,
    kBlock4,
    kBlockLeb,
    kImplicit,
    kStop
  } method = Method::kSkip;
  Slot slot = Slot::kNone;
  uint16_t count = 0;  // kSkip: bytes; kImplicit: which constant
};

struct ScanPlan {
  uint16_t tag = 0;
  DieClass die_class = DieClass::kOther;
  bool children = false, has_sibling = false;
  uint32_t first = 0, ops = 0;
  int32_t fixed = -1;  // nothing is wanted and all attributes together take this many bytes
};

struct ScanValues {
  uint64_t value[size_t(Slot::kCount)];
  uint32_t present;
  bool has(Slot slot) const { return present >> unsigned(slot) & 1; }
  uint64_t operator[](Slot slot) const { return value[size_t(slot)]; }
  void put(Slot slot, uint64_t v) {
    value[size_t(slot)] = v;
    present |= 1u << unsigned(slot);
  }
};

class ScanPlans {
 public:
  void compile(const AbbrevTable& table, const FormContext& context);
  // Null if there is no such code.
  const ScanPlan* find(uint64_t code) const {
    if (code - 1 < plans_.size() && dense_) return &plans_[code - 1];
    return dense_ ? nullptr : find_sparse(code);
  }
  // Reads one DIE's attributes; false if they leave the unit or hold an unknown form.
  bool run(const ScanPlan& plan, ByteReader& reader, const std::byte* section, ScanValues& values) const;

 private:
  const ScanPlan* find_sparse(uint64_t code) const;
  void compile_one(const AbbrevTable& table, const Abbrev& abbrev, const FormContext& context);
  void skip(uint32_t first, unsigned bytes);

  std::vector<ScanPlan> plans_;
  std::vector<ScanOp> ops_;
  std::vector<int64_t> constants_;
  std::vector<uint64_t> codes_;
  bool dense_ = true;
};

}  // namespace inquest::debuginfo::dwarf
