#include "debuginfo/index/hash.h"

#include <bit>

namespace inquest::debuginfo::index {

uint64_t hash_block(Bytes bytes, uint64_t seed) {
  constexpr uint64_t kPrimes[4] = {0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb, 0xd6e8feb86659fd93};
  uint64_t lanes[4] = {seed + 1, seed + 2, seed + 3, seed + 4};
  const std::byte* p = bytes.data();
  size_t left = bytes.size();
  {
    uint64_t a = lanes[0], b = lanes[1], c = lanes[2], d = lanes[3];  // in registers
    // Each step maps a lane one to one, so that no single damaged word goes unseen.
    auto step = [](uint64_t& lane, const std::byte* at, uint64_t prime) {
      uint64_t word;
      std::memcpy(&word, at, 8);
      lane = std::rotl((lane ^ word) * prime, 29);
    };
    for (; left >= 32; left -= 32, p += 32) {
      step(a, p, kPrimes[0]);
      step(b, p + 8, kPrimes[1]);
      step(c, p + 16, kPrimes[2]);
      step(d, p + 24, kPrimes[3]);
    }
    lanes[0] = a, lanes[1] = b, lanes[2] = c, lanes[3] = d;
  }
  uint64_t rest[4] = {};
  if (left) std::memcpy(rest, p, left);
  uint64_t hash = bytes.size();
  for (int i = 0; i < 4; i++) hash = mix(hash ^ lanes[i] ^ rest[i], kPrimes[i]) + lanes[i];
  return hash;
}

}  // namespace inquest::debuginfo::index
