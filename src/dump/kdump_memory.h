// KdumpMemory: the memory of a kdump-compressed dump, of one file or the parts of a split set.
//
// A page's bits say what it is: RAM and dumped = stored, RAM and not dumped = filtered, neither = not RAM. A stored
// page's descriptor is number rank(page) of its part's table. A descriptor of offset 0 was never written (lost), and
// what lies behind the end of the file is lost. Raw pages are given as they lie in the file, others inflated and
// cached.
#pragma once

#include <optional>

#include "dump/kdump_header.h"
#include "dump/page_bitmap.h"
#include "dump/page_cache.h"
#include "dump/page_codec.h"
#include "dump/physical_memory.h"

namespace inquest::dump {

struct KdumpPart {
  KdumpPart(std::string path, std::shared_ptr<const FileView> file, KdumpHeader header);

  std::string path;
  std::shared_ptr<const FileView> file;
  KdumpHeader header;
  PageBitmap dumped;
  std::optional<PageBitmap> ram;  // absent in files with one bitmap
};

// A page's descriptor, as read.
struct Descriptor {
  uint64_t offset = 0;
  uint32_t size = 0, flags = 0;
};

class KdumpMemory : public PhysicalMemory {
 public:
  // At least one part, sorted by start_pfn, disjoint, all of one dump. `check_all`: some pages may be lost (an
  // incomplete or truncated dump), so counts and ranges look at every descriptor.
  KdumpMemory(std::vector<std::unique_ptr<const KdumpPart>> parts, bool check_all);

  Chunk chunk(PhysicalAddress address, uint64_t wanted) const override;
  std::vector<PhysicalRange> stored_ranges() const override;
  uint64_t block_size() const override { return block_size_; }
  uint64_t end() const override { return max_pfn_ * block_size_; }
  PageCounts count_pages() const override;
  void scan(const std::function<void(PhysicalAddress, Bytes)>& visit, unsigned workers) const override;

 private:
  struct Located {
    PageOrigin origin = PageOrigin::kNotRam;
    const KdumpPart* part = nullptr;
    Descriptor descriptor;
    const char* why = "";
  };
  // A stretch of pages that is worked on by one thread at a time.
  struct Unit {
    const KdumpPart* part;
    uint64_t first, last;  // pages [first, last)
  };
  class Scanner;

  const KdumpPart* part_of(uint64_t pfn) const;
  Located locate(uint64_t pfn) const;
  // Why a descriptor may not be followed, with the page's origin; null if it may.
  const char* refuses(const Descriptor& d, const KdumpPart& part, PageOrigin& origin) const;
  Located state_of(uint64_t pfn, const KdumpPart& part) const;
  Chunk stored_chunk(uint64_t pfn, uint64_t into, const Located& at) const;
  uint64_t same_reach(uint64_t pfn, uint64_t limit) const;
  std::vector<Unit> units(uint64_t pages) const;
  // Calls f(pfn, descriptor or null) for each dumped page of the unit, as far as its descriptors can be found.
  void for_each_dumped(const Unit& unit, const std::function<void(uint64_t, const Descriptor*)>& f) const;

  std::vector<std::unique_ptr<const KdumpPart>> parts_;
  uint64_t block_size_, max_pfn_;
  bool check_all_;
  PageCache cache_;
  mutable InflaterPool inflaters_;
};

}  // namespace inquest::dump
