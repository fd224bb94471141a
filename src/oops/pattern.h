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
#include <optional>
#include <string_view>

namespace inquest::oops {

struct Match {
  static constexpr size_t kMaxCaptures = 4;
  size_t begin = 0, end = 0;
  std::array<std::string_view, kMaxCaptures> capture;
  size_t captures = 0;
};

std::optional<Match> match(std::string_view pattern, std::string_view text);
inline bool matches(std::string_view pattern, std::string_view text) { return match(pattern, text).has_value(); }

}  // namespace inquest::oops
