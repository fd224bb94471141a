// LineStore: line tables of units, read when first asked for and kept within a bound.
//
// Thread-safe. The Dwarf must outlive it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "debuginfo/debug_file.h"
#include "debuginfo/dwarf/line_table.h"
#include "debuginfo/source_path.h"

namespace inquest::debuginfo {

// The lines of one unit.
class UnitLines {
 public:
  UnitLines(const dwarf::Dwarf& dwarf, const dwarf::Unit& unit);
  // The path of a file by its number in DW_AT_decl_file and the like, cut to the tree; "" if there is none.
  std::string file(uint64_t number) const;
  // The first question of a unit runs its program without keeping rows; later ones find them kept.
  std::optional<SourceLine> at(uint64_t address) const;
  // Rows of [low, high); the row that covers low first, with low as its address.
  void rows(uint64_t low, uint64_t high, std::vector<DebugFile::LineRow>& out) const;
  size_t bytes() const;                                   // memory used so far
  bool wants_rows() const { return asked_ && !loaded_; }  // a second question is coming
  size_t load_rows() const;                               // the bytes that this call added

 private:
  std::optional<dwarf::LineRow> kept_row(uint64_t address) const;
  SourceLine source_line(const dwarf::LineRow& row) const;

  std::optional<dwarf::LineHeader> header_;
  PathCutter cutter_;
  mutable std::once_flag once_;
  mutable dwarf::LineRows table_;
  mutable std::atomic<bool> asked_ = false, loaded_ = false;
};

class LineStore {
 public:
  explicit LineStore(const dwarf::Dwarf& dwarf) : dwarf_(dwarf) {}
  // Null if the unit is damaged.
  std::shared_ptr<const UnitLines> unit(size_t index) const;
  // With its rows loaded.
  std::shared_ptr<const UnitLines> unit_with_rows(size_t index) const;
  std::optional<SourceLine> line_at(size_t unit, uint64_t address) const;

 private:
  using Generation = std::unordered_map<size_t, std::shared_ptr<const UnitLines>>;
  void grow(size_t bytes) const;

  const dwarf::Dwarf& dwarf_;
  // Two generations: when the young one is full the old one is dropped and the young becomes old.
  mutable std::mutex mutex_;
  mutable Generation young_, old_;
  mutable size_t young_bytes_ = 0;
};

}  // namespace inquest::debuginfo
