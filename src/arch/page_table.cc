#include "arch/page_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

namespace inquest::arch {

namespace {

constexpr uint64_t bits(unsigned high, unsigned low) {
  return (high == 63 ? ~uint64_t{0} : (uint64_t{1} << (high + 1)) - 1) & ~((uint64_t{1} << low) - 1);
}
constexpr bool bit(uint64_t value, unsigned number) { return value >> number & 1; }

// What an entry of a table is.
struct Entry {
  enum class Kind { kAbsent, kTable, kLeaf, kReserved } kind = Kind::kAbsent;
  uint64_t address = 0;
  bool writable = true, executable = true, user = true;  // of a table: what it allows below it
};

// Heights count from the leaves: 0 = tables whose entries map pages.
struct Geometry {
  unsigned page_shift, index_bits, levels, virtual_bits;
  unsigned shift(unsigned height) const { return page_shift + height * index_bits; }
  uint64_t span(unsigned height) const { return uint64_t{1} << shift(height); }
  // The top table of some aarch64 geometries has fewer (or, never, more) entries than a page holds.
  uint64_t entries(unsigned height) const {
    unsigned top_bits = virtual_bits - shift(height);
    return uint64_t{1} << (height + 1 == levels ? top_bits : index_bits);
  }
  uint64_t index(uint64_t address, unsigned height) const { return address >> shift(height) & (entries(height) - 1); }
};

Geometry geometry(const PageTableFormat& format) {
  return {format.page_shift, format.page_shift - 3, format.levels(), format.virtual_bits};
}

Result<void> check(const PageTableFormat& format) {
  bool good = format.arch == ArchId::kX86_64
                  ? format.page_shift == 12 && (format.virtual_bits == 48 || format.virtual_bits == 57)
                  : (format.page_shift == 12 || format.page_shift == 14 || format.page_shift == 16) &&
                        format.virtual_bits >= 36 && format.virtual_bits <= 52;
  if (good) return {};
  return Error(ErrorCode::kUnsupported,
               fmt::format("page tables of {}-bit addresses with {}-byte pages", format.virtual_bits,
                           format.page_shift < 64 ? format.page_size() : 0));
}

// Intel SDM vol. 3A, 4.5.4 (tables 4-14 to 4-20): P 0, R/W 1, U/S 2, PS 7, XD 63.
Entry decode_x86(const PageTableFormat& format, uint64_t raw, unsigned height) {
  Entry entry;
  // A cleared present bit ends it, whatever else is set: PROT_NONE pages keep bit 8 and, since the L1TF
  // mitigation (kernel commit 6b28baca9b1f, 4.19), an inverted frame number, that would name a wrong page.
  if (!bit(raw, 0)) return entry;
  entry.writable = bit(raw, 1);
  entry.user = bit(raw, 2);
  entry.executable = !bit(raw, 63);
  bool large = height > 0 && bit(raw, 7);
  if (large && height > 2) {
    entry.kind = Entry::Kind::kReserved;
    return entry;
  }
  bool leaf = height == 0 || large;
  entry.kind = leaf ? Entry::Kind::kLeaf : Entry::Kind::kTable;
  // Bit 12 of a large page is PAT, so its address starts at the page's own size.
  entry.address = raw & bits(51, leaf ? 12 + 9 * height : 12) & ~format.ignored_bits;
  return entry;
}

// The output address of a descriptor. Arm ARM D8.3.1: with 64K granules and 52-bit addresses bits 51:48 are in 15:12;
// with LPA2 (DS=1, 4K and 16K) bits 51:50 are in 9:8 and bits 49:48 in place.
uint64_t output_address(const PageTableFormat& format, uint64_t raw, unsigned low) {
  if (!format.wide_physical) return raw & bits(47, low);
  if (format.page_shift == 16) return (raw & bits(47, low)) | (raw >> 12 & 0xf) << 48;
  return (raw & bits(49, low)) | (raw >> 8 & 3) << 50;
}

// Whether a block may be here (Arm ARM D8.3.1, table of block descriptors by granule).
bool block_allowed(const PageTableFormat& format, unsigned height) {
  if (height == 1) return true;
  if (height == 2) return format.page_shift == 12 || format.wide_physical;
  return height == 3 && format.page_shift == 12 && format.wide_physical;
}

// Arm ARM D8.3.2: valid 0, table/page 1, AP 7:6, DBM 51, PXN 53, UXN 54; of tables PXNTable 59, APTable 62:61.
Entry decode_a64(const PageTableFormat& format, uint64_t raw, unsigned height) {
  Entry entry;
  if (!bit(raw, 0)) return entry;
  bool second = bit(raw, 1);
  if (height > 0 && second) {
    entry.kind = Entry::Kind::kTable;
    entry.address = output_address(format, raw, format.page_shift);
    entry.writable = !bit(raw, 62);
    entry.user = !bit(raw, 61);
    entry.executable = !bit(raw, 59);
    return entry;
  }
  if (height == 0 ? !second : !block_allowed(format, height)) {
    entry.kind = Entry::Kind::kReserved;
    return entry;
  }
  entry.kind = Entry::Kind::kLeaf;
  entry.address = output_address(format, raw, geometry(format).shift(height));
  // Linux keeps PTE_WRITE in DBM: a clean writable page is read-only with DBM set (arch/arm64/include/asm/pgtable.h).
  entry.writable = !bit(raw, 7) || bit(raw, 51);
  entry.user = bit(raw, 6);
  entry.executable = !bit(raw, 53);
  return entry;
}

Entry decode(const PageTableFormat& format, uint64_t raw, unsigned height) {
  return format.arch == ArchId::kX86_64 ? decode_x86(format, raw, height) : decode_a64(format, raw, height);
}

// Rights narrow on the way down: each table allows at most what those above it allow.
Entry narrowed(const Entry& entry, const Entry& above) {
  Entry result = entry;
  result.writable &= above.writable;
  result.user &= above.user;
  result.executable &= above.executable;
  return result;
}

// The level's number as the manuals say it: x86 PTE = 1 upwards, aarch64 last = 3 downwards.
std::string level_name(const PageTableFormat& format, unsigned height) {
  if (format.arch == ArchId::kAarch64) return fmt::format("level {}", 3 - int(height));
  static constexpr const char* kNames[] = {"PTE", "PMD", "PUD", "P4D", "PGD"};
  return format.levels() == 4 && height == 3 ? "PGD" : kNames[height];
}

Mapping mapping_of(const Entry& entry, uint64_t start, uint64_t size) {
  Mapping mapping;
  mapping.virtual_start = VirtualAddress(start);
  mapping.physical_start = PhysicalAddress(entry.address);
  mapping.size = size;
  mapping.writable = entry.writable;
  mapping.executable = entry.executable;
  mapping.user = entry.user;
  return mapping;
}

uint64_t root_address(const PageTableFormat& format, PhysicalAddress root) {
  // CR3 carries a PCID or cache control in its low bits (SDM 4.5.2).
  return format.arch == ArchId::kX86_64 ? root.value & bits(51, 12) & ~format.ignored_bits : root.value & ~uint64_t{7};
}

bool reachable(const PageTableFormat& format, uint64_t address) {
  uint64_t top = bits(63, format.virtual_bits);
  if (format.arch == ArchId::kAarch64) return (address & top) == (format.user_half ? 0 : top);
  uint64_t sign = bits(63, format.virtual_bits - 1);
  return (address & sign) == 0 || (address & sign) == sign;
}

constexpr uint64_t kWordsPerTable = 512;

// The state of one for_each_mapping().
class Walk {
 public:
  Walk(const PageTableFormat& format, uint64_t from, uint64_t last, const ReadWord& read,
       const std::function<bool(const Mapping&)>& visit, uint64_t max_tables)
      : format_(format),
        shape_(geometry(format)),
        from_(from),
        last_(last),
        read_(read),
        visit_(visit),
        max_tables_(max_tables) {}

