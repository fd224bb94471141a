#include "kernel/data_symbols.h"

#include <gtest/gtest.h>

#include <cstring>

namespace inquest::kernel {
namespace {

constexpr uint64_t kStart = 0xffffd33501c10000;

// An image with a table of exported symbols: entries of `entry` bytes at 0x1000, names at 0x8000, each symbol 64 bytes behind the last from 0x20000 on.
Piece image(const std::vector<std::string>& names, size_t entry) {
  Piece piece{VirtualAddress(kStart), std::vector<std::byte>(0x30000)};
  auto put = [&](size_t at, int32_t value) { std::memcpy(&piece.bytes[at], &value, 4); };
  size_t text = 0x8001;
  for (size_t i = 0; i < names.size(); i++) {
    size_t at = 0x1000 + i * entry;
    put(at, int32_t(0x20000 + 64 * i - at));
    put(at + 4, int32_t(text - (at + 4)));
    if (entry == 12) put(at + 8, int32_t(0x7000 - (at + 8)));  // no namespace: an empty string
    std::memcpy(&piece.bytes[text], names[i].c_str(), names[i].size() + 1);
    text += names[i].size() + 1;
  }
  return piece;
}

std::vector<std::string> many_names() {
  std::vector<std::string> names;
  for (int i = 0; i < 20; i++) names.push_back("exported_" + std::to_string(i));
  names.push_back("init_task");
  names.push_back("nr_cpu_ids");
  return names;
}

TEST(ExportedSymbols, AreFollowedBothWaysFromOneName) {
  for (size_t entry : {size_t{12}, size_t{8}}) {
    std::vector<Piece> pieces = {image(many_names(), entry)};
    auto symbols = exported_symbols(pieces);
    ASSERT_EQ(symbols.size(), 22u) << entry;
    EXPECT_EQ(symbols[0].name, "exported_0");
    EXPECT_EQ(symbols[20].name, "init_task");
    EXPECT_EQ(symbols[20].address.value, kStart + 0x20000 + 64 * 20);
    EXPECT_EQ(symbols[21].name, "nr_cpu_ids");
  }
}

TEST(ExportedSymbols, ADamagedEntryEndsTheTable) {
  std::vector<Piece> pieces = {image(many_names(), 12)};
  int32_t wild = 0x7fffffff;
  std::memcpy(&pieces[0].bytes[0x1000 + 2 * 12 + 4], &wild, 4);
  auto symbols = exported_symbols(pieces);
  ASSERT_EQ(symbols.size(), 19u);  // those behind it, up to the end
  EXPECT_EQ(symbols[0].name, "exported_3");
}

TEST(ExportedSymbols, AFewStrayMatchesAreNoTable) {
  std::vector<Piece> pieces = {image({"init_task", "nr_cpu_ids"}, 12)};
  EXPECT_TRUE(exported_symbols(pieces).empty());
  EXPECT_TRUE(exported_symbols({}).empty());
}

}  // namespace
}  // namespace inquest::kernel
