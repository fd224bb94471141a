// Forms: how attribute values are written (DWARF 5, section 7.5.6).
//
// ByteReader is Cursor's lean sibling for the hot loops: little-endian only, inline, sticky on failure.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/cursor.h"
#include "debuginfo/dwarf/constants.h"

namespace inquest::debuginfo::dwarf {

struct ByteReader {
  const std::byte* p = nullptr;
  const std::byte* end = nullptr;
  bool failed = false;

  ByteReader() = default;
  explicit ByteReader(Bytes bytes, uint64_t offset = 0) : p(bytes.data()), end(bytes.data() + bytes.size()) {
    if (offset > bytes.size())
      fail();
    else
      p += offset;
  }
  void fail() { failed = true, p = end; }
  uint64_t left() const { return uint64_t(end - p); }
  bool at_end() const { return p == end; }

  void skip(uint64_t count) {
    if (left() < count)
      fail();
    else
      p += count;
  }
  template <typename T>
  T fixed() {
    if (left() < sizeof(T)) {
      fail();
      return 0;
    }
    T value;
    std::memcpy(&value, p, sizeof value);
    p += sizeof value;
    return value;
  }
  uint8_t u8() { return fixed<uint8_t>(); }
  uint16_t u16() { return fixed<uint16_t>(); }
  uint32_t u32() { return fixed<uint32_t>(); }
  uint64_t u64() { return fixed<uint64_t>(); }
  // 0 to 8 bytes.
  uint64_t number(unsigned size) {
    if (left() < size || size > 8) {
      fail();
      return 0;
    }
    uint64_t value = 0;
    std::memcpy(&value, p, size);
    p += size;
    return value;
  }
  uint64_t uleb() {
    uint64_t value = 0;
    for (unsigned shift = 0; p != end; shift += 7) {
      uint8_t byte = uint8_t(*p++);
      if (shift < 64) value |= uint64_t(byte & 0x7f) << shift;
      if (!(byte & 0x80)) return value;
    }
    fail();
    return 0;
  }
  int64_t sleb() {
    uint64_t value = 0;
    for (unsigned shift = 0; p != end;) {
      uint8_t byte = uint8_t(*p++);
      if (shift < 64) value |= uint64_t(byte & 0x7f) << shift;
      shift += 7;
      if (!(byte & 0x80)) {
        if (shift < 64 && (byte & 0x40)) value |= ~uint64_t{0} << shift;
        return int64_t(value);
      }
    }
    fail();
    return 0;
  }
  std::string_view cstring() {
    const void* nul = left() ? std::memchr(p, 0, left()) : nullptr;
    if (!nul) {
      fail();
      return {};
    }
    std::string_view text(reinterpret_cast<const char*>(p), size_t(static_cast<const std::byte*>(nul) - p));
    p += text.size() + 1;
    return text;
  }
  Bytes take(uint64_t count) {
    if (left() < count) {
      fail();
      return {};
    }
    Bytes bytes(p, size_t(count));
    p += count;
    return bytes;
  }
};

// What a form's size depends on.
struct FormContext {
  uint8_t address_size = 8, offset_size = 4;
  uint16_t version = 5;
};

struct Value {
  uint16_t form = 0;  // 0 = the attribute is absent
  uint64_t number =
      0;  // constants (sign-extended for sdata and implicit_const), flags, offsets, indexes, references as written
  Bytes block;  // blocks, exprlocs, data16; the text of DW_FORM_string
  explicit operator bool() const { return form != 0; }
};

// Reads one value; the reader fails on an unknown form.
Value read_form(ByteReader& reader, uint16_t form, int64_t implicit, const FormContext& context);
// Bytes a form always takes, -1 if that depends on the value.
int fixed_size_of(uint16_t form, const FormContext& context);

inline bool is_block(uint16_t form) {
  return form == DW_FORM_exprloc || form == DW_FORM_block || form == DW_FORM_block1 || form == DW_FORM_block2 ||
         form == DW_FORM_block4;
}
inline bool is_constant(uint16_t form) {
  switch (form) {
    case DW_FORM_data1:
    case DW_FORM_data2:
    case DW_FORM_data4:
    case DW_FORM_data8:
    case DW_FORM_sdata:
    case DW_FORM_udata:
    case DW_FORM_implicit_const: return true;
    default: return false;
  }
}

}  // namespace inquest::debuginfo::dwarf
