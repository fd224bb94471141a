#include "inquiry/byte_run.h"

#include <gtest/gtest.h>

namespace inquest::inquiry {
namespace {

using Bytes = std::vector<uint8_t>;

void put(Bytes& to, uint64_t value, unsigned width) {
  for (unsigned i = 0; i < width; i++) to.push_back(uint8_t(value >> (8 * i)));
}

Bytes noise(size_t count) {
  Bytes b;
  uint32_t x = 1;
  for (size_t i = 0; i < count; i++) b.push_back(uint8_t((x = x * 1664525 + 1013904223) >> 24));
  return b;
}

TEST(ByteRun, TextGoesOnIntoTheWord) {
  Bytes b = noise(16);
  b[15] = 0;
  for (char c : std::string("the name of this thing is long")) b.push_back(uint8_t(c));
  auto run = byte_run(b, 16 + 20, 12);
  EXPECT_EQ(run.pattern, "text");
  EXPECT_EQ(run.before, 20u);
  EXPECT_EQ(run.after, 2u);
}

TEST(ByteRun, WordsThatGrow) {
  for (unsigned width : {1u, 2u, 4u, 8u}) {
    Bytes b = noise(24);
    for (int i = 0; i < 12; i++) put(b, 0x81 + uint64_t(i) * 7, width);
    put(b, 0xffff888012345678, 8);
    size_t at = 24 + (width == 1 ? 4 : width * 8);
    auto run = byte_run(b, at, width == 1 ? 4 : 12);
    EXPECT_EQ(run.pattern, "values of " + std::to_string(width) + (width == 1 ? " byte" : " bytes") + " that grow by 0x7") << width;
    EXPECT_EQ(run.before, at - 24) << width;
  }
}

TEST(ByteRun, WordsThatFallAndRepeat) {
  Bytes b = noise(24);
  for (int i = 0; i < 10; i++) put(b, 0x4000 - uint64_t(i) * 3, 4);
  EXPECT_EQ(byte_run(b, 24 + 24, 12).pattern, "values of 4 bytes that fall by 0x3");
  Bytes same = noise(16);
  for (int i = 0; i < 10; i++) put(same, 0xbeef, 2);
  auto run = byte_run(same, 16, 8);  // the word is the first: the run lies behind it
  EXPECT_EQ(run.pattern, "one value of 2 bytes, over and over");
  EXPECT_EQ(run.before, 0u);
  EXPECT_EQ(run.after, 12u);
}

TEST(ByteRun, NoiseZeroesAndShortRunsAreNone) {
  EXPECT_FALSE(byte_run(noise(128), 64, 12).found());
  EXPECT_FALSE(byte_run(Bytes(128, 0), 64, 12).found());
  Bytes two = noise(40);
  put(two, 0x1111222233334444, 8);
  EXPECT_FALSE(byte_run(two, 40, 12).found());  // two numbers of 8 bytes have a step, and mean nothing
  EXPECT_FALSE(byte_run(noise(12), 8, 12).found());  // the word is not whole
}

TEST(ByteRun, ElementsOfANarrowRange) {
  Bytes b;
  for (int i = 0; i < 20; i++) put(b, 0x4000 + uint64_t(i * i * 37 % 500), 2);
  size_t at = b.size();
  for (uint64_t v : {0x4011, 0x4100, 0x40aa, 0x4055}) put(b, v, 2);
  EXPECT_TRUE(looks_like_elements(b, at, 2));
  Bytes pointer(b.begin(), b.begin() + long(at));
  put(pointer, 0xffff888012345678, 8);
  EXPECT_FALSE(looks_like_elements(pointer, at, 2));
  Bytes few(b.begin() + 30, b.end());
  EXPECT_FALSE(looks_like_elements(few, at - 30, 2));  // five elements are too few
  EXPECT_FALSE(looks_like_elements(noise(64), 48, 2));
}

}  // namespace
}  // namespace inquest::inquiry
