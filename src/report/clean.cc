#include "report/clean.h"

namespace inquest::report {

namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// The length of the sequence at `at`, 0 if it is none.
size_t sequence(std::string_view v, size_t at) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(v[i]); };
  unsigned char c = byte(at);
  size_t n = c < 0x80 ? 1 : (c >> 5) == 6 && c >= 0xc2 ? 2 : (c >> 4) == 14 ? 3 : (c >> 3) == 30 && c <= 0xf4 ? 4 : 0;
  if (n == 0 || at + n > v.size()) return 0;
  for (size_t k = 1; k < n; k++)
    if ((byte(at + k) >> 6) != 2) return 0;
  if (n < 3) return n;
  unsigned char second = byte(at + 1);
  bool bad = (c == 0xe0 && second < 0xa0) || (c == 0xed && second > 0x9f) || (c == 0xf0 && second < 0x90) || (c == 0xf4 && second > 0x8f);
  return bad ? 0 : n;
}

uint32_t code_point(std::string_view v, size_t at, size_t n) {
  constexpr unsigned char kFirst[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
  uint32_t c = static_cast<unsigned char>(v[at]) & kFirst[n];
  for (size_t k = 1; k < n; k++) c = c << 6 | (static_cast<unsigned char>(v[at + k]) & 0x3f);
  return c;
}

// C0 and C1 controls, and Unicode's invisible and bidirectional controls.
bool harmful(uint32_t c) {
  if (c < 0x20) return c != '\n' && c != '\t';
  return (c >= 0x7f && c < 0xa0) || c == 0x61c || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

size_t width_of(uint32_t c) {
  if (c >= 0x300 && c <= 0x36f) return 0;
  bool wide = (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xd7ff) || (c >= 0xf900 && c <= 0xfaff) || (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) || c >= 0x1f000;
  return wide ? 2 : 1;
}

}  // namespace

std::string valid_utf8(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    size_t n = sequence(text, i);
    if (n) clean.append(text, i, n);
    else clean += kReplacement;
    i += n ? n : 1;
  }
  return clean;
}

std::string escape_html(std::string_view text) {
  std::string clean;
  clean.reserve(text.size() + text.size() / 8);
  for (size_t i = 0; i < text.size();) {
    size_t n = sequence(text, i);
    if (n == 0 || harmful(code_point(text, i, n))) clean += kReplacement;
    else if (text[i] == '&') clean += "&amp;";
    else if (text[i] == '<') clean += "&lt;";
    else if (text[i] == '>') clean += "&gt;";
    else if (text[i] == '"') clean += "&quot;";
    else if (text[i] == '\'') clean += "&#39;";
    else clean.append(text, i, n);
    i += n ? n : 1;
  }
  return clean;
}

size_t columns(std::string_view utf8) {
  size_t width = 0;
  for (size_t i = 0; i < utf8.size();) {
    size_t n = sequence(utf8, i);
    width += n ? width_of(code_point(utf8, i, n)) : 1;
    i += n ? n : 1;
  }
  return width;
}

std::string fit(const std::string& utf8, size_t room) {
  if (columns(utf8) <= room) return utf8;
  if (room == 0) return "";
  std::string text;
  size_t width = 0;
  for (size_t i = 0; i < utf8.size();) {
    size_t n = sequence(utf8, i);
    size_t w = n ? width_of(code_point(utf8, i, n)) : 1;
    if (width + w + 1 > room) break;
    text.append(utf8, i, n ? n : 1);
    width += w;
    i += n ? n : 1;
  }
  return text + "…";
}

}  // namespace inquest::report
