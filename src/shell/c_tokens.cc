#include "shell/c_tokens.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace inquest::shell {

namespace {

constexpr size_t kMaxLength = 4096;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Decimal, 0x…, 0… (octal), with the suffixes of C. An address without 0x ("ff1100…", 12 digits or more) as crash prints it is one, too.
Result<CToken> number_of(std::string_view word) {
  std::string_view digits = word;
  bool is_unsigned = false;
  int base = 10;
  if (digits.starts_with("0x") || digits.starts_with("0X")) base = 16, digits.remove_prefix(2);
  else if (digits.size() >= 12 && digits.find_first_not_of("0123456789abcdef") == digits.npos && digits.find_first_of("abcdef") != digits.npos) base = 16;
  else if (digits.size() > 1 && digits[0] == '0') base = 8;
  while (!digits.empty() && (digits.back() == 'u' || digits.back() == 'U' || digits.back() == 'l' || digits.back() == 'L')) {
    is_unsigned |= digits.back() == 'u' || digits.back() == 'U';
    digits.remove_suffix(1);
  }
  uint64_t value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error == std::errc::result_out_of_range) return Error(ErrorCode::kUsage, fmt::format("{}: more than 64 bits", word));
  if (error != std::errc() || end != digits.data() + digits.size()) return Error(ErrorCode::kUsage, fmt::format("{}: no number (hexadecimal ones begin with 0x)", word));
  return CToken{CToken::Kind::kNumber, word, value, is_unsigned || value >> 63};
}

}  // namespace

Result<std::vector<CToken>> tokens_of(std::string_view text) {
  if (text.size() > kMaxLength) return Error(ErrorCode::kLimit, fmt::format("the expression is longer than {} characters", kMaxLength));
  static constexpr std::array<std::string_view, 3> kLong = {"->", "<<", ">>"};
  std::vector<CToken> tokens;
  size_t at = 0;
  while (at < text.size()) {
    std::string_view rest = text.substr(at);
    size_t size = 1;
    if (rest[0] == ' ' || rest[0] == '\t') {
      at++;
      continue;
    }
    if (is_letter(rest[0]) || is_digit(rest[0])) {
      while (size < rest.size() && (is_letter(rest[size]) || is_digit(rest[size]))) size++;
      std::string_view word = rest.substr(0, size);
      // A name that is an address without 0x: nobody calls a variable so.
      bool address = size >= 16 && word.find_first_not_of("0123456789abcdef") == word.npos;
      if (is_digit(rest[0]) || address) {
        TRY(CToken number, number_of(word));
        tokens.push_back(number);
      } else {
        tokens.push_back({CToken::Kind::kName, word, 0, false});
      }
    } else {
      for (std::string_view op : kLong)
        if (rest.starts_with(op)) size = 2;
      if (std::string_view("()[].*&-+~/%|^<>:").find(rest[0]) == std::string_view::npos || ((rest[0] == '<' || rest[0] == '>') && size == 1))
        return Error(ErrorCode::kUsage, fmt::format("\"{}\" is not understood here", rest.substr(0, 12)));
      tokens.push_back({CToken::Kind::kOperator, rest.substr(0, size), 0, false});
    }
    at += size;
  }
  tokens.push_back({CToken::Kind::kEnd, "the end of the expression", 0, false});
  return tokens;
}

}  // namespace inquest::shell
