// DWARF's numbers by their names there (DWARF 5, section 7, and the GNU extensions that GCC emits for DWARF 4).
#pragma once

#include <cstdint>

namespace inquest::debuginfo::dwarf {

// clang-format off
// NOLINTBEGIN(readability-identifier-naming): the standard's own spelling
enum Tag : uint16_t {
  DW_TAG_array_type = 0x01, DW_TAG_class_type = 0x02, DW_TAG_enumeration_type = 0x04, DW_TAG_formal_parameter = 0x05,
  DW_TAG_label = 0x0a, DW_TAG_lexical_block = 0x0b, DW_TAG_member = 0x0d, DW_TAG_pointer_type = 0x0f,
  DW_TAG_reference_type = 0x10, DW_TAG_compile_unit = 0x11, DW_TAG_structure_type = 0x13, DW_TAG_subroutine_type = 0x15,
  DW_TAG_typedef = 0x16, DW_TAG_union_type = 0x17, DW_TAG_unspecified_parameters = 0x18, DW_TAG_inlined_subroutine = 0x1d,
  DW_TAG_module = 0x1e, DW_TAG_subrange_type = 0x21, DW_TAG_base_type = 0x24, DW_TAG_const_type = 0x26,
  DW_TAG_enumerator = 0x28, DW_TAG_subprogram = 0x2e, DW_TAG_variable = 0x34, DW_TAG_volatile_type = 0x35,
  DW_TAG_restrict_type = 0x37, DW_TAG_namespace = 0x39, DW_TAG_unspecified_type = 0x3b, DW_TAG_partial_unit = 0x3c,
  DW_TAG_imported_unit = 0x3d, DW_TAG_type_unit = 0x41, DW_TAG_rvalue_reference_type = 0x42, DW_TAG_atomic_type = 0x47,
  DW_TAG_call_site = 0x48, DW_TAG_call_site_parameter = 0x49, DW_TAG_skeleton_unit = 0x4a,
  DW_TAG_GNU_call_site = 0x4109, DW_TAG_GNU_call_site_parameter = 0x410a,
};

enum At : uint16_t {
  DW_AT_sibling = 0x01, DW_AT_location = 0x02, DW_AT_name = 0x03, DW_AT_byte_size = 0x0b, DW_AT_bit_offset = 0x0c,
  DW_AT_bit_size = 0x0d, DW_AT_stmt_list = 0x10, DW_AT_low_pc = 0x11, DW_AT_high_pc = 0x12, DW_AT_comp_dir = 0x1b,
  DW_AT_const_value = 0x1c, DW_AT_upper_bound = 0x2f, DW_AT_prototyped = 0x27, DW_AT_abstract_origin = 0x31,
  DW_AT_artificial = 0x34, DW_AT_count = 0x37, DW_AT_data_member_location = 0x38, DW_AT_decl_column = 0x39,
  DW_AT_decl_file = 0x3a, DW_AT_decl_line = 0x3b, DW_AT_declaration = 0x3c, DW_AT_encoding = 0x3e, DW_AT_external = 0x3f,
  DW_AT_frame_base = 0x40, DW_AT_import = 0x18, DW_AT_specification = 0x47, DW_AT_type = 0x49, DW_AT_entry_pc = 0x52,
  DW_AT_ranges = 0x55, DW_AT_call_column = 0x57, DW_AT_call_file = 0x58, DW_AT_call_line = 0x59, DW_AT_signature = 0x69,
  DW_AT_data_bit_offset = 0x6b, DW_AT_str_offsets_base = 0x72, DW_AT_addr_base = 0x73, DW_AT_rnglists_base = 0x74,
  DW_AT_call_return_pc = 0x7d, DW_AT_call_value = 0x7e, DW_AT_call_origin = 0x7f, DW_AT_call_parameter = 0x80, DW_AT_call_tail_call = 0x82,
  DW_AT_call_target = 0x83, DW_AT_loclists_base = 0x8c, DW_AT_linkage_name = 0x6e,
  DW_AT_GNU_call_site_value = 0x2111, DW_AT_GNU_tail_call = 0x2115,
};

enum Form : uint16_t {
  DW_FORM_addr = 0x01, DW_FORM_block2 = 0x03, DW_FORM_block4 = 0x04, DW_FORM_data2 = 0x05, DW_FORM_data4 = 0x06,
  DW_FORM_data8 = 0x07, DW_FORM_string = 0x08, DW_FORM_block = 0x09, DW_FORM_block1 = 0x0a, DW_FORM_data1 = 0x0b,
  DW_FORM_flag = 0x0c, DW_FORM_sdata = 0x0d, DW_FORM_strp = 0x0e, DW_FORM_udata = 0x0f, DW_FORM_ref_addr = 0x10,
  DW_FORM_ref1 = 0x11, DW_FORM_ref2 = 0x12, DW_FORM_ref4 = 0x13, DW_FORM_ref8 = 0x14, DW_FORM_ref_udata = 0x15,
  DW_FORM_indirect = 0x16, DW_FORM_sec_offset = 0x17, DW_FORM_exprloc = 0x18, DW_FORM_flag_present = 0x19,
  DW_FORM_strx = 0x1a, DW_FORM_addrx = 0x1b, DW_FORM_ref_sup4 = 0x1c, DW_FORM_strp_sup = 0x1d, DW_FORM_data16 = 0x1e,
  DW_FORM_line_strp = 0x1f, DW_FORM_ref_sig8 = 0x20, DW_FORM_implicit_const = 0x21, DW_FORM_loclistx = 0x22,
  DW_FORM_rnglistx = 0x23, DW_FORM_ref_sup8 = 0x24, DW_FORM_strx1 = 0x25, DW_FORM_strx2 = 0x26, DW_FORM_strx3 = 0x27,
  DW_FORM_strx4 = 0x28, DW_FORM_addrx1 = 0x29, DW_FORM_addrx2 = 0x2a, DW_FORM_addrx3 = 0x2b, DW_FORM_addrx4 = 0x2c,
  DW_FORM_GNU_ref_alt = 0x1f20, DW_FORM_GNU_strp_alt = 0x1f21,
};

enum UnitType : uint8_t {
  DW_UT_compile = 1, DW_UT_type = 2, DW_UT_partial = 3, DW_UT_skeleton = 4, DW_UT_split_compile = 5, DW_UT_split_type = 6,
};

enum Encoding : uint8_t {
  DW_ATE_boolean = 2, DW_ATE_float = 4, DW_ATE_signed = 5, DW_ATE_signed_char = 6, DW_ATE_unsigned = 7, DW_ATE_unsigned_char = 8,
};

enum RangeEntry : uint8_t {
  DW_RLE_end_of_list = 0, DW_RLE_base_addressx = 1, DW_RLE_startx_endx = 2, DW_RLE_startx_length = 3, DW_RLE_offset_pair = 4,
  DW_RLE_base_address = 5, DW_RLE_start_end = 6, DW_RLE_start_length = 7,
};

enum LocationEntry : uint8_t {
  DW_LLE_end_of_list = 0, DW_LLE_base_addressx = 1, DW_LLE_startx_endx = 2, DW_LLE_startx_length = 3, DW_LLE_offset_pair = 4,
  DW_LLE_default_location = 5, DW_LLE_base_address = 6, DW_LLE_start_end = 7, DW_LLE_start_length = 8,
  DW_LLE_GNU_view_pair = 9,
};

enum LineOpcode : uint8_t {
  DW_LNS_extended = 0, DW_LNS_copy = 1, DW_LNS_advance_pc = 2, DW_LNS_advance_line = 3, DW_LNS_set_file = 4,
  DW_LNS_set_column = 5, DW_LNS_negate_stmt = 6, DW_LNS_set_basic_block = 7, DW_LNS_const_add_pc = 8,
  DW_LNS_fixed_advance_pc = 9,
  DW_LNE_end_sequence = 1, DW_LNE_set_address = 2, DW_LNE_define_file = 3,
};

enum LineContent : uint8_t { DW_LNCT_path = 1, DW_LNCT_directory_index = 2 };

enum Operation : uint8_t { DW_OP_addr = 0x03, DW_OP_plus_uconst = 0x23, DW_OP_reg0 = 0x50, DW_OP_reg31 = 0x6f, DW_OP_regx = 0x90, DW_OP_addrx = 0xa1 };
// NOLINTEND(readability-identifier-naming)
// clang-format on

}  // namespace inquest::debuginfo::dwarf
