// WordSearch: the next occurrence of any of a fixed set of words, by skipping (Wu and Manber, 1994).
//
// Two bytes at a time index a table that says how far no word can end; most of a log is passed over in steps
// of three. Words have 4 to 32 bytes. Immutable after construction; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace inquest::oops {

class WordSearch {
 public:
  explicit WordSearch(std::span<const std::string_view> words);

  // Where the leftmost-ending word at or after `from` begins, or npos.
  size_t find(std::string_view text, size_t from) const;

 private:
  static constexpr size_t kBlock = 4;  // the part of each word that the table knows
  std::vector<uint8_t> shift_;         // by two bytes
  std::vector<std::vector<uint16_t>> buckets_;
  std::vector<uint16_t> bucket_of_;    // by two bytes; 0: none
  std::vector<std::string> words_;
};

// How many '\n' there are.
uint64_t count_newlines(std::string_view text);

}  // namespace inquest::oops
