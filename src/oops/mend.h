// mend(): lines as mailers and consoles left them, back to what printk said: folded lines joined, several
// messages on one line taken apart, indentation gone.
//
// A record keeps the numbers of the lines it came from. Linear in the text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "oops/line.h"

namespace inquest::oops {

struct Record {
  uint64_t first = 0, last = 0;  // lines of the input
  double time = -1;
  bool prefixed = false;         // by a logger
  std::string text;              // without leading or trailing blanks
};

// Whether a line begins like one of a report ("RIP:", "CPU:", "Call Trace:"): it continues nothing.
bool starts_known(std::string_view text);

// Folded lines joined, each under the number of its first; `folded` says whether there were any.
std::vector<Line> unfold(const std::vector<const Line*>& lines, bool& folded);

std::vector<Record> mend(const std::vector<const Line*>& lines);

}  // namespace inquest::oops
