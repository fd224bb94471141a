#include "debuginfo/dwarf/line_table.h"

#include <algorithm>

namespace inquest::debuginfo::dwarf {

namespace {

constexpr size_t kMaxFiles = 1 << 16, kMaxRows = 1 << 24;

// 6.2.4.1: a list of formats, then a list of entries of these formats.
template <typename Take>
bool read_entries(ByteReader& reader, const Dwarf& dwarf, const Unit& unit, const FormContext& forms, Take&& take) {
  std::vector<std::pair<uint64_t, uint16_t>> formats(reader.u8());
  for (auto& [content, form] : formats) content = reader.uleb(), form = uint16_t(reader.uleb());
  uint64_t count = reader.uleb();
  if (reader.failed || count > kMaxFiles || (formats.empty() && count > 0)) return false;
  for (uint64_t i = 0; i < count; i++) {
    LineFile file;
    for (auto [content, form] : formats) {
      Value value = read_form(reader, form, 0, forms);
      if (reader.failed) return false;
      if (content == DW_LNCT_path) file.name = dwarf.string(unit, value);
      if (content == DW_LNCT_directory_index) file.folder = uint32_t(value.number);
    }
    take(file);
  }
  return true;
}

bool read_old_entries(ByteReader& reader, const Unit& unit, LineHeader& header) {
  header.folders.push_back(unit.comp_dir);
  header.files.push_back({unit.name, 0});
  while (header.folders.size() < kMaxFiles) {
    std::string_view folder = reader.cstring();
    if (folder.empty()) break;
    header.folders.push_back(folder);
  }
  while (header.files.size() < kMaxFiles) {
    LineFile file;
    file.name = reader.cstring();
    if (file.name.empty()) break;
    file.folder = uint32_t(reader.uleb());
    reader.uleb(), reader.uleb();  // time, length
    header.files.push_back(file);
  }
  return !reader.failed;
}

// The registers of 6.2.2 that are of use here.
struct LineRegisters {
  uint64_t address = 0, line = 1, file = 1, column = 0;
  bool is_statement = true;

  LineRow row(uint64_t low) const {
    LineRow row;
    row.offset = uint32_t(address - low);
    row.line = uint32_t(line);
    row.column = uint16_t(std::min<uint64_t>(column, 0xffff));
    row.file = uint16_t(std::min<uint64_t>(file, 0x7fff)) & 0x7fff;
    row.is_statement = is_statement;
    return row;
  }
};

// The machine of 6.2.2. The sink gets row(registers) and end(registers); either gives false to stop.
template <typename Sink>
class LineMachine {
 public:
  LineMachine(const LineHeader& header, Sink& sink) : header_(header), sink_(sink), reader_(header.program) { reset(); }

  void run() {
    bool more = true;
    while (more && !reader_.at_end()) {
      uint8_t opcode = reader_.u8();
      if (opcode >= header_.opcode_base)
        more = special(opcode - header_.opcode_base);
      else if (opcode == DW_LNS_extended)
        more = extended();
      else if (opcode == DW_LNS_copy)
        more = sink_.row(r_);
      else
        standard(opcode);
    }
  }

 private:
  void reset() {
    r_ = {};
    r_.is_statement = header_.default_is_statement;
    op_index_ = 0;
  }

  void advance(uint64_t operations) {
    if (header_.maximum_operations <= 1) {
      r_.address += operations * header_.minimum_length;
      return;
    }
    uint64_t index = op_index_ + operations;
    r_.address += index / header_.maximum_operations * header_.minimum_length;
    op_index_ = index % header_.maximum_operations;
  }

  bool special(unsigned adjusted) {
    advance(adjusted / header_.line_range);
    r_.line += uint64_t(header_.line_base + int(adjusted % header_.line_range));
    return sink_.row(r_);
  }

  bool extended() {
    uint64_t length = reader_.uleb();
    Bytes body = reader_.take(length);
    if (reader_.failed || body.empty()) return !reader_.failed;
    ByteReader inner(body);
    switch (inner.u8()) {
      case DW_LNE_end_sequence: {
        bool more = sink_.end(r_);
        reset();
        return more;
      }
      case DW_LNE_set_address:
        r_.address = inner.number(unsigned(std::min<uint64_t>(inner.left(), 8)));
        op_index_ = 0;
        return true;
      default: return true;
    }
  }

  void standard(uint8_t opcode) {
    switch (opcode) {
      case DW_LNS_advance_pc: advance(reader_.uleb()); break;
      case DW_LNS_advance_line: r_.line += uint64_t(reader_.sleb()); break;
      case DW_LNS_set_file: r_.file = reader_.uleb(); break;
      case DW_LNS_set_column: r_.column = reader_.uleb(); break;
      case DW_LNS_negate_stmt: r_.is_statement = !r_.is_statement; break;
      case DW_LNS_const_add_pc: advance((255 - header_.opcode_base) / header_.line_range); break;
      case DW_LNS_fixed_advance_pc:
        r_.address += reader_.u16();
        op_index_ = 0;
        break;
      default:
        for (int i = 0; i < header_.opcode_lengths[opcode]; i++) reader_.uleb();
    }
  }

