#include "dump/kdump_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "base/worker_pool.h"

namespace inquest::dump {

namespace {

constexpr uint64_t kMaxReach = 4096;  // pages looked at to tell how far a hole reaches

const char* const kNoDescriptor = "its descriptor lies behind the end of the file";
const char* const kNoData = "its bytes lie behind the end of the file";

Descriptor read_descriptor(const std::byte* p) {
  return {load_unchecked<uint64_t>(p), load_unchecked<uint32_t>(p + 8), load_unchecked<uint32_t>(p + 12)};
}

}  // namespace

KdumpPart::KdumpPart(std::string where, std::shared_ptr<const FileView> view, KdumpHeader h)
    : path(std::move(where)),
      file(std::move(view)),
      header(std::move(h)),
      dumped(file, header.dumped_start(), header.max_pfn, header.start_pfn) {
  if (header.two_bitmaps) ram.emplace(file, header.bitmap_start(), header.max_pfn);
}

KdumpMemory::KdumpMemory(std::vector<std::unique_ptr<const KdumpPart>> parts, bool check_all)
    : parts_(std::move(parts)),
      block_size_(parts_.front()->header.block_size),
      max_pfn_(parts_.front()->header.max_pfn),
      check_all_(check_all),
      cache_(block_size_) {}

const KdumpPart* KdumpMemory::part_of(uint64_t pfn) const {
  auto it = std::upper_bound(parts_.begin(), parts_.end(), pfn,
                             [](uint64_t v, const auto& p) { return v < p->header.start_pfn; });
  if (it == parts_.begin()) return nullptr;
  --it;
  return pfn < (*it)->header.end_pfn ? it->get() : nullptr;
}

KdumpMemory::Located KdumpMemory::state_of(uint64_t pfn, const KdumpPart& part) const {
  Located l;
  const std::optional<bool> dumped = part.dumped.at(pfn);
  if (dumped && *dumped) {
    l.origin = PageOrigin::kStored;
    return l;
  }
  const std::optional<bool> ram =
      part.ram ? part.ram->at(pfn) : std::optional<bool>(dumped.has_value() ? std::optional(false) : std::nullopt);
  if (ram && !*ram) return l;
  if (dumped && ram) {
    l.origin = PageOrigin::kFiltered;
    return l;
  }
  l.origin = PageOrigin::kLost;
  l.why = "the file ends inside its bitmaps";
  return l;
}

const char* KdumpMemory::refuses(const Descriptor& d, const KdumpPart& part, PageOrigin& origin) const {
  origin = PageOrigin::kLost;
  if (d.offset == 0) return "its descriptor is empty: the dump's writer did not get to it";
  origin = PageOrigin::kCorrupt;
  if (!codec_name(d.flags & kPageCodecs)) return "its descriptor names several codecs";
  if (d.size == 0 || d.size > block_size_) return "its descriptor's size makes no sense";
  if ((d.flags & kPageCodecs) == kPageRaw && d.size != block_size_)
    return "its descriptor says raw, but not a page's size";
  if (d.offset < part.header.descriptors_start()) return "its descriptor points into the headers";
  origin = PageOrigin::kLost;
  if (d.offset > part.file->size() || d.size > part.file->size() - d.offset) return kNoData;
  origin = PageOrigin::kStored;
  return nullptr;
}

KdumpMemory::Located KdumpMemory::locate(uint64_t pfn) const {
  const KdumpPart* part = part_of(pfn);
  Located l = state_of(pfn, part ? *part : *parts_.front());
  if (l.origin != PageOrigin::kStored) return l;
  l.origin = PageOrigin::kLost;
  if (!part) {
    l.why = "its part of the split dump is missing";
    return l;
  }
  const std::optional<uint64_t> index = part->dumped.rank(pfn);
  if (!index) {
    l.why = "the bitmap before it is not whole, so its descriptor cannot be found";
    return l;
  }
  std::byte raw[kDescriptorSize];
  if (!part->file->copy(part->header.descriptors_start() + *index * kDescriptorSize, raw)) {
    l.why = kNoDescriptor;
    return l;
  }
  l.part = part;
  l.descriptor = read_descriptor(raw);
  if (const char* why = refuses(l.descriptor, *part, l.origin)) l.why = why;
  return l;
}

// How many pages from `pfn` on, up to `limit`, have the same two bits, judged 64 at a time.
uint64_t KdumpMemory::same_reach(uint64_t pfn, uint64_t limit) const {
  const KdumpPart* part = part_of(pfn);
  const KdumpPart& p = part ? *part : *parts_.front();
  const uint64_t end = std::min({part ? part->header.end_pfn : pfn + 1, max_pfn_, pfn + std::min(limit, kMaxReach)});
  uint64_t dumped_present = 0, ram_present = 0;
  auto bits_at = [&](uint64_t at, uint64_t& dumped, uint64_t& ram) {
    dumped = p.dumped.word(at / 64, &dumped_present) >> (at % 64);
    ram = p.ram ? p.ram->word(at / 64, &ram_present) >> (at % 64) : 0;
    const uint64_t beyond =
        at / 64 == max_pfn_ / 64 ? ~uint64_t{0} << (max_pfn_ % 64) : 0;  // no pages, so none is absent
    const uint64_t present = (dumped_present & (p.ram ? ram_present : ~uint64_t{0})) | beyond;
    return (present >> (at % 64)) == (~uint64_t{0} >> (at % 64));
  };
  uint64_t dumped = 0, ram = 0, at = pfn;
  if (!bits_at(at, dumped, ram)) return 1;
  const uint64_t want_dumped = dumped & 1 ? ~uint64_t{0} : 0, want_ram = ram & 1 ? ~uint64_t{0} : 0;
  while (at < end) {
    if (!bits_at(at, dumped, ram)) break;
    const uint64_t other = (dumped ^ (want_dumped >> (at % 64))) | (p.ram ? ram ^ (want_ram >> (at % 64)) : 0);
    const uint64_t same = std::min<uint64_t>(uint64_t(std::countr_zero(other)), 64 - at % 64);
    at += same;
    if (at % 64 != 0 || same == 0) break;
  }
  return std::max<uint64_t>(std::min(at, end), pfn + 1) - pfn;
}

Chunk KdumpMemory::chunk(PhysicalAddress address, uint64_t wanted) const {
  const uint64_t pfn = address.value / block_size_, into = address.value % block_size_;
  Chunk c;
  c.size = block_size_ - into;
  if (pfn >= max_pfn_) {
    c.size = std::max<uint64_t>(~uint64_t{0} - address.value, 1);
    return c;
  }
  if (CachedPagePointer hit = cache_.find(pfn)) {
    c.origin = hit->zero ? PageOrigin::kZeroPage : PageOrigin::kStored;
    c.bytes = hit->span().subspan(into);
    c.keep = std::move(hit);
    return c;
  }
  const Located at = locate(pfn);
  if (at.origin == PageOrigin::kStored) return stored_chunk(pfn, into, at);
  c.origin = at.origin;
  c.why = at.why;
  if (wanted > c.size && (c.origin == PageOrigin::kFiltered || c.origin == PageOrigin::kNotRam))
    c.size += (same_reach(pfn, (wanted - c.size) / block_size_ + 2) - 1) * block_size_;
  return c;
}

Chunk KdumpMemory::stored_chunk(uint64_t pfn, uint64_t into, const Located& at) const {
  Chunk c;
  c.size = block_size_ - into;
  const uint32_t codec = at.descriptor.flags & kPageCodecs;
  if (codec == kPageRaw) {
    Bytes page = at.part->file->piece(at.descriptor.offset, block_size_);
    if (page.size() == block_size_) {
      c.origin = all_zero(page) ? PageOrigin::kZeroPage : PageOrigin::kStored;
      c.bytes = page.subspan(into);
      return c;
    }
  }
  std::vector<std::byte> scratch;
  const std::optional<Bytes> stored = at.part->file->gather(at.descriptor.offset, at.descriptor.size, scratch);
  if (!stored) {
    c.origin = PageOrigin::kLost;
    c.why = kNoData;
    return c;
  }
  auto page = std::make_shared<CachedPage>();
  page->bytes.reset(new std::byte[block_size_]);
  page->size = block_size_;
  Result<void> inflated = inflaters_.borrow(pfn)->inflate(codec, *stored, {page->bytes.get(), page->size});
  if (!inflated.ok()) {
    c.origin = PageOrigin::kCorrupt;
    c.why = inflated.error().message();
    return c;
  }
  page->zero = all_zero(page->span());
  CachedPagePointer kept = cache_.keep(pfn, std::move(page));
  c.origin = kept->zero ? PageOrigin::kZeroPage : PageOrigin::kStored;
  c.bytes = kept->span().subspan(into);
  c.keep = std::move(kept);
  return c;
}

// Sparse files leave out long holes; everything else is cut into units of `pages`, a multiple of 64.
std::vector<KdumpMemory::Unit> KdumpMemory::units(uint64_t pages) const {
  std::vector<Unit> all;
  for (const auto& part : parts_) {
    const uint64_t end = part->header.end_pfn;
    uint64_t checked = 0;  // no holes before this page
    for (uint64_t at = part->header.start_pfn; at < end;) {
      const uint64_t next = std::min((at / pages + 1) * pages, end);
      if (at >= checked) {
        const uint64_t data = part->dumped.skip_holes(at);
        if (data >= next) {
          at = std::max(next, data / pages * pages);
          continue;
        }
        checked = at + PageBitmap::kBlockBits;
      }
      all.push_back({part.get(), at, next});
      at = next;
    }
  }
  return all;
}

void KdumpMemory::for_each_dumped(const Unit& unit, const std::function<void(uint64_t, const Descriptor*)>& f) const {
  const KdumpPart& part = *unit.part;
  auto dumped_word = [&](uint64_t index) {
    uint64_t w = part.dumped.word(index);
    if (index * 64 < unit.first) w &= ~uint64_t{0} << (unit.first % 64);
    if (unit.last < (index + 1) * 64) w &= (uint64_t{1} << (unit.last % 64)) - 1;
    return w;
  };
  const uint64_t first_word = unit.first / 64, end_word = (unit.last + 63) / 64;
  uint64_t count = 0;
  for (uint64_t i = first_word; i < end_word; i++) count += uint64_t(std::popcount(dumped_word(i)));
  if (count == 0) return;
  const std::optional<uint64_t> index = part.dumped.rank(unit.first);
  std::vector<std::byte> scratch;
  Bytes table;
  const uint64_t start = part.header.descriptors_start() + index.value_or(0) * kDescriptorSize;
  const bool whole =
      index && (table = part.file->gather(start, count * kDescriptorSize, scratch).value_or(Bytes{}), !table.empty());
  uint64_t n = 0;
  for (uint64_t i = first_word; i < end_word; i++) {
    for (uint64_t w = dumped_word(i); w; w &= w - 1, n++) {
      const uint64_t pfn = i * 64 + uint64_t(std::countr_zero(w));
      std::byte raw[kDescriptorSize];
      const std::byte* at = nullptr;
      if (whole)
        at = table.data() + n * kDescriptorSize;
      else if (index && part.file->copy(start + n * kDescriptorSize, raw))
        at = raw;
      if (!at) {
        f(pfn, nullptr);
        continue;
      }
      const Descriptor d = read_descriptor(at);
      f(pfn, &d);
    }
  }
}

std::vector<PhysicalRange> KdumpMemory::stored_ranges() const {
  std::vector<PhysicalRange> ranges;
  auto add = [&](uint64_t pfn) {
    const uint64_t at = pfn * block_size_;
    if (!ranges.empty() && ranges.back().start.value + ranges.back().size == at)
      ranges.back().size += block_size_;
    else
      ranges.push_back({PhysicalAddress(at), block_size_});
  };
  for (const Unit& unit : units(PageBitmap::kLineBits * 4)) {
    for_each_dumped(unit, [&](uint64_t pfn, const Descriptor* d) {
      PageOrigin origin = PageOrigin::kStored;
      if (d && !refuses(*d, *unit.part, origin)) add(pfn);
    });
  }
  return ranges;
}

// The stretches of the bitmaps that need be read, in pieces: those of a machine of terabytes take hundreds of megabytes, most of it holes in a sparse file.
static std::vector<FileRange> bitmap_pieces(const KdumpPart& part) {
  constexpr uint64_t kPiece = uint64_t{1} << 20;
  std::vector<FileRange> ranges = part.dumped.data(), pieces;
  if (part.ram)
    for (const FileRange& r : part.ram->data()) ranges.push_back(r);
  std::sort(ranges.begin(), ranges.end(), [](const FileRange& a, const FileRange& b) { return a.start < b.start; });
  uint64_t done = 0;
  for (const FileRange& r : ranges) {
    for (uint64_t at = std::max(done, r.start); at < r.end(); at += kPiece) pieces.push_back({at, std::min(kPiece, r.end() - at)});
    done = std::max(done, r.end());
  }
  return pieces;
}

PageCounts KdumpMemory::count_pages() const {
  const KdumpPart& any = *parts_.front();
  std::vector<PageCounts> counts(worker_count());
  // What the bits say, from one part: all carry the bits of the whole dump.
  const uint64_t words = any.dumped.words(), last_bits = any.dumped.size() % 64;
  const std::vector<FileRange> pieces = bitmap_pieces(any);
  parallel_for(pieces.size(), [&](size_t p, unsigned worker) {
    PageCounts& n = counts[worker];
    const FileRange& piece = pieces[p];
    const Bytes bits = any.dumped.whole(piece.start, piece.size), ram_bits = any.ram ? any.ram->whole(piece.start, piece.size) : Bytes();
    if (piece.end() / 8 < words && !bits.empty() && (!any.ram || !ram_bits.empty())) {
      n.stored += count_bits(bits);
      if (any.ram) n.filtered += count_bits_without(ram_bits, bits);
      any.dumped.done_with(piece.start, piece.size);
      if (any.ram) any.ram->done_with(piece.start, piece.size);
      return;
    }
    for (uint64_t i = piece.start / 8; i < std::min(piece.end() / 8, words); i++) {
      uint64_t dumped_present = 0, ram_present = ~uint64_t{0};
      const uint64_t dumped = any.dumped.word(i, &dumped_present);
      const uint64_t ram = any.ram ? any.ram->word(i, &ram_present) : dumped;
      const uint64_t pages = i + 1 == words && last_bits ? (uint64_t{1} << last_bits) - 1 : ~uint64_t{0};
      n.stored += uint64_t(std::popcount(dumped));
      n.filtered += uint64_t(std::popcount(ram & ~dumped & dumped_present));
      n.lost += uint64_t(std::popcount((ram | ~ram_present) & ~dumped & ~(dumped_present & ram_present) & pages));
    }
  });
  PageCounts all;
  for (const PageCounts& n : counts) all.stored += n.stored, all.filtered += n.filtered, all.lost += n.lost;
  if (!check_all_) return all;
  uint64_t there = 0;
  for (const PhysicalRange& r : stored_ranges()) there += r.size / block_size_;
  all.lost += all.stored - std::min(all.stored, there);
  all.stored = there;
  return all;
}

}  // namespace inquest::dump
