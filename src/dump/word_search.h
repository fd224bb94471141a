// One 64-bit value in every stored page of a dump: the scan behind `search`, on all cores at the speed of unpacking.
//
// Words are looked at where the kernel keeps pointers: at multiples of 8. `mask` bits are ignored. Thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "dump/physical_memory.h"

namespace inquest::dump {

struct WordSearch {
  uint64_t value = 0, ignored = 0;  // bits set in `ignored` may be anything
  size_t most = 1 << 20;            // hits kept
  unsigned workers = 0;             // 0: all cores
};

struct WordHits {
  std::vector<PhysicalAddress> at;  // ascending; not the lowest ones if there were more than `most`
  uint64_t found = 0;               // also those that were not kept
  uint64_t bytes = 0;               // looked at
};

WordHits find_word(const PhysicalMemory& memory, const WordSearch& wanted);

inline constexpr size_t kMatchBlock = 64;  // words looked at without a branch
// Whether one of kMatchBlock words, without the bits not kept, is `wanted`: the fastest this processor can.
using BlockTest = bool (*)(const std::byte* words, uint64_t kept, uint64_t wanted);
BlockTest block_test();

// Calls hit(offset) for each word of `bytes` that matches. The loop alone, for benchmarks and tests.
template <typename Hit>
void match_words(Bytes bytes, uint64_t value, uint64_t ignored, Hit&& hit) {
  const size_t words = bytes.size() / 8;
  const uint64_t kept = ~ignored, wanted = value & kept;
  const BlockTest any_matches = block_test();
  for (size_t i = 0; i < words; i += kMatchBlock) {
    const size_t end = i + kMatchBlock <= words ? i + kMatchBlock : words;
    if (end - i == kMatchBlock && !any_matches(bytes.data() + 8 * i, kept, wanted)) continue;
    for (size_t k = i; k < end; k++)
      if ((load_unchecked<uint64_t>(bytes.data() + 8 * k) & kept) == wanted) hit(8 * k);
  }
}

}  // namespace inquest::dump
