// give_title(): syzkaller's wording for an event, by which the field searches, its alternates, class and flaws.
#pragma once

#include <vector>

#include "oops/event.h"
#include "oops/line.h"

namespace inquest::oops {

// `lines` begin with the event's header and run on past its end; its own end with number `last`.
void give_title(Event& event, const std::vector<const Line*>& lines, uint64_t last);

}  // namespace inquest::oops
