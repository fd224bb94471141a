// LineTable: which source line each instruction of a unit came from (DWARF 5, section 6.2; versions 2 to 5).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "debuginfo/dwarf/dwarf.h"

namespace inquest::debuginfo::dwarf {

struct LineFile {
  std::string_view name;
  uint32_t folder = 0;
};

// The header: files and folders, and what the program needs. Cheap; the rows are read apart.
struct LineHeader {
  uint16_t version = 0;
  uint8_t address_size = 8, minimum_length = 1, maximum_operations = 1, line_range = 1, opcode_base = 13;
  int8_t line_base = 0;
  bool default_is_statement = true;
  std::vector<uint8_t> opcode_lengths;
  std::vector<std::string_view> folders;  // version 5: [0] is the compilation folder; before: [0] is put in as it
  std::vector<LineFile> files;            // version 5: from 0; before: from 1, [0] is the unit itself
  Bytes program;
};

struct LineRow {
  uint32_t offset = 0;  // from the sequence's low address
  uint32_t line = 0;
  uint16_t column = 0;
  uint16_t file : 15 = 0;
  uint16_t is_statement : 1 = 0;
};

// Rows in address order; the last ends the sequence and describes no code.
struct LineSequence {
  uint64_t low = 0, high = 0;
  uint32_t first = 0, count = 0;
};

struct LineRows {
  std::vector<LineSequence> sequences;  // sorted by low
  std::vector<LineRow> rows;
  size_t bytes() const { return rows.capacity() * sizeof(LineRow) + sequences.capacity() * sizeof(LineSequence); }
};

// Nothing without DW_AT_stmt_list, or if the header is damaged.
std::optional<LineHeader> read_line_header(const Dwarf& dwarf, const Unit& unit);
// The row that describes the instruction at `address`, without keeping the others: for a question asked once.
std::optional<LineRow> find_line_row(const LineHeader& header, uint64_t address);
// Runs the program. Damage ends it: the sequences before stay.
LineRows read_line_rows(const LineHeader& header);

}  // namespace inquest::debuginfo::dwarf
