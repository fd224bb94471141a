// AbbrevTable: the shapes of the DIEs of one unit (DWARF 5, section 7.5.3).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "debuginfo/dwarf/form.h"

namespace inquest::debuginfo::dwarf {

struct AttributeSpec {
  uint16_t name = 0, form = 0;
  int64_t implicit = 0;
};

struct Abbrev {
  uint64_t code = 0;
  uint16_t tag = 0;
  bool children = false;
  uint32_t first = 0, count = 0;  // in the table's attributes
  int32_t size = -1;              // of all attributes together, where that is always the same
  int32_t sibling_at =
      -1;  // where among them DW_AT_sibling lies, if it is a DW_FORM_ref4 behind attributes of known size
};

class AbbrevTable {
 public:
  // Reads the table at `offset`; a damaged one keeps what came before the damage.
  void parse(Bytes section, uint64_t offset, const FormContext& context);
  // Null if there is no such code.
  const Abbrev* find(uint64_t code) const {
    if (code - 1 < abbrevs_.size() && abbrevs_[code - 1].code == code) return &abbrevs_[code - 1];
    return dense_ ? nullptr : find_sparse(code);
  }
  std::span<const AttributeSpec> attributes(const Abbrev& abbrev) const {
    return {attributes_.data() + abbrev.first, abbrev.count};
  }
  std::span<const Abbrev> abbrevs() const { return abbrevs_; }
  // Codes are 1, 2, 3, …, as every compiler numbers them.
  bool dense() const { return dense_; }

 private:
  void measure(Abbrev& abbrev, const FormContext& context) const;
  const Abbrev* find_sparse(uint64_t code) const;
  std::vector<Abbrev> abbrevs_;
  std::vector<AttributeSpec> attributes_;
  bool dense_ = true;
};

}  // namespace inquest::debuginfo::dwarf
