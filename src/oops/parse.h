// parse(text): a kernel log of any shape to its events, in the order of their first lines.
//
// The text may be anything: junk, NULs, endless lines. Work and memory are linear in the text; what is
// kept of one event is bounded (scanner.h: kMaxEventLines), and so is the list. Never fails: no event found is an empty list.
// Thread rule: a pure function.
#pragma once

#include <string_view>
#include <vector>

#include "oops/event.h"

namespace inquest::oops {

struct Log {
  std::vector<Event> events;
  uint64_t left_out = 0;  // events beyond the list's bound; counted in `repeats` of their like where there is one
  std::string release;  // from any banner or event, "" if none
  Arch arch = Arch::kUnknown;
};

Log parse(std::string_view text);

}  // namespace inquest::oops
