#include "oops/text.h"

namespace inquest::oops {

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (is_upper(c)) c = char(c - 'A' + 'a');
  return out;
}

std::optional<uint64_t> to_hex(std::string_view text) {
  Scan s(text);
  auto value = s.take_hex();
  return value && s.done() ? value : std::nullopt;
}

std::optional<uint64_t> to_dec(std::string_view text) {
  Scan s(text);
  auto value = s.take_dec();
  return value && s.done() ? value : std::nullopt;
}

void Scan::blanks() {
  while (at_ < text_.size() && is_blank(text_[at_])) at_++;
}

bool Scan::eat(char c) {
  if (peek() != c || done()) return false;
  at_++;
  return true;
}

bool Scan::eat(std::string_view literal) {
  if (!rest().starts_with(literal)) return false;
  at_ += literal.size();
  return true;
}

bool Scan::skip_past(std::string_view literal) {
  size_t found = text_.find(literal, at_);
  if (found == text_.npos) return false;
  at_ = found + literal.size();
  return true;
}

template <typename Class>
std::string_view Scan::take_while(Class in) {
  size_t start = at_;
  while (at_ < text_.size() && in(text_[at_])) at_++;
  return text_.substr(start, at_ - start);
}

std::optional<uint64_t> Scan::take_dec() {
  size_t start = at_;
  std::string_view digits = take_while(is_digit);
  uint64_t value = 0;
  if (digits.empty() || digits.size() > 19) {
    at_ = start;
    return std::nullopt;
  }
  for (char c : digits) value = value * 10 + uint64_t(c - '0');
  return value;
}

std::optional<uint64_t> Scan::take_hex() {
  size_t start = at_;
  if (peek() == '0' && (peek(1) == 'x' || peek(1) == 'X') && is_hex(peek(2))) at_ += 2;
  std::string_view digits = take_while(is_hex);
  if (digits.empty() || digits.size() > 16) {
    at_ = start;
    return std::nullopt;
  }
  uint64_t value = 0;
  for (char c : digits) {
    unsigned digit = is_digit(c) ? unsigned(c - '0') : unsigned((c | 0x20) - 'a' + 10);
    value = value << 4 | digit;
  }
  return value;
}

std::string_view Scan::take_word() {
  return take_while([](char c) { return !is_blank(c); });
}
std::string_view Scan::take_ident() { return take_while(is_word); }
std::string_view Scan::take_symbol() { return take_while(is_symbol); }

std::string_view Scan::take_until(char stop) {
  size_t start = at_;
  size_t end = text_.find(stop, at_);
  at_ = end == text_.npos ? text_.size() : end + 1;
  return text_.substr(start, (end == text_.npos ? text_.size() : end) - start);
}

}  // namespace inquest::oops
