#include "dump/page_bitmap.h"

#include <algorithm>
#include <bit>

#include "base/worker_pool.h"

namespace inquest::dump {

namespace {

constexpr uint64_t kBlockBytes = PageBitmap::kBlockBits / 8, kLineBytes = PageBitmap::kLineBits / 8;
constexpr uint64_t kGroupBytes = uint64_t{4} << 20;  // counted by one thread at a time

inline uint64_t count_words_inline(const std::byte* p, size_t words) {
  uint64_t n = 0;
  for (size_t i = 0; i < words; i++) n += uint64_t(std::popcount(load_unchecked<uint64_t>(p + 8 * i)));
  return n;
}

uint64_t count_words_plain(const std::byte* p, size_t words) { return count_words_inline(p, words); }

inline uint64_t word_without(const std::byte* a, const std::byte* b, size_t i) {
  uint64_t x, y;
  __builtin_memcpy(&x, a + 8 * i, sizeof x);
  __builtin_memcpy(&y, b + 8 * i, sizeof y);
  return x & ~y;
}
uint64_t count_without_plain(const std::byte* a, const std::byte* b, size_t words) {
  uint64_t n = 0;
  for (size_t i = 0; i < words; i++) n += uint64_t(std::popcount(word_without(a, b, i)));
  return n;
}
#if defined(__x86_64__)
__attribute__((target("popcnt"))) uint64_t count_without_popcnt(const std::byte* a, const std::byte* b, size_t words) {
  uint64_t n = 0;
  for (size_t i = 0; i < words; i++) {
    uint64_t x, y;
    __builtin_memcpy(&x, a + 8 * i, sizeof x);
    __builtin_memcpy(&y, b + 8 * i, sizeof y);
    n += uint64_t(__builtin_popcountll(x & ~y));
  }
  return n;
}
// The baseline x86-64 has no popcnt instruction; every machine since 2008 has.
__attribute__((target("popcnt"))) uint64_t count_words_popcnt(const std::byte* p, size_t words) {
  uint64_t n = 0;
  for (size_t i = 0; i < words; i++) {
    uint64_t w;
    __builtin_memcpy(&w, p + 8 * i, sizeof w);
    n += uint64_t(__builtin_popcountll(w));
  }
  return n;
}
#endif

uint64_t count_words(const std::byte* p, size_t words) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("popcnt")) return count_words_popcnt(p, words);
#endif
  return count_words_plain(p, words);
}

}  // namespace

uint64_t count_bits(Bytes bytes) {
  uint64_t n = count_words(bytes.data(), bytes.size() / 8);
  for (std::byte b : bytes.subspan(bytes.size() / 8 * 8)) n += uint64_t(std::popcount(std::to_integer<unsigned>(b)));
  return n;
}

uint64_t count_bits_without(Bytes a, Bytes b) {
  const size_t words = a.size() / 8;
  uint64_t n = 0;
#if defined(__x86_64__)
  n = __builtin_cpu_supports("popcnt") ? count_without_popcnt(a.data(), b.data(), words) : count_without_plain(a.data(), b.data(), words);
#else
  n = count_without_plain(a.data(), b.data(), words);
#endif
  for (size_t i = 8 * words; i < a.size(); i++) n += uint64_t(std::popcount(std::to_integer<unsigned>(a[i] & ~b[i])));
  return n;
}

std::vector<FileRange> PageBitmap::data(uint64_t from, uint64_t to) const {
  std::vector<FileRange> ranges;
  auto add = [&](uint64_t start, uint64_t end) {
    start = std::max(from, start / 8 * 8);
    end = std::min(to, (end + 7) / 8 * 8);
    if (!ranges.empty()) start = std::max(start, ranges.back().end());
    if (start < end) ranges.push_back({start, end - start});
  };
  for (uint64_t at = from; at < to;) {
    const FileRange found = file_->next_data(offset_ + at);
    if (found.size == 0 || found.start >= offset_ + to) break;
    add(std::max(found.start, offset_) - offset_, found.end() - offset_);
    at = std::max(at + 1, found.end() - offset_);
  }
  if (file_->size() < offset_ + to) add(file_->size() > offset_ ? file_->size() - offset_ : 0, to);
  return ranges;
}

