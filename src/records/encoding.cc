#include "records/encoding.h"

#include <iconv.h>

#include <array>
#include <cstdint>

#include "records/text.h"

namespace inquest::records {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::array<int8_t, 256> make_base64_table() {
  std::array<int8_t, 256> table;
  table.fill(-1);
  const char* alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int i = 0; i < 64; i++) table[uint8_t(alphabet[i])] = int8_t(i);
  return table;
}

// Length of the valid UTF-8 sequence at `p`, or 0.
size_t sequence_length(std::string_view text, size_t p) {
  uint8_t lead = uint8_t(text[p]);
  if (lead < 0x80) return 1;
  size_t length = lead >= 0xf0 && lead < 0xf5 ? 4 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xc2 && lead < 0xe0 ? 2 : 0;
  if (length == 0 || p + length > text.size()) return 0;
  uint32_t code = lead & (0xff >> (length + 1));
  for (size_t i = 1; i < length; i++) {
    uint8_t c = uint8_t(text[p + i]);
    if ((c & 0xc0) != 0x80) return 0;
    code = code << 6 | (c & 0x3f);
  }
  bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  bool surrogate = code >= 0xd800 && code < 0xe000;
  return overlong || surrogate || code > 0x10ffff ? 0 : length;
}

std::string repair_utf8(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    size_t length = sequence_length(text, i);
    if (length == 0) {
      out += kReplacement;
      i++;
    } else {
      out += text.substr(i, length);
      i += length;
    }
  }
  return out;
}

// Empty optional-like: gives false when iconv does not know the charset.
bool convert(const std::string& bytes, const std::string& charset, std::string& out) {
  iconv_t handle = iconv_open("UTF-8", charset.c_str());
  if (handle == iconv_t(-1)) return false;
  std::string input = bytes;
  char* in = input.data();
  size_t left = input.size();
  char buffer[4096];
  while (left > 0) {
    char* to = buffer;
    size_t room = sizeof buffer;
    size_t status = iconv(handle, &in, &left, &to, &room);
    out.append(buffer, size_t(to - buffer));
    bool stuck = status == size_t(-1) && room > sizeof buffer - 16 && to == buffer;
    if (status == size_t(-1) && left > 0 && (stuck || room >= 16)) {  // a bad or a cut sequence: step over a byte
      out += kReplacement;
      in++;
      left--;
    }
  }
  iconv_close(handle);
  return true;
}

}  // namespace

std::string decode_base64(std::string_view text) {
  static const std::array<int8_t, 256> table = make_base64_table();
  std::string out;
  out.reserve(text.size() * 3 / 4);
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    if (c == '=') {  // some mailers pad every line
      bits = 0;
      count = 0;
      continue;
    }
    int8_t v = table[uint8_t(c)];
    if (v < 0) continue;
    bits = bits << 6 | uint32_t(v);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += char(bits >> count & 0xff);
    }
  }
  return out;
}

std::string decode_quoted_printable(std::string_view text, bool header) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); i++) {
    char c = text[i];
    if (header && c == '_') {
      out += ' ';
    } else if (c != '=') {
      out += c;
    } else if (i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0) {
      out += char(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      size_t end = i + 1;
      while (end < text.size() && (text[end] == ' ' || text[end] == '\t' || text[end] == '\r')) end++;
      if (end < text.size() && text[end] == '\n') {
        i = end;  // a soft line break
      } else {
        out += c;
      }
    }
  }
  return out;
}

bool is_valid_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    size_t length = sequence_length(text, i);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

std::string to_utf8(std::string bytes, std::string_view charset) {
  bool ascii = true;
  for (char c : bytes) ascii = ascii && uint8_t(c) < 0x80;
  std::string name = lower(trim(charset));
  bool stateful = name.starts_with("iso-2022") || name.starts_with("utf-16") || name.starts_with("utf-7") || name == "hz-gb-2312";
  if (ascii && !stateful) return bytes;
  bool claims_utf8 = name.empty() || name == "utf-8" || name == "utf8" || name == "us-ascii" || name == "ascii";
  if (claims_utf8 && is_valid_utf8(bytes)) return bytes;
  std::string out;
  if (!claims_utf8 && name.size() < 40 && convert(bytes, name, out)) return out;
  if (is_valid_utf8(bytes)) return bytes;
  out.clear();
  if (name != "utf-8" && convert(bytes, "windows-1252", out)) return out;
  return repair_utf8(bytes);
}

