// The lines of one report as one who follows a single CPU or task sees them: nobody else's lines, no unreliable
// frames, nothing of the panic that merely follows. Titles, flaws and guilty files are told over these.
#pragma once

#include <string_view>
#include <vector>

#include "oops/line.h"

namespace inquest::oops {

using ReportLines = std::vector<std::string_view>;

struct Report {
  ReportLines lines;
  size_t own = 0;             // how many come before the next report
  bool disconnected = false;  // the virtual machine's console was cut off
  bool panicked = false;
};

// `start`: the line of `lines` that opens the report. The views live as long as the lines.
Report report_lines(const std::vector<const Line*>& lines, size_t start);

// Where among the lines up to number `last` the first that a title can name is; lines.size() if there is none.
size_t title_line(const std::vector<const Line*>& lines, uint64_t last);

}  // namespace inquest::oops
