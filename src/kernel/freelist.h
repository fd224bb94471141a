// Freelist: a chain of free SLUB objects, decoded and followed, always to a known end or a known break.
#pragma once

#include <string>
#include <vector>

#include "kernel/slab.h"
#include "target/address_space.h"

namespace inquest::kernel {

// How a free pointer is stored: plain; ptr ^ random ^ address (CONFIG_SLAB_FREELIST_HARDENED, 4.14, 2482ddec670f); the address byte-swapped (5.7, 1ad53d9fa3f6).
enum class FreePointerForm { kPlain, kXorAddress, kXorSwapped };

struct Freelist {
  std::vector<VirtualAddress> objects;
  bool complete = false;     // it ended with null
  std::string problem;       // where and how it broke
};

struct SlabBounds {
  VirtualAddress start;      // of the first object, its left padding included
  uint64_t objects = 0;
};

// `head` as it lies in slab->freelist or cpu_slab->freelist (never encoded there). Tries every form a cache with its members can have.
Freelist read_freelist(const target::AddressSpace& memory, const SlabCache& cache, const SlabBounds& slab, VirtualAddress head);

}  // namespace inquest::kernel
