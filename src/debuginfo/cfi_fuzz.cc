// The input: a byte of flags (.eh_frame, byte order), eight of an address, then the section.
#include <cstdint>

#include "debuginfo/unwind_row.h"

using namespace inquest;
using namespace inquest::debuginfo;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 9) return 0;
  Bytes input = std::as_bytes(std::span(data, size));
  uint64_t address = load_unchecked<uint64_t>(input.data() + 1);
  auto table =
      make_cfi_table(input.subspan(9), 0x400000, data[0] & 1, data[0] & 2 ? ByteOrder::kBig : ByteOrder::kLittle);
  for (uint64_t step : {0, 1, 8, 64}) (void)table->row(address + step);
  (void)table->row(0);
  return 0;
}