Bytes PageBitmap::whole(uint64_t start, uint64_t size) const {
  Bytes bytes = file_->piece(offset_ + start, size);
  return bytes.size() == size ? bytes : Bytes();
}

PageBitmap::PageBitmap(std::shared_ptr<const FileView> file, uint64_t offset, uint64_t bits, uint64_t first)
    : file_(std::move(file)),
      offset_(offset),
      bits_(bits),
      first_(std::min(first, bits)),
      first_block_(first_ / kBlockBits),
      block_count_((bits + kBlockBits - 1) / kBlockBits),
      blocks_(block_count_),
      before_(block_count_ - first_block_ + 1) {}

PageBitmap::~PageBitmap() {
  for (std::atomic<const Block*>& b : blocks_) delete b.load(std::memory_order_relaxed);
}

std::optional<bool> PageBitmap::at(uint64_t page) const {
  if (page >= bits_) return std::nullopt;
  Bytes byte = file_->piece(offset_ + page / 8, 1);
  if (byte.empty()) return std::nullopt;
  return (std::to_integer<unsigned>(byte[0]) >> (page % 8) & 1) != 0;
}

uint64_t PageBitmap::word(uint64_t index, uint64_t* present) const {
  if (present) *present = 0;
  if (index >= words()) return 0;
  const uint64_t left = bits_ - index * 64;
  const uint64_t wanted = left >= 64 ? ~uint64_t{0} : (uint64_t{1} << left) - 1;
  Bytes bytes = file_->piece(offset_ + index * 8, 8);
  if (bytes.size() == 8) {
    if (present) *present = wanted;
    return load_unchecked<uint64_t>(bytes.data()) & wanted;
  }
  uint64_t value = 0, there = 0;
  for (unsigned i = 0; i < 8; i++) {
    Bytes one = file_->piece(offset_ + index * 8 + i, 1);
    if (one.empty()) continue;
    value |= std::to_integer<uint64_t>(one[0]) << (8 * i);
    there |= uint64_t{0xff} << (8 * i);
  }
  if (present) *present = there & wanted;
  return value & wanted;
}

uint64_t PageBitmap::skip_holes(uint64_t page) const {
  const FileRange data = file_->next_data(offset_ + page / 8);
  if (data.size == 0) return bits_;
  return std::max(page, (data.start - offset_) * 8);
}

uint64_t PageBitmap::block_bytes(uint64_t index) const {
  const uint64_t all = (bits_ + 7) / 8;
  return std::min(kBlockBytes, all - index * kBlockBytes);
}

// Counts what the file holds of the blocks up to `wanted`, jumping over holes, on all cores; then sums up.
void PageBitmap::count_up_to(uint64_t wanted) const {
  std::lock_guard lock(counting_);
  uint64_t done = counted_.load(std::memory_order_relaxed);
  if (wanted <= done) return;
  struct Piece {
    uint64_t block, start, size;  // bytes of the bitmap
  };
  std::vector<Piece> pieces;
  const uint64_t end = std::min((first_block_ + wanted) * kBlockBytes, (bits_ + 7) / 8);
  for (const FileRange& r : data((first_block_ + done) * kBlockBytes, end))
    for (uint64_t at = r.start; at < r.end();) {
      const uint64_t block = at / kBlockBytes, to = std::min(r.end(), (block + 1) * kBlockBytes);
      pieces.push_back({block - first_block_ - done, at, to - at});
      at = to;
    }
  std::vector<size_t> groups;  // where each begins
  uint64_t in_group = kGroupBytes;
  for (size_t p = 0; p < pieces.size(); p++) {
    if (in_group >= kGroupBytes) groups.push_back(p), in_group = 0;
    in_group += pieces[p].size;
  }
  groups.push_back(pieces.size());
  std::vector<uint64_t> counts(wanted - done, 0);
  std::vector<std::atomic<bool>> absent(wanted - done);
  parallel_for(groups.size() - 1, [&](size_t g, unsigned) {
    for (size_t p = groups[g]; p < groups[g + 1]; p++) {
      const std::optional<uint64_t> n = count_bytes(pieces[p].start, pieces[p].size);
      if (!n) absent[pieces[p].block].store(true, std::memory_order_relaxed);
      std::atomic_ref(counts[pieces[p].block]).fetch_add(n.value_or(0), std::memory_order_relaxed);
      if (groups.size() > 2) done_with(pieces[p].start, pieces[p].size);
    }
  });
  for (uint64_t i = done; i < wanted; i++) before_[i + 1] = before_[i] == kAbsent || absent[i - done] ? kAbsent : before_[i] + counts[i - done];
  counted_.store(wanted, std::memory_order_release);
}

