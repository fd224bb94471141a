// The input: an ELF file.
#include <cstdint>

#include "debuginfo/debug_file.h"
#include "debuginfo/testing/exercise.h"

using namespace inquest;
using namespace inquest::debuginfo;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  LossLedger ledger;
  OpenOptions options;
  options.workers = 1;
  auto file = DebugFile::open(std::as_bytes(std::span(data, size)), "fuzz.ko", options, ledger);
  if (file) testing::exercise(**file);
  return 0;
}
