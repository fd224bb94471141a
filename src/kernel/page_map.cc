#include "kernel/page_map.h"

#include <fmt/format.h>

namespace inquest::kernel {

namespace {

// section_mem_map's low bits are flags, SECTION_MAP_LAST_BIT of them (3 to 7 by 6.12); the address is aligned far beyond a page.
constexpr uint64_t kSectionFlags = 0xfff, kSectionHasMemMap = 2;
constexpr uint64_t kPageTypeBase = 0xf0000000;  // include/linux/page-flags.h, 4.18 to 6.11

}  // namespace

PageMap::PageMap(const KernelView& view) : view_(view) {
  const target::Vmcoreinfo& note = view.program().layout().identity.vmcoreinfo;
  page_size_ = view.size_of("page").value_or(0);
  if (page_size_ < 32 || page_size_ > 512) {
    problem_ = "the size of struct page is not known";
    return;
  }
  flat_base_ = view.variable("vmemmap_base");  // x86_64 since 4.10 (25dfe4785332), with CONFIG_RANDOMIZE_MEMORY or 5 levels
  section_map_ = view.field("mem_section", "section_mem_map");
  section_size_ = view.size_of("mem_section").value_or(0);
  // SECTION_SIZE_BITS is a macro: in VMCOREINFO; x86_64: 27 (arch/x86/include/asm/sparsemem.h); arm64: 30 before 5.12 (f0b13ee23241), then
  // 27, or 29 with 64K pages.
  bool arm64 = view.memory().format().arch == arch::ArchId::kAarch64;
  uint64_t usual = !arm64 ? 27 : view.memory().format().page_shift == 16 ? 29 : 27;
  section_bits_ = uint64_t(note.number("SECTION_SIZE_BITS").value_or(int64_t(usual)));
  if (section_bits_ < view.memory().format().page_shift || section_bits_ > 40) section_bits_ = usual;
  if (auto at = view.symbol("mem_section"); at && section_map_ && section_size_) {
    // SPARSEMEM_EXTREME: a pointer to an array of pointers to arrays of one page since 4.15 (83e3c48729d9), the array of pointers itself before.
    const object::Type* type = view.variable_type("mem_section");
    bool allocated = !type || type->is_pointer();
    auto first = view.memory().read_u64(*at);
    sections_ = at->value;
    sections_are_pointers_ = true;
    if (allocated && first.ok() && *first) sections_ = *first;
    // CONFIG_SPARSEMEM without EXTREME: struct mem_section mem_section[][SECTIONS_PER_ROOT].
    if (type && type->stripped()->kind() == object::TypeKind::kArray && type->stripped()->target() && !type->stripped()->target()->is_pointer())
      sections_are_pointers_ = false;
    sections_per_root_ = std::max<uint64_t>(1, view.memory().format().page_size() / section_size_);
  }
  if (!flat_base_ && !sections_) problem_ = "neither vmemmap_base nor mem_section is known";
  compound_head_ = view.field("page", "compound_head");
  flags_ = view.field("page", "flags");
  if (flags_) flags_->size = 8;  // a struct of one word since 6.18 (memdesc_flags_t)
  page_type_ = view.field("page", "page_type");
  // PG_slab is a bit of page->flags until 6.9, of page->page_type in 6.10 and 6.11 (46df8e73a4a3), a value in its top byte since 6.12 (4ffca5a96678).
  if (auto value = view.enumerator("PGTY_slab")) {
    slab_type_ = value;
    type_form_ = TypeForm::kTopByte;
  } else if (auto bit = view.enumerator("PG_slab"); bit && *bit >= 64) {
    slab_type_ = bit;
    type_form_ = TypeForm::kMask;
  } else {
    slab_flag_ = bit ? bit : note.number("PG_slab");
  }
}

Result<uint64_t> PageMap::frame_of(VirtualAddress address) const {
  TRY(PhysicalAddress physical, view_.memory().translate(address));
  return physical.value >> view_.memory().format().page_shift;
}

std::optional<uint64_t> PageMap::section_entry(uint64_t section) const {
  uint64_t size = section_size_;
  if (!sections_are_pointers_) return view_.memory().read_u64(VirtualAddress(*sections_ + section * size) + section_map_->offset).maybe();
  auto root = view_.memory().read_u64(VirtualAddress(*sections_ + 8 * (section / sections_per_root_)));
  if (!root.ok() || !*root) return std::nullopt;
  return view_.memory().read_u64(VirtualAddress(*root + section % sections_per_root_ * size) + section_map_->offset).maybe();
}

std::optional<uint64_t> PageMap::map_base(uint64_t frame) const {
  if (flat_base_) return flat_base_;
  if (!sections_) return std::nullopt;
  auto entry = section_entry(frame >> (section_bits_ - view_.memory().format().page_shift));
  if (!entry || !(*entry & kSectionHasMemMap)) return std::nullopt;
  return *entry & ~kSectionFlags;
}

Result<VirtualAddress> PageMap::page_of_frame(uint64_t frame) const {
  if (!problem_.empty()) return Error(ErrorCode::kNotFound, problem_);
  auto base = map_base(frame);
  if (!base) return Error(ErrorCode::kNotFound, fmt::format("no memory section has page frame {:#x}", frame));
  return VirtualAddress(*base + frame * page_size_);
}

std::optional<uint64_t> PageMap::frame_of_page(VirtualAddress page, uint64_t near_frame) const {
  auto base = map_base(near_frame);
  if (!base || (page.value - *base) % page_size_) return std::nullopt;
  return (page.value - *base) / page_size_;
}

// page->compound_head: bit 0 set in a tail, with the head's address, since 4.4 (1d798ca3f164).
Result<VirtualAddress> PageMap::head_of(VirtualAddress page) const {
  if (!compound_head_) return Error(ErrorCode::kNotFound, "this kernel has no page.compound_head");
  TRY(uint64_t head, view_.memory().read_u64(page + compound_head_->offset));
  return head & 1 ? VirtualAddress(head - 1) : page;
}

Result<bool> PageMap::is_slab(VirtualAddress head) const {
  if (type_form_ != TypeForm::kNone) {
    if (!page_type_) return Error(ErrorCode::kNotFound, "this kernel has no page.page_type");
    TRY(uint64_t type, view_.memory().read_unsigned(head + page_type_->offset, 4));
    if (type_form_ == TypeForm::kTopByte) return int64_t(type >> 24) == *slab_type_;
    return (type & (kPageTypeBase | uint64_t(*slab_type_))) == kPageTypeBase;
  }
  if (!slab_flag_ || !flags_ || *slab_flag_ < 0 || *slab_flag_ > 63) return Error(ErrorCode::kNotFound, "PG_slab is not known");
  TRY(uint64_t flags, view_.read(head, *flags_));
  return (flags >> *slab_flag_ & 1) != 0;
}

}  // namespace inquest::kernel
