#include "oops/pattern.h"

#include "oops/text.h"

namespace inquest::oops {
namespace {

constexpr int kMaxSteps = 20000;

bool is_class_k(char c) { return is_lower(c) || c == '-'; }
bool is_path(char c) { return is_word(c) || c == '-' || c == '/' || c == '.'; }

struct Matcher {
  std::string_view text;
  int steps = kMaxSteps;
  Match m;

  bool run(std::string_view p, size_t at);
  bool alternatives(std::string_view p, size_t at);
  bool element(char kind, std::string_view rest, size_t at);
  bool function(std::string_view rest, size_t at);
  bool source(std::string_view rest, size_t at);
  bool address(std::string_view rest, size_t at, bool required);
  template <typename Class>
  bool greedy(Class in, std::string_view rest, size_t at, bool capture);
  bool captured(size_t from, size_t to, std::string_view rest, size_t next);
};

bool Matcher::captured(size_t from, size_t to, std::string_view rest, size_t next) {
  if (m.captures == Match::kMaxCaptures) return false;
  m.capture[m.captures++] = text.substr(from, to - from);
  if (run(rest, next)) return true;
  m.captures--;
  return false;
}

// A run of one class is taken whole: no pattern of ours needs less of it.
template <typename Class>
bool Matcher::greedy(Class in, std::string_view rest, size_t at, bool capture) {
  size_t end = at;
  while (end < text.size() && in(text[end])) end++;
  if (end == at) return false;
  return capture ? captured(at, end, rest, end) : run(rest, end);
}

bool Matcher::function(std::string_view rest, size_t at) {
  size_t end = at;
  while (end < text.size() && is_word(text[end])) end++;
  if (end == at || end == text.size() || (text[end] != '.' && text[end] != '+')) return false;
  return captured(at, end, rest, end + 1);
}

bool Matcher::source(std::string_view rest, size_t at) {
  size_t end = at;
  while (end < text.size() && is_path(text[end])) end++;
  size_t colon = end;
  if (end == at || colon >= text.size() || text[colon] != ':') return false;
  size_t dot = text.substr(at, end - at).rfind('.');
  if (dot == std::string_view::npos || dot == 0) return false;
  for (size_t i = at + dot + 1; i < end; i++)
    if (!is_lower(text[i])) return false;
  for (end = colon + 1; end < text.size() && is_digit(text[end]);) end++;
  if (end == colon + 1) return false;
  return captured(at, end, rest, end);
}

bool Matcher::address(std::string_view rest, size_t at, bool required) {
  Scan s(text.substr(at));
  if (s.eat('[')) {
    s.eat('<');
    if (s.take_hex()) {
      s.eat('>');
      if (s.eat(']')) {
        s.blanks();
        if (run(rest, at + s.at())) return true;
      }
    }
  }
  return !required && run(rest, at);
}

bool Matcher::element(char kind, std::string_view rest, size_t at) {
  switch (kind) {
    case 'w': return greedy(is_word, rest, at, true);
    case 'k': return greedy(is_class_k, rest, at, true);
    case 'd': return greedy(is_digit, rest, at, true);
    case 'n': return greedy(is_digit, rest, at, false);
    case 'x': return greedy(is_hex, rest, at, true);
    case 'r': return captured(at, text.size(), rest, text.size());
    case 'f': return function(rest, at);
    case 's': return source(rest, at);
    case 'p': return address(rest, at, false);
    case 'P': return address(rest, at, true);
  }
  return false;
}

bool Matcher::alternatives(std::string_view p, size_t at) {
  size_t close = p.find('}');
  std::string_view list = p.substr(1, close - 1), rest = p.substr(close + 1);
  while (true) {
    size_t bar = list.find('|');
    std::string_view one = list.substr(0, bar);
    if (text.substr(at).starts_with(one) && captured(at, at + one.size(), rest, at + one.size())) return true;
    if (bar == list.npos) return false;
    list.remove_prefix(bar + 1);
  }
}

bool Matcher::run(std::string_view p, size_t at) {
  while (true) {
    if (--steps < 0) return false;
    if (p.empty()) {
      m.end = at;
      return true;
    }
    if (p == "$") {
      m.end = at;
      return at == text.size();
    }
    if (p[0] == '*') {
      for (size_t i = at; i <= text.size() && steps >= 0; i++)
        if (run(p.substr(1), i)) return true;
      return false;
    }
    if (p[0] == '{') return alternatives(p, at);
    if (p[0] == '<' && p.size() > 2 && p[2] == '>') return element(p[1], p.substr(3), at);
    if (at >= text.size() || text[at] != p[0]) return false;
    p.remove_prefix(1);
    at++;
  }
}

}  // namespace

bool WordList::holds(std::string_view name, const Pairs& pairs) const {
  for (size_t i = 0; i < count_; i++)
    if (words_[i].possible(pairs) && matches(words_[i].text(), name)) return true;
  return false;
}

std::optional<Match> match(std::string_view pattern, std::string_view text) {
  Matcher matcher{text, kMaxSteps, {}};
  if (pattern.starts_with("^")) {
    if (matcher.run(pattern.substr(1), 0)) return matcher.m;
    return std::nullopt;
  }
  // Patterns begin with a literal as a rule: let the library find it.
  size_t literal = 0;
  while (literal < pattern.size() && pattern[literal] != '*' && pattern[literal] != '{' && pattern[literal] != '$' &&
         !(pattern[literal] == '<' && literal + 2 < pattern.size() && pattern[literal + 2] == '>'))
    literal++;
  std::string_view head = pattern.substr(0, literal);
  for (size_t at = 0; at <= text.size(); at++) {
    at = head.empty() ? at : text.find(head, at);
    if (at == text.npos || matcher.steps < 0) return std::nullopt;
    matcher.m = Match{};
    matcher.m.begin = at;
    if (matcher.run(pattern.substr(literal), at + literal)) return matcher.m;
  }
  return std::nullopt;
}

}  // namespace inquest::oops
