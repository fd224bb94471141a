// parse(text): a kernel log of any shape to its events, in the order of their first lines.
//
// The text may be anything: junk, NULs, endless lines. Work and memory are linear in the text; what is
// kept of one event is bounded (scanner.h: kMaxEventLines), and so is the list. Never fails: no event found is an empty list.
// Thread rule: parse() is a pure function; a LogReader belongs to one thread.
#pragma once

#include <string_view>
#include <vector>

#include "oops/event.h"
#include "oops/scanner.h"

namespace inquest::oops {

struct Log {
  std::vector<Event> events;
  uint64_t left_out = 0;  // events beyond the list's bound; counted in `repeats` of their like where there is one
  std::string release;  // from any banner or event, "" if none
  Arch arch = Arch::kUnknown;
};

// The same of a stream: fed pieces of any size, then asked once.
class LogReader {
 public:
  LogReader();
  void feed(std::string_view piece) { scanner_.feed(piece); }
  Log finish();

 private:
  void take(Event&& event);
  Log log_;
  Scanner scanner_;
};

Log parse(std::string_view text);

}  // namespace inquest::oops
