// The input is an image; and, cut in four, tables that somebody claims to have found.
#include <cstdint>

#include "debuginfo/kallsyms.h"

using namespace inquest;
using namespace inquest::debuginfo;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Bytes input = std::as_bytes(std::span(data, size));
  auto found = find_kallsyms(input, 0xffffffff82000000);
  if (found.ok()) (void)decode_kallsyms(*found).ok();
  if (size < 1024) return 0;
  KallsymsTables claimed;
  claimed.count = load_unchecked<uint32_t>(input.data());
  claimed.token_index = input.subspan(4, 512);
  claimed.token_table = input.subspan(16);
  claimed.names = input.subspan(size / 2);
  claimed.offsets = input.subspan(size / 3);
  claimed.absolute_percpu = data[7] & 1;
  (void)decode_kallsyms(claimed).ok();
  return 0;
}
