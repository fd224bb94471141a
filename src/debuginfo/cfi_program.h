// The instructions of call frame information, executed up to one address. Not part of the room's interface.
#pragma once

#include <optional>

#include "base/cursor.h"
#include "debuginfo/unwind_row.h"

namespace inquest::debuginfo {

// What an FDE needs of its CIE.
struct CfiCie {
  ByteOrder order = ByteOrder::kLittle;
  uint8_t address_size = 8, segment_size = 0;
  uint64_t code_factor = 1;
  int64_t data_factor = 1;
  unsigned return_register = 0;
  uint8_t pointer_encoding = 0;  // DW_EH_PE_*
  bool has_augmentation_length = false, signal = false;
  Bytes program;  // the initial instructions
};

// The row in force at `address` in a function that starts at `start`. Nothing if the program is malformed.
std::optional<UnwindRow> run_cfi(const CfiCie& cie, Bytes program, uint64_t start, uint64_t address);

}  // namespace inquest::debuginfo
