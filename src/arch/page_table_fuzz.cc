// The input: one byte picks the geometry, eight an address, the rest is physical memory.
#include <cstdint>

#include "arch/page_table.h"

using namespace inquest;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 9) return 0;
  Bytes input = std::as_bytes(std::span(data, size));
  Bytes memory = input.subspan(9);
  arch::PageTableFormat format;
  format.arch = data[0] & 1 ? arch::ArchId::kAarch64 : arch::ArchId::kX86_64;
  format.page_shift = data[0] & 1 ? 12 + 2 * (data[0] >> 1 & 3) : 12;
  format.virtual_bits = data[0] & 1 ? 36 + (data[0] >> 3 & 15) + (data[0] >> 7) : (data[0] & 2 ? 57 : 48);
  format.wide_physical = data[0] >> 7;
  VirtualAddress address(load_unchecked<uint64_t>(input.data() + 1));
  // Small memory, every address in it: tables lead to tables.
  arch::ReadWord read = [&](PhysicalAddress a) -> Result<uint64_t> {
    if (memory.size() < 8) return Error(ErrorCode::kUnreadable, "no memory");
    return load_unchecked<uint64_t>(memory.data() + a.value % (memory.size() - 7));
  };
  auto mapping = arch::translate(format, PhysicalAddress(0), address, read);
  if (mapping.ok() &&
      (address.value < mapping->virtual_start.value || address - mapping->virtual_start >= mapping->size))
    __builtin_trap();
  uint64_t last = 0;
  auto unread = arch::for_each_mapping(
      format, PhysicalAddress(0), address, VirtualAddress(~uint64_t{0}), read,
      [&](const arch::Mapping& m) {
        if (m.virtual_start.value < last) __builtin_trap();
        last = m.virtual_start.value;
        return true;
      },
      64);
  (void)unread.ok();
  return 0;
}
