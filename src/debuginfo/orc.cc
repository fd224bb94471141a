// ORC, the x86_64 kernel's own unwind tables (Documentation/arch/x86/orc-unwinder.rst).
//
// struct orc_entry { s16 sp_offset; s16 bp_offset; u16 bits; } is 6 bytes in all versions; the bits are
//   4.14 .. 6.2   sp_reg:4 bp_reg:4 type:2 end:1            type CALL 0, REGS 1, REGS_PARTIAL 2 (REGS_IRET before 5.8)
//   6.3           sp_reg:4 bp_reg:4 type:2 signal:1 end:1   (kernel commit ffb1b4a41016)
//   6.4 ..        sp_reg:4 bp_reg:4 type:3 signal:1         type UNDEFINED 0, END_OF_STACK 1, CALL 2, REGS 3,
//   REGS_PARTIAL 4
//                                                           (kernel commit fb799447ae29)
// arch/x86/include/asm/orc_types.h
#include <algorithm>
#include <vector>

#include "arch/arch.h"
#include "debuginfo/unwind_row.h"

namespace inquest::debuginfo {

namespace {

enum class Layout { k4_14, k6_3, k6_4 };

constexpr size_t kEntrySize = 6;

struct Entry {
  int16_t sp_offset, bp_offset;
  uint16_t bits;
};

Entry entry_at(Bytes entries, size_t index) {
  const std::byte* p = entries.data() + index * kEntrySize;
  return {load_unchecked<int16_t>(p), load_unchecked<int16_t>(p + 2), load_unchecked<uint16_t>(p + 4)};
}

// DWARF numbers of x86_64. ORC_REG_*: 0 undefined, 1 prev_sp, 2 dx, 3 di, 4 bp, 5 sp, 6 r10, 7 r13, 8 bp indirect, 9 sp
// indirect.
struct OrcRegister {
  bool defined = false, indirect = false;
  unsigned number = 0;
};
OrcRegister orc_register(unsigned code) {
  switch (code) {
    case 2: return {true, false, 1};
    case 3: return {true, false, 5};
    case 4: return {true, false, 6};
    case 5: return {true, false, 7};
    case 6: return {true, false, 10};
    case 7: return {true, false, 13};
    case 8: return {true, true, 6};
    case 9: return {true, true, 7};
    default: return {};
  }
}

enum class Kind { kUndefined, kEnd, kCall, kRegisters, kPartialRegisters };

struct Meaning {
  Kind kind = Kind::kUndefined;
  bool signal = false;
};

Meaning meaning(uint16_t bits, Layout layout) {
  unsigned sp_register = bits & 15;
  if (layout == Layout::k6_4) {
    static constexpr Kind kKinds[] = {Kind::kUndefined, Kind::kEnd, Kind::kCall, Kind::kRegisters,
                                      Kind::kPartialRegisters};
    unsigned type = bits >> 8 & 7;
    return {type < 5 ? kKinds[type] : Kind::kUndefined, bool(bits >> 11 & 1)};
  }
  unsigned type = bits >> 8 & 3;
  bool end = layout == Layout::k6_3 ? bits >> 11 & 1 : bits >> 10 & 1;
  bool signal = layout == Layout::k6_3 ? bits >> 10 & 1 : type != 0;
  if (sp_register == 0) return {end ? Kind::kEnd : Kind::kUndefined, signal};
  static constexpr Kind kKinds[] = {Kind::kCall, Kind::kRegisters, Kind::kPartialRegisters, Kind::kUndefined};
  return {kKinds[type], signal};
}

// sha1 of orc_types.h's struct definitions, which 6.4's build puts in .orc_header (kernel commit b9f174c811e3), tells
// two builds apart, not what is in them: any header at all means the 6.4 layout.
//
// Without one: in the 6.4 layout an ordinary frame (sp + 8 and up, no saved bp) has type 2; before, 0. Ordinary frames
// are by far the most common entries.
Layout layout_of(Bytes entries, std::optional<Bytes> header) {
  if (header && !header->empty()) return Layout::k6_4;
  size_t count = entries.size() / kEntrySize, with_zero = 0, with_two = 0;
  for (size_t i = 0; i < std::min<size_t>(count, 1 << 16); i++) {
    Entry e = entry_at(entries, i);
    unsigned type = e.bits >> 8 & 7;
    if ((e.bits & 15) == 5 && e.sp_offset >= 8) (type == 0 ? with_zero : with_two) += type == 0 || type == 2;
  }
  if (with_two > with_zero) return Layout::k6_4;
  // "end" came with an undefined sp: bit 10 alone in 4.14 .. 6.2, where bit 11 is never set; bit 11 in 6.3.
  uint16_t seen = 0;
  for (size_t i = 0; i < count; i++) seen |= load_unchecked<uint16_t>(entries.data() + i * kEntrySize + 4);
  if (!(seen >> 11 & 1)) return Layout::k4_14;
  size_t bit10 = 0, bit11 = 0, undefined_end = 0;
  for (size_t i = 0; i < count; i++) {
    Entry e = entry_at(entries, i);
    bit10 += e.bits >> 10 & 1;
    bit11 += e.bits >> 11 & 1;
    undefined_end += (e.bits & 15) == 0 && (e.bits >> 11 & 1);
  }
  return undefined_end || bit11 < bit10 ? Layout::k6_3 : Layout::k4_14;
}

class OrcTable : public UnwindTable {
 public:
  OrcTable(Bytes ips, Bytes entries, uint64_t ip_address, std::optional<Bytes> header)
      : ips_(ips),
        entries_(entries),
        ip_address_(ip_address),
        count_(std::min(ips.size() / 4, entries.size() / kEntrySize)) {
    layout_ = layout_of(entries.first(count_ * kEntrySize), header);
    sort_if_needed();
  }

