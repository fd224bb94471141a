#include "kernel/per_cpu.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernel/kernel_view.h"

namespace inquest::kernel {

namespace {

constexpr uint64_t kMaxCpus = 8192;  // NR_CPUS of the largest configurations (arch/x86/Kconfig MAXSMP)

}  // namespace

// struct cpumask __cpu_*_mask since 4.5 (commit 5aec01b834fd), bitmaps cpu_*_bits before.
std::vector<int> read_cpu_mask(const object::Program& program, std::string_view name) {
  KernelView view(program);
  std::vector<int> cpus;
  std::optional<VirtualAddress> at;
  for (const std::string& spelling : {fmt::format("__cpu_{}_mask", name), fmt::format("cpu_{}_bits", name), std::string(name)})
    if (!at) at = view.symbol(spelling);
  if (!at) return cpus;
  uint64_t count = std::min(kMaxCpus, view.variable("nr_cpu_ids", 4).value_or(0));
  if (!count) count = std::min(kMaxCpus, 8 * view.size_of("cpumask").value_or(8));
  for (uint64_t cpu = 0; cpu < count; cpu += 64) {
    auto word = view.memory().read_u64(*at + cpu / 8);
    if (!word.ok()) break;
    for (uint64_t bit = 0; bit < 64 && cpu + bit < count; bit++)
      if (*word >> bit & 1) cpus.push_back(int(cpu + bit));
  }
  return cpus;
}

PerCpu::PerCpu(const object::Program& program) : program_(&program) {
  KernelView view(program);
  possible_ = read_cpu_mask(program, "possible");
  online_ = read_cpu_mask(program, "online");
  auto table = view.symbol("__per_cpu_offset");
  if (possible_.empty() && !table) possible_ = {0};  // !CONFIG_SMP
  for (int cpu : possible_) {
    if (offsets_.size() <= size_t(cpu)) offsets_.resize(size_t(cpu) + 1);
    if (!table) {
      offsets_[size_t(cpu)] = 0;
    } else if (auto offset = view.memory().read_u64(*table + 8 * uint64_t(cpu)); offset.ok()) {
      offsets_[size_t(cpu)] = *offset;
    }
  }
  if (auto start = view.symbol("__per_cpu_start"), end = view.symbol("__per_cpu_end"); start && end && *end > *start) {
    static_start_ = *start;
    static_size_ = *end - *start;
  }
}

std::optional<uint64_t> PerCpu::offset(int cpu) const {
  if (cpu < 0 || size_t(cpu) >= offsets_.size()) return std::nullopt;
  return offsets_[size_t(cpu)];
}

std::optional<VirtualAddress> PerCpu::address(std::string_view variable, int cpu) const {
  auto at = KernelView(*program_).symbol(variable);
  return at ? address_of(*at, cpu) : std::nullopt;
}

std::optional<VirtualAddress> PerCpu::address_of(VirtualAddress per_cpu_pointer, int cpu) const {
  auto by = offset(cpu);
  return by ? std::optional(per_cpu_pointer + *by) : std::nullopt;
}

Result<object::Value> PerCpu::value(std::string_view variable, int cpu) const {
  const object::Type* type = KernelView(*program_).variable_type(variable);
  if (!type) return Error(ErrorCode::kNotFound, fmt::format("the type of per-CPU variable {} is not known", variable));
  auto at = address(variable, cpu);
  if (!at) return Error(ErrorCode::kNotFound, fmt::format("no per-CPU variable {} on CPU {}", variable, cpu));
  return object::Value(*program_, type, *at);
}

Result<VirtualAddress> PerCpu::pointer(std::string_view variable, int cpu) const {
  auto at = address(variable, cpu);
  if (!at) return Error(ErrorCode::kNotFound, fmt::format("no per-CPU variable {} on CPU {}", variable, cpu));
  return program_->memory().read_pointer(*at);
}

std::optional<PerCpu::Found> PerCpu::find(VirtualAddress address) const {
  if (!static_size_) return std::nullopt;
  KernelView view(*program_);
  for (int cpu : possible_) {
    auto by = offset(cpu);
    if (!by) continue;
    VirtualAddress link = address - *by;
    if (link < static_start_ || link - static_start_ >= static_size_) continue;
    Found found{cpu, "", link - static_start_};
    if (auto s = view.symbol_at(link)) {
      found.variable = s->symbol.name;
      found.offset = s->offset;
    }
    return found;
  }
  return std::nullopt;
}

}  // namespace inquest::kernel