  const LineHeader& header_;
  Sink& sink_;
  ByteReader reader_;
  LineRegisters r_;
  uint64_t op_index_ = 0;
};

// Keeps all rows.
class KeepRows {
 public:
  explicit KeepRows(LineRows& out) : out_(out) {}

  bool row(const LineRegisters& r) {
    if (out_.rows.size() == sequence_.first) sequence_.low = r.address;
    if (r.address < sequence_.low || r.address - sequence_.low > 0xffffffff) return true;
    LineRow row = r.row(sequence_.low);
    if (out_.rows.size() > sequence_.first && row.offset < out_.rows.back().offset) sorted_ = false;
    out_.rows.push_back(row);
    return out_.rows.size() < kMaxRows;
  }

  bool end(const LineRegisters& r) {
    bool more = row(r);
    sequence_.high = r.address;
    sequence_.count = uint32_t(out_.rows.size()) - sequence_.first;
    // Low 0: code that the linker dropped.
    if (sequence_.low != 0 && sequence_.high > sequence_.low && sequence_.count > 1) {
      auto by_offset = [](const LineRow& a, const LineRow& b) { return a.offset < b.offset; };
      if (!sorted_) std::stable_sort(out_.rows.begin() + sequence_.first, out_.rows.end(), by_offset);
      out_.sequences.push_back(sequence_);
    } else {
      out_.rows.resize(sequence_.first);
    }
    sequence_ = {0, 0, uint32_t(out_.rows.size()), 0};
    sorted_ = true;
    return more;
  }

  // A sequence without its end is no sequence.
  void finish() { out_.rows.resize(sequence_.first); }

 private:
  LineRows& out_;
  LineSequence sequence_;
  bool sorted_ = true;
};

// Looks for one address.
class FindRow {
 public:
  explicit FindRow(uint64_t address) : address_(address) {}

  bool row(const LineRegisters& r) {
    if (!any_) low_ = r.address, any_ = true;
    // The last row at or below the address; rows of a sequence come in order (6.2.2), but do not trust that.
    if (r.address <= address_ && r.address >= low_ && (!candidate_ || r.address >= best_.address))
      best_ = r, candidate_ = true;
    return true;
  }

  bool end(const LineRegisters& r) {
    if (candidate_ && low_ != 0 && address_ < r.address) {
      found = best_.row(low_);
      return false;
    }
    candidate_ = any_ = false;
    return true;
  }

  std::optional<LineRow> found;

 private:
  uint64_t address_, low_ = 0;
  LineRegisters best_;
  bool candidate_ = false, any_ = false;
};

}  // namespace

std::optional<LineHeader> read_line_header(const Dwarf& dwarf, const Unit& unit) {
  if (!unit.line_offset) return std::nullopt;
  ByteReader reader(dwarf.sections().get(SectionId::kLine), *unit.line_offset);
  FormContext forms = unit.header.forms();
  forms.offset_size = 4;
  uint64_t length = reader.u32();
  if (length == 0xffffffff) length = reader.u64(), forms.offset_size = 8;
  reader = ByteReader(reader.take(length));
  LineHeader header;
  header.version = forms.version = reader.u16();
  if (header.version < 2 || header.version > 5) return std::nullopt;
  if (header.version >= 5) header.address_size = forms.address_size = reader.u8(), reader.u8();
  uint64_t header_length = reader.number(forms.offset_size);
  if (reader.failed || header_length > reader.left()) return std::nullopt;
  header.program = Bytes(reader.p + header_length, reader.end);
  reader.end = header.program.data();
  header.minimum_length = reader.u8();
  if (header.version >= 4) header.maximum_operations = reader.u8();
  header.default_is_statement = reader.u8() != 0;
  header.line_base = int8_t(reader.u8());
  header.line_range = reader.u8();
  header.opcode_base = reader.u8();
  if (reader.failed || header.line_range == 0 || header.opcode_base == 0) return std::nullopt;
  header.opcode_lengths.push_back(0);
  for (int i = 1; i < header.opcode_base; i++) header.opcode_lengths.push_back(reader.u8());
  bool good =
      header.version < 5
          ? read_old_entries(reader, unit, header)
          : read_entries(reader, dwarf, unit, forms, [&](const LineFile& f) { header.folders.push_back(f.name); }) &&
                read_entries(reader, dwarf, unit, forms, [&](const LineFile& f) { header.files.push_back(f); });
  return good ? std::optional(std::move(header)) : std::nullopt;
}

std::optional<LineRow> find_line_row(const LineHeader& header, uint64_t address) {
  FindRow sink(address);
  LineMachine(header, sink).run();
  return sink.found;
}

LineRows read_line_rows(const LineHeader& header) {
  LineRows rows;
  rows.rows.reserve(header.program.size() / 2);
  KeepRows sink(rows);
  LineMachine(header, sink).run();
  sink.finish();
  std::ranges::sort(rows.sequences, {}, &LineSequence::low);
  rows.rows.shrink_to_fit();
  return rows;
}

}  // namespace inquest::debuginfo::dwarf
