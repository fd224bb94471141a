// ElfMemory: the memory of an ELF vmcore: PT_LOAD segments by physical address, zero-copy.
//
// What of a segment is in the file (p_filesz) is stored, the rest up to p_memsz was filtered, what the file should hold
// but does not is lost. Segments may overlap (x86_64 kernels list their own image beside the RAM range that holds it):
// stored wins over filtered.
#pragma once

#include "dump/extents.h"
#include "dump/file_view.h"
#include "dump/physical_memory.h"

namespace inquest::dump {

class ElfMemory : public PhysicalMemory {
 public:
  // `extents`: physical ranges, their target the file offset; rank kStoredRank or kFilteredRank.
  static constexpr uint32_t kFilteredRank = 0, kStoredRank = 1;
  ElfMemory(std::shared_ptr<const FileView> file, std::vector<Extent> extents);

  Chunk chunk(PhysicalAddress address, uint64_t wanted) const override;
  std::vector<PhysicalRange> stored_ranges() const override;
  uint64_t block_size() const override { return kBlockSize; }
  uint64_t end() const override { return extents_.empty() ? 0 : extents_.back().end(); }
  PageCounts count_pages() const override;
  void scan(const std::function<void(PhysicalAddress, Bytes)>& visit, unsigned workers) const override;

 private:
  static constexpr uint64_t kBlockSize = 4096;  // ELF has none; counts are in 4K
  std::shared_ptr<const FileView> file_;
  std::vector<Extent> extents_;
};

}  // namespace inquest::dump
