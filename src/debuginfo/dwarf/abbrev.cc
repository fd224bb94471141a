#include "debuginfo/dwarf/abbrev.h"

#include <algorithm>

namespace inquest::debuginfo::dwarf {

namespace {

// The largest tables of kernels have some 1,000 entries of up to 20 attributes.
constexpr size_t kMaxAbbrevs = 1 << 20, kMaxAttributes = 1 << 22;

}  // namespace

void AbbrevTable::measure(Abbrev& abbrev, const FormContext& context) const {
  int32_t size = 0;
  for (const AttributeSpec& spec : attributes(abbrev)) {
    if (spec.name == DW_AT_sibling && spec.form == DW_FORM_ref4) abbrev.sibling_at = size;
    int one = fixed_size_of(spec.form, context);
    if (one < 0) return;
    size += one;
  }
  abbrev.size = size;
}

void AbbrevTable::parse(Bytes section, uint64_t offset, const FormContext& context) {
  abbrevs_.clear();
  attributes_.clear();
  dense_ = true;
  ByteReader reader(section, offset);
  while (!reader.failed && abbrevs_.size() < kMaxAbbrevs && attributes_.size() < kMaxAttributes) {
    Abbrev abbrev;
    abbrev.code = reader.uleb();
    if (abbrev.code == 0) break;
    abbrev.tag = uint16_t(reader.uleb());
    abbrev.children = reader.u8() != 0;
    abbrev.first = uint32_t(attributes_.size());
    for (;;) {
      uint64_t name = reader.uleb(), form = reader.uleb();
      int64_t implicit = form == DW_FORM_implicit_const ? reader.sleb() : 0;
      if (reader.failed || (name == 0 && form == 0)) break;
      // Numbers past 16 bits are nobody's: keep them as ones that no reader knows.
      attributes_.push_back(
          {uint16_t(std::min<uint64_t>(name, 0xffff)), uint16_t(std::min<uint64_t>(form, 0xffff)), implicit});
    }
    if (reader.failed) break;
    abbrev.count = uint32_t(attributes_.size()) - abbrev.first;
    measure(abbrev, context);
    abbrevs_.push_back(abbrev);
    if (abbrev.code != abbrevs_.size()) dense_ = false;
  }
  if (!dense_) std::ranges::stable_sort(abbrevs_, {}, &Abbrev::code);
}

const Abbrev* AbbrevTable::find_sparse(uint64_t code) const {
  auto found = std::ranges::lower_bound(abbrevs_, code, {}, &Abbrev::code);
  return found != abbrevs_.end() && found->code == code ? &*found : nullptr;
}

}  // namespace inquest::debuginfo::dwarf
