#include "debuginfo/line_store.h"

#include <algorithm>

namespace inquest::debuginfo {

namespace {

constexpr size_t kGenerationBytes = size_t{8} << 20;

}  // namespace

UnitLines::UnitLines(const dwarf::Dwarf& dwarf, const dwarf::Unit& unit)
    : header_(dwarf::read_line_header(dwarf, unit)), cutter_(unit.comp_dir, unit.name) {}

std::string UnitLines::file(uint64_t number) const {
  if (!header_ || number >= header_->files.size()) return {};
  const dwarf::LineFile& file = header_->files[number];
  // Folder 0 is the compilation folder, which a relative path is relative to anyway.
  std::string_view folder = file.folder < header_->folders.size() ? header_->folders[file.folder] : std::string_view();
  if (file.folder == 0 && !folder.starts_with('/')) folder = {};
  return cutter_.cut(folder, file.name);
}

size_t UnitLines::load_rows() const {
  size_t added = 0;
  std::call_once(once_, [&] {
    if (header_) table_ = dwarf::read_line_rows(*header_);
    added = table_.bytes();
    loaded_ = true;
  });
  return added;
}

size_t UnitLines::bytes() const {
  size_t bytes = sizeof *this;
  if (header_)
    bytes +=
        header_->files.capacity() * sizeof(dwarf::LineFile) + header_->folders.capacity() * sizeof(std::string_view);
  return bytes;
}

SourceLine UnitLines::source_line(const dwarf::LineRow& row) const {
  return {file(row.file), int(row.line), row.column};
}

std::optional<SourceLine> UnitLines::at(uint64_t address) const {
  if (!header_) return std::nullopt;
  std::optional<dwarf::LineRow> row = loaded_ ? kept_row(address) : dwarf::find_line_row(*header_, address);
  asked_ = true;
  return row ? std::optional(source_line(*row)) : std::nullopt;
}

std::optional<dwarf::LineRow> UnitLines::kept_row(uint64_t address) const {
  const dwarf::LineRows& lines = table_;
  auto after = std::ranges::upper_bound(lines.sequences, address, {}, &dwarf::LineSequence::low);
  // Sequences do not overlap but for damage; look at a few.
  for (int i = 0; i < 8 && after != lines.sequences.begin(); i++) {
    --after;
    if (address >= after->high) continue;
    auto first = lines.rows.begin() + after->first, last = first + after->count - 1;
    auto row = std::ranges::upper_bound(first, last, address - after->low, {}, &dwarf::LineRow::offset);
    if (row != first) return *(row - 1);
  }
  return std::nullopt;
}

void UnitLines::rows(uint64_t low, uint64_t high, std::vector<DebugFile::LineRow>& out) const {
  (void)load_rows();
  const dwarf::LineRows& lines = table_;
  for (const dwarf::LineSequence& sequence : lines.sequences) {
    if (sequence.high <= low || sequence.low >= high) continue;
    const dwarf::LineRow* covering = nullptr;
    for (uint32_t i = 0; i + 1 < sequence.count; i++) {
      const dwarf::LineRow& row = lines.rows[sequence.first + i];
      uint64_t address = sequence.low + row.offset;
      if (address >= high) break;
      if (address < low) {
        covering = &row;
        continue;
      }
      if (covering && address > low) out.push_back({low, source_line(*covering), bool(covering->is_statement)});
      covering = nullptr;
      out.push_back({address, source_line(row), bool(row.is_statement)});
    }
    if (covering) out.push_back({low, source_line(*covering), bool(covering->is_statement)});
  }
}

std::shared_ptr<const UnitLines> LineStore::unit(size_t index) const {
  {
    std::lock_guard lock(mutex_);
    if (auto found = young_.find(index); found != young_.end()) return found->second;
    if (auto found = old_.find(index); found != old_.end()) return young_[index] = found->second;
  }
  const dwarf::Unit* unit = dwarf_.unit(index);
  if (!unit) return nullptr;
  auto lines = std::make_shared<const UnitLines>(dwarf_, *unit);
  std::lock_guard lock(mutex_);
  auto [place, fresh] = young_.try_emplace(index, lines);
  lines = place->second;
  if (fresh) grow(lines->bytes());
  return lines;
}

std::shared_ptr<const UnitLines> LineStore::unit_with_rows(size_t index) const {
  auto lines = unit(index);
  if (!lines) return nullptr;
  if (size_t added = lines->load_rows()) {
    std::lock_guard lock(mutex_);
    grow(added);
  }
  return lines;
}

std::optional<SourceLine> LineStore::line_at(size_t index, uint64_t address) const {
  auto lines = unit(index);
  if (lines && lines->wants_rows()) lines = unit_with_rows(index);
  return lines ? lines->at(address) : std::nullopt;
}

void LineStore::grow(size_t bytes) const {
  young_bytes_ += bytes;
  if (young_bytes_ <= kGenerationBytes) return;
  old_ = std::move(young_);
  young_.clear();
  young_bytes_ = 0;
}

}  // namespace inquest::debuginfo
