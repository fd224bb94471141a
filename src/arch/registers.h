// Registers: the values of one CPU's registers, each known or not.
//
// Numbered by the architecture's DWARF numbers, with what DWARF does not number placed behind them (see
// x86_64.h and aarch64.h in this folder). A plain value.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>

namespace inquest::arch {

inline constexpr unsigned kRegisterCount = 40;

class Registers {
 public:
  std::optional<uint64_t> get(unsigned number) const {
    if (number >= kRegisterCount || !known_[number]) return std::nullopt;
    return values_[number];
  }
  void set(unsigned number, uint64_t value) {
    if (number >= kRegisterCount) return;
    known_.set(number);
    values_[number] = value;
  }
  void forget(unsigned number) {
    if (number < kRegisterCount) known_.reset(number);
  }
  bool any() const { return known_.any(); }
  friend bool operator==(const Registers&, const Registers&) = default;

 private:
  std::array<uint64_t, kRegisterCount> values_{};
  std::bitset<kRegisterCount> known_;
};

}  // namespace inquest::arch
