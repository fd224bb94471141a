// Scan: a reading position in one line of text, and the few character classes the kernel's formats need.
//
// Every eat_* / take_* either consumes what it names and says so, or leaves the position alone.
// Owns nothing. Pure, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace inquest::oops {

inline bool is_blank(char c) { return c == ' ' || c == '\t'; }
inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
inline bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
inline bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
inline bool is_word(char c) { return is_digit(c) || is_upper(c) || is_lower(c) || c == '_'; }
// kallsyms names: compiler suffixes (".isra.0"), ppc64 ELFv1 dots, Rust's "::", "<" and ">" once demangled.
inline bool is_symbol(char c) { return is_word(c) || c == '.' || c == '$' || c == ':' || c == '<' || c == '>' || c == '@'; }

std::string_view trim(std::string_view text);
inline bool has(std::string_view text, std::string_view what) { return text.find(what) != text.npos; }
std::string lower(std::string_view text);
// All of `text` as a number; nullopt if it is anything else or does not fit.
std::optional<uint64_t> to_hex(std::string_view text);
std::optional<uint64_t> to_dec(std::string_view text);

class Scan {
 public:
  explicit Scan(std::string_view text) : text_(text) {}

  bool done() const { return at_ >= text_.size(); }
  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  size_t at() const { return at_; }
  void seek(size_t at) { at_ = at < text_.size() ? at : text_.size(); }
  std::string_view rest() const { return text_.substr(at_ < text_.size() ? at_ : text_.size()); }

  void blanks();
  bool eat(char c);
  bool eat(std::string_view literal);
  // The position after the next occurrence of `literal`; false if there is none.
  bool skip_past(std::string_view literal);
  std::optional<uint64_t> take_dec();
  // With or without "0x"; at most 16 digits.
  std::optional<uint64_t> take_hex();
  std::string_view take_word();    // up to a blank
  std::string_view take_ident();   // [A-Za-z0-9_]*
  std::string_view take_symbol();  // is_symbol*
  std::string_view take_until(char stop);  // consumes the stop too; everything if there is none

 private:
  template <typename Class>
  std::string_view take_while(Class in);

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace inquest::oops
