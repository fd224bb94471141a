#include "base/cursor.h"

#include <gtest/gtest.h>

#include <string>

namespace inquest {
namespace {

using namespace std::string_literals;

TEST(Cursor, ReadsIntegersOfBothByteOrders) {
  const std::string bytes = "\x01\x02\x03\x04\x05\x06\x07\x08"s;
  EXPECT_EQ(Cursor(as_bytes_of(bytes)).u8(), 0x01u);
  EXPECT_EQ(Cursor(as_bytes_of(bytes)).u16(), 0x0201u);
  EXPECT_EQ(Cursor(as_bytes_of(bytes)).u24(), 0x030201u);
  EXPECT_EQ(Cursor(as_bytes_of(bytes)).u32(), 0x04030201u);
  EXPECT_EQ(Cursor(as_bytes_of(bytes)).u64(), 0x0807060504030201u);
  EXPECT_EQ(Cursor(as_bytes_of(bytes), ByteOrder::kBig).u16(), 0x0102u);
  EXPECT_EQ(Cursor(as_bytes_of(bytes), ByteOrder::kBig).u24(), 0x010203u);
  EXPECT_EQ(Cursor(as_bytes_of(bytes), ByteOrder::kBig).u32(), 0x01020304u);
  EXPECT_EQ(Cursor(as_bytes_of(bytes), ByteOrder::kBig).u64(), 0x0102030405060708u);
}

TEST(Cursor, ReadsIntegersOfAnySize) {
  const std::string bytes = "\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8"s;
  uint64_t little = 0, big = 0;
  for (size_t size = 1; size <= 8; size++) {
    const uint64_t byte = 0xf0 + size;
    little |= byte << (8 * (size - 1));
    big = big << 8 | byte;
    EXPECT_EQ(Cursor(as_bytes_of(bytes)).unsigned_of(size), little) << size;
    EXPECT_EQ(Cursor(as_bytes_of(bytes), ByteOrder::kBig).unsigned_of(size), big) << size;
    const uint64_t extended = size == 8 ? little : little | ~uint64_t{0} << (8 * size);
    EXPECT_EQ(Cursor(as_bytes_of(bytes)).signed_of(size), int64_t(extended)) << size;
  }
  Cursor nine(as_bytes_of("0123456789"));
  EXPECT_EQ(nine.unsigned_of(9), 0u);
  EXPECT_FALSE(nine.ok());
}

TEST(Cursor, TheFirstFailureStays) {
  Cursor c(as_bytes_of("\x01\x02\x03"));
  EXPECT_EQ(c.u16(), 0x0201u);
  EXPECT_EQ(c.u32(), 0u);
  EXPECT_FALSE(c.ok());
  EXPECT_EQ(c.u8(), 0u) << "a byte is left, but the cursor has failed";
  EXPECT_EQ(c.left(), 0u);
  EXPECT_TRUE(c.at_end());
  c.seek(0);
  EXPECT_EQ(c.u8(), 0u);
  EXPECT_TRUE(c.take(1).empty());
  EXPECT_EQ(c.cstring(), "");
  EXPECT_EQ(c.uleb(), 0u);
  EXPECT_EQ(c.error().code(), ErrorCode::kTruncated);
  EXPECT_EQ(c.error().message(), "reading u32 (4 bytes) at offset 0x2 of 0x3");
}

TEST(Cursor, ReadsLeb128) {
  EXPECT_EQ(Cursor(as_bytes_of("\xe5\x8e\x26")).uleb(), 624485u);
  EXPECT_EQ(Cursor(as_bytes_of("\x7f")).sleb(), -1);
  EXPECT_EQ(Cursor(as_bytes_of("\x3f")).sleb(), 63);
  EXPECT_EQ(Cursor(as_bytes_of("\xc0\xbb\x78")).sleb(), -123456);
  const std::string most = std::string(9, '\xff') + "\x01";
  EXPECT_EQ(Cursor(as_bytes_of(most)).uleb(), ~uint64_t{0});
  const std::string least = std::string(9, '\x80') + "\x7f";
  EXPECT_EQ(uint64_t(Cursor(as_bytes_of(least)).sleb()), uint64_t{1} << 63);
}

TEST(Cursor, ALeb128LongerThan64BitsEndsWhereItEnds) {
  const std::string padded = std::string(30, '\x80') + "\x01z";
  Cursor u(as_bytes_of(padded)), s(as_bytes_of(padded));
  EXPECT_EQ(u.uleb(), 0u);
  EXPECT_EQ(u.u8(), 'z');
  EXPECT_EQ(s.sleb(), 0);
  EXPECT_EQ(s.u8(), 'z');
  Cursor endless(as_bytes_of("\xff\xff\xff"));
  EXPECT_EQ(endless.uleb(), 0u);
  EXPECT_FALSE(endless.ok());
}

TEST(Cursor, StringsEndAtTheirNul) {
  const std::string bytes = "one\0\0two"s;
  Cursor c(as_bytes_of(bytes));
  EXPECT_EQ(c.cstring(), "one");
  EXPECT_EQ(c.cstring(), "");
  EXPECT_TRUE(c.ok());
  EXPECT_EQ(c.cstring(), "") << "no NUL behind it";
  EXPECT_FALSE(c.ok());
}

TEST(Cursor, NeverLeavesItsSpan) {
  const std::string bytes = "abcdef";
  Cursor take(as_bytes_of(bytes), ByteOrder::kLittle, 2);
  EXPECT_EQ(as_text(take.take(4)), "cdef");
  EXPECT_TRUE(take.take(0).empty());
  EXPECT_TRUE(take.ok());
  EXPECT_TRUE(take.take(~uint64_t{0}).empty()) << "offset + count would wrap";
  EXPECT_FALSE(take.ok());

  Cursor skip(as_bytes_of(bytes), ByteOrder::kLittle, 1);
  skip.skip(~uint64_t{0});
  EXPECT_FALSE(skip.ok());

  Cursor seek(as_bytes_of(bytes));
  seek.seek(6);
  EXPECT_TRUE(seek.ok());
  EXPECT_TRUE(seek.at_end());
  seek.seek(7);
  EXPECT_FALSE(seek.ok());

  Cursor outside(as_bytes_of(bytes), ByteOrder::kLittle, 7);
  EXPECT_FALSE(outside.ok());
  EXPECT_EQ(outside.u8(), 0u);
  EXPECT_EQ(outside.left(), 0u);

  Cursor nothing{Bytes()};
  EXPECT_TRUE(nothing.at_end());
  EXPECT_EQ(nothing.u8(), 0u);
  EXPECT_EQ(nothing.cstring(), "");
}

}  // namespace
}  // namespace inquest
