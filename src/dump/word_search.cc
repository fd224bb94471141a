#include "dump/word_search.h"

#include <algorithm>
#include <atomic>
#include <mutex>

namespace inquest::dump {

namespace {

// Four words side by side (GCC and clang: vector extensions), two such in flight.
using Words = uint64_t __attribute__((vector_size(32)));

[[gnu::always_inline]] inline bool any_of_block(const std::byte* at, uint64_t kept, uint64_t wanted) {
  const Words keep = {kept, kept, kept, kept}, want = {wanted, wanted, wanted, wanted};
  Words first = {0, 0, 0, 0}, second = first;
  for (size_t i = 0; i < kMatchBlock; i += 8) {
    Words a, b;
    __builtin_memcpy(&a, at + 8 * i, sizeof a);
    __builtin_memcpy(&b, at + 8 * i + sizeof a, sizeof b);
    first |= Words((a & keep) == want);
    second |= Words((b & keep) == want);
  }
  first |= second;
  return (first[0] | first[1] | first[2] | first[3]) != 0;
}

bool any_plain(const std::byte* at, uint64_t kept, uint64_t wanted) { return any_of_block(at, kept, wanted); }
#if defined(__x86_64__)
__attribute__((target("avx2"))) bool any_avx2(const std::byte* at, uint64_t kept, uint64_t wanted) { return any_of_block(at, kept, wanted); }
#endif

}  // namespace

BlockTest block_test() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return any_avx2;
#endif
  return any_plain;
}

WordHits find_word(const PhysicalMemory& memory, const WordSearch& wanted) {
  WordHits hits;
  std::mutex mutex;
  std::atomic<uint64_t> bytes{0};
  memory.scan(
      [&](PhysicalAddress start, Bytes piece) {
        std::vector<PhysicalAddress> here;
        uint64_t found = 0;
        match_words(piece, wanted.value, wanted.ignored, [&](size_t offset) {
          if (found++ < wanted.most) here.push_back(start + offset);
        });
        bytes.fetch_add(piece.size(), std::memory_order_relaxed);
        if (!found) return;
        std::lock_guard lock(mutex);
        hits.found += found;
        const size_t room = wanted.most - std::min(wanted.most, hits.at.size());
        hits.at.insert(hits.at.end(), here.begin(), here.begin() + ptrdiff_t(std::min(room, here.size())));
      },
      wanted.workers);
  std::sort(hits.at.begin(), hits.at.end());
  hits.bytes = bytes;
  return hits;
}

}  // namespace inquest::dump
