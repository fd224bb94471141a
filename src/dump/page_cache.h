// PageCache: inflated pages, kept as long as there is room.
//
// Bounded by bytes, split into shards by page number, each with its own lock (held for a look-up, never while a
// page is inflated) and its own clock hand: a page read again since the hand last came by gets another round. Two
// threads that miss the same page may both inflate it; the later one's copy is dropped. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/cursor.h"

namespace inquest::dump {

struct CachedPage {
  std::unique_ptr<std::byte[]> bytes;
  size_t size = 0;
  bool zero = false;  // all its bytes are zero
  Bytes span() const { return {bytes.get(), size}; }
};
using CachedPagePointer = std::shared_ptr<const CachedPage>;

class PageCache {
 public:
  static constexpr uint64_t kDefaultBytes = uint64_t{256} << 20;

  // `page_size`: of every page put in.
  explicit PageCache(uint64_t page_size, uint64_t byte_limit = kDefaultBytes);

  CachedPagePointer find(uint64_t page) const;  // null if it is not there
  // Returns the page that is kept: the given one, or the one another thread was first with.
  CachedPagePointer keep(uint64_t page, CachedPagePointer inflated) const;

  uint64_t pages_kept() const;

 private:
  static constexpr size_t kShards = 32;
  struct Slot {
    uint64_t page = 0;
    CachedPagePointer inflated;
    bool used = false;
  };
  struct Shard {
    std::mutex mutex;
    std::unordered_map<uint64_t, uint32_t> index;
    std::vector<Slot> slots;
    size_t hand = 0;
  };
  // Neighbouring pages go to different shards, and so do pages one power of two apart.
  Shard& shard(uint64_t page) const { return shards_[(page * 0x9e3779b97f4a7c15u) >> 59]; }
  static size_t evict(Shard& shard);

  mutable std::vector<Shard> shards_;
  size_t slots_per_shard_;
};

}  // namespace inquest::dump
