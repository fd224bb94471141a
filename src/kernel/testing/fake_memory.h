// FakeMemory: a small machine in a byte array, mapped at 0xffff888000000000 by a page table of its own.
//
// For tests of readers that need no types: the first two pages are the page table (one 1 GB page), the rest is theirs.
#pragma once

#include <cstring>
#include <string_view>
#include <vector>

#include "target/address_space.h"

namespace inquest::kernel::testing {

inline constexpr uint64_t kLinear = 0xffff888000000000;

class FakeMemory : public dump::PhysicalMemory {
 public:
  explicit FakeMemory(size_t size = 1 << 20) : bytes_(size) {
    put<uint64_t>(kLinear + 8 * (kLinear >> 39 & 511), 0x1000 | 3);                 // level 4 -> the table at 0x1000
    put<uint64_t>(kLinear + 0x1000 + 8 * (kLinear >> 30 & 511), 0x80 | 3);          // 1 GB at physical 0
  }

  target::AddressSpace space() const {
    return target::AddressSpace(*this, arch::PageTableFormat{arch::ArchId::kX86_64, 12, 48, false, 0}, PhysicalAddress(0));
  }
  template <typename T>
  void put(uint64_t address, T value) {
    std::memcpy(bytes_.data() + (address - kLinear), &value, sizeof value);
  }
  void put_text(uint64_t address, std::string_view text) { std::memcpy(bytes_.data() + (address - kLinear), text.data(), text.size()); }

  dump::Chunk chunk(PhysicalAddress address, uint64_t wanted) const override {
    dump::Chunk c;
    c.size = wanted;
    if (address.value >= bytes_.size()) return c;
    c.origin = dump::PageOrigin::kStored;
    c.bytes = Bytes(bytes_).subspan(address.value, std::min<uint64_t>(wanted, bytes_.size() - address.value));
    c.size = c.bytes.size();
    return c;
  }
  std::vector<dump::PhysicalRange> stored_ranges() const override { return {{PhysicalAddress(0), bytes_.size()}}; }
  uint64_t block_size() const override { return 4096; }
  uint64_t end() const override { return bytes_.size(); }
  dump::PageCounts count_pages() const override { return {bytes_.size() / 4096, 0, 0}; }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace inquest::kernel::testing
