// Who allocated and who freed a slab object last: SLUB's tracks (mm/slub.c: struct track, get_track(); slub_debug=U, SLAB_STORE_USER).
#pragma once

#include <optional>

#include "kernel/slab.h"

namespace inquest::kernel {

struct SlabTrack {
  VirtualAddress caller;       // return address in the function that called kfree() and the like
  std::optional<int> pid, cpu;
};
struct SlabTracks {
  std::optional<SlabTrack> allocated, freed;   // nothing: never, or not readable
};

// Nothing if the cache keeps no tracks, or the kernel's struct track is not known.
std::optional<SlabTracks> tracks_of(const object::Program& program, const SlabObject& object);

}  // namespace inquest::kernel
