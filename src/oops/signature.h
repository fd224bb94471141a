// give_signature(): the function to blame and two keys to group events by.
#pragma once

#include "oops/event.h"

namespace inquest::oops {

void give_signature(Event& event);

}  // namespace inquest::oops
