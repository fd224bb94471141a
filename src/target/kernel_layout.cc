#include "target/kernel_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace inquest::target {

namespace {

// arch/x86/include/asm/page_64_types.h: __START_KERNEL_map; the image lies in the 1 or 2 GB behind it.
constexpr uint64_t kX86ImageMap = 0xffffffff80000000;

arch::ReadWord word_reader(const dump::PhysicalMemory& memory) {
  return [&memory](PhysicalAddress at) { return memory.read_u64(at); };
}

std::optional<uint64_t> first_symbol(const Vmcoreinfo& note, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (auto v = note.symbol(name)) return v;
  return std::nullopt;
}
std::optional<uint64_t> first_link(const LinkSymbol& link, std::initializer_list<const char*> names) {
  if (!link) return std::nullopt;
  for (const char* name : names)
    if (auto v = link(name)) return v;
  return std::nullopt;
}

// KERNELOFFSET is in the note since 3.14 (x86) and 4.13 (arm64); without it, two names of one place tell.
void settle_kaslr(KernelLayout& layout, const LinkSymbol& link) {
  const Vmcoreinfo& note = layout.identity.vmcoreinfo;
  auto run = note.symbol("_stext");
  auto linked = first_link(link, {"_stext"});
  if (run && linked) {
    layout.kaslr_offset = *run - *linked;
    layout.how.push_back(fmt::format("KASLR offset {:#x}: SYMBOL(_stext) less vmlinux's _stext", *layout.kaslr_offset));
  } else if (auto offset = note.hex("KERNELOFFSET")) {
    layout.kaslr_offset = *offset;
    layout.how.push_back(fmt::format("KASLR offset {:#x}: KERNELOFFSET of VMCOREINFO", *offset));
  }
}

Result<void> locate_x86_by_note(KernelLayout& layout) {
  const Vmcoreinfo& note = layout.identity.vmcoreinfo;
  auto table = first_symbol(note, {"init_top_pgt", "init_level4_pgt", "swapper_pg_dir"});
  if (!table) return Error(ErrorCode::kNotFound, "VMCOREINFO names no page table (init_top_pgt, swapper_pg_dir)");
  auto phys_base = note.number("phys_base");
  if (!phys_base) return Error(ErrorCode::kNotFound, "VMCOREINFO has no NUMBER(phys_base)");
  layout.format.arch = arch::ArchId::kX86_64;
  layout.format.page_shift = 12;
  layout.format.virtual_bits = note.number("pgtable_l5_enabled").value_or(0) == 1 ? 57 : 48;
  layout.format.ignored_bits = uint64_t(note.number("sme_mask").value_or(0));
  layout.image_voffset = kX86ImageMap - uint64_t(*phys_base);
  layout.root = PhysicalAddress(*table - *layout.image_voffset);
  layout.how.push_back(fmt::format("page tables at physical {:#x}, {} levels: VMCOREINFO", layout.root.value, layout.format.levels()));
  return {};
}

unsigned shift_of(uint64_t size) {
  unsigned shift = 0;
  while (size > 1) size >>= 1, shift++;
  return shift;
}

// Documentation/admin-guide/kdump/vmcoreinfo.rst, arm64. 64K tables serve 48 and 52 bits alike when walked from the full table
// (arch/arm64/include/asm/pgtable-hwdef.h: TTBR1_BADDR_4852_OFFSET only skips its unused head); the smaller pages fold a level.
Result<void> locate_arm64_by_note(KernelLayout& layout) {
  const Vmcoreinfo& note = layout.identity.vmcoreinfo;
  auto table = first_symbol(note, {"swapper_pg_dir"});
  auto voffset = note.number("kimage_voffset");
  if (!voffset) voffset = note.hex("NUMBER(kimage_voffset)");
  if (!table || !voffset) return Error(ErrorCode::kNotFound, "VMCOREINFO lacks SYMBOL(swapper_pg_dir) or NUMBER(kimage_voffset)");
  uint64_t page = uint64_t(4096);
  if (auto text = note.text("PAGESIZE")) page = strtoull(text->c_str(), nullptr, 10);
  if (page != 4096 && page != 16384 && page != 65536)
    return Error(ErrorCode::kCorrupt, fmt::format("VMCOREINFO says PAGESIZE={}", page));
  unsigned bits = unsigned(note.number("VA_BITS").value_or(48));
  if (auto t1sz = note.number("TCR_EL1_T1SZ"); t1sz && page != 65536 && *t1sz > 0 && *t1sz < 48) bits = unsigned(64 - *t1sz);
  if (bits < 36 || bits > 52) return Error(ErrorCode::kCorrupt, fmt::format("VMCOREINFO says that virtual addresses have {} bits", bits));
  layout.format.arch = arch::ArchId::kAarch64;
  layout.format.page_shift = shift_of(page);
  layout.format.virtual_bits = bits;
  bool wide = note.number("MAX_PHYSMEM_BITS").value_or(48) == 52;
  layout.format.wide_physical = page == 65536 ? wide : bits == 52;
  layout.image_voffset = uint64_t(*voffset);
  layout.root = PhysicalAddress(*table - *layout.image_voffset);
  layout.pac_mask = note.hex("KERNELPACMASK").value_or(0);
  layout.how.push_back(fmt::format("page tables at physical {:#x}, {}K pages, {}-bit addresses: VMCOREINFO", layout.root.value, page / 1024, bits));
  return {};
}

// The executable mapping of a physical address: the image, not its alias in the linear map (which is never executable).
std::optional<VirtualAddress> image_address(const arch::PageTableFormat& format, PhysicalAddress root, PhysicalAddress text,
                                            VirtualAddress from, VirtualAddress to, const arch::ReadWord& read) {
  std::optional<VirtualAddress> found;
  auto walked = arch::for_each_mapping(format, root, from, to, read, [&](const arch::Mapping& m) {
    if (!m.executable || text < m.physical_start || text - m.physical_start >= m.size) return true;
    found = m.virtual_start + (text - m.physical_start);
    return false;
  });
  if (!walked.ok()) return std::nullopt;
  return found;
}

struct Attempt {
  arch::PageTableFormat format;
  VirtualAddress from, to;
};

// Documentation/arm64/booting.rst: the image header's flags tell the page size; its magic is "ARM\x64" at 56.
std::vector<Attempt> arm64_attempts(const dump::PhysicalMemory& memory, PhysicalAddress text) {
  std::vector<unsigned> shifts = {12, 16, 14};
  auto magic = memory.read_u64(text + 56), flags = memory.read_u64(text + 24);
  if (magic.ok() && uint32_t(*magic) == 0x644d5241 && flags.ok()) {
    unsigned code = unsigned(*flags >> 1 & 3);
    if (code) shifts = {code == 1 ? 12u : code == 2 ? 14u : 16u};
  }
  std::vector<Attempt> attempts;
  for (unsigned shift : shifts)
    for (unsigned bits : {48u, 39u, 42u, 47u, 52u, 36u}) {
      if (shift == 12 && (bits == 42 || bits == 47 || bits == 36)) continue;
      if (shift == 14 && (bits == 39 || bits == 42)) continue;
      if (shift == 16 && (bits == 39 || bits == 47 || bits == 36)) continue;
      arch::PageTableFormat f{arch::ArchId::kAarch64, shift, bits, bits == 52, 0};
      attempts.push_back({f, VirtualAddress(~uint64_t{0} << bits), VirtualAddress(~uint64_t{0})});
    }
  return attempts;
}

std::vector<Attempt> x86_attempts() {
  std::vector<Attempt> attempts;
  for (unsigned bits : {48u, 57u})
    attempts.push_back({{arch::ArchId::kX86_64, 12, bits, false, 0}, VirtualAddress(kX86ImageMap), VirtualAddress(0xffffffffc0000000)});
  return attempts;
}

Result<void> locate_by_banner(KernelLayout& layout, const dump::PhysicalMemory& memory, const LinkSymbol& link) {
  auto banner = first_link(link, {"linux_banner"}), text = first_link(link, {"_text", "_stext"});
  auto table = first_link(link, {"init_top_pgt", "init_level4_pgt", "swapper_pg_dir"});
  if (!layout.identity.banner_at || !banner || !text || !table)
    return Error(ErrorCode::kNotFound,
                 fmt::format("the dump has no VMCOREINFO; finding its kernel ({}) needs the vmlinux it ran: give it with -d", layout.identity.release));
  PhysicalAddress text_at = *layout.identity.banner_at - (*banner - *text);
  PhysicalAddress root = text_at + (*table - *text);
  bool x86 = layout.identity.arch->id == arch::ArchId::kX86_64;
  for (const Attempt& attempt : x86 ? x86_attempts() : arm64_attempts(memory, text_at)) {
    auto at = image_address(attempt.format, root, text_at, attempt.from, attempt.to, word_reader(memory));
    if (!at) continue;
    layout.format = attempt.format;
    layout.root = root;
    layout.kaslr_offset = at->value - *text;
    layout.image_voffset = at->value - text_at.value;
    layout.how.push_back(fmt::format("kernel image at physical {:#x}, virtual {:#x}: its banner in memory and its own page tables (KASLR offset {:#x})",
                                     text_at.value, at->value, *layout.kaslr_offset));
    return {};
  }
  return Error(ErrorCode::kNotFound, fmt::format("the page tables of {} were not found where its vmlinux says", layout.identity.release));
}

// The claim is tested where it can be: the place of _stext (or of the banner) must be mapped, to memory the dump has.
Result<void> check(const KernelLayout& layout, const dump::PhysicalMemory& memory, const LinkSymbol& link) {
  std::optional<uint64_t> probe = layout.identity.vmcoreinfo.symbol("_stext");
  if (!probe && layout.kaslr_offset)
    if (auto text = first_link(link, {"_stext", "_text"})) probe = *text + *layout.kaslr_offset;
  if (!probe) return {};
  auto mapped = arch::translate(layout.format, layout.root, VirtualAddress(*probe), word_reader(memory));
  if (!mapped.ok()) return std::move(mapped).error().in(fmt::format("page tables at physical {:#x} do not map the kernel's code at {:#x}", layout.root.value, *probe));
  return {};
}

}  // namespace

Result<KernelLayout> locate(const dump::Dump& dump, KernelIdentity identity, const LinkSymbol& link, LossLedger& ledger) {
  KernelLayout layout;
  layout.identity = std::move(identity);
  Result<void> found = Error(ErrorCode::kNotFound, "no VMCOREINFO");
  if (!layout.identity.vmcoreinfo.empty()) {
    bool x86 = layout.identity.arch->id == arch::ArchId::kX86_64;
    found = x86 ? locate_x86_by_note(layout) : locate_arm64_by_note(layout);
    if (found.ok()) settle_kaslr(layout, link);
    if (found.ok()) found = check(layout, dump.memory(), link);
  }
  if (!found.ok() && layout.identity.banner_at) found = locate_by_banner(layout, dump.memory(), link);
  if (!found.ok()) return std::move(found).error().in("locating the kernel");
  if (layout.format.arch == arch::ArchId::kAarch64 && !layout.pac_mask)
    layout.pac_mask = (~uint64_t{0} << layout.format.virtual_bits) & ~(uint64_t{1} << 55);
  if (layout.identity.how != "VMCOREINFO note") ledger.add(Loss::kNoVmcoreinfo, "found by " + layout.identity.how);
  return layout;
}

}  // namespace inquest::target