  // Visits what the table maps of [from, last]; `base` is the first virtual address the table covers.
  void table(uint64_t address, unsigned height, uint64_t base, const Entry& above) {
    if (++tables_ > max_tables_) {
      limit_ = true;
      return;
    }
    uint64_t span = shape_.span(height);
    uint64_t first = from_ > base ? (from_ - base) >> shape_.shift(height) : 0;
    for (uint64_t i = first; i < shape_.entries(height) && !stopped(); i++) {
      uint64_t start = base + i * span;
      if (start > last_) return;
      // Tables that point at themselves would be read over and over: the limit is on words, too.
      if (++words_ > kWordsPerTable * max_tables_) limit_ = true;
      Result<uint64_t> raw = read_(PhysicalAddress(address + 8 * i));
      if (!raw.ok()) {
        unreadable_++;  // tables lie in one page: what failed here fails for the rest
        return;
      }
      if (*raw) entry(narrowed(decode(format_, *raw, height), above), height, start);
    }
  }

  bool limit() const { return limit_; }
  uint64_t unreadable() const { return unreadable_; }

 private:
  bool stopped() const { return stop_ || limit_; }

  void entry(const Entry& entry, unsigned height, uint64_t start) {
    if (entry.kind == Entry::Kind::kTable) table(entry.address, height - 1, start, entry);
    if (entry.kind == Entry::Kind::kLeaf && start >= from_ && !visit_(mapping_of(entry, start, shape_.span(height))))
      stop_ = true;
  }