std::optional<uint64_t> PageBitmap::count_bytes(uint64_t start, uint64_t size) const {
  uint64_t n = 0;
  for (uint64_t done = 0; done < size;) {
    Bytes part = file_->piece(offset_ + start + done, size - done);
    if (part.empty()) return std::nullopt;
    n += count_bits(part);
    done += part.size();
  }
  return n;
}

std::optional<uint64_t> PageBitmap::before(uint64_t index) const {
  const uint64_t i = index - first_block_;
  if (counted_.load(std::memory_order_acquire) < i) count_up_to(i);
  return before_[i] == kAbsent ? std::nullopt : std::optional(before_[i]);
}

uint64_t PageBitmap::Block::rank(uint64_t bit) const {
  const uint64_t line = bit / kLineBits;
  uint64_t n = line_rank[line];
  uint64_t at = line * kLineBytes;
  const uint64_t words = bit / 64 - line * (kLineBits / 64);
  n += count_words(bits.data() + at, words);
  at += words * 8;
  for (uint64_t left = bit % 64; left > 0; at++) {
    const uint64_t take = std::min<uint64_t>(left, 8);
    n += uint64_t(std::popcount(std::to_integer<unsigned>(bits[at]) & ((1u << take) - 1)));
    left -= take;
  }
  return n;
}

const PageBitmap::Block& PageBitmap::block(uint64_t index) const {
  if (const Block* made = blocks_[index].load(std::memory_order_acquire)) return *made;
  auto b = std::make_unique<Block>();
  const uint64_t start = offset_ + index * kBlockBytes, size = block_bytes(index);
  b->bits = file_->piece(start, size);
  if (b->bits.size() < size && !file_->absent(start + b->bits.size())) {
    for (uint64_t done = 0; done < size;) {
      Bytes part = file_->piece(start + done, size - done);
      if (part.empty()) break;
      b->own.insert(b->own.end(), part.begin(), part.end());
      done += part.size();
    }
    b->bits = b->own;
  }
  uint32_t n = 0;
  for (uint64_t at = 0; at <= b->bits.size(); at += kLineBytes) {
    b->line_rank.push_back(n);
    n += uint32_t(count_bits(b->bits.subspan(at, std::min(kLineBytes, b->bits.size() - at))));
  }
  const Block* expected = nullptr;
  if (blocks_[index].compare_exchange_strong(expected, b.get(), std::memory_order_acq_rel)) return *b.release();
  return *expected;  // another thread was first
}

std::optional<uint64_t> PageBitmap::count_before(uint64_t page) const {
  const uint64_t index = std::min(page / kBlockBits, block_count_ - 1);
  std::optional<uint64_t> n = before(index);
  if (!n) return std::nullopt;
  const uint64_t bit = page - index * kBlockBits;
  if (bit == 0) return n;
  const Block& b = block(index);
  if (bit > b.bits.size() * 8) return std::nullopt;
  return *n + b.rank(bit);
}

std::optional<uint64_t> PageBitmap::rank(uint64_t page) const {
  if (page > bits_ || page < first_) return std::nullopt;
  if (bits_ == 0) return 0;
  std::call_once(first_counted_, [&] {
    first_rank_ = first_ == first_block_ * kBlockBits ? std::optional<uint64_t>(0) : count_before(first_);
  });
  std::optional<uint64_t> n = count_before(page);
  if (!n || !first_rank_) return std::nullopt;
  return *n - *first_rank_;
}

}  // namespace inquest::dump
