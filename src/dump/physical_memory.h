// PhysicalMemory: what a dump holds of the dead machine's memory, by physical address.
//
// No read is trusted: every byte comes with its PageOrigin, and what is not there is an answer, never zeroes.
// Immutable after open; all calls are thread-safe (a sharded cache of inflated pages is inside).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/cursor.h"
#include "base/result.h"

namespace inquest::dump {

enum class PageOrigin {
  kStored,    // in the file
  kZeroPage,  // the file says: this page was all zeroes (makedumpfile -d 1 keeps one copy)
  kFiltered,  // RAM that was left out on purpose (cache, user, free…)
  kLost,      // RAM that should be in the file but lies behind its end, or was never written (incomplete dump)
  kCorrupt,   // in the file, but it does not inflate to a page, or its descriptor is nonsense
  kNotRam,    // no RAM at this address, as far as the file tells
};
const char* name_of(PageOrigin origin);
inline bool has_bytes(PageOrigin o) { return o == PageOrigin::kStored || o == PageOrigin::kZeroPage; }

// The bytes from an address to the end of the stretch that is stored in one piece (the rest of a page, or of an ELF
// segment).
struct Chunk {
  PageOrigin origin = PageOrigin::kNotRam;
  Bytes bytes;        // empty unless has_bytes(origin)
  uint64_t size = 0;  // how far this answer reaches from the address asked for (>= 1), also when bytes is empty
  std::shared_ptr<const void> keep;  // keeps `bytes` alive (null where the file's mapping does)
  std::string why;                   // for kCorrupt and kLost: what was wrong
};

struct PhysicalRange {
  PhysicalAddress start;
  uint64_t size = 0;
};

struct PageCounts {
  uint64_t stored = 0, filtered = 0, lost = 0;  // in pages of block_size()
};

class PhysicalMemory {
 public:
  virtual ~PhysicalMemory() = default;

  // At most `wanted` bytes are needed; fewer may come (call again behind them).
  virtual Chunk chunk(PhysicalAddress address, uint64_t wanted) const = 0;
  // Where bytes are stored, ascending, not overlapping: what a scan of the whole dump visits. May be many.
  virtual std::vector<PhysicalRange> stored_ranges() const = 0;
  // The unit of storage (a page of the *file*; QEMU writes 64K for an arm64 kernel with 4K pages), in bytes.
  virtual uint64_t block_size() const = 0;
  virtual uint64_t end() const = 0;  // one past the highest RAM address the file knows
  virtual PageCounts count_pages() const = 0;

  // Fills `into` completely, or says which address could not be read and why. `origin` (if given) gets kZeroPage if any
  // byte came from a zero page, else kStored.
  Result<void> read(PhysicalAddress address, std::span<std::byte> into, PageOrigin* origin = nullptr) const;
  Result<uint64_t> read_u64(PhysicalAddress address, ByteOrder order = ByteOrder::kLittle) const;

  // Visits everything stored, in pieces of at most a few MB, on `workers` threads (0: all cores); order is undefined. A
  // piece never spans a hole, but a value may straddle two pieces. The bytes are valid during the visit only. `visit`
  // is called by several threads at once. Pages that do not inflate are passed over. Goes around the cache, so a scan
  // does not push out what is in use.
  virtual void scan(const std::function<void(PhysicalAddress, Bytes)>& visit, unsigned workers = 0) const;
};

}  // namespace inquest::dump
