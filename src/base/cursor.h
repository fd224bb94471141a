// Cursor: the one reader of untrusted bytes.
//
// Reads integers of either byte order, LEB128 numbers, strings and sub-spans from a span, and never
// leaves it. The first failed read is kept ("sticky"): later reads give zeroes and ok() stays false, so
// that a record is read in a row and checked once. error() says the offset and what was wanted there.
// Owns nothing: the bytes must outlive it. One thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/result.h"

namespace inquest {

using Bytes = std::span<const std::byte>;

enum class ByteOrder { kLittle, kBig };

inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes as_bytes_of(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

// The integer at `p`, which must have sizeof(T) readable bytes.
template <typename T>
T load_unchecked(const std::byte* p, ByteOrder order = ByteOrder::kLittle) {
  T v;
  std::memcpy(&v, p, sizeof v);
  if ((order == ByteOrder::kBig) != (std::endian::native == std::endian::big)) {
    T swapped = 0;
    for (size_t i = 0; i < sizeof v; i++) swapped = T(uint64_t(swapped) << 8 | (uint64_t(v) >> (8 * i) & 0xff));
    return swapped;
  }
  return v;
}

class Cursor {
 public:
  explicit Cursor(Bytes bytes, ByteOrder order = ByteOrder::kLittle, size_t offset = 0)
      : bytes_(bytes), order_(order), offset_(offset) {
    if (offset > bytes.size()) fail(0, "start");
  }

  size_t offset() const { return offset_; }
  size_t size() const { return bytes_.size(); }
  size_t left() const { return failed_ ? 0 : bytes_.size() - offset_; }
  bool at_end() const { return left() == 0; }
  bool ok() const { return !failed_; }
  ByteOrder order() const { return order_; }
  Bytes whole() const { return bytes_; }
  // Why the first failed read failed; call only if !ok().
  Error error() const;

  uint8_t u8() { return fixed<uint8_t>("u8"); }
  uint16_t u16() { return fixed<uint16_t>("u16"); }
  uint32_t u24();
  uint32_t u32() { return fixed<uint32_t>("u32"); }
  uint64_t u64() { return fixed<uint64_t>("u64"); }
  // An unsigned integer of 1 to 8 bytes, in this cursor's byte order.
  uint64_t unsigned_of(size_t size);
  int64_t signed_of(size_t size);
  uint64_t uleb();
  int64_t sleb();
  // Up to a NUL, which is consumed but not given.
  std::string_view cstring();
  Bytes take(uint64_t count);

  void skip(uint64_t count);
  void seek(uint64_t offset);
  // Marks the input as bad from here ("count 7 exceeds …").
  void fail(uint64_t wanted, const char* what);

 private:
  template <typename T>
  T fixed(const char* what) {
    if (failed_ || bytes_.size() - offset_ < sizeof(T)) {
      fail(sizeof(T), what);
      return 0;
    }
    T v = load_unchecked<T>(bytes_.data() + offset_, order_);
    offset_ += sizeof(T);
    return v;
  }

  Bytes bytes_;
  ByteOrder order_;
  size_t offset_;
  bool failed_ = false;
  uint64_t failed_wanted_ = 0;
  const char* failed_what_ = "";
};

}  // namespace inquest
