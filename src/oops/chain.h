// link_events(): which event of a log explains which, and the one to triage first.
#pragma once

#include <vector>

#include "oops/event.h"

namespace inquest::oops {

void link_events(std::vector<Event>& events);

// Headers quoted in prose (a notebook, a mail) are not events: no body, and the rest of the log is no prose.
void drop_quotations(std::vector<Event>& events);

}  // namespace inquest::oops
