// match(): the one-line patterns in which the tables of this folder are written.
//
//   literal   itself            *     any run of characters, the shortest that works
//   {a|b|c}   one of the literals, captured
//   <w> identifier, <k> [a-z-]+, <d> decimal, <x> hex, <r> the rest of the line: captured
//   <f> the name of "name+0x…" or "name.isra.0+0x…", captured, with its '.' or '+' consumed
//   <s> "path/file.c:12", captured        <p> a bracketed address "[<ffff…>]" and the blanks after it, or nothing; <P> the same, but it must be there
//   <n> digits, not captured              ^ first: at the start of the text only        $ last: its end
//
// A pattern is found anywhere in the text unless anchored, leftmost first. Work is bounded: kMaxSteps
// trials a call, then "no match" (a line of junk must not cost more than a line).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace inquest::oops {

struct Match {
  static constexpr size_t kMaxCaptures = 4;
  size_t begin = 0, end = 0;
  std::array<std::string_view, kMaxCaptures> capture;
  size_t captures = 0;
};

// The pairs of neighbouring characters in a text, hashed: one pass over the text tells most patterns of a table apart from it.
class Pairs {
 public:
  static constexpr uint32_t kBits = 1024;
  static constexpr uint16_t hash(char a, char b) { return uint16_t((uint8_t(a) * 37u + uint8_t(b) * 5u) % kBits); }
  explicit Pairs(std::string_view text) {
    for (size_t i = 1; i < text.size(); i++) {
      uint16_t h = hash(text[i - 1], text[i]);
      bits_[h / 64] |= uint64_t{1} << h % 64;
    }
  }
  bool has(uint16_t h) const { return bits_[h / 64] >> h % 64 & 1; }

 private:
  std::array<uint64_t, kBits / 64> bits_{};
};

// A pattern of a table with some pairs that any text it matches must have.
class Pattern {
 public:
  constexpr Pattern() = default;
  constexpr Pattern(const char* text) : Pattern(std::string_view(text)) {}
  // In one plain pass: compilers bound the steps that a table may take (clang: a million).
  constexpr Pattern(std::string_view text) : text_(text) {
    size_t count = 0;
    bool literal_before = false;
    for (size_t i = !text.empty() && text[0] == '^' ? 1 : 0; i < text.size(); i++) {
      char c = text[i];
      bool element = c == '<' && i + 2 < text.size() && text[i + 2] == '>', literal = !element && c != '{' && c != '*' && !(c == '$' && i + 1 == text.size());
      // Every third pair, the last of them: what patterns begin with ("BUG: ") is in too many lines.
      if (literal && literal_before && count++ % 3 == 0) need_[needs_++ % kNeeds] = Pairs::hash(text[i - 1], c);
      literal_before = literal;
      if (element) i += 2;
      if (c == '{')
        while (text[i] != '}') i++;
    }
  }
  constexpr std::string_view text() const { return text_; }
  bool possible(const Pairs& pairs) const {
    for (size_t n = 0; n < needs_ && n < kNeeds; n++)
      if (!pairs.has(need_[n])) return false;
    return true;
  }

 private:
  static constexpr size_t kNeeds = 5;
  std::string_view text_;
  std::array<uint16_t, kNeeds> need_{};
  size_t needs_ = 0;
};

// A blank-separated list of patterns, cut up when it is compiled.
class WordList {
 public:
  constexpr WordList(std::string_view text) {
    for (size_t at = 0; at < text.size();) {
      size_t end = at;
      while (end < text.size() && text[end] != ' ') end++;
      if (end > at) words_[count_++] = Pattern(text.substr(at, end - at));
      at = end + 1;
    }
  }
  constexpr WordList(const char* text) : WordList(std::string_view(text)) {}
  // Whether one of them is found in `name`, whose pairs are given.
  bool holds(std::string_view name, const Pairs& pairs) const;
  bool holds(std::string_view name) const { return holds(name, Pairs(name)); }

 private:
  static constexpr size_t kMost = 96;
  std::array<Pattern, kMost> words_;
  size_t count_ = 0;
};

std::optional<Match> match(std::string_view pattern, std::string_view text);
inline bool matches(std::string_view pattern, std::string_view text) { return match(pattern, text).has_value(); }

}  // namespace inquest::oops
