// The input: a byte that says whether there is a header, two of the number of entries; then ips and entries.
#include <cstdint>

#include "debuginfo/unwind_row.h"

using namespace inquest;
using namespace inquest::debuginfo;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3) return 0;
  Bytes input = std::as_bytes(std::span(data + 3, size - 3));
  size_t ips = std::min<size_t>(size_t(data[1] | data[2] << 8) * 4, input.size());
  std::byte header[20] = {};
  auto table = make_orc_table(input.first(ips), input.subspan(ips), 0xffffffff81000000,
                              data[0] & 1 ? std::optional<Bytes>(header) : std::nullopt);
  for (uint64_t a = 0xffffffff81000000 - 64; a < 0xffffffff81000000 + 64; a++) (void)table->row(a);
  (void)table->row(0);
  (void)table->row(~uint64_t{0});
  return 0;
}
