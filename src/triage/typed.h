// A stack that somebody typed in or cut out of a log: frames without the line that opened the event. No event of a kernel is in such a text,
// yet it tells crashes apart. Pure; any thread.
#pragma once

#include <optional>
#include <string>

#include "scene/crash_scene.h"

namespace inquest::triage {

// Nothing unless at least kFewestFrames lines in a row are frames ("func+0x12/0x34").
inline constexpr size_t kFewestFrames = 3;
std::optional<scene::EventView> typed_stack(const std::string& text);

}  // namespace inquest::triage
