// PageMap: from an address of the linear map to its struct page, and what the page is.
//
// SPARSEMEM only (with or without vmemmap): every x86_64 and aarch64 kernel of the last decade. A section's section_mem_map is the address
// its first struct page would have for page frame 0, plus flags (include/linux/mmzone.h, sparse_encode_mem_map), so no formula of
// VMEMMAP_START, which changed many times, is needed.
#pragma once

#include <optional>
#include <string>

#include "kernel/kernel_view.h"

namespace inquest::kernel {

class PageMap {
 public:
  explicit PageMap(const KernelView& view);

  // "" if it works, else why not.
  const std::string& problem() const { return problem_; }
  Result<uint64_t> frame_of(VirtualAddress address) const;         // by the page tables
  Result<VirtualAddress> page_of_frame(uint64_t frame) const;
  std::optional<uint64_t> frame_of_page(VirtualAddress page, uint64_t near_frame) const;
  Result<VirtualAddress> head_of(VirtualAddress page) const;       // of a compound page; the page itself if it is none
  Result<bool> is_slab(VirtualAddress head) const;
  uint64_t page_struct_size() const { return page_size_; }

 private:
  std::optional<uint64_t> map_base(uint64_t frame) const;
  std::optional<uint64_t> section_entry(uint64_t section) const;

  KernelView view_;
  std::string problem_;
  uint64_t page_size_ = 0;                      // sizeof(struct page)
  std::optional<uint64_t> flat_base_;           // vmemmap_base, where it exists
  std::optional<uint64_t> sections_;            // mem_section: its first level
  bool sections_are_pointers_ = false;
  uint64_t section_bits_ = 27, section_size_ = 0, sections_per_root_ = 1;
  std::optional<Field> section_map_, compound_head_, flags_, page_type_;
  std::optional<int64_t> slab_flag_, slab_type_;  // bit of page->flags; value in page->page_type
  enum class TypeForm { kNone, kMask, kTopByte } type_form_ = TypeForm::kNone;
};

}  // namespace inquest::kernel
