// DWARF call frame information: .debug_frame (DWARF 5, 6.4) and .eh_frame (LSB 5.0 core, 10.6).
#include <algorithm>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "debuginfo/cfi_program.h"
#include "debuginfo/index/format.h"
#include "debuginfo/unwind_row.h"

namespace inquest::debuginfo {

namespace {

// Pointer encodings, DW_EH_PE_*.
enum : uint8_t {
  kAbsolute = 0x00,
  kUleb = 0x01,
  kUdata2 = 0x02,
  kUdata4 = 0x03,
  kUdata8 = 0x04,
  kSigned = 0x08,
  kSleb = 0x09,
  kSdata2 = 0x0a,
  kSdata4 = 0x0b,
  kSdata8 = 0x0c,
  kPcRelative = 0x10,
  kOmit = 0xff
};

struct Fde {
  uint64_t start = 0, end = 0;
};

// The head of a CIE or FDE.
struct Entry {
  size_t offset = 0, body = 0, end = 0;  // body: behind the id
  bool is_cie = false;
  uint64_t cie_offset = 0;  // of an FDE
  uint8_t offset_size = 4;
};

class CfiTable : public UnwindTable {
 public:
  CfiTable(Bytes section, uint64_t address, bool is_eh_frame, ByteOrder order, std::span<const index::FrameRecord> frames)
      : section_(section), address_(address), is_eh_(is_eh_frame), order_(order), frames_(frames) {}
  std::vector<index::FrameRecord> list() const;

  std::optional<UnwindRow> row(uint64_t address) const override;

 private:
  std::optional<Entry> entry_at(size_t offset) const;
  std::optional<CfiCie> cie_at(size_t offset) const;
  bool read_augmentation(std::string_view letters, Cursor& in, CfiCie& cie) const;
  uint64_t pointer(Cursor& in, uint8_t encoding, uint8_t address_size) const;
  bool read_range(Cursor& in, const CfiCie& cie, Fde& fde) const;
  const index::FrameRecord* find(uint64_t address) const;

