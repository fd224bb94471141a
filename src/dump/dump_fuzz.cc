// Any bytes as a dump: opened, then asked everything. Sizes are bounded by the input's, so nothing here may take long.
#include <cstdlib>

#include "dump/dump.h"

using namespace inquest;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes file(reinterpret_cast<const std::byte*>(data), size);
  LossLedger ledger;
  Result<dump::Dump> opened = dump::Dump::open_bytes({file}, {"input"}, ledger);
  if (!opened.ok()) return 0;
  const dump::PhysicalMemory& memory = opened->memory();
  const uint64_t block = memory.block_size();
  for (uint64_t address = 0, steps = 0; address < memory.end() && steps < 300; steps++) {
    dump::Chunk c = memory.chunk(PhysicalAddress(address), block);
    if (c.size == 0 || c.bytes.empty() == dump::has_bytes(c.origin)) std::abort();
    address += c.size;
  }
  for (uint64_t address = 1; address; address <<= 1) (void)memory.read_u64(PhysicalAddress(address));
  if (memory.end() / block > 1000000) return 0;
  uint64_t scanned = 0;
  memory.scan([&](PhysicalAddress, Bytes bytes) { scanned += bytes.size(); }, 1);
  (void)memory.count_pages();
  (void)memory.stored_ranges();
  return 0;
}
