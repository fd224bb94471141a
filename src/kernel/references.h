// References: every aligned word of the dump that points into a range of addresses, found in one parallel scan of what is stored.
//
// The scan sees physical memory; each hit is given the one virtual address it is best known by: that of the kernel's image, a module, a stack in
// vmalloc space, a per-CPU area, else the linear map's. Pages of user space are not told apart: a word there looks alike.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "kernel/kernel.h"

namespace inquest::kernel {

struct Reference {
  PhysicalAddress physical;
  VirtualAddress at;          // null: memory the kernel does not map here
  uint64_t value = 0;
};

struct References {
  std::vector<Reference> found;      // by virtual address
  uint64_t bytes_scanned = 0;
  bool limited = false;              // there were more than kMaxReferences
};

inline constexpr size_t kMaxReferences = 20000;

// From physical pages back to the address the kernel uses for what lies there.
class ReverseMap {
 public:
  explicit ReverseMap(const Kernel& kernel);
  std::optional<VirtualAddress> virtual_of(PhysicalAddress physical) const;

 private:
  void add(const Kernel& kernel, VirtualAddress start, uint64_t size);
  std::map<uint64_t, uint64_t> pages_;       // physical page to virtual page: what is mapped besides the linear map
  std::optional<uint64_t> linear_offset_;    // virtual - physical of the linear map
  uint64_t page_size_ = 4096;
};

// Words that hold an address of [low, high).
References find_references(const Kernel& kernel, uint64_t low, uint64_t high);
// Words that are one of a few values, in one scan.
References find_words(const Kernel& kernel, std::vector<uint64_t> values, const ReverseMap& map);

}  // namespace inquest::kernel
