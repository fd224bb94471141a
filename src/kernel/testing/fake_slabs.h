// FakeSlabs: a FakeKernel of two CPUs with SLUB's structures of 6.1: caches, page descriptors, slabs of two pages and the lists of free objects.
//
// In data(): variables, descriptors of its 32 pages at 0x1000, caches from 0x2000, slabs from 0x8000.
#pragma once

#include "kernel/slab.h"
#include "unwind/testing/fake_kernel.h"

namespace inquest::kernel::testing {

inline constexpr const char* kSlabTypes = R"(
struct list_head { struct list_head *next, *prev; };
enum pageflags { PG_locked, PG_head = 6, PG_slab = 9 };
struct page { unsigned long flags, compound_head, other[5]; unsigned int page_type; int refcount; };
struct slab { unsigned long flags; struct kmem_cache *slab_cache; void *freelist; unsigned int inuse : 16, objects : 15, frozen : 1; };
struct kmem_cache_cpu { void *freelist; unsigned long tid; struct slab *slab; };
struct kmem_cache_node { unsigned long nr_partial; long nr_slabs, total_objects; };
struct kmem_cache { struct kmem_cache_cpu *cpu_slab; unsigned long flags; unsigned int size, object_size, offset, oo, inuse, red_left_pad; int refcount;
                    void *ctor; const char *name; struct list_head list; struct kmem_cache_node *node[8]; };
struct track { unsigned long addr; int cpu, pid; unsigned long when; };
unsigned int nr_node_ids, nr_cpu_ids;
)";

class FakeSlabs {
 public:
  explicit FakeSlabs(const char* types = kSlabTypes) : kernel(arch::x86_64()) {
    kernel.function("kmem_cache_alloc_user", 0, "90 90 90 90 c3");
    kernel.function("kmem_cache_free_user", 0x100, "90 90 90 90 c3");
    kernel.describe(types);
    number("vmemmap_base", 0, kernel.data(0x1000).value - (kernel.data() - kernel.base()) / 4096 * 64);
    number("nr_node_ids", 8, 2, 4);
    number("nr_cpu_ids", 16, 2, 4);
    number("__cpu_possible_mask", 24, 3);
    kernel.variable("slab_caches", kernel.data(32), 16);
    kernel.variable("__per_cpu_offset", kernel.data(48), 16);
    kernel.put(kernel.data(56), 0x40);  // CPU 1's area is 0x40 above CPU 0's
  }
  void number(const char* name, uint64_t at, uint64_t value, uint64_t size = 8) { kernel.put(kernel.variable(name, kernel.data(at), size), value, size); }

  // A cache of two-page slabs; its CPUs' structs are at cpu_slab(cache, cpu).
  VirtualAddress cache(const std::string& name, uint64_t size, uint64_t objects = 8) {
    VirtualAddress at = kernel.data(0x2000 + 0x100 * links_.size()), text = kernel.data(0x3000 + 0x20 * links_.size());
    for (size_t i = 0; i < name.size(); i++) kernel.put(text + i, uint64_t(static_cast<unsigned char>(name[i])), 1);
    kernel.put(at, "kmem_cache.name", text);
    kernel.put(at, "kmem_cache.size", size);
    kernel.put(at, "kmem_cache.object_size", size);
    kernel.put(at, "kmem_cache.inuse", size);
    kernel.put(at, "kmem_cache.refcount", 1);
    kernel.put(at, "kmem_cache.oo", 1 << 16 | objects);
    kernel.put(at, "kmem_cache.cpu_slab", kernel.data(0x400 + 0x100 * links_.size()));
    links_.push_back(kernel.place(at, "kmem_cache.list"));
    return at;
  }
  VirtualAddress cpu_slab(VirtualAddress cache, int cpu) const { return kernel.data(0x400) + (cache - kernel.data(0x2000)) + 0x40 * uint64_t(cpu); }
  VirtualAddress page(VirtualAddress address) const { return kernel.data(0x1000) + (address - kernel.data()) / 4096 * 64; }
  // Makes the two pages at `memory` a slab.
  void slab(VirtualAddress cache, VirtualAddress memory, uint64_t objects = 8, VirtualAddress freelist = {}) {
    VirtualAddress head = page(memory);
    kernel.put(head, "page.flags", 1 << 9 | 1 << 6);
    kernel.put(head, "slab.slab_cache", cache);
    kernel.put(head, "slab.freelist", freelist);
    kernel.put(head + 24, objects << 16, 4);
    kernel.put(head + 64, "page.compound_head", head.value | 1);
  }
  // Links free objects, whose free pointer is at `offset`, plain.
  void chain(const std::vector<VirtualAddress>& objects, uint64_t offset = 0) {
    for (size_t i = 0; i < objects.size(); i++) kernel.put(objects[i] + offset, i + 1 < objects.size() ? objects[i + 1] : VirtualAddress());
  }
  // The last step: the memory is as it shall be.
  const SlabCaches& caches() {
    if (caches_) return *caches_;
    if (whole_list) {
      links_.insert(links_.begin(), kernel.data(32));
      kernel.ring(links_);
    }
    program_ = &kernel.program();
    cpus_.emplace(*program_);
    return caches_.emplace(*program_, *cpus_);
  }
  const object::Program& program() {
    caches();
    return *program_;
  }

  bool whole_list = true;  // false: the list of caches is as the test left it
  unwind::testing::FakeKernel kernel;

 private:
  std::vector<VirtualAddress> links_;
  const object::Program* program_ = nullptr;
  std::optional<PerCpu> cpus_;
  std::optional<SlabCaches> caches_;
};

}  // namespace inquest::kernel::testing
