#include "target/address_space.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>

namespace inquest::target {

// Direct-mapped, by page of the base size; each shard has a lock of its own, so readers rarely meet.
struct AddressSpace::Tlb {
  static constexpr size_t kShards = 64, kEntries = 64;
  struct Entry {
    uint64_t page = ~uint64_t{0};
    uint64_t physical = 0;
  };
  struct Shard {
    std::mutex mutex;
    std::array<Entry, kEntries> entries;
  };
  std::array<Shard, kShards> shards;

  static uint64_t mix(uint64_t page) { return page * 0x9e3779b97f4a7c15u; }
  std::optional<uint64_t> find(uint64_t page) {
    uint64_t h = mix(page);
    Shard& shard = shards[h >> 58];
    std::lock_guard lock(shard.mutex);
    const Entry& entry = shard.entries[(h >> 40) % kEntries];
    if (entry.page != page) return std::nullopt;
    return entry.physical;
  }
  void keep(uint64_t page, uint64_t physical) {
    uint64_t h = mix(page);
    Shard& shard = shards[h >> 58];
    std::lock_guard lock(shard.mutex);
    shard.entries[(h >> 40) % kEntries] = {page, physical};
  }
};

AddressSpace::AddressSpace(const dump::PhysicalMemory& memory, arch::PageTableFormat format, PhysicalAddress root)
    : memory_(&memory), format_(format), root_(root), tlb_(std::make_unique<Tlb>()) {}
AddressSpace::~AddressSpace() = default;
AddressSpace::AddressSpace(AddressSpace&&) noexcept = default;

Result<arch::Mapping> AddressSpace::mapping(VirtualAddress address) const {
  return arch::translate(format_, root_, address, [this](PhysicalAddress at) { return memory_->read_u64(at); });
}

Result<PhysicalAddress> AddressSpace::translate(VirtualAddress address) const {
  uint64_t page = address.value >> format_.page_shift, within = address.value & (format_.page_size() - 1);
  if (auto known = tlb_->find(page)) return PhysicalAddress(*known + within);
  TRY(arch::Mapping map, mapping(address));
  PhysicalAddress physical = map.physical_start + (address - map.virtual_start);
  tlb_->keep(page, physical.value - within);
  return physical;
}

Result<void> AddressSpace::read(VirtualAddress address, std::span<std::byte> into, dump::PageOrigin* origin) const {
  if (origin) *origin = dump::PageOrigin::kStored;
  while (!into.empty()) {
    auto physical = translate(address);
    if (!physical.ok()) {
      auto error = std::move(physical).error();
      return Error(ErrorCode::kUnreadable, fmt::format("{:#x}: {}", address.value, error.message()));
    }
    uint64_t in_page = format_.page_size() - (address.value & (format_.page_size() - 1));
    size_t step = size_t(std::min<uint64_t>(in_page, into.size()));
    dump::PageOrigin from{};
    auto done = memory_->read(*physical, into.first(step), &from);
    if (!done.ok()) return std::move(done).error().in(fmt::format("{:#x}", address.value));
    if (origin && from == dump::PageOrigin::kZeroPage) *origin = from;
    into = into.subspan(step);
    address += step;
    if (address.is_null() && !into.empty()) return Error(ErrorCode::kUnreadable, "the read runs over the end of memory");
  }
  return {};
}

std::vector<std::byte> AddressSpace::read_prefix(VirtualAddress address, uint64_t size) const {
  std::vector<std::byte> bytes;
  while (bytes.size() < size) {
    uint64_t in_page = format_.page_size() - (address.value & (format_.page_size() - 1));
    size_t step = size_t(std::min<uint64_t>(in_page, size - bytes.size())), had = bytes.size();
    bytes.resize(had + step);
    if (!read(address, std::span(bytes).subspan(had)).ok()) {
      bytes.resize(had);
      break;
    }
    address += step;
  }
  return bytes;
}

Result<uint64_t> AddressSpace::read_unsigned(VirtualAddress address, unsigned size) const {
  std::array<std::byte, 8> bytes{};
  if (size == 0 || size > 8) return Error(ErrorCode::kUsage, fmt::format("an integer of {} bytes", size));
  TRY_VOID(read(address, std::span(bytes).first(size)));
  return load_unchecked<uint64_t>(bytes.data());
}

Result<uint32_t> AddressSpace::read_u32(VirtualAddress address) const {
  TRY(uint64_t v, read_unsigned(address, 4));
  return uint32_t(v);
}

Result<VirtualAddress> AddressSpace::read_pointer(VirtualAddress address) const {
  TRY(uint64_t v, read_unsigned(address, 8));
  return VirtualAddress(v);
}

Result<std::string> AddressSpace::read_string(VirtualAddress address, uint64_t limit) const {
  std::string text;
  while (text.size() < limit) {
    uint64_t in_page = format_.page_size() - (address.value & (format_.page_size() - 1));
    std::array<std::byte, 256> piece;
    size_t step = size_t(std::min<uint64_t>({in_page, piece.size(), limit - text.size()}));
    TRY_VOID(read(address, std::span(piece).first(step)));
    const auto* chars = reinterpret_cast<const char*>(piece.data());
    size_t length = strnlen(chars, step);
    text.append(chars, length);
    if (length < step) break;
    address += step;
  }
  return text;
}

}  // namespace inquest::target
