// PageBitmap: one bit a page, and how many bits are set before a page, in constant time.
//
// A kdump file has no index: the descriptor of a page is number rank(page) of its table, and the rank needs every
// bit before it. Bitmaps of a 24 TB machine with 4K pages take 800 MB, so nothing is read at open. In three levels,
// each built when first asked for:
//   - blocks of 2^20 pages (128 KiB of bitmap, 4 GiB of RAM at 4K): how many bits lie before a block. Counted up to the
//     block asked for, never beyond it, by hardware popcount on all cores (memory bandwidth), and
//     holes of a sparse file are jumped over unread. What was counted is given back to the system.
//   - lines of 512 pages within a block: counted when a page of the block is first ranked (8 KiB of counts a block),
//   - at most eight words within a line: counted each time.
// Descriptors' offsets ascend, but they carry no page number, so there is no way to search instead of count.
// Bits are in file order: bit n is bit (n % 8) of byte n / 8. Immutable but for what was counted; thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "dump/file_view.h"

namespace inquest::dump {

// The number of set bits in `bytes`.
uint64_t count_bits(Bytes bytes);
// Those set in `a` and not in `b`, of the same size.
uint64_t count_bits_without(Bytes a, Bytes b);

class PageBitmap {
 public:
  static constexpr uint64_t kBlockBits = uint64_t{1} << 20;
  static constexpr uint64_t kLineBits = 512;

  // The bitmap of `bits` pages at `offset` of the file. Ranks count from page `first` on (a part of a split set).
  PageBitmap(std::shared_ptr<const FileView> file, uint64_t offset, uint64_t bits, uint64_t first = 0);
  ~PageBitmap();
  PageBitmap(const PageBitmap&) = delete;
  PageBitmap& operator=(const PageBitmap&) = delete;

  uint64_t size() const { return bits_; }
  // The page's bit; nothing if the file does not hold it.
  std::optional<bool> at(uint64_t page) const;
  // Set bits in [first, page); nothing if the file does not hold them all.
  std::optional<uint64_t> rank(uint64_t page) const;
  // The bits of the 64 pages from 64 * index on. Those that are not there are 0 and, if asked, not in `present`.
  uint64_t word(uint64_t index, uint64_t* present = nullptr) const;
  uint64_t words() const { return (bits_ + 63) / 64; }
  // The stretches of [from, to), in bytes of the bitmap and whole words, outside of which all bits are zero because the file has a hole there. What
  // lies behind the end of the file is no hole.
  std::vector<FileRange> data(uint64_t from, uint64_t to) const;
  std::vector<FileRange> data() const { return data(0, words() * 8); }
  // Bytes of the bitmap, if they lie in one piece and are all there; else empty.
  Bytes whole(uint64_t start, uint64_t size) const;
  // These bytes will not be read again soon: their memory may be given back.
  void done_with(uint64_t start, uint64_t size) const { file_->done_with(offset_ + start, size); }
  // The first page at or behind `page` whose bits might not all be zero, judged by the holes of a sparse file.
  uint64_t skip_holes(uint64_t page) const;

 private:
  struct Block {
    Bytes bits;                       // of the block, whole or up to the first absent byte
    std::vector<std::byte> own;       // what `bits` points to if the file does not hold them in one piece
    std::vector<uint32_t> line_rank;  // set bits of the block before each line
    uint64_t rank(uint64_t bit) const;
  };
  uint64_t block_bytes(uint64_t block) const;
  std::optional<uint64_t> count_bytes(uint64_t start, uint64_t size) const;  // set bits; nothing if a byte is absent
  const Block& block(uint64_t index) const;
  // Set bits before the block, without regard to `first`; nothing if something before it is absent.
  std::optional<uint64_t> before(uint64_t block) const;
  void count_up_to(uint64_t block) const;
  std::optional<uint64_t> count_before(uint64_t page) const;

  static constexpr uint64_t kAbsent = ~uint64_t{0};

  std::shared_ptr<const FileView> file_;
  uint64_t offset_, bits_, first_, first_block_, block_count_;
  mutable std::vector<std::atomic<const Block*>> blocks_;
  mutable std::mutex counting_;
  // before_[i]: set bits in blocks [first_block_, first_block_ + i); valid for i <= counted_. kAbsent from where bytes
  // are absent.
  mutable std::vector<uint64_t> before_;
  mutable std::atomic<uint64_t> counted_{0};
  mutable std::once_flag first_counted_;
  mutable std::optional<uint64_t> first_rank_;
};

}  // namespace inquest::dump
