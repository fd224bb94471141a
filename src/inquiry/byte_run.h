// ByteRun: the stretch of bytes around a word that goes on in one pattern: text, one byte or word over and over, or words that grow by one step. What fills a
// buffer too far leaves such a stretch over the border of what it hit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace inquest::inquiry {

struct ByteRun {
  size_t before = 0, after = 0;  // bytes of the pattern in front of the word, and behind its eight bytes
  std::string pattern;           // "text", "one value of 2 bytes, over and over", "values of 4 bytes that grow by 0x7"; "" = none
  bool found() const { return !pattern.empty(); }
};

// `at`: the word's place in `bytes`. Patterns shorter than `shortest` bytes beside the word are none; zeroes are none. The longest in front wins, then the longest behind.
ByteRun byte_run(const std::vector<uint8_t>& bytes, size_t at, size_t shortest);

// Whether the word at `at` looks like further elements of `width` bytes (2 or 4) of the array that ends there: all of them lie in the narrow range of at least eight
// elements before, which a stray value would hit less than once in a thousand.
bool looks_like_elements(const std::vector<uint8_t>& bytes, size_t at, unsigned width);

}  // namespace inquest::inquiry
