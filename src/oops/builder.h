// build_event(): the records of one report to an Event: who, where, registers, code, frames, modules.
//
// `lines` are the report's own, from its header on. Titles, signatures and chains are added by others.
#pragma once

#include <vector>

#include "oops/event.h"
#include "oops/kinds.h"
#include "oops/line.h"
#include "oops/mend.h"

namespace inquest::oops {

Event build_event(const std::vector<const Line*>& lines, const Header& header);

// Whether more than a header and a list of functions was found: registers, a CPU line, code, modules.
bool has_body(const Event& event);

// Parts of it, one kind of line each. They answer whether the line was theirs.
bool read_fault(std::string_view text, Event& event);        // addresses, error codes, access kind
bool read_code(std::string_view text, Event& event);         // "Code: …"
bool read_modules(std::string_view text, Event& event);      // "Modules linked in: …"
bool continue_modules(std::string_view text, Event& event);  // its further lines
bool read_memory(std::string_view text, Event& event);       // an out-of-memory report's tables
void read_header(std::string_view text, Event& event);       // file, line and function of the header itself

}  // namespace inquest::oops
