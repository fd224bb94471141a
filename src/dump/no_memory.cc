// A dump of nothing: for questions to debuginfo alone, where only the log of a kernel is at hand.
#include "dump/dump.h"

namespace inquest::dump {

namespace {

class NoMemory : public PhysicalMemory {
 public:
  Chunk chunk(PhysicalAddress, uint64_t wanted) const override {
    Chunk chunk;
    chunk.size = wanted ? wanted : 1;
    chunk.why = "there is no memory here, only a log";
    return chunk;
  }
  std::vector<PhysicalRange> stored_ranges() const override { return {}; }
  uint64_t block_size() const override { return 4096; }
  uint64_t end() const override { return 0; }
  PageCounts count_pages() const override { return {}; }
};

}  // namespace

Dump Dump::without_memory(const arch::Arch& arch) {
  Dump dump;
  dump.memory_ = std::make_shared<NoMemory>();
  dump.facts_.format = "text";
  dump.facts_.arch = &arch;
  return dump;
}

}  // namespace inquest::dump
