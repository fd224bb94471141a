// Small tools over text: lines, words, case, and the hash that is stored on disk.
//
// Everything here is a pure function over views: nothing is owned, any thread may call. Case rules are ASCII
// only, which is what kernel identifiers and mail headers need.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace inquest::records {

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
inline bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v'; }
inline bool is_word(char c) { return is_alpha(c) || is_digit(c) || c == '_'; }
inline bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
inline char lower(char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; }

std::string lower(std::string_view text);
std::string_view trim(std::string_view text);
bool equal_ignoring_case(std::string_view a, std::string_view b);
bool starts_ignoring_case(std::string_view text, std::string_view prefix);
// Position of `needle` (lower case) in `text`, or npos.
size_t find_ignoring_case(std::string_view text, std::string_view needle, size_t from = 0);
inline bool has_ignoring_case(std::string_view text, std::string_view needle) {
  return find_ignoring_case(text, needle) != std::string_view::npos;
}

// Cuts the first line off `rest` and gives it without its line end. Call while !rest.empty().
std::string_view cut_line(std::string_view& rest);
// Cuts the first run of non-spaces off `rest`; empty when there is none.
std::string_view cut_token(std::string_view& rest);
// The identifier that starts at `at` ([A-Za-z0-9_]+), maybe empty.
std::string_view word_at(std::string_view text, size_t at);
// The identifier that ends just before `end`, maybe empty.
std::string_view word_before(std::string_view text, size_t end);
// The decimal number text starts with, capped at 1e9; nothing is said about what follows.
uint64_t leading_number(std::string_view text);
// One line: runs of white space become one space, ends trimmed.
std::string squeeze(std::string_view text);
// At most `limit` bytes, not cutting a UTF-8 sequence.
std::string shorten(std::string_view text, size_t limit);

// A 64-bit hash (FNV-1a, mixed), the same on every machine: it is stored in archives.
int64_t stable_hash(std::string_view text);

// A function's name without what compilers and symbolizers add: ".isra.0", ".cold", "$abc", leading dots.
std::string_view plain_function(std::string_view name);

// Calls f(word) for each identifier of `text` that does not start with a digit and is 3 to 64 bytes long.
template <typename F>
void for_each_word(std::string_view text, F&& f) {
  for (size_t i = 0; i < text.size();) {
    if (!is_word(text[i])) {
      i++;
      continue;
    }
    size_t start = i;
    while (i < text.size() && is_word(text[i])) i++;
    size_t length = i - start;
    if (length >= 3 && length <= 64 && !is_digit(text[start])) f(text.substr(start, length));
  }
}

}  // namespace inquest::records
