#include "records/text.h"

#include <algorithm>

namespace inquest::records {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool starts_ignoring_case(std::string_view text, std::string_view prefix) {
  if (text.size() < prefix.size()) return false;
  for (size_t i = 0; i < prefix.size(); i++) {
    if (lower(text[i]) != lower(prefix[i])) return false;
  }
  return true;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && starts_ignoring_case(a, b);
}

size_t find_ignoring_case(std::string_view text, std::string_view needle, size_t from) {
  if (needle.empty() || text.size() < needle.size()) return std::string_view::npos;
  const char first = needle[0];
  for (size_t i = from; i + needle.size() <= text.size(); i++) {
    if (lower(text[i]) == first && starts_ignoring_case(text.substr(i), needle)) return i;
  }
  return std::string_view::npos;
}

std::string_view cut_line(std::string_view& rest) {
  size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

std::string_view cut_token(std::string_view& rest) {
  while (!rest.empty() && is_space(rest.front())) rest.remove_prefix(1);
  size_t end = 0;
  while (end < rest.size() && !is_space(rest[end])) end++;
  std::string_view token = rest.substr(0, end);
  rest.remove_prefix(end);
  return token;
}

std::string_view word_at(std::string_view text, size_t at) {
  size_t end = std::min(at, text.size());
  while (end < text.size() && is_word(text[end])) end++;
  return text.substr(std::min(at, text.size()), end - std::min(at, text.size()));
}

std::string_view word_before(std::string_view text, size_t end) {
  end = std::min(end, text.size());
  size_t start = end;
  while (start > 0 && is_word(text[start - 1])) start--;
  return text.substr(start, end - start);
}

uint64_t leading_number(std::string_view text) {
  uint64_t value = 0;
  for (char c : text) {
    if (!is_digit(c) || value > 100'000'000) break;
    value = value * 10 + uint64_t(c - '0');
  }
  return value;
}

std::string squeeze(std::string_view text) {
  std::string out;
  bool gap = false;
  for (char c : text) {
    if (is_space(c)) {
      gap = !out.empty();
      continue;
    }
    if (gap) out += ' ';
    gap = false;
    out += c;
  }
  return out;
}

std::string shorten(std::string_view text, size_t limit) {
  if (text.size() > limit) {
    text = text.substr(0, limit);
    while (!text.empty() && (uint8_t(text.back()) & 0xc0) == 0x80) text.remove_suffix(1);
    if (!text.empty() && uint8_t(text.back()) >= 0xc0) text.remove_suffix(1);
  }
  return std::string(text);
}

int64_t stable_hash(std::string_view text) {
  uint64_t h = 0xcbf29ce484222325;
  for (char c : text) h = (h ^ uint8_t(c)) * 0x100000001b3;
  h ^= h >> 32;
  h *= 0xd6e8feb86659fd93;
  h ^= h >> 32;
  return int64_t(h);
}

std::string_view plain_function(std::string_view name) {
  while (!name.empty() && name.front() == '.') name.remove_prefix(1);
  return name.substr(0, name.find_first_of(".$"));
}

}  // namespace inquest::records
