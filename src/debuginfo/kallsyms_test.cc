// Builds images as scripts/kallsyms.c lays them out, in each order it has had.
#include "debuginfo/kallsyms.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>

namespace inquest::debuginfo {
namespace {

constexpr uint64_t kBase = 0xffffffff81000000, kImage = 0xffffffff82000000;

struct Layout {
  const char* name;
  bool offsets_last = false;  // 6.4
  bool sequences = false;     // 6.2
  bool wide_markers = false;  // before 4.20
  bool absolute_addresses = false;
  bool percpu = false;
};

class Image {
 public:
  Image(const Layout& layout, size_t count) {
    for (size_t i = 0; i < count; i++)
      names_.push_back(fmt::format("{}symbol_{}{}", "TtDdb"[i % 5], i, i == 7 ? std::string(200, 'x') : ""));
    // Noise in front, with things that look a little like tables.
    for (uint32_t i = 0; i < 3000; i++) put(i * 0x9e3779b9);
    align();
    if (!layout.offsets_last) put_addresses(layout);
    put(uint64_t{count});
    put_names();
    for (uint64_t m : markers_) layout.wide_markers ? put(m) : put(uint32_t(m));
    align();
    if (layout.sequences && !layout.offsets_last) put_sequences();
    put_tokens();
    if (layout.offsets_last) {
      put_addresses(layout);
      put_sequences();
    }
    for (uint32_t i = 0; i < 500; i++) put(i);
  }
  Bytes bytes() const { return bytes_; }
  std::vector<std::byte>& raw() { return bytes_; }
  uint64_t address(size_t i, const Layout& layout) const { return layout.percpu && i < 10 ? i * 64 : kBase + i * 16; }

 private:
  template <typename T>
  void put(T value) {
    bytes_.resize(bytes_.size() + sizeof value);
    std::memcpy(bytes_.data() + bytes_.size() - sizeof value, &value, sizeof value);
  }
  void align() { bytes_.resize((bytes_.size() + 7) & ~size_t{7}); }
  void put_addresses(const Layout& layout) {
    for (size_t i = 0; i < names_.size(); i++) {
      uint64_t a = address(i, layout);
      if (layout.absolute_addresses)
        put(a);
      else if (layout.percpu && i >= 10)
        put(int32_t(kBase - 1 - a));
      else
        put(int32_t(layout.percpu ? a : a - kBase));
    }
    align();
    if (!layout.absolute_addresses) put(kBase);
  }
  void put_names() {
    size_t start = bytes_.size();
    for (size_t i = 0; i < names_.size(); i++) {
      if (i % 256 == 0) markers_.push_back(bytes_.size() - start);
      std::string packed = names_[i];
      if (size_t at = packed.find("symbol_"); at != std::string::npos) packed.replace(at, 7, "\x01");
      if (packed.size() >= 128)
        put(uint8_t((packed.size() & 0x7f) | 0x80)), put(uint8_t(packed.size() >> 7));
      else
        put(uint8_t(packed.size()));
      for (char c : packed) put(c);
    }
    align();
  }
  void put_sequences() {
    for (size_t i = 0; i < names_.size(); i++) put(uint8_t(i >> 16)), put(uint8_t(i >> 8)), put(uint8_t(i));
    align();
  }
  void put_tokens() {
    std::vector<uint16_t> index;
    size_t start = bytes_.size();
    for (unsigned i = 0; i < 256; i++) {
      index.push_back(uint16_t(bytes_.size() - start));
      std::string token = i == 1 ? "symbol_" : i > ' ' && i < 127 ? std::string(1, char(i)) : fmt::format("t{}", i);
      for (char c : token) put(c);
      put('\0');
    }
    align();
    for (uint16_t i : index) put(i);
    align();
  }

  std::vector<std::byte> bytes_;
  std::vector<std::string> names_;
  std::vector<uint64_t> markers_;
};

constexpr Layout kLayouts[] = {{"v4_19", false, false, true},
                               {"v4_19_percpu", false, false, true, false, true},
                               {"v5_10", false, false, false},
                               {"absolute", false, false, true, true},
                               {"v6_2", false, true, false, false, true},
                               {"v6_4", true, true},
                               {"v6_4_percpu", true, true, false, false, true}};

TEST(Kallsyms, EveryLayout) {
  for (const Layout& layout : kLayouts) {
    for (size_t count : {300u, 512u, 1031u}) {
      Image image(layout, count);
      auto tables = find_kallsyms(image.bytes(), kImage);
      ASSERT_TRUE(tables.ok()) << layout.name << " " << count << ": " << tables.error().message();
      EXPECT_EQ(tables->count, count);
      EXPECT_EQ(tables->absolute_percpu, layout.percpu) << layout.name;
      auto symbols = decode_kallsyms(*tables);
      ASSERT_TRUE(symbols.ok()) << symbols.error().message();
      ASSERT_EQ(symbols->size(), count);
      for (size_t i = 0; i < count; i++) {
        const KallsymsSymbol& s = (*symbols)[i];
        ASSERT_EQ(s.address, image.address(i, layout)) << layout.name << " " << i;
        ASSERT_EQ(s.name.substr(0, 7 + std::to_string(i).size()), fmt::format("symbol_{}", i));
        ASSERT_EQ(s.type, "TtDdb"[i % 5]);
      }
      EXPECT_EQ((*symbols)[7].name.size(), 208u);  // two bytes of length
    }
  }
}

TEST(Kallsyms, ImageNeedNotBeAligned) {
  Image image(kLayouts[2], 300);
  std::vector<std::byte> shifted(3);
  shifted.insert(shifted.end(), image.raw().begin(), image.raw().end());
  EXPECT_TRUE(find_kallsyms(shifted, kImage - 3).ok());
  EXPECT_FALSE(find_kallsyms(shifted, kImage).ok());
}

TEST(Kallsyms, DamageIsNamed) {
  Image image(kLayouts[5], 1031);
  EXPECT_EQ(find_kallsyms({}, kImage).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(find_kallsyms(image.bytes().first(12000), kImage).error().message(),
            "no kallsyms in 0x2ee0 bytes: no token table");
  // The offsets cut off, then a name's length broken.
  auto tables = find_kallsyms(image.bytes(), kImage);
  ASSERT_TRUE(tables.ok());
  size_t offsets = size_t(tables->offsets.data() - image.bytes().data());
  EXPECT_NE(find_kallsyms(image.bytes().first(offsets + 100), kImage).error().message().find("addresses"),
            std::string::npos);
  KallsymsTables broken = *tables;
  broken.count = 1 << 30;
  EXPECT_EQ(decode_kallsyms(broken).error().code(), ErrorCode::kCorrupt);
  broken = *tables;
  broken.token_table = broken.token_table.first(100);
  EXPECT_EQ(decode_kallsyms(broken).error().code(), ErrorCode::kCorrupt);
  broken = *tables;
  broken.offsets = broken.offsets.first(100);
  EXPECT_EQ(decode_kallsyms(broken).error().code(), ErrorCode::kTruncated);
  size_t names = size_t(tables->names.data() - image.bytes().data());
  image.raw()[names] = std::byte{0};
  EXPECT_NE(find_kallsyms(image.bytes(), kImage).error().message().find("no names"), std::string::npos);
}

}  // namespace
}  // namespace inquest::debuginfo
