#include "debuginfo/index/hash.h"

namespace inquest::debuginfo::index {

uint64_t hash_block(Bytes bytes, uint64_t seed) {
  constexpr uint64_t kPrimes[4] = {0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb, 0xd6e8feb86659fd93};
  uint64_t lanes[4] = {seed + 1, seed + 2, seed + 3, seed + 4};
  const std::byte* p = bytes.data();
  size_t left = bytes.size();
  for (; left >= 32; left -= 32, p += 32) {
    uint64_t words[4];
    std::memcpy(words, p, 32);
    for (int i = 0; i < 4; i++) lanes[i] = mix(lanes[i] ^ words[i], kPrimes[i]) + words[i];
  }
  uint64_t rest[4] = {};
  if (left) std::memcpy(rest, p, left);
  uint64_t hash = bytes.size();
  for (int i = 0; i < 4; i++) hash = mix(hash ^ lanes[i] ^ rest[i], kPrimes[i]) + lanes[i];
  return hash;
}

}  // namespace inquest::debuginfo::index
