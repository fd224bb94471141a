#include "kernel/slab_usage.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernel/kernel_view.h"

namespace inquest::kernel {

namespace {

constexpr uint64_t kMaxNodes = 1024, kMaxOrder = 11;
constexpr unsigned kOrderShift = 16;  // OO_SHIFT

}  // namespace

std::vector<SlabUsage> slab_usage(const object::Program& program, const SlabCaches& caches) {
  std::vector<SlabUsage> all;
  KernelView view(program);
  auto node = view.offset("kmem_cache", "node");
  auto slabs = view.field("kmem_cache_node", "nr_slabs"), objects = view.field("kmem_cache_node", "total_objects");
  auto order = view.field("kmem_cache", "oo");
  auto size = program.size_of("kmem_cache");
  if (!node || !slabs || !order || !size.ok() || *size <= *node) return all;
  // A cache's own descriptor is cut behind the nodes the machine can have (mm/slab_common.c: create_boot_cache, offsetof(node, nr_node_ids)).
  uint64_t nodes = std::min({(*size - *node) / 8, kMaxNodes, view.variable("nr_node_ids", 4).value_or(1)}), page = program.layout().format.page_size();
  for (const SlabCache& cache : caches.caches()) {
    SlabUsage use;
    use.cache = &cache;
    auto oo = view.read(cache.address, *order).maybe();
    if (!oo || (*oo >> kOrderShift & 0xffff) > kMaxOrder) continue;
    uint64_t slab_bytes = page << (*oo >> kOrderShift & 0xffff), most = program.dump().memory().end() / slab_bytes;
    for (uint64_t n = 0; n < nodes; n++) {
      auto at = view.memory().read_pointer(cache.address + (*node + 8 * n));
      if (at.ok() && at->is_null()) continue;
      auto count = at.ok() ? view.read(*at, *slabs) : Result<uint64_t>(at.error());
      if (!count.ok()) {
        program.ledger().add(Loss::kMemoryUnreadable, fmt::format("what slab cache {} has on node {}: {}", cache.name, n, count.error().message()));
        continue;
      }
      if (*count > most) {
        program.ledger().add(Loss::kMemoryWrong, fmt::format("slab cache {} claims {} slabs on node {}: there is no memory for so many", cache.name, *count, n));
        continue;
      }
      use.slabs += *count;
      if (objects) use.objects += view.read(*at, *objects).maybe().value_or(0);
    }
    use.bytes = use.slabs * slab_bytes;
    all.push_back(use);
  }
  std::sort(all.begin(), all.end(), [](const SlabUsage& a, const SlabUsage& b) { return a.bytes > b.bytes; });
  return all;
}

}  // namespace inquest::kernel
