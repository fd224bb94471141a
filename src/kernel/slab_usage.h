// What each slab cache holds, by the counters of its nodes: kmem_cache.node[]->nr_slabs and total_objects (mm/slub.c, CONFIG_SLUB_DEBUG;
// 0f389ec63077), the size of a slab by kmem_cache.oo (order << 16 | objects, OO_SHIFT).
#pragma once

#include <cstdint>
#include <vector>

#include "kernel/slab.h"

namespace inquest::kernel {

struct SlabUsage {
  const SlabCache* cache = nullptr;  // of the SlabCaches given
  uint64_t slabs = 0, objects = 0, bytes = 0;
};

// Largest first; empty if the members are not known. A node that cannot be read, or claims more slabs than there is memory, counts as nothing, and is
// said in the ledger.
std::vector<SlabUsage> slab_usage(const object::Program& program, const SlabCaches& caches);

}  // namespace inquest::kernel
