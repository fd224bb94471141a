// Page tables: virtual to physical, by walking tables read through a callback.
//
// x86_64: 4 and 5 levels, 1 GB / 2 MB / 4 KB pages, the SME/SEV encryption bit masked, protection-none
// inverted entries treated as not present (Intel SDM vol. 3A, 4.5). aarch64: stage 1, TTBR1 half, 4/16/64 KB
// granules, 36 to 52-bit VA, 48 and 52-bit PA (64K: bits 15:12; LPA2: bits 9:8) (Arm ARM D8.2, D8.3).
// Errors: kUnreadable (a table is not in the dump: says which level and where), kNotFound (not mapped: says which
// level), kCorrupt (a reserved form).
#pragma once

#include <cstdint>
#include <functional>

#include "arch/arch.h"
#include "base/address.h"
#include "base/result.h"

namespace inquest::arch {

struct PageTableFormat {
  ArchId arch = ArchId::kX86_64;
  unsigned page_shift = 12;  // 12, 14 or 16
  // x86_64: 48 or 57. aarch64: 36..52, of the kernel's (TTBR1) half, and such that the root has one entry for each
  // 2^(levels above) of them: swapper_pg_dir is laid out for the VA_BITS the kernel was *built* with, so 64K kernels of
  // 52 bits take 52 here also on 48-bit hardware (arch/arm64/include/asm/pgtable-hwdef.h, PTRS_PER_PGD).
  unsigned virtual_bits = 48;
  bool wide_physical = false;  // aarch64: 52-bit output addresses (64K LPA or LPA2) are in use
  uint64_t ignored_bits = 0;   // x86_64: the memory encryption bit, to mask out of entries
  bool user_half = false;      // aarch64: the root is a task's pgd (TTBR0), which maps the lower half only

  unsigned levels() const;  // of tables, e.g. 4
  uint64_t page_size() const { return uint64_t{1} << page_shift; }
  // Whether an address is one the kernel's root can map at all (canonical, upper half).
  bool is_kernel_address(VirtualAddress address) const;
};

struct Mapping {
  VirtualAddress virtual_start;
  PhysicalAddress physical_start;
  uint64_t size = 0;  // of the page or block that maps it
  bool writable = false, executable = false, user = false;
};

using ReadWord = std::function<Result<uint64_t>(PhysicalAddress)>;

// The page that maps `address`. `root` is the physical address of the top table (x86_64 CR3 / init_top_pgt, aarch64
// swapper_pg_dir).
Result<Mapping> translate(const PageTableFormat& format, PhysicalAddress root, VirtualAddress address,
                          const ReadWord& read);

// Calls visit(mapping) for every mapped page or block whose start lies in [from, to), in ascending order, until it
// returns false. Tables that cannot be read are passed over and counted in the answer. Gives up with kLimit after
// `max_tables` tables, or as many words as that many 4K tables hold.
Result<uint64_t> for_each_mapping(const PageTableFormat& format, PhysicalAddress root, VirtualAddress from,
                                  VirtualAddress to, const ReadWord& read,
                                  const std::function<bool(const Mapping&)>& visit, uint64_t max_tables = 1 << 20);

}  // namespace inquest::arch
