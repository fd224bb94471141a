#include "dump/page_bitmap.h"

#include <algorithm>
#include <bit>

#include "base/worker_pool.h"

namespace inquest::dump {

namespace {

constexpr uint64_t kBlockBytes = PageBitmap::kBlockBits / 8, kLineBytes = PageBitmap::kLineBits / 8;
constexpr uint64_t kGroup = 32;  // blocks counted by one thread at a time: 4 MiB

inline uint64_t count_words_inline(const std::byte* p, size_t words) {
  uint64_t n = 0;
  for (size_t i = 0; i < words; i++) n += uint64_t(std::popcount(load_unchecked<uint64_t>(p + 8 * i)));
  return n;
}

uint64_t count_words_plain(const std::byte* p, size_t words) { return count_words_inline(p, words); }
#if defined(__x86_64__)
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

uint64_t PageBitmap::count_block(uint64_t index) const {
  uint64_t n = 0;
  const uint64_t start = offset_ + index * kBlockBytes;
  for (uint64_t done = 0, size = block_bytes(index); done < size;) {
    Bytes part = file_->piece(start + done, size - done);
    if (part.empty()) return kAbsent;
    n += count_bits(part);
    done += part.size();
  }
  return n;
}

// Counts in groups, skipping groups that lie in a hole of the file, then sums up.
void PageBitmap::count_up_to(uint64_t wanted) const {
  std::lock_guard lock(counting_);
  uint64_t done = counted_.load(std::memory_order_relaxed);
  if (wanted <= done) return;
  std::vector<uint64_t> counts(wanted - done, 0), groups;
  FileRange data;  // what is known of the file's holes
  for (uint64_t i = done; i < wanted; i += kGroup) {
    const uint64_t start = offset_ + (first_block_ + i) * kBlockBytes;
    const uint64_t end = start + std::min(kGroup, wanted - i) * kBlockBytes;
    if (start >= data.end()) {
      data = file_->next_data(start);
      if (data.size == 0) data = {start, file_->size() > start ? file_->size() - start : 0};
    }
    // A group behind the end of the file is no hole: counting it finds its bytes absent.
    if (data.start < end || end > file_->size()) groups.push_back(i);
  }
  parallel_for(groups.size(), [&](size_t g, unsigned) {
    const uint64_t from = groups[g], to = std::min(from + kGroup, wanted);
    for (uint64_t i = from; i < to; i++) counts[i - done] = count_block(first_block_ + i);
    if (groups.size() > 1) file_->done_with(offset_ + (first_block_ + from) * kBlockBytes, (to - from) * kBlockBytes);
  });
  for (uint64_t i = done; i < wanted; i++) {
    const uint64_t n = counts[i - done];
    before_[i + 1] = before_[i] == kAbsent || n == kAbsent ? kAbsent : before_[i] + n;
  }
  counted_.store(wanted, std::memory_order_release);
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
