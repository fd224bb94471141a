// DumpRecipe: a dump described by a few lines of text, and written in any format the product reads.
//
//   arch x86_64                   (aarch64)             machine of ELF header, utsname and NT_PRSTATUS
//   block 4096                    page size             version 6 header version       level 31 makedumpfile -d
//   codec zlib                    raw zlib lzo snappy zstd; pages that do not shrink are stored raw, as makedumpfile
//   does end 64                        pages that the bitmaps speak of pattern 0..9                  pages 0 to 8 (last
//   excluded), contents by page number, compressible random 9..12  zero 12..16     incompressible; all zero (level 1:
//   sharing one descriptor's page) text 16 some words            one page that starts with these words filtered 20..30
//   RAM that was left out lost 30..32                   dumped, but with an empty descriptor (ELF: cannot say so, left
//   out) uname Linux host 6.1.0 #1 x86_64 (none)             time 1700000000        status 0x8 (added to the codec's)
//   vmcoreinfo OSRELEASE=6.1.0    a line of the note    eraseinfo erase x
//   cpu 17                        NT_PRSTATUS with this pid; register n holds 0x1000 * (cpu + 1) + n
//   qemu                          QEMU's own note after them, one a CPU
// Everything else of a test is done to the bytes afterwards. Used by tests only.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dump/physical_memory.h"

namespace inquest::dump::testing {

struct PageTruth {
  PageOrigin origin = PageOrigin::kNotRam;
  std::string bytes;  // of a stored page
};

struct DumpRecipe {
  // A mistake in the text ends the test program with a message.
  static DumpRecipe parse(std::string_view text);

  std::string arch = "x86_64", codec = "zlib", vmcoreinfo, eraseinfo;
  std::vector<std::string> uname;
  uint64_t block = 4096, end = 64, time = 0, status = 0;
  int version = 6, level = 0;
  std::vector<int> cpu_pids;
  bool qemu_notes = false;
  std::map<uint64_t, PageTruth> pages;  // what is not here is not RAM

  PageTruth at(uint64_t page) const;

  // The whole dump in one file; and one part of a split set.
  std::string kdump() const { return kdump_part(false, 0, end); }
  std::string kdump_part(bool split, uint64_t first, uint64_t last) const;
  std::string elf() const;
  std::string notes() const;

 private:
  std::string descriptors_and_pages(uint64_t first, uint64_t last, uint64_t data_start) const;
};

// A file as makedumpfile -F writes it: in records of at most `record` bytes, with an end mark. `shuffled`: in another
// order.
std::string flatten(std::string_view file, size_t record, bool shuffled = false);

}  // namespace inquest::dump::testing
