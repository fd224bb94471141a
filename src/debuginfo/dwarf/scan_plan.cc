#include "debuginfo/dwarf/scan_plan.h"

#include <algorithm>

namespace inquest::debuginfo::dwarf {

namespace {

using Method = ScanOp::Method;

DieClass class_of(uint16_t tag) {
  switch (tag) {
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
    case DW_TAG_union_type:
    case DW_TAG_typedef:
    case DW_TAG_base_type: return DieClass::kType;
    case DW_TAG_enumeration_type: return DieClass::kEnum;
    case DW_TAG_subprogram: return DieClass::kFunction;
    case DW_TAG_variable: return DieClass::kVariable;
    case DW_TAG_enumerator: return DieClass::kEnumerator;
    case DW_TAG_namespace:
    case DW_TAG_module: return DieClass::kNamespace;
    default: return DieClass::kOther;
  }
}

Slot name_slot(uint16_t form) {
  switch (form) {
    case DW_FORM_strp: return Slot::kNameStr;
    case DW_FORM_line_strp: return Slot::kNameLineStr;
    case DW_FORM_string: return Slot::kNameText;
    case DW_FORM_strx:
    case DW_FORM_strx1:
    case DW_FORM_strx2:
    case DW_FORM_strx3:
    case DW_FORM_strx4: return Slot::kNameIndex;
    default: return Slot::kNone;
  }
}

Slot reference_slot(uint16_t form) {
  switch (form) {
    case DW_FORM_ref1:
    case DW_FORM_ref2:
    case DW_FORM_ref4:
    case DW_FORM_ref8:
    case DW_FORM_ref_udata: return Slot::kOrigin;
    case DW_FORM_ref_addr: return Slot::kOriginFar;
    default: return Slot::kNone;
  }
}

bool is_address_index(uint16_t form) {
  return form == DW_FORM_addrx || (form >= DW_FORM_addrx1 && form <= DW_FORM_addrx4);
}

// Which slot an attribute of a wanted DIE fills.
Slot wanted_slot(const AttributeSpec& spec) {
  switch (spec.name) {
    case DW_AT_name: return name_slot(spec.form);
    case DW_AT_byte_size: return is_constant(spec.form) ? Slot::kSize : Slot::kNone;
    case DW_AT_decl_line: return is_constant(spec.form) ? Slot::kLine : Slot::kNone;
    case DW_AT_declaration:
      return spec.form == DW_FORM_flag_present || spec.form == DW_FORM_flag ? Slot::kDeclaration : Slot::kNone;
    case DW_AT_const_value: return is_constant(spec.form) ? Slot::kConstant : Slot::kNone;
    case DW_AT_low_pc:
      return spec.form == DW_FORM_addr ? Slot::kLow : is_address_index(spec.form) ? Slot::kLowIndex : Slot::kNone;
    case DW_AT_high_pc:
      return spec.form == DW_FORM_addr ? Slot::kHighAddress : is_constant(spec.form) ? Slot::kHigh : Slot::kNone;
    case DW_AT_ranges:
      return spec.form == DW_FORM_rnglistx                               ? Slot::kRangesIndex
             : spec.form == DW_FORM_sec_offset || is_constant(spec.form) ? Slot::kRanges
                                                                         : Slot::kNone;
    case DW_AT_abstract_origin:
    case DW_AT_specification: return reference_slot(spec.form);
    case DW_AT_location: return is_block(spec.form) ? Slot::kLocation : Slot::kNone;
    default: return Slot::kNone;
  }
}

bool is_wanted(DieClass die_class, uint16_t attribute) {
  switch (die_class) {
    case DieClass::kType:
    case DieClass::kEnum:
      return attribute == DW_AT_name || attribute == DW_AT_byte_size || attribute == DW_AT_decl_line ||
             attribute == DW_AT_declaration;
    case DieClass::kFunction:
      return attribute == DW_AT_name || attribute == DW_AT_low_pc || attribute == DW_AT_high_pc ||
             attribute == DW_AT_ranges || attribute == DW_AT_abstract_origin || attribute == DW_AT_specification;
    case DieClass::kVariable:
      return attribute == DW_AT_name || attribute == DW_AT_location || attribute == DW_AT_specification ||
             attribute == DW_AT_abstract_origin || attribute == DW_AT_declaration;
    case DieClass::kEnumerator: return attribute == DW_AT_name || attribute == DW_AT_const_value;
    default: return false;
  }
}

Method method_of(uint16_t form) {
  switch (form) {
    case DW_FORM_sdata: return Method::kSleb;
    case DW_FORM_udata:
    case DW_FORM_ref_udata:
    case DW_FORM_strx:
    case DW_FORM_addrx:
    case DW_FORM_loclistx:
    case DW_FORM_rnglistx: return Method::kUleb;
    case DW_FORM_string: return Method::kText;
    case DW_FORM_block1: return Method::kBlock1;
    case DW_FORM_block2: return Method::kBlock2;
    case DW_FORM_block4: return Method::kBlock4;
    case DW_FORM_block:
    case DW_FORM_exprloc: return Method::kBlockLeb;
    default: return Method::kStop;  // unknown, or DW_FORM_indirect, which no compiler writes
  }
}

Method fixed_method(int size) {
  switch (size) {
    case 1: return Method::kU8;
    case 2: return Method::kU16;
    case 3: return Method::kU24;
    case 4: return Method::kU32;
    default: return Method::kU64;
  }
}

}  // namespace

void ScanPlans::skip(uint32_t first, unsigned bytes) {
  if (bytes == 0) return;
  bool merge = ops_.size() > first && ops_.back().method == Method::kSkip && ops_.back().count + bytes <= 0xffff;
  if (merge)
    ops_.back().count = uint16_t(ops_.back().count + bytes);
  else
    ops_.push_back({Method::kSkip, Slot::kNone, uint16_t(bytes)});
}

void ScanPlans::compile_one(const AbbrevTable& table, const Abbrev& abbrev, const FormContext& context) {
  ScanPlan plan;
  plan.tag = abbrev.tag;
  plan.children = abbrev.children;
  plan.die_class = class_of(abbrev.tag);
  plan.first = uint32_t(ops_.size());
  bool has_name = false, has_code = false;
  for (const AttributeSpec& spec : table.attributes(abbrev)) {
    has_name |= spec.name == DW_AT_name;
    has_code |= spec.name == DW_AT_low_pc || spec.name == DW_AT_ranges;
  }
  // Unnamed types and functions without code are only passed by; unnamed enumerations still have named values.
  if (plan.die_class == DieClass::kType && !has_name) plan.die_class = DieClass::kOther;
  if (plan.die_class == DieClass::kFunction && !has_code) plan.die_class = DieClass::kOther;
  bool anything_wanted = false;
  for (const AttributeSpec& spec : table.attributes(abbrev)) {
    Slot slot = is_wanted(plan.die_class, spec.name) ? wanted_slot(spec) : Slot::kNone;
    bool near_sibling = spec.name == DW_AT_sibling && reference_slot(spec.form) == Slot::kOrigin;
    if (near_sibling && plan.children) slot = Slot::kSibling, plan.has_sibling = true;
    anything_wanted |= slot != Slot::kNone;
    int size = fixed_size_of(spec.form, context);
    if (spec.form == DW_FORM_implicit_const || spec.form == DW_FORM_flag_present) {
      if (slot == Slot::kNone || constants_.size() > 0xffff) continue;
      ops_.push_back({Method::kImplicit, slot, uint16_t(constants_.size())});
      constants_.push_back(spec.form == DW_FORM_flag_present ? 1 : spec.implicit);
    } else if (size >= 0 && slot == Slot::kNone) {
      skip(plan.first, unsigned(size));
    } else {
      ops_.push_back({size >= 0 ? fixed_method(size) : method_of(spec.form), slot, 0});
    }
  }
  plan.ops = uint32_t(ops_.size()) - plan.first;
  if (plan.ops == 0)
    plan.fixed = 0;
  else if (plan.ops == 1 && ops_.back().method == Method::kSkip && !anything_wanted)
    plan.fixed = ops_.back().count;
  plans_.push_back(plan);
}

void ScanPlans::compile(const AbbrevTable& table, const FormContext& context) {
  plans_.clear();
  ops_.clear();
  constants_.clear();
  codes_.clear();
  dense_ = table.dense();
  for (const Abbrev& abbrev : table.abbrevs()) {
    compile_one(table, abbrev, context);
    if (!dense_) codes_.push_back(abbrev.code);
  }
}

const ScanPlan* ScanPlans::find_sparse(uint64_t code) const {
  auto found = std::ranges::lower_bound(codes_, code);
  return found != codes_.end() && *found == code ? &plans_[size_t(found - codes_.begin())] : nullptr;
}

bool ScanPlans::run(const ScanPlan& plan, ByteReader& reader, const std::byte* section, ScanValues& values) const {
  values.present = 0;
  const ScanOp* op = ops_.data() + plan.first;
  for (const ScanOp* end = op + plan.ops; op != end; op++) {
    uint64_t value = 0;
    switch (op->method) {
      case Method::kSkip: reader.skip(op->count); continue;
      case Method::kU8: value = reader.u8(); break;
      case Method::kU16: value = reader.u16(); break;
      case Method::kU24: value = reader.number(3); break;
      case Method::kU32: value = reader.u32(); break;
      case Method::kU64: value = reader.u64(); break;
      case Method::kUleb: value = reader.uleb(); break;
      case Method::kSleb: value = uint64_t(reader.sleb()); break;
      case Method::kImplicit: value = uint64_t(constants_[op->count]); break;
      case Method::kText:
        value = uint64_t(reader.p - section);
        reader.cstring();
        break;
      case Method::kBlock1:
      case Method::kBlock2:
      case Method::kBlock4:
      case Method::kBlockLeb: {
        uint64_t size = op->method == Method::kBlock1   ? reader.u8()
                        : op->method == Method::kBlock2 ? reader.u16()
                        : op->method == Method::kBlock4 ? reader.u32()
                                                        : reader.uleb();
        value = uint64_t(reader.p - section);
        reader.skip(size);
        if (op->slot == Slot::kLocation) values.put(Slot::kLocationSize, size);
        break;
      }
      case Method::kStop: reader.fail(); return false;
    }
    if (op->slot != Slot::kNone) values.put(op->slot, value);
  }
  return !reader.failed;
}

}  // namespace inquest::debuginfo::dwarf
