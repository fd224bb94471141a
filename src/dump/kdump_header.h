// The headers of a kdump-compressed file, versions 1 to 6, 64-bit little-endian.
//
// In units of block_size: block 0 disk_dump_header, then sub_blocks blocks of kdump_sub_header, then bitmap_blocks
// blocks of bitmaps, then the page descriptors. Offsets in makedumpfile's diskdump_mod.h on LP64:
//   disk_dump_header  0 signature "KDUMP   ", 8 header_version, 12 new_utsname 6 x 65, 408 timeval, 424 status, 428
//   block_size,
//                     432 sub_hdr_size, 436 bitmap_blocks, 440 max_mapnr (32 bits), 460 nr_cpus
//   kdump_sub_header  0 phys_base, v1: 8 dump_level, v2: 12 split, 16 start_pfn, 24 end_pfn, v3: 32 offset_vmcoreinfo,
//   40 size,
//                     v4: 48 offset_note, 56 size, v5: 64 offset_eraseinfo, 72 size, v6: 80 start_pfn_64, 88
//                     end_pfn_64, 96 max_mapnr_64
// All are claims of the file; what they mean is checked where they are used. A plain value.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "dump/file_view.h"

namespace inquest::dump {

inline constexpr uint32_t kStatusIncomplete = 0x8;
inline constexpr uint64_t kDescriptorSize = 24;  // {u64 offset, u32 size, u32 flags, u64 page_flags}

struct KdumpHeader {
  int version = 0;
  std::array<std::string, 6> uts;
  uint64_t seconds = 0;  // timestamp
  uint32_t status = 0, max_mapnr_32 = 0;
  uint64_t block_size = 0, sub_blocks = 0, bitmap_blocks = 0;
  uint64_t phys_base = 0;
  std::optional<int> dump_level;
  bool split = false;
  uint64_t start_pfn = 0, end_pfn = 0;     // of this part, if split
  FileRange vmcoreinfo, notes, eraseinfo;  // in the file; size 0: none

  uint64_t max_pfn = 0;      // pages the dump speaks of: what max_mapnr says, no more than the bitmaps can hold
  bool two_bitmaps = false;  // RAM and dumped; else one, of what is dumped

  uint64_t bitmap_start() const { return (1 + sub_blocks) * block_size; }
  uint64_t bitmap_bytes() const { return bitmap_blocks * block_size; }
  uint64_t dumped_start() const { return bitmap_start() + (two_bitmaps ? bitmap_bytes() / 2 : 0); }
  uint64_t descriptors_start() const { return bitmap_start() + bitmap_bytes(); }
};

// Errors: kNotMine, kUnsupported (32-bit, big-endian), kTruncated, kCorrupt.
Result<KdumpHeader> read_kdump_header(const FileView& file);
bool has_kdump_signature(const FileView& file);

}  // namespace inquest::dump