  const PageTableFormat& format_;
  Geometry shape_;
  uint64_t from_, last_;
  const ReadWord& read_;
  const std::function<bool(const Mapping&)>& visit_;
  uint64_t max_tables_, tables_ = 0, words_ = 0, unreadable_ = 0;
  bool stop_ = false, limit_ = false;
};

}  // namespace

unsigned PageTableFormat::levels() const {
  if (page_shift <= 3 || virtual_bits <= page_shift) return 0;
  unsigned index_bits = page_shift - 3;
  return (virtual_bits - page_shift + index_bits - 1) / index_bits;
}

bool PageTableFormat::is_kernel_address(VirtualAddress address) const {
  if (virtual_bits == 0 || virtual_bits > 63) return false;
  // x86_64 halves the canonical space; aarch64's TTBR1 half has virtual_bits of its own.
  uint64_t top = bits(63, arch == ArchId::kX86_64 ? virtual_bits - 1 : virtual_bits);
  return (address.value & top) == top;
}

Result<Mapping> translate(const PageTableFormat& format, PhysicalAddress root, VirtualAddress address,
                          const ReadWord& read) {
  TRY_VOID(check(format));
  if (!reachable(format, address.value)) {
    return Error(ErrorCode::kNotFound, fmt::format("{:#x} is outside the {}-bit address space of these page tables",
                                                   address.value, format.virtual_bits));
  }
  Geometry shape = geometry(format);
  uint64_t table = root_address(format, root);
  Entry entry;
  for (unsigned height = shape.levels; height-- > 0;) {
    PhysicalAddress slot(table + 8 * shape.index(address.value, height));
    TRY(uint64_t raw, read(slot).in(fmt::format("{} table of {:#x}", level_name(format, height), address.value)));
    entry = narrowed(decode(format, raw, height), entry);
    switch (entry.kind) {
      case Entry::Kind::kAbsent:
        return Error(ErrorCode::kNotFound, fmt::format("{:#x} is not mapped: the {} entry at physical {:#x} is {:#x}",
                                                       address.value, level_name(format, height), slot.value, raw));
      case Entry::Kind::kReserved:
        return Error(ErrorCode::kCorrupt, fmt::format("{} entry {:#x} at physical {:#x} has a reserved form",
                                                      level_name(format, height), raw, slot.value));
      case Entry::Kind::kLeaf: return mapping_of(entry, address.value & ~(shape.span(height) - 1), shape.span(height));
      case Entry::Kind::kTable: table = entry.address; break;
    }
  }
  return Error(ErrorCode::kCorrupt, "page tables without a last level");
}

Result<uint64_t> for_each_mapping(const PageTableFormat& format, PhysicalAddress root, VirtualAddress from,
                                  VirtualAddress to, const ReadWord& read,
                                  const std::function<bool(const Mapping&)>& visit, uint64_t max_tables) {
  TRY_VOID(check(format));
  if (from >= to) return uint64_t{0};
  Geometry shape = geometry(format);
  uint64_t space = bits(format.virtual_bits - 1, 0);
  uint64_t last = to.value - 1;
  uint64_t address = root_address(format, root);
  uint64_t unreadable = 0;
  bool go_on = true;
  auto visit_and_note = std::function<bool(const Mapping&)>([&](const Mapping& m) { return go_on = visit(m); });
  // x86_64's root maps both canonical halves, and the first index of the upper is in the middle of the table: two
  // walks.
  struct Half {
    uint64_t base, first, last;
  };
  std::vector<Half> halves;
  if (format.arch == ArchId::kX86_64) {
    uint64_t half = space >> 1;
    halves = {{0, 0, half}, {~space, ~half, ~uint64_t{0}}};
  } else if (format.user_half) {
    halves = {{0, 0, space}};
  } else {
    halves = {{~space, ~space, ~uint64_t{0}}};
  }
  for (const Half& half : halves) {
    uint64_t start = std::max(from.value, half.first), end = std::min(last, half.last);
    if (start > end || !go_on) continue;
    Walk walk(format, start, end, read, visit_and_note, max_tables);
    walk.table(address, shape.levels - 1, half.base, Entry{});
    unreadable += walk.unreadable();
    if (walk.limit()) return Error(ErrorCode::kLimit, fmt::format("more than {} page tables", max_tables));
  }
  return unreadable;
}

}  // namespace inquest::arch
