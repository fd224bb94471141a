// Page codecs: how one page was packed, and unpacking it again.
//
// The numbers are the descriptor flags of kdump-compressed files (makedumpfile's diskdump_mod.h). A page must inflate
// to exactly its size. zlib streams carry a checksum, which is verified; lzo and snappy do not, so damage that still
// unpacks to a page cannot be seen there; zstd as makedumpfile writes it has none either.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "base/cursor.h"
#include "base/result.h"

namespace inquest::dump {

inline constexpr uint32_t kPageRaw = 0, kPageZlib = 1, kPageLzo = 2, kPageSnappy = 4, kPageZstd = 0x20;
inline constexpr uint32_t kPageCodecs = kPageZlib | kPageLzo | kPageSnappy | kPageZstd;

// "zlib", "lzo", "snappy", "zstd", "" for raw; nullptr for flags that name none or several.
const char* codec_name(uint32_t flags);

// The state that unpacking needs, reused from page to page. One thread at a time.
class PageInflater {
 public:
  PageInflater();
  ~PageInflater();
  PageInflater(const PageInflater&) = delete;
  PageInflater& operator=(const PageInflater&) = delete;

  // Fills `page`, or says why not (kCorrupt, kUnsupported for unknown flags).
  Result<void> inflate(uint32_t flags, Bytes stored, std::span<std::byte> page);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Inflaters to borrow, as many as threads ever asked at once. Thread-safe; split over several locks.
class InflaterPool {
 public:
  class Loan {
   public:
    Loan(InflaterPool& pool, size_t slot, std::unique_ptr<PageInflater> inflater)
        : pool_(pool), slot_(slot), inflater_(std::move(inflater)) {}
    ~Loan();
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    PageInflater* operator->() const { return inflater_.get(); }

   private:
    InflaterPool& pool_;
    size_t slot_;
    std::unique_ptr<PageInflater> inflater_;
  };
  // `key` spreads the borrowers: any number that differs between pages.
  Loan borrow(uint64_t key);

 private:
  static constexpr size_t kSlots = 16;
  struct Slot {
    std::mutex mutex;
    std::vector<std::unique_ptr<PageInflater>> idle;
  };
  Slot slots_[kSlots];
};

// Whether all bytes are zero.
bool all_zero(Bytes bytes);

}  // namespace inquest::dump
