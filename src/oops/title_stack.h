// The functions a title names, found in a report's lines as a StackRule says.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "oops/report_lines.h"
#include "oops/title_rules.h"

namespace inquest::oops {

struct TitleFunction {
  std::string canonical;  // syscall prefixes off: "sys_rmdir" and "__x64_sys_rmdir" are "rmdir"
  std::string raw;
};

struct TitleStack {
  std::vector<TitleFunction> functions;  // "corrupted" where a stack named none
  bool whole = true;
};

TitleStack title_stack(const StackRule& rule, const ReportLines& lines, size_t from);

// Lines by which stacks begin, and lines that hold a frame, loosely as titles take them.
bool starts_stack(std::string_view line);
bool holds_frame(std::string_view line);

// All spellings of a function that another architecture or version would have printed.
std::vector<std::string> spellings(const std::string& raw);

// Why the report is not usable, "" if it is. `rule` is the one that gave the title, null for none.
std::string why_corrupted(std::string_view title, const ReportLines& report, const TitleRule* rule);

}  // namespace inquest::oops
