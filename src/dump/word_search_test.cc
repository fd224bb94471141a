#include "dump/word_search.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>

namespace inquest::dump {
namespace {

// Pages at scattered physical addresses.
class Pages : public PhysicalMemory {
 public:
  std::vector<uint64_t>& page(uint64_t number) { return pages_.try_emplace(number, 512, 0).first->second; }

  Chunk chunk(PhysicalAddress address, uint64_t) const override {
    Chunk c;
    c.size = 4096 - address.value % 4096;
    auto it = pages_.find(address.value / 4096);
    if (it == pages_.end()) return c;
    c.origin = PageOrigin::kStored;
    c.bytes = std::as_bytes(std::span(it->second)).subspan(address.value % 4096);
    return c;
  }
  std::vector<PhysicalRange> stored_ranges() const override {
    std::vector<PhysicalRange> ranges;
    for (const auto& [number, words] : pages_) ranges.push_back({PhysicalAddress(number * 4096), 4096});
    return ranges;
  }
  uint64_t block_size() const override { return 4096; }
  uint64_t end() const override { return pages_.empty() ? 0 : (pages_.rbegin()->first + 1) * 4096; }
  PageCounts count_pages() const override { return {pages_.size(), 0, 0}; }

 private:
  std::map<uint64_t, std::vector<uint64_t>> pages_;
};

constexpr uint64_t kValue = 0xffff8c3582511dc0;

TEST(WordSearch, FindsTheFirstAndTheLastWordOfAPage) {
  Pages memory;
  memory.page(3)[0] = memory.page(3)[511] = memory.page(700)[17] = kValue;
  memory.page(9)[5] = kValue + 1;
  WordHits hits = find_word(memory, {kValue});
  ASSERT_EQ(hits.at.size(), 3u);
  EXPECT_EQ(hits.at[0].value, 3 * 4096u);
  EXPECT_EQ(hits.at[1].value, 3 * 4096u + 511 * 8);
  EXPECT_EQ(hits.at[2].value, 700 * 4096u + 17 * 8);
  EXPECT_EQ(hits.bytes, 3 * 4096u);
}

TEST(WordSearch, IgnoresTheBitsOfTheMask) {
  Pages memory;
  memory.page(1)[1] = kValue | 7;
  memory.page(1)[2] = kValue | 8;
  WordHits hits = find_word(memory, {kValue, 7});
  ASSERT_EQ(hits.at.size(), 1u);
  EXPECT_EQ(hits.at[0].value, 4096u + 8);
}

TEST(WordSearch, CountsWhatItDoesNotKeep) {
  Pages memory;
  memory.page(1);
  memory.page(2);
  WordHits hits = find_word(memory, {0, 0, 10});
  EXPECT_EQ(hits.found, 1024u);
  EXPECT_EQ(hits.at.size(), 10u);
}

TEST(WordSearch, LooksAtATailShorterThanABlock) {
  for (size_t place = 0; place < 200; place++) {  // in each lane of a block, and behind the last whole one
    std::vector<uint64_t> words(200, 1);
    words[place] = kValue;
    std::vector<size_t> found;
    match_words(std::as_bytes(std::span(words)), kValue, 0, [&](size_t at) { found.push_back(at); });
    EXPECT_EQ(found, std::vector<size_t>{place * 8});
  }
}

}  // namespace
}  // namespace inquest::dump
