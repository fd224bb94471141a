#include "dump/page_cache.h"

#include <algorithm>

namespace inquest::dump {

PageCache::PageCache(uint64_t page_size, uint64_t byte_limit)
    : shards_(kShards),
      slots_per_shard_(size_t(std::max<uint64_t>(byte_limit / kShards / std::max<uint64_t>(page_size, 1), 1))) {}

CachedPagePointer PageCache::find(uint64_t page) const {
  Shard& s = shard(page);
  std::lock_guard lock(s.mutex);
  auto it = s.index.find(page);
  if (it == s.index.end()) return nullptr;
  Slot& slot = s.slots[it->second];
  slot.used = true;
  return slot.inflated;
}

size_t PageCache::evict(Shard& s) {
  // At most one round clears every mark, so the second round ends at its first step.
  for (;; s.hand = (s.hand + 1) % s.slots.size()) {
    Slot& slot = s.slots[s.hand];
    if (slot.used) {
      slot.used = false;
      continue;
    }
    const size_t at = s.hand;
    s.index.erase(slot.page);
    s.hand = (s.hand + 1) % s.slots.size();
    return at;
  }
}

CachedPagePointer PageCache::keep(uint64_t page, CachedPagePointer inflated) const {
  Shard& s = shard(page);
  CachedPagePointer dropped;  // freed when the lock is gone
  std::lock_guard lock(s.mutex);
  if (auto it = s.index.find(page); it != s.index.end()) return s.slots[it->second].inflated;
  size_t at = s.slots.size();
  if (at < slots_per_shard_)
    s.slots.emplace_back();
  else
    at = evict(s);
  dropped = std::move(s.slots[at].inflated);
  s.slots[at] = Slot{page, inflated, false};
  s.index.emplace(page, uint32_t(at));
  return inflated;
}

uint64_t PageCache::pages_kept() const {
  uint64_t n = 0;
  for (Shard& s : shards_) {
    std::lock_guard lock(s.mutex);
    n += s.index.size();
  }
  return n;
}

}  // namespace inquest::dump
