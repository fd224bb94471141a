#include "base/cursor.h"

#include <fmt/format.h>

namespace inquest {

Error Cursor::error() const {
  return Error(ErrorCode::kTruncated, fmt::format("reading {} ({} bytes) at offset {:#x} of {:#x}", failed_what_,
                                                  failed_wanted_, offset_, bytes_.size()));
}

void Cursor::fail(uint64_t wanted, const char* what) {
  if (failed_) return;
  failed_ = true;
  failed_wanted_ = wanted;
  failed_what_ = what;
}

uint32_t Cursor::u24() {
  Bytes b = take(3);
  if (b.size() != 3) return 0;
  auto byte = [&](size_t i) { return uint32_t(std::to_integer<uint8_t>(b[i])); };
  return order_ == ByteOrder::kLittle ? byte(0) | byte(1) << 8 | byte(2) << 16 : byte(2) | byte(1) << 8 | byte(0) << 16;
}

uint64_t Cursor::unsigned_of(size_t size) {
  switch (size) {
    case 1: return u8();
    case 2: return u16();
    case 3: return u24();
    case 4: return u32();
    case 8: return u64();
    default: break;
  }
  if (size > 8) {
    fail(size, "integer");
    return 0;
  }
  Bytes b = take(size);
  uint64_t v = 0;
  for (size_t i = 0; i < b.size(); i++) {
    uint64_t byte = std::to_integer<uint64_t>(b[order_ == ByteOrder::kLittle ? b.size() - 1 - i : i]);
    v = v << 8 | byte;
  }
  return v;
}

int64_t Cursor::signed_of(size_t size) {
  uint64_t v = unsigned_of(size);
  if (size == 0 || size >= 8) return int64_t(v);
  unsigned shift = unsigned(64 - 8 * size);
  return int64_t(v << shift) >> shift;
}

uint64_t Cursor::uleb() {
  uint64_t v = 0;
  for (unsigned shift = 0;; shift += 7) {
    if (failed_ || offset_ >= bytes_.size()) {
      fail(1, "LEB128");
      return 0;
    }
    auto b = std::to_integer<uint64_t>(bytes_[offset_++]);
    if (shift < 64) v |= (b & 0x7f) << shift;
    if (!(b & 0x80)) return v;
  }
}

int64_t Cursor::sleb() {
  uint64_t v = 0;
  for (unsigned shift = 0;;) {
    if (failed_ || offset_ >= bytes_.size()) {
      fail(1, "LEB128");
      return 0;
    }
    auto b = std::to_integer<uint64_t>(bytes_[offset_++]);
    if (shift < 64) v |= (b & 0x7f) << shift;
    shift += 7;
    if (!(b & 0x80)) {
      if ((b & 0x40) && shift < 64) v |= ~uint64_t{0} << shift;
      return int64_t(v);
    }
  }
}

std::string_view Cursor::cstring() {
  if (failed_ || offset_ >= bytes_.size()) {
    fail(1, "string");
    return {};
  }
  const auto* start = bytes_.data() + offset_;
  const void* end = std::memchr(start, 0, bytes_.size() - offset_);
  if (!end) {
    fail(1, "end of string");
    return {};
  }
  size_t length = size_t(static_cast<const std::byte*>(end) - start);
  offset_ += length + 1;
  return {reinterpret_cast<const char*>(start), length};
}

Bytes Cursor::take(uint64_t count) {
  if (failed_ || bytes_.size() - offset_ < count) {
    fail(count, "bytes");
    return {};
  }
  Bytes b = bytes_.subspan(offset_, count);
  offset_ += count;
  return b;
}

void Cursor::skip(uint64_t count) {
  if (failed_ || bytes_.size() - offset_ < count) {
    fail(count, "bytes to skip");
    return;
  }
  offset_ += count;
}

void Cursor::seek(uint64_t offset) {
  if (failed_) return;
  if (offset > bytes_.size()) {
    fail(offset, "offset to seek");
    return;
  }
  offset_ = offset;
}

}  // namespace inquest