std::string decode_header_words(std::string_view text) {
  std::string out;
  bool after_word = false;
  for (size_t i = 0; i < text.size();) {
    size_t start = text.find("=?", i);
    if (start == std::string_view::npos) {
      out += text.substr(i);
      break;
    }
    std::string_view between = text.substr(i, start - i);
    size_t q1 = text.find('?', start + 2);
    size_t q2 = q1 == std::string_view::npos ? q1 : text.find('?', q1 + 1);
    size_t end = q2 == std::string_view::npos ? q2 : text.find("?=", q2 + 1);
    if (end == std::string_view::npos || q2 != q1 + 2 || end - start > 4096) {
      out += text.substr(i, start + 2 - i);
      i = start + 2;
      after_word = false;
      continue;
    }
    if (!after_word || !trim(between).empty()) out += between;  // white space between two words is not text
    std::string_view charset = text.substr(start + 2, q1 - start - 2);
    charset = charset.substr(0, charset.find('*'));
    std::string_view payload = text.substr(q2 + 1, end - q2 - 1);
    bool base64 = lower(text[q1 + 1]) == 'b';
    out += to_utf8(base64 ? decode_base64(payload) : decode_quoted_printable(payload, true), charset);
    i = end + 2;
    after_word = true;
  }
  return is_valid_utf8(out) ? out : repair_utf8(out);
}

std::string unflow(std::string_view text, bool delete_space) {
  std::string out;
  out.reserve(text.size());
  bool open = false, diff = false;
  size_t open_depth = 0;
  while (!text.empty()) {
    std::string_view line = cut_line(text);
    size_t depth = 0;
    while (depth < line.size() && line[depth] == '>') depth++;
    std::string_view rest = line.substr(depth);
    if (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
    if (rest.starts_with("diff --git ") || rest.starts_with("--- a/") || rest.starts_with("@@ ")) diff = true;
    bool signature = rest == "-- ";
    bool joins = open && depth == open_depth && !signature && !diff;
    if (open && !joins) out += '\n';
    if (!joins) {
      out.append(depth, '>');
      if (depth > 0) out += ' ';
    }
    bool soft = !diff && !signature && !rest.empty() && rest.back() == ' ';
    if (soft && delete_space) rest.remove_suffix(1);
    out += rest;
    open = soft;
    open_depth = depth;
    if (!soft) out += '\n';
  }
  if (open) out += '\n';
  return out;
}

std::string strip_html(std::string_view html) {
  std::string out;
  for (size_t i = 0; i < html.size();) {
    char c = html[i];
    if (c == '<') {
      size_t end = html.find('>', i);
      std::string_view tag = html.substr(i + 1, 6);
      if (starts_ignoring_case(tag, "br") || starts_ignoring_case(tag, "/p") || starts_ignoring_case(tag, "/div") ||
          starts_ignoring_case(tag, "/tr") || starts_ignoring_case(tag, "/li")) {
        out += '\n';
      }
      if (starts_ignoring_case(tag, "style") || starts_ignoring_case(tag, "script")) {
        size_t close = html.find("</s", i);
        if (close == std::string_view::npos) break;
        end = html.find('>', close);
      }
      if (end == std::string_view::npos) break;
      i = end + 1;
    } else if (c == '&') {
      struct Entity { std::string_view name; char plain; };
      static constexpr Entity kEntities[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&nbsp;", ' '}, {"&#39;", '\''}};
      size_t used = 1;
      char plain = '&';
      for (const Entity& e : kEntities) {
        if (html.substr(i).starts_with(e.name)) plain = e.plain, used = e.name.size();
      }
      out += plain;
      i += used;
    } else {
      out += c;
      i++;
    }
  }
  return out;
}

}  // namespace inquest::records
