// Scanning a kdump-compressed dump: unit by unit on all cores, around the cache, into a buffer of each thread.
#include <algorithm>
#include <bit>
#include <cstring>

#include "base/worker_pool.h"
#include "dump/kdump_memory.h"

namespace inquest::dump {

namespace {
constexpr uint64_t kUnitBytes = uint64_t{8} << 20;     // memory worked on at a time
constexpr uint64_t kBatchBytes = uint64_t{256} << 10;  // inflated before it is visited: fits the second-level cache
constexpr uint64_t kRawBytes = uint64_t{4} << 20;      // raw pages shown in one piece
}  // namespace

// One thread's state: a batch of neighbouring pages, either inflated into the buffer or lying raw in the file.
class KdumpMemory::Scanner {
 public:
  Scanner(uint64_t block_size, const std::function<void(PhysicalAddress, Bytes)>& visit)
      : block_size_(block_size), visit_(visit), buffer_(std::max(kBatchBytes, block_size)) {}

  void add(uint64_t pfn, const Descriptor& d, const KdumpPart& part) {
    const uint32_t codec = d.flags & kPageCodecs;
    if (codec == kPageRaw) {
      Bytes raw = part.file->piece(d.offset, block_size_);
      if (raw.size() == block_size_) return add_raw(pfn, raw);
    }
    if (!inflated_follows(pfn)) flush();
    std::span<std::byte> page(buffer_.data() + filled_, block_size_);
    // makedumpfile -d 1 keeps one page of zeroes that many descriptors share.
    if (zero_of_ == &part && d.offset == zero_offset_ && d.size == zero_size_) {
      std::memset(page.data(), 0, page.size());
    } else {
      std::optional<Bytes> stored = part.file->gather(d.offset, d.size, scratch_);
      if (!stored || !inflater_.inflate(codec, *stored, page).ok()) return;
      if (all_zero(page)) zero_of_ = &part, zero_offset_ = d.offset, zero_size_ = d.size;
    }
    if (filled_ == 0) first_ = pfn;
    filled_ += block_size_;
    if (filled_ + block_size_ > buffer_.size()) flush();
  }

  void flush() {
    if (filled_) visit_(PhysicalAddress(first_ * block_size_), Bytes(buffer_).first(filled_));
    if (!raw_.empty()) visit_(PhysicalAddress(first_ * block_size_), raw_);
    filled_ = 0;
    raw_ = {};
  }

 private:
  bool inflated_follows(uint64_t pfn) const {
    return raw_.empty() && (filled_ == 0 || first_ + filled_ / block_size_ == pfn);
  }

  void add_raw(uint64_t pfn, Bytes page) {
    const bool follows =
        !raw_.empty() && raw_.data() + raw_.size() == page.data() && first_ + raw_.size() / block_size_ == pfn;
    if (follows && raw_.size() < kRawBytes) {
      raw_ = Bytes(raw_.data(), raw_.size() + page.size());
      return;
    }
    flush();
    first_ = pfn;
    raw_ = page;
  }

  uint64_t block_size_;
  const std::function<void(PhysicalAddress, Bytes)>& visit_;
  PageInflater inflater_;
  std::vector<std::byte> buffer_, scratch_;
  uint64_t first_ = 0, filled_ = 0;
  Bytes raw_;
  const KdumpPart* zero_of_ = nullptr;
  uint64_t zero_offset_ = 0;
  uint32_t zero_size_ = 0;
};

void KdumpMemory::scan(const std::function<void(PhysicalAddress, Bytes)>& visit, unsigned workers) const {
  const uint64_t pages = std::max<uint64_t>(64, std::bit_floor(kUnitBytes / block_size_));
  const std::vector<Unit> all = units(pages);
  std::vector<std::unique_ptr<Scanner>> scanners(worker_count(workers));
  for (auto& s : scanners) s = std::make_unique<Scanner>(block_size_, visit);
  parallel_for(
      all.size(),
      [&](size_t i, unsigned worker) {
        const Unit& unit = all[i];
        Scanner& scanner = *scanners[worker];
        uint64_t from = ~uint64_t{0}, to = 0;
        for_each_dumped(unit, [&](uint64_t pfn, const Descriptor* d) {
          PageOrigin origin = PageOrigin::kStored;
          if (!d || refuses(*d, *unit.part, origin)) return;
          from = std::min(from, d->offset);
          to = std::max(to, d->offset + d->size);
          scanner.add(pfn, *d, *unit.part);
        });
        scanner.flush();
        // The shared page of zeroes lies far before the others; a range that it stretches is not given back.
        if (to > from && to - from < 2 * kUnitBytes) unit.part->file->done_with(from, to - from);
      },
      workers);
}

}  // namespace inquest::dump
