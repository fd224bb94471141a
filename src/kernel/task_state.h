// Task states as `ps` letters. The bits moved over the years, so their meaning is read from the kernel's own table.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "kernel/kernel_view.h"

namespace inquest::kernel {

class TaskStates {
 public:
  // From task_state_array[] (fs/proc/array.c): entry i names bit i - 1. Without it, today's bits (4.14+).
  explicit TaskStates(const KernelView& view);
  // "RU", "IN", "UN", "ID", "ST", "TR", "ZO", "DE", "PA", "WA", "NE": crash's letters. `bits` = __state | exit_state.
  std::string name(uint64_t bits) const;

 private:
  static constexpr size_t kBits = 16;
  std::array<char, kBits> letters_{};  // by bit
  uint64_t no_load_ = 0x400, waking_ = 0x200, fresh_ = 0x800;
};

}  // namespace inquest::kernel
