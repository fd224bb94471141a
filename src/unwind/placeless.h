// Variables that DWARF places nowhere at a frame's address: what they held before, or why that is not known.
#pragma once

#include "unwind/call_values.h"

namespace inquest::unwind {

// Completes those of `variables` (of the scopes `here`, in their order) that have no value because they are "optimized out" at `address`.
void find_placeless(CallValues& values, size_t frame, uint64_t address, const debuginfo::Scopes& here, std::vector<FrameVariable>& variables);

}  // namespace inquest::unwind
