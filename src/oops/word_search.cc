#include "oops/word_search.h"

#include <algorithm>
#include <cstring>

namespace inquest::oops {
namespace {

size_t pair_at(const char* p) {
  uint16_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

}  // namespace

WordSearch::WordSearch(std::span<const std::string_view> words) : shift_(65536, uint8_t(kBlock - 1)), buckets_(1), bucket_of_(65536, 0) {
  for (std::string_view word : words) {
    if (word.size() < kBlock) continue;
    words_.emplace_back(word);
    for (size_t i = 0; i + 2 <= kBlock; i++) {
      uint8_t& shift = shift_[pair_at(word.data() + i)];
      shift = std::min(shift, uint8_t(kBlock - 2 - i));
    }
    uint16_t& bucket = bucket_of_[pair_at(word.data() + kBlock - 2)];
    if (bucket == 0) {
      bucket = uint16_t(buckets_.size());
      buckets_.emplace_back();
    }
    buckets_[bucket].push_back(uint16_t(words_.size() - 1));
  }
}

size_t WordSearch::find(std::string_view text, size_t from) const {
  const char* begin = text.data();
  size_t size = text.size();
  for (size_t at = from + kBlock - 2; at + 2 <= size;) {  // `at`: the last pair of a block
    size_t pair = pair_at(begin + at);
    if (uint8_t step = shift_[pair]) {
      at += step;
      continue;
    }
    size_t start = at + 2 - kBlock;
    for (uint16_t index : buckets_[bucket_of_[pair]])
      if (text.substr(start).starts_with(words_[index])) return start;
    at++;
  }
  return text.npos;
}

uint64_t count_newlines(std::string_view text) {
  uint64_t count = 0;
  size_t i = 0;
  constexpr uint64_t kOnes = 0x0101010101010101, kLow = 0x7f7f7f7f7f7f7f7f, kLines = 0x0a0a0a0a0a0a0a0a;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    word ^= kLines;
    // Bytes that became zero, exactly: Hacker's Delight, 6-1.
    uint64_t zero = ~(((word & kLow) + kLow) | word | kLow);
    count += (zero >> 7) * kOnes >> 56;
  }
  for (; i < text.size(); i++) count += text[i] == '\n';
  return count;
}

}  // namespace inquest::oops
