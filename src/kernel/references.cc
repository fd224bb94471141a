#include "kernel/references.h"

#include <algorithm>
#include <mutex>

namespace inquest::kernel {

namespace {
constexpr uint64_t kMaxMapped = 64u << 20;   // of one extent: more would be a mistake of ours or a lie
}

void ReverseMap::add(const Kernel& kernel, VirtualAddress start, uint64_t size) {
  if (size > kMaxMapped) return;
  uint64_t first = start.value & ~(page_size_ - 1);
  for (uint64_t at = first; at < start.value + size; at += page_size_)
    if (auto physical = kernel.program().memory().translate(VirtualAddress(at)); physical.ok()) pages_.try_emplace(physical->value & ~(page_size_ - 1), at);
}

// Any object of the slab allocator lies in the linear map, which is one offset wide: the task_struct of a task tells it.
ReverseMap::ReverseMap(const Kernel& kernel) : page_size_(kernel.program().layout().format.page_size()) {
  for (const auto& file : kernel.program().files())
    for (const auto& [start, size] : file->extents) add(kernel, start, size);
  for (const Task& t : kernel.tasks().tasks)
    if (!t.stack.is_null()) add(kernel, t.stack, thread_size(kernel.program()));
  for (const auto& s : kernel.stacks().per_cpu_stacks()) add(kernel, s.low, s.size);
  for (const Task& t : kernel.tasks().tasks) {
    auto physical = kernel.program().memory().translate(t.address);
    if (!physical.ok()) continue;
    linear_offset_ = t.address.value - physical->value;
    break;
  }
}

std::optional<VirtualAddress> ReverseMap::virtual_of(PhysicalAddress physical) const {
  uint64_t page = physical.value & ~(page_size_ - 1);
  if (auto it = pages_.find(page); it != pages_.end()) return VirtualAddress(it->second + (physical.value - page));
  if (!linear_offset_) return std::nullopt;
  return VirtualAddress(physical.value + *linear_offset_);
}

namespace {

// `collect` adds the hits of one piece of memory. Threads come in any order: of too many, the lowest stay, so that the same question has the same answer.
template <typename Collect>
References scan(const Kernel& kernel, const ReverseMap& map, const Collect& collect) {
  References result;
  std::mutex mutex;
  kernel.program().memory().physical().scan([&](PhysicalAddress start, Bytes bytes) {
    std::vector<Reference> mine;
    collect(start, bytes, mine);
    std::lock_guard lock(mutex);
    result.bytes_scanned += bytes.size();
    result.found.insert(result.found.end(), mine.begin(), mine.end());
    if (result.found.size() > kMaxReferences) {
      result.limited = true;
      std::nth_element(result.found.begin(), result.found.begin() + kMaxReferences, result.found.end(), [](const Reference& a, const Reference& b) { return a.physical < b.physical; });
      result.found.resize(kMaxReferences);
    }
  });
  for (Reference& r : result.found) r.at = map.virtual_of(r.physical).value_or(VirtualAddress());
  std::sort(result.found.begin(), result.found.end(), [](const Reference& a, const Reference& b) { return std::pair(a.at, a.physical) < std::pair(b.at, b.physical); });
  return result;
}

}  // namespace

References find_references(const Kernel& kernel, uint64_t low, uint64_t high) {
  if (low >= high) return {};
  return scan(kernel, ReverseMap(kernel), [&](PhysicalAddress start, Bytes bytes, std::vector<Reference>& mine) {
    uint64_t first = (8 - start.value % 8) % 8;
    for (uint64_t i = first; i + 8 <= bytes.size(); i += 8) {
      uint64_t value = load_unchecked<uint64_t>(bytes.data() + i);
      if (value - low < high - low) mine.push_back({start + i, {}, value});
    }
  });
}

References find_words(const Kernel& kernel, std::vector<uint64_t> values, const ReverseMap& map) {
  std::sort(values.begin(), values.end());
  if (values.empty()) return {};
  const uint64_t low = values.front(), span = values.back() - low;
  return scan(kernel, map, [&](PhysicalAddress start, Bytes bytes, std::vector<Reference>& mine) {
    uint64_t first = (8 - start.value % 8) % 8;
    for (uint64_t i = first; i + 8 <= bytes.size(); i += 8) {
      uint64_t value = load_unchecked<uint64_t>(bytes.data() + i);
      if (value - low <= span && std::binary_search(values.begin(), values.end(), value)) mine.push_back({start + i, {}, value});
    }
  });
}

}  // namespace inquest::kernel
