#include "kernel/freelist.h"

#include <fmt/format.h>

#include <array>
#include <span>
#include <unordered_set>

namespace inquest::kernel {

namespace {

uint64_t decode(FreePointerForm form, uint64_t stored, uint64_t random, VirtualAddress at) {
  switch (form) {
    case FreePointerForm::kPlain: return stored;
    case FreePointerForm::kXorAddress: return stored ^ random ^ at.value;
    case FreePointerForm::kXorSwapped: return stored ^ random ^ __builtin_bswap64(at.value);
  }
  return stored;
}

bool is_object(const SlabCache& cache, const SlabBounds& slab, VirtualAddress a) {
  uint64_t first = slab.start.value + cache.left_padding;
  return a.value >= first && (a.value - first) % cache.size == 0 && (a.value - first) / cache.size < slab.objects;
}

Freelist follow(const target::AddressSpace& memory, const SlabCache& cache, const SlabBounds& slab, VirtualAddress head, FreePointerForm form) {
  Freelist list;
  std::unordered_set<uint64_t> seen;
  VirtualAddress at = head;
  while (!at.is_null()) {
    if (!is_object(cache, slab, at)) {
      list.problem = list.objects.empty() ? fmt::format("it starts at {:#x}, which is no object of the slab", at.value)
                                          : fmt::format("behind {:#x} it points at {:#x}, which is no object of the slab", list.objects.back().value, at.value);
      return list;
    }
    if (!seen.insert(at.value).second) {
      list.problem = fmt::format("it loops: {:#x} is on it twice", at.value);
      return list;
    }
    list.objects.push_back(at);
    VirtualAddress where = at + cache.free_pointer_offset;
    auto stored = memory.read_u64(where);
    if (!stored.ok()) {
      list.problem = stored.error().message();
      return list;
    }
    at = VirtualAddress(decode(form, *stored, cache.random.value_or(0), where));
  }
  list.complete = true;
  return list;
}

}  // namespace

Freelist read_freelist(const target::AddressSpace& memory, const SlabCache& cache, const SlabBounds& slab, VirtualAddress head) {
  static constexpr std::array<FreePointerForm, 3> kForms = {FreePointerForm::kXorSwapped, FreePointerForm::kXorAddress, FreePointerForm::kPlain};
  std::span<const FreePointerForm> forms(kForms);
  if (!cache.random) forms = forms.subspan(2);
  Freelist best;
  for (FreePointerForm form : forms) {
    Freelist list = follow(memory, cache, slab, head, form);
    if (list.complete) return list;
    if (list.objects.size() > best.objects.size() || best.problem.empty()) best = std::move(list);
  }
  return best;
}

}  // namespace inquest::kernel