  Bytes section_;
  uint64_t address_;
  bool is_eh_;
  ByteOrder order_;
  mutable std::once_flag once_;
  mutable std::span<const index::FrameRecord> frames_;
  mutable std::vector<index::FrameRecord> own_;  // what frames_ shows if they were not given
};

std::optional<Entry> CfiTable::entry_at(size_t offset) const {
  Cursor in(section_, order_, offset);
  Entry entry;
  entry.offset = offset;
  uint64_t length = in.u32();
  if (length == 0xffffffff) {
    length = in.u64();
    entry.offset_size = 8;
  }
  size_t id_at = in.offset();
  if (!in.ok() || length > in.left()) return std::nullopt;
  entry.end = id_at + length;
  // .eh_frame's id is 4 bytes even in long entries (as binutils and LLVM read it: 8 for 64-bit .debug_frame only).
  uint8_t id_size = is_eh_ ? 4 : entry.offset_size;
  if (length == 0) {  // a terminator of .eh_frame: what follows comes from another object
    entry.body = entry.end;
    return entry;
  }
  if (length < id_size) return std::nullopt;
  uint64_t id = in.unsigned_of(id_size);
  entry.body = in.offset();
  entry.is_cie = is_eh_ ? id == 0 : id == (id_size == 4 ? 0xffffffff : ~uint64_t{0});
  if (!entry.is_cie) entry.cie_offset = is_eh_ ? id_at - id : id;
  return entry;
}

uint64_t CfiTable::pointer(Cursor& in, uint8_t encoding, uint8_t address_size) const {
  uint64_t at = address_ + in.offset(), value = 0;
  switch (encoding & 0x0f) {
    case kAbsolute: value = in.unsigned_of(address_size); break;
    case kSigned: value = uint64_t(in.signed_of(address_size)); break;
    case kUleb: value = in.uleb(); break;
    case kUdata2: value = in.u16(); break;
    case kUdata4: value = in.u32(); break;
    case kUdata8:
    case kSdata8: value = in.u64(); break;
    case kSleb: value = uint64_t(in.sleb()); break;
    case kSdata2: value = uint64_t(in.signed_of(2)); break;
    case kSdata4: value = uint64_t(in.signed_of(4)); break;
    default: in.fail(1, "pointer encoding"); break;
  }
  if ((encoding & 0x70) == kPcRelative)
    value += at;
  else if (encoding & 0x70)
    in.fail(1, "pointer base");  // text, data, function: no kernel uses them
  return value;
}

// LSB 10.6.1.1.1: 'z' first gives the length; then R, L, P with operands, S (signal frame) without. 'B' and 'G' are
// aarch64's (pointer authentication by key B, memory tags on the stack).
bool CfiTable::read_augmentation(std::string_view letters, Cursor& in, CfiCie& cie) const {
  if (letters.empty()) return true;
  if (letters == "eh") {
    in.skip(cie.address_size);
    return in.ok();
  }
  if (letters[0] != 'z') return false;
  uint64_t length = in.uleb();
  uint64_t end = in.offset() + length;
  cie.has_augmentation_length = true;
  for (char letter : letters.substr(1)) {
    switch (letter) {
      case 'R': cie.pointer_encoding = in.u8(); break;
      case 'L': in.skip(1); break;
      case 'P': pointer(in, in.u8() & 0x7f, cie.address_size); break;
      case 'S': cie.signal = true; break;
      case 'B':
      case 'G': break;
      default: return false;
    }
  }
  in.seek(end);
  return in.ok();
}

std::optional<CfiCie> CfiTable::cie_at(size_t offset) const {
  if (offset >= section_.size()) return std::nullopt;
  std::optional<Entry> entry = entry_at(offset);
  if (!entry || !entry->is_cie) return std::nullopt;
  Cursor in(section_.first(entry->end), order_, entry->body);
  CfiCie cie;
  cie.order = order_;
  uint8_t version = in.u8();
  if (version != 1 && version != 3 && version != 4 && version != 5) return std::nullopt;
  std::string_view augmentation = in.cstring();
  if (version >= 4) {
    cie.address_size = in.u8();
    cie.segment_size = in.u8();
  }
  if (cie.address_size == 0 || cie.address_size > 8 || cie.segment_size > 8) return std::nullopt;
  if (augmentation == "eh") in.skip(cie.address_size);  // comes before the factors
  cie.code_factor = in.uleb();
  cie.data_factor = in.sleb();
  cie.return_register = version == 1 ? in.u8() : unsigned(in.uleb());
  if (augmentation != "eh" && !read_augmentation(augmentation, in, cie)) return std::nullopt;
  cie.program = in.take(in.left());
  if (!in.ok()) return std::nullopt;
  return cie;
}

bool CfiTable::read_range(Cursor& in, const CfiCie& cie, Fde& fde) const {
  in.skip(cie.segment_size);
  fde.start = pointer(in, cie.pointer_encoding, cie.address_size);
  uint64_t size = pointer(in, cie.pointer_encoding & 0x0f, cie.address_size);
  if (!in.ok() || fde.start + size < fde.start) return false;
  fde.end = fde.start + size;
  return true;
}

std::vector<index::FrameRecord> CfiTable::list() const {
  std::vector<index::FrameRecord> frames;
  std::optional<CfiCie> cie;
  uint64_t cie_offset = ~uint64_t{0};
  for (size_t offset = 0; offset + 4 <= section_.size() && offset <= UINT32_MAX;) {
    std::optional<Entry> entry = entry_at(offset);
    if (!entry) break;
    offset = entry->end;
    if (entry->is_cie || entry->body == entry->end) continue;
    if (entry->cie_offset != cie_offset) {  // in practice hundreds of FDEs in a row share one
      cie_offset = entry->cie_offset;
      cie = cie_at(cie_offset);
    }
    if (!cie) continue;
    Cursor in(section_.first(entry->end), order_, entry->body);
    Fde fde;
    if (read_range(in, *cie, fde) && fde.end > fde.start)
      frames.push_back({fde.start, uint32_t(std::min<uint64_t>(fde.end - fde.start, UINT32_MAX)), uint32_t(entry->offset)});
  }
  std::ranges::stable_sort(frames, {}, &index::FrameRecord::low);
  return frames;
}

const index::FrameRecord* CfiTable::find(uint64_t address) const {
  std::call_once(once_, [this] {
    if (frames_.empty()) frames_ = own_ = list();
  });
  auto after = std::ranges::upper_bound(frames_, address, {}, &index::FrameRecord::low);
  // Ranges do not nest in sound input; a few steps back forgive what does.
  for (int steps = 0; after != frames_.begin() && steps < 8; steps++) {
    --after;
    if (address - after->low < after->size) return &*after;
  }
  return nullptr;
}

std::optional<UnwindRow> CfiTable::row(uint64_t address) const {
  const index::FrameRecord* fde = find(address);
  if (!fde) return std::nullopt;
  std::optional<Entry> entry = fde->offset < section_.size() ? entry_at(fde->offset) : std::nullopt;
  std::optional<CfiCie> cie = entry && !entry->is_cie ? cie_at(entry->cie_offset) : std::nullopt;
  if (!cie) return std::nullopt;
  Cursor in(section_.first(entry->end), order_, entry->body);
  Fde range;
  if (!read_range(in, *cie, range) || address < range.start || address >= range.end) return std::nullopt;
  if (cie->has_augmentation_length) in.skip(in.uleb());
  if (!in.ok()) return std::nullopt;
  std::optional<UnwindRow> row = run_cfi(*cie, in.take(in.left()), range.start, address);
  if (row) row->source = is_eh_ ? UnwindRow::Source::kEhFrame : UnwindRow::Source::kDebugFrame;
  return row;
}

}  // namespace

std::vector<index::FrameRecord> list_frames(Bytes section, uint64_t section_address, bool is_eh_frame, ByteOrder order) {
  return CfiTable(section, section_address, is_eh_frame, order, {}).list();
}

std::unique_ptr<UnwindTable> make_cfi_table(Bytes section, uint64_t section_address, bool is_eh_frame, ByteOrder order,
                                            std::span<const index::FrameRecord> frames) {
  return std::make_unique<CfiTable>(section, section_address, is_eh_frame, order, frames);
}

}  // namespace inquest::debuginfo
