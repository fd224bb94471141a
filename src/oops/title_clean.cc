// What changes from run to run goes out of a title: numbers, addresses, CPUs, executor ids.
#include "oops/text.h"
#include "oops/title_rules.h"

namespace inquest::oops {
namespace {

constexpr size_t kMaxTitle = 120;

bool is_name(char c) { return is_word(c) || c == '.'; }

// "syz-executor.3/12" to "syz-executor", "syzkaller123:4" to "syzkaller".
std::string without_executor(const std::string& in, std::string_view name, bool dotted) {
  std::string out;
  for (size_t i = 0; i < in.size();) {
    if (std::string_view(in).substr(i).starts_with(name)) {
      size_t end = i + name.size();
      size_t digits = end + (dotted && end < in.size() && in[end] == '.' ? 1 : 0);
      size_t after = digits;
      while (after < in.size() && is_digit(in[after])) after++;
      if (after > digits) {
        if (after + 1 < in.size() && (in[after] == '/' || in[after] == ':') && is_digit(in[after + 1]))
          for (after++; after < in.size() && is_digit(in[after]);) after++;
        out += name;
        i = after;
        continue;
      }
    }
    out += in[i++];
  }
  return out;
}

// Six hex digits or more after anything but a letter or digit.
std::string without_addresses(const std::string& in) {
  std::string out;
  for (size_t i = 0; i < in.size();) {
    char before = i ? in[i - 1] : 'x';
    if (i && !is_digit(before) && !is_lower(before) && !is_upper(before)) {
      size_t from = in.compare(i, 2, "0x") == 0 ? i + 2 : i;
      size_t end = from;
      while (end < in.size() && (is_digit(in[end]) || (in[end] >= 'a' && in[end] <= 'f'))) end++;
      if (end - from >= 6) {
        out += "ADDR";
        i = end;
        continue;
      }
    }
    out += in[i++];
  }
  return out;
}

std::string without_ip(const std::string& in) {
  std::string out;
  for (size_t i = 0; i < in.size();) {
    size_t end = i;
    int parts = 0;
    while (parts < 4) {
      size_t digits = end;
      while (digits < in.size() && digits - end < 3 && is_digit(in[digits])) digits++;
      if (digits == end) break;
      end = digits;
      if (++parts < 4) {
        if (end >= in.size() || in[end] != '.') break;
        end++;
      }
    }
    if (parts == 4) {
      out += "IP";
      i = end;
    } else {
      out += in[i++];
    }
  }
  return out;
}

// ".c:123:4" to ".c:LINE".
std::string without_lines(const std::string& in) {
  std::string out;
  for (size_t i = 0; i < in.size();) {
    if (in[i] == '.') {
      size_t word = i + 1;
      while (word < in.size() && is_word(in[word])) word++;
      size_t end = word;
      while (word > i + 1 && end + 1 < in.size() && in[end] == ':' && is_digit(in[end + 1]))
        for (end++; end < in.size() && is_digit(in[end]);) end++;
      if (end > word) {
        out += in.substr(i, word - i) + ":LINE";
        i = end;
        continue;
      }
    }
    out += in[i++];
  }
  return out;
}

// "f+0x1/0x2" to "f", "CPU#3" to "CPU".
std::string without_offsets(const std::string& in) {
  std::string out;
  auto alnum = [](char c) { return is_digit(c) || is_lower(c); };
  for (size_t i = 0; i < in.size();) {
    if (in.compare(i, 3, "+0x") == 0 && i >= 2 && is_name(in[i - 1])) {
      size_t mid = i + 3;
      while (mid < in.size() && alnum(in[mid])) mid++;
      if (mid > i + 3 && in.compare(mid, 3, "/0x") == 0) {
        size_t end = mid + 3;
        while (end < in.size() && alnum(in[end])) end++;
        if (end > mid + 3) {
          i = end;
          continue;
        }
      }
    }
    if (in.compare(i, 4, "CPU#") == 0 && i + 4 < in.size() && is_digit(in[i + 4])) {
      out += "CPU";
      for (i += 4; i < in.size() && is_digit(in[i]);) i++;
      continue;
    }
    out += in[i++];
  }
  return out;
}

// A number that stands alone is NUM; so are digits in sevens or more inside a name.
std::string without_numbers(const std::string& in) {
  std::string out;
  for (size_t i = 0; i < in.size();) {
    size_t end = i;
    while (end < in.size() && is_digit(in[end])) end++;
    if (end == i) {
      out += in[i++];
      continue;
    }
    bool alone = i > 0 && !is_word(in[i - 1]) && (end == in.size() || !is_word(in[end]));
    out += alone || end - i >= 7 ? "NUM" : in.substr(i, end - i);
    i = end;
  }
  return out;
}

}  // namespace

std::string clean_title(std::string_view title) {
  std::string text(title.substr(0, 2048));
  text = without_executor(text, "syz-executor", true);
  text = without_executor(text, "syzkaller", false);
  text = without_numbers(without_offsets(without_lines(without_ip(without_addresses(text)))));
  std::string out;
  char before = ' ';
  for (size_t i = 0; i < text.size() && i < kMaxTitle; i++) {
    char c = text[i] == '\t' ? ' ' : text[i];
    if (c < 0x20 || c >= 0x7f || (c == ' ' && before == ' ')) continue;
    out += c;
    before = c;
  }
  return std::string(trim(out));
}

}  // namespace inquest::oops
