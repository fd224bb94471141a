// Hashes of the index: of names (32 bits, for buckets) and of whole blocks (64 bits, against damage, not against an
// enemy).
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/cursor.h"

namespace inquest::debuginfo::index {

inline uint64_t mix(uint64_t a, uint64_t b) {
  unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return uint64_t(product) ^ uint64_t(product >> 64);
}

inline uint32_t hash_name(std::string_view name) {
  constexpr uint64_t kA = 0x9e3779b97f4a7c15, kB = 0xbf58476d1ce4e5b9;
  uint64_t hash = name.size() * kA;
  const char* p = name.data();
  size_t left = name.size();
  for (; left >= 8; left -= 8, p += 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    hash = mix(hash ^ word, kB);
  }
  uint64_t word = 0;
  if (left) std::memcpy(&word, p, left);
  return uint32_t(mix(hash ^ word, kA) >> 16);
}

// Four independent lanes, so that it runs at the speed of memory.
uint64_t hash_block(Bytes bytes, uint64_t seed = 0);

}  // namespace inquest::debuginfo::index
