// SlabCaches: whose slab object an address is, where the object starts, and whether it is free.
//
// SLUB (mm/slub.c). struct slab split from struct page in 5.17 (commit d122019bf061); freelist pointers hardened
// (CONFIG_SLAB_FREELIST_HARDENED: ptr ^ random ^ swab(address), the swab since 5.7 (1ad53d9fa3f6)), found by the member `random` and by which decoding
// gives addresses inside the slab. Free = on a CPU's freelist (every *possible* CPU), on cpu_slab->slab->freelist, on the slab's own freelist, or in a frozen
// partial slab. Redzone and poison by the cache's flags.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/per_cpu.h"
#include "object/program.h"

namespace inquest::kernel {

struct SlabCache {
  VirtualAddress address;
  std::string name;
  uint64_t object_size = 0, size = 0;  // without and with metadata
  uint64_t align = 0, flags = 0;
  uint64_t free_pointer_offset = 0;
  bool has_constructor = false;
  bool merged = false;                 // several caches in one (kmem_cache.refcount > 1): its name tells of one of them
  VirtualAddress constructor;
  uint64_t left_padding = 0;           // red zone before each object (SLAB_RED_ZONE)
  VirtualAddress per_cpu;              // its cpu_slab, a per-CPU pointer
  std::optional<uint64_t> random;      // key of hardened free pointers
};

struct SlabObject {
  SlabCache cache;
  VirtualAddress slab;             // struct slab / struct page
  VirtualAddress slab_start;       // of its first object
  VirtualAddress start;            // of the object
  uint64_t offset = 0;             // of the address in it
  unsigned index = 0;
  std::optional<bool> free;        // nothing: the freelists could not be followed to their end
  std::string free_how;            // "CPU 1's freelist", "slab freelist"; why it is not known
  bool in_padding = false;         // behind the object, in metadata
  unsigned objects = 0;            // in this slab
};

class SlabCaches {
 public:
  SlabCaches(const object::Program& program, const PerCpu& per_cpu);
  ~SlabCaches();
  const std::vector<SlabCache>& caches() const;
  const std::string& problem() const;  // "" or why caches() is short or objects cannot be told
  std::optional<SlabCache> find_cache(std::string_view name) const;
  // kNotFound: no slab page there; kUnreadable: the page descriptors are not in the dump.
  Result<SlabObject> object_at(VirtualAddress address) const;
  // Every object of the slab that `object` lies in, by index: whether it is free.
  std::vector<std::optional<bool>> states_of(const SlabObject& object) const;
  // Neighbours in the same slab, by index.
  std::optional<SlabObject> neighbour(const SlabObject& object, int distance) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace inquest::kernel
