// AddressSpace: virtual reads of the dead kernel, each with its origin.
//
// Translates through the kernel's own page tables (a small translation cache inside) and reads physical memory.
// Nothing reads zeroes silently: an address that is not mapped, or whose page the dump does not hold, is an error
// that says which and why. Thread-safe; the dump must outlive it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "arch/page_table.h"
#include "base/address.h"
#include "base/result.h"
#include "dump/physical_memory.h"

namespace inquest::target {

class AddressSpace {
 public:
  AddressSpace(const dump::PhysicalMemory& memory, arch::PageTableFormat format, PhysicalAddress root);
  ~AddressSpace();
  AddressSpace(AddressSpace&&) noexcept;

  const dump::PhysicalMemory& physical() const { return *memory_; }
  const arch::PageTableFormat& format() const { return format_; }
  PhysicalAddress root() const { return root_; }

  Result<PhysicalAddress> translate(VirtualAddress address) const;
  Result<arch::Mapping> mapping(VirtualAddress address) const;

  // Fills `into` completely or fails with kUnreadable, naming the first address that could not be read and why.
  Result<void> read(VirtualAddress address, std::span<std::byte> into, dump::PageOrigin* origin = nullptr) const;
  // What of [address, address + size) can be read up to the first hole.
  std::vector<std::byte> read_prefix(VirtualAddress address, uint64_t size) const;
  Result<uint64_t> read_u64(VirtualAddress address) const { return read_unsigned(address, 8); }
  Result<uint32_t> read_u32(VirtualAddress address) const;
  Result<uint64_t> read_unsigned(VirtualAddress address, unsigned size) const;
  Result<VirtualAddress> read_pointer(VirtualAddress address) const;
  // Up to a NUL or `limit` bytes.
  Result<std::string> read_string(VirtualAddress address, uint64_t limit = 4096) const;

 private:
  struct Tlb;
  const dump::PhysicalMemory* memory_;
  arch::PageTableFormat format_;
  PhysicalAddress root_;
  std::unique_ptr<Tlb> tlb_;
};

}  // namespace inquest::target
