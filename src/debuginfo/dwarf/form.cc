#include "debuginfo/dwarf/form.h"

namespace inquest::debuginfo::dwarf {

int fixed_size_of(uint16_t form, const FormContext& context) {
  switch (form) {
    case DW_FORM_flag_present:
    case DW_FORM_implicit_const: return 0;
    case DW_FORM_data1:
    case DW_FORM_ref1:
    case DW_FORM_flag:
    case DW_FORM_strx1:
    case DW_FORM_addrx1: return 1;
    case DW_FORM_data2:
    case DW_FORM_ref2:
    case DW_FORM_strx2:
    case DW_FORM_addrx2: return 2;
    case DW_FORM_strx3:
    case DW_FORM_addrx3: return 3;
    case DW_FORM_data4:
    case DW_FORM_ref4:
    case DW_FORM_strx4:
    case DW_FORM_addrx4:
    case DW_FORM_ref_sup4: return 4;
    case DW_FORM_data8:
    case DW_FORM_ref8:
    case DW_FORM_ref_sig8:
    case DW_FORM_ref_sup8: return 8;
    case DW_FORM_data16: return 16;
    case DW_FORM_addr: return context.address_size;
    case DW_FORM_strp:
    case DW_FORM_line_strp:
    case DW_FORM_sec_offset:
    case DW_FORM_strp_sup:
    case DW_FORM_GNU_ref_alt:
    case DW_FORM_GNU_strp_alt: return context.offset_size;
    case DW_FORM_ref_addr: return context.version <= 2 ? context.address_size : context.offset_size;
    default: return -1;
  }
}

Value read_form(ByteReader& reader, uint16_t form, int64_t implicit, const FormContext& context) {
  // DW_FORM_indirect: the real form comes first; it may not be indirect again.
  if (form == DW_FORM_indirect) {
    form = uint16_t(reader.uleb());
    if (form == DW_FORM_indirect || form == DW_FORM_implicit_const) reader.fail();
  }
  Value value{form, 0, {}};
  switch (form) {
    case DW_FORM_flag_present: value.number = 1; break;
    case DW_FORM_implicit_const: value.number = uint64_t(implicit); break;
    case DW_FORM_sdata: value.number = uint64_t(reader.sleb()); break;
    case DW_FORM_udata:
    case DW_FORM_ref_udata:
    case DW_FORM_strx:
    case DW_FORM_addrx:
    case DW_FORM_loclistx:
    case DW_FORM_rnglistx: value.number = reader.uleb(); break;
    case DW_FORM_string: value.block = as_bytes_of(reader.cstring()); break;
    case DW_FORM_block1: value.block = reader.take(reader.u8()); break;
    case DW_FORM_block2: value.block = reader.take(reader.u16()); break;
    case DW_FORM_block4: value.block = reader.take(reader.u32()); break;
    case DW_FORM_block:
    case DW_FORM_exprloc: value.block = reader.take(reader.uleb()); break;
    case DW_FORM_data16: value.block = reader.take(16); break;
    default: {
      int size = fixed_size_of(form, context);
      if (size < 0)
        reader.fail();
      else
        value.number = reader.number(unsigned(size));
    }
  }
  if (reader.failed) return {};
  return value;
}

}  // namespace inquest::debuginfo::dwarf
