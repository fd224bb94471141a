// give_signature(): the function to blame and two keys to group events by.
#pragma once

#include "oops/event.h"

namespace inquest::oops {

void give_signature(Event& event);

// The functions of its stack that tell it from others, innermost first: without reporting, entry code, allocators, locks.
std::vector<std::string> telling_frames(const Event& event);

}  // namespace inquest::oops
