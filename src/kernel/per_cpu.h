// PerCpu: per-CPU variables and the CPU masks of the dead kernel.
//
// Variable address on a CPU = its address + __per_cpu_offset[cpu] (include/asm-generic/percpu.h). All *possible* CPUs are walked:
// panic() marks the others offline, and what they hold is still true.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "object/program.h"
#include "object/value.h"

namespace inquest::kernel {

class PerCpu {
 public:
  explicit PerCpu(const object::Program& program);

  const std::vector<int>& possible() const { return possible_; }
  const std::vector<int>& online() const { return online_; }
  std::optional<uint64_t> offset(int cpu) const;
  std::optional<VirtualAddress> address(std::string_view variable, int cpu) const;
  std::optional<VirtualAddress> address_of(VirtualAddress per_cpu_pointer, int cpu) const;   // of a __percpu pointer
  Result<object::Value> value(std::string_view variable, int cpu) const;
  Result<VirtualAddress> pointer(std::string_view variable, int cpu) const;      // of a variable that is a pointer, read
  // The per-CPU variable whose copy on some CPU covers this address.
  struct Found {
    int cpu = 0;
    std::string variable;          // "" if its name is not known (then `offset` is from the start of the area)
    uint64_t offset = 0;
  };
  std::optional<Found> find(VirtualAddress address) const;

 private:
  const object::Program* program_;
  std::vector<int> possible_, online_;
  std::vector<std::optional<uint64_t>> offsets_;
  VirtualAddress static_start_;    // of the variables of the kernel itself, before an offset is added
  uint64_t static_size_ = 0;
};

// The CPUs of a mask: "possible", "present", "online", "active", or the symbol of another cpumask. Empty if there is none.
std::vector<int> read_cpu_mask(const object::Program& program, std::string_view name);

}  // namespace inquest::kernel
