// PhysicalAddress and VirtualAddress: two kinds of number that must not meet.
//
// Both are byte addresses of the *dead* kernel, never of this process. Arithmetic with plain integers
// stays in its kind; the difference of two of a kind is a byte count; mixing the kinds does not compile.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace inquest {

template <typename Kind>
struct Address {
  uint64_t value = 0;

  constexpr Address() = default;
  constexpr explicit Address(uint64_t v) : value(v) {}

  friend constexpr auto operator<=>(Address, Address) = default;
  friend constexpr Address operator+(Address a, uint64_t n) { return Address(a.value + n); }
  friend constexpr Address operator-(Address a, uint64_t n) { return Address(a.value - n); }
  friend constexpr uint64_t operator-(Address a, Address b) { return a.value - b.value; }
  constexpr Address& operator+=(uint64_t n) { value += n; return *this; }
  constexpr bool is_null() const { return value == 0; }
};

using PhysicalAddress = Address<struct PhysicalKind>;
using VirtualAddress = Address<struct VirtualKind>;

}  // namespace inquest

template <typename Kind>
struct std::hash<inquest::Address<Kind>> {
  size_t operator()(inquest::Address<Kind> a) const noexcept { return std::hash<uint64_t>{}(a.value); }
};
