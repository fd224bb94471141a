// The tables that give a report its title: which line names it, what the title says, where its function is found.
//
// The wording is syzkaller's (its dashboard and the mails of syzbot are where the field searches), so the rules
// follow what its reports are known to be called; docs/events.md says how each title comes about.
// Patterns are those of pattern.h. Skip lists are words separated by blanks, patterns too.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

namespace inquest::oops {

enum class Choose {
  kFirst,  // the innermost function that is not machinery
  kStall,  // the function before the entry point that dispatched it: a loop is found at random depth
  kHang,   // who waits, past the waiting primitives
};

// Parts are found one after another, each from where the last ended. Special parts: "@pc" a program counter line,
// "@pc|vector" that or powerpc's interrupt line, "@trace" a trace heading, "@frames" a stack's lines.
struct StackRule {
  std::array<std::string_view, 4> parts{};
  std::array<std::string_view, 2> otherwise{};  // tried when `parts` give nothing
  std::string_view skip{};
  Choose choose = Choose::kFirst;
};

struct TitleRule {
  std::string_view title;                     // the line
  std::string_view full{};                    // what the line must match besides, when it names more
  std::array<std::string_view, 2> then{};     // and what later lines must match, in this order
  std::string_view format;                    // %1… captures, %f and %g functions
  std::string_view alternate{};
  const StackRule* stack = nullptr;
  bool traceless = false;                     // printed without a call trace by design
  bool corrupted = false;                     // seen only when the report proper was lost
};

struct TitleGroup {
  std::string_view word;  // every line of the group holds it
  std::span<const TitleRule> rules;
};

std::span<const TitleGroup> title_groups();
std::span<const TitleRule> bug_titles();
std::span<const TitleRule> warning_titles();
std::span<const TitleRule> info_titles();
std::span<const TitleRule> panic_titles();

// The group whose word the line holds, unless the line is known to be harmless.
const TitleGroup* title_group(std::string_view text);

// Stacks that many rules share.
extern const StackRule kFaultStack, kTraceStack, kWarnStack, kPcStack;

// Functions that stand between a report and its culprit: the reporting itself, allocators, locks, strings.
bool is_machinery(std::string_view function);
// Whether a word of a blank-separated list of patterns is found in `name`.
bool is_listed(std::string_view words, std::string_view name);
// The class of bug a title stands for; "" for none.
std::string_view type_of(std::string_view title);
// Addresses, numbers, CPUs and the like out of a title; at most 120 printable characters.
std::string clean_title(std::string_view title);

}  // namespace inquest::oops