  std::optional<UnwindRow> row(uint64_t address) const override {
    size_t low = 0, high = count_;  // the last entry at or below `address`
    while (low < high) {
      size_t middle = low + (high - low) / 2;
      if (ip_of(slot(middle)) <= address)
        low = middle + 1;
      else
        high = middle;
    }
    if (low == 0) return std::nullopt;
    return row_of(entry_at(entries_, slot(low - 1)));
  }

 private:
  size_t slot(size_t rank) const { return order_.empty() ? rank : order_[rank]; }
  uint64_t ip_of(size_t index) const {
    return ip_address_ + 4 * index + uint64_t(int64_t(load_unchecked<int32_t>(ips_.data() + 4 * index)));
  }

  // vmlinux's tables are sorted when it is linked and modules' when they are loaded, but a module's file has them in
  // the order of its sections.
  void sort_if_needed() {
    // Without a branch an entry, as vmlinux has 700,000: ip_of() without the common base.
    int64_t steps = 0, last = count_ ? load_unchecked<int32_t>(ips_.data()) : 0;
    for (size_t i = 1; i < count_; i++) {
      int64_t here = load_unchecked<int32_t>(ips_.data() + 4 * i);
      steps |= here - last + 4;  // negative: one entry begins before the one in front of it
      last = here;
    }
    if (steps >= 0) return;
    order_.resize(count_);
    for (size_t i = 0; i < count_; i++) order_[i] = uint32_t(i);
    std::stable_sort(order_.begin(), order_.end(), [&](uint32_t a, uint32_t b) {
      uint64_t x = ip_of(a), y = ip_of(b);
      // At one address a terminator (undefined) gives way to a real entry: it only marks the end of the section before
      // (orc_sort_cmp() in arch/x86/kernel/unwind_orc.c).
      if (x != y) return x < y;
      return is_terminator(a) && !is_terminator(b);
    });
  }
  bool is_terminator(size_t index) const {
    return meaning(entry_at(entries_, index).bits, layout_).kind == Kind::kUndefined;
  }

  std::optional<UnwindRow> row_of(const Entry& entry) const;

  Bytes ips_, entries_;
  uint64_t ip_address_;
  size_t count_;
  Layout layout_ = Layout::k4_14;
  std::vector<uint32_t> order_;  // empty if the tables are in order themselves
};

void fill_call_rules(const Entry& entry, UnwindRow& row) {
  using Rule = RegisterRule::Kind;
  // The return address lies below the caller's sp, and the caller's sp *is* the CFA.
  row.rules[arch::x86::kRip].kind = Rule::kAtCfa;
  row.rules[arch::x86::kRip].offset = -8;
  row.rules[arch::x86::kRsp].kind = Rule::kCfaPlus;
  RegisterRule& bp = row.rules[arch::x86::kRbp];
  switch (entry.bits >> 4 & 15) {
    case 0: bp.kind = Rule::kSame; break;
    case 1:  // ORC_REG_PREV_SP
      bp.kind = Rule::kAtCfa;
      bp.offset = entry.bp_offset;
      break;
    case 4:  // ORC_REG_BP: saved at bp + offset
      bp.kind = Rule::kAtRegister;
      bp.reg = arch::x86::kRbp;
      bp.offset = entry.bp_offset;
      break;
    default: bp.kind = Rule::kUndefined; break;
  }
}

std::optional<UnwindRow> OrcTable::row_of(const Entry& entry) const {
  Meaning what = meaning(entry.bits, layout_);
  if (what.kind == Kind::kUndefined) return std::nullopt;
  UnwindRow row;
  row.source = UnwindRow::Source::kOrc;
  row.signal = what.signal;
  row.return_address_register = arch::x86::kRip;
  if (what.kind == Kind::kEnd) {
    row.shape = UnwindRow::Shape::kEnd;
    return row;
  }
  OrcRegister base = orc_register(entry.bits & 15);
  if (!base.defined) return std::nullopt;
  row.cfa_register = base.number;
  row.cfa_indirect = base.indirect;
  // unwind_next_frame(): bp indirect reads at bp + offset; sp indirect reads at sp, then adds (kernel commit
  // 87ccc826bf1c, 5.12).
  bool add_after = base.indirect && base.number == arch::x86::kRsp;
  (add_after ? row.cfa_after_indirect : row.cfa_offset) = entry.sp_offset;
  if (what.kind == Kind::kCall) {
    fill_call_rules(entry, row);
  } else {
    row.shape = what.kind == Kind::kRegisters ? UnwindRow::Shape::kRegisters : UnwindRow::Shape::kPartialRegisters;
    // Partial frames leave bp where the code has put it.
    if (what.kind == Kind::kPartialRegisters) {
      UnwindRow rules;
      fill_call_rules(entry, rules);
      row.rules[arch::x86::kRbp] = rules.rules[arch::x86::kRbp];
    }
  }
  return row;
}

}  // namespace

std::unique_ptr<UnwindTable> make_orc_table(Bytes ips, Bytes entries, uint64_t ip_address,
                                            std::optional<Bytes> header) {
  return std::make_unique<OrcTable>(ips, entries, ip_address, header);
}

}  // namespace inquest::debuginfo
