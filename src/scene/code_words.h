// What an event of a log says by its numbers alone, without memory or debuginfo: the "Code:" bytes as instructions, what the
// faulting one reached for, registers and fault addresses that speak for themselves or repeat those of earlier events.
#pragma once

#include <vector>

#include "scene/crash_scene.h"

namespace inquest::scene {

// Fills `code`, and `touch` where nobody did so better, on the architectures that `arch` decodes.
void describe_code(EventView& view);

// Fills `notes`. `earlier`: the events before this one.
void describe_values(EventView& view, const std::vector<EventView>& earlier);

}  // namespace inquest::scene
