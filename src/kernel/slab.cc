#include "kernel/slab.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <unordered_map>

#include "kernel/freelist.h"
#include "kernel/kernel_view.h"
#include "kernel/page_map.h"

namespace inquest::kernel {

namespace {

constexpr uint64_t kMaxCaches = 65536, kMaxObjects = 32767;  // slab.objects has 15 bits

// What is known of one slab: for each object whether it is free, and how that is known.
struct SlabState {
  std::vector<uint8_t> free;         // 0 = on no list, else 1 + index into `lists`
  std::vector<std::string> lists;    // "CPU 1's freelist"
  std::string problem;               // a list that broke: objects on no list may be free
};

}  // namespace

struct SlabCaches::State {
  State(const object::Program& program, const PerCpu& cpus) : view(program), per_cpu(&cpus), pages(view) { read_caches(); }

  void read_caches();
  SlabCache read_cache(VirtualAddress address) const;
  Result<SlabObject> object_at(VirtualAddress address) const;
  const SlabState& state_of(const SlabObject& object) const;
  SlabState read_state(const SlabObject& object) const;
  void follow_list(SlabState& state, const SlabObject& object, uint64_t head, const std::string& name) const;
  void judge(SlabObject& object) const;
  std::optional<uint64_t> get(VirtualAddress at, const std::optional<Field>& f) const {
    return f ? view.read(at, *f).maybe() : std::nullopt;
  }

  KernelView view;
  const PerCpu* per_cpu;
  PageMap pages;
  std::vector<SlabCache> caches;
  std::unordered_map<uint64_t, size_t> by_address;
  std::string problem;
  std::optional<Field> slab_cache, objects, freelist, cpu_freelist, cpu_slab;
  mutable std::mutex mutex;
  mutable std::map<uint64_t, SlabState> states;  // by slab address; nodes stay where they are
};

// struct slab since 5.17 (d122019bf061), the same members in struct page before. SLAB and SLOB have no kmem_cache.cpu_slab.
void SlabCaches::State::read_caches() {
  const char* descriptor = view.field("slab", "slab_cache") ? "slab" : "page";
  slab_cache = view.field(descriptor, "slab_cache");
  objects = view.field(descriptor, "objects");
  freelist = view.field(descriptor, "freelist");
  cpu_freelist = view.field("kmem_cache_cpu", "freelist");
  cpu_slab = view.field("kmem_cache_cpu", {"slab", "page"});
  auto head = view.symbol("slab_caches");
  auto link = view.offset("kmem_cache", "list");
  if (!head || !link) {
    problem = "the list of slab caches (slab_caches) or kmem_cache.list is not known";
    return;
  }
  if (!view.field("kmem_cache", "cpu_slab") && !view.field("kmem_cache", "cpu_sheaves")) {
    problem = "this kernel's slab allocator is not SLUB";
    return;
  }
  ListNodes list = read_list(view.memory(), *head, kMaxCaches);
  if (!list.problem.empty()) {
    problem = "the list of slab caches is broken: " + list.problem;
    view.program().ledger().add(Loss::kListBroken, problem);
  }
  for (VirtualAddress node : list.nodes) {
    SlabCache c = read_cache(node - *link);
    if (c.size == 0) continue;
    by_address.emplace(c.address.value, caches.size());
    caches.push_back(std::move(c));
  }
}

SlabCache SlabCaches::State::read_cache(VirtualAddress address) const {
  SlabCache c;
  c.address = address;
  auto member = [&](std::initializer_list<std::string_view> names) { return get(address, view.field("kmem_cache", names)); };
  if (auto name = view.offset("kmem_cache", "name")) c.name = view.pointed_text(address + *name, 128);
  c.size = member({"size"}).value_or(0);
  c.object_size = member({"object_size", "objsize"}).value_or(c.size);  // renamed in 3.6 (3b0efdfa1e71)
  c.align = member({"align"}).value_or(0);
  c.flags = member({"flags"}).value_or(0);
  c.free_pointer_offset = member({"offset"}).value_or(0);
  c.left_padding = member({"red_left_pad"}).value_or(0);  // 4.6 (d86bd1bece6f)
  c.constructor = VirtualAddress(member({"ctor"}).value_or(0));
  c.has_constructor = !c.constructor.is_null();
  c.merged = int32_t(member({"refcount"}).value_or(1)) > 1;  // mm/slab_common.c: __kmem_cache_alias()
  c.per_cpu = VirtualAddress(member({"cpu_slab"}).value_or(0));
  c.random = member({"random"});
  if (c.size > (1u << 26) || c.free_pointer_offset >= std::max<uint64_t>(c.size, 1)) c.size = 0;  // no cache
  return c;
}

Result<SlabObject> SlabCaches::State::object_at(VirtualAddress address) const {
  if (caches.empty()) return Error(ErrorCode::kNotFound, problem.empty() ? "no slab caches" : problem);
  if (!slab_cache || !objects) return Error(ErrorCode::kNotFound, "the members of struct slab are not known");
  auto frame = pages.frame_of(address);
  if (!frame.ok()) return Error(ErrorCode::kNotFound, fmt::format("{:#x} is not mapped: {}", address.value, frame.error().message()));
  TRY(VirtualAddress page, pages.page_of_frame(*frame));
  auto unreadable = [&](const Error& e) {
    return Error(ErrorCode::kUnreadable, fmt::format("the struct page of {:#x}: {}", address.value, e.message()));
  };
  auto head = pages.head_of(page);
  if (!head.ok()) return unreadable(head.error());
  auto slab = pages.is_slab(*head);
  if (!slab.ok()) return unreadable(slab.error());
  if (!*slab) return Error(ErrorCode::kNotFound, fmt::format("{:#x} is in no slab page", address.value));
  auto cache = view.read(*head, *slab_cache);
  if (!cache.ok()) return unreadable(cache.error());
  auto known = by_address.find(*cache);
  if (known == by_address.end()) return Error(ErrorCode::kNotFound, fmt::format("{:#x} is in a slab page of no known cache ({:#x})", address.value, *cache));
  auto first = pages.frame_of_page(*head, *frame);
  auto count = view.read(*head, *objects);
  if (!first || *first > *frame || !count.ok() || *count == 0)
    return Error(ErrorCode::kCorrupt, fmt::format("the slab of {:#x} contradicts itself", address.value));

  const SlabCache& c = caches[known->second];
  uint64_t page_size = view.memory().format().page_size();
  SlabObject o;
  o.cache = c;
  o.slab = *head;
  o.objects = unsigned(std::min(*count, kMaxObjects));
  VirtualAddress slab_at = VirtualAddress(address.value & ~(page_size - 1)) - (*frame - *first) * page_size;
  o.slab_start = slab_at + c.left_padding;
  uint64_t index = (address - slab_at) / c.size;
  if (index >= o.objects)
    return Error(ErrorCode::kNotFound, fmt::format("{:#x} is behind the last object of a slab of {}", address.value, c.name));
  o.index = unsigned(index);
  o.start = o.slab_start + index * c.size;
  o.in_padding = address < o.start || address - o.start >= c.object_size;
  o.offset = address < o.start ? 0 : address - o.start;  // before it: in its left red zone
  judge(o);
  return o;
}

void SlabCaches::State::follow_list(SlabState& state, const SlabObject& o, uint64_t head, const std::string& name) const {
  if (!head) return;
  Freelist list = read_freelist(view.memory(), o.cache, {o.slab_start - o.cache.left_padding, o.objects}, VirtualAddress(head));
  state.lists.push_back(name);
  for (VirtualAddress object : list.objects) {
    uint64_t index = (object - o.slab_start) / o.cache.size;
    if (index < state.free.size()) state.free[index] = uint8_t(std::min<size_t>(state.lists.size(), 255));
  }
  if (!list.complete) state.problem += fmt::format("{}{} breaks: {}", state.problem.empty() ? "" : "; ", name, list.problem);
}

// A free object of a slab is on the slab's own freelist, which for a slab that a CPU works on holds what *other* CPUs freed into it, or on
// that CPU's freelist. Offline CPUs count: panic() takes CPUs offline with their lists as they were.
SlabState SlabCaches::State::read_state(const SlabObject& o) const {
  SlabState state;
  state.free.resize(o.objects);
  std::optional<int> owner;
  uint64_t slab_low = (o.slab_start - o.cache.left_padding).value, slab_high = slab_low + o.objects * o.cache.size;
  if (!o.cache.per_cpu.is_null() && cpu_freelist && cpu_slab) {
    for (int cpu : per_cpu->possible()) {
      auto at = per_cpu->address_of(o.cache.per_cpu, cpu);
      if (!at) continue;
      auto slab = get(*at, cpu_slab), head = get(*at, cpu_freelist);
      if (!slab || !head) {
        state.problem = fmt::format("CPU {}'s freelist is not in the dump", cpu);
        continue;
      }
      bool inside = *head >= slab_low && *head < slab_high;
      if (*slab == o.slab.value) owner = cpu;
      // A head that is no object of the CPU's own slab was overwritten: following it says so.
      if (inside || *slab == o.slab.value) follow_list(state, o, *head, fmt::format("CPU {}'s freelist", cpu));
    }
  }
  auto head = get(o.slab, freelist);
  if (!head) {
    state.problem += fmt::format("{}the slab's own freelist is not known", state.problem.empty() ? "" : "; ");
  } else {
    follow_list(state, o, *head, owner ? fmt::format("the freelist of CPU {}'s slab (freed from another CPU)", *owner) : "the slab's freelist");
  }
  return state;
}

const SlabState& SlabCaches::State::state_of(const SlabObject& object) const {
  std::lock_guard lock(mutex);
  auto known = states.find(object.slab.value);
  if (known == states.end()) known = states.emplace(object.slab.value, read_state(object)).first;
  return known->second;
}

void SlabCaches::State::judge(SlabObject& o) const {
  const SlabState& state = state_of(o);
  uint8_t list = o.index < state.free.size() ? state.free[o.index] : 0;
  if (list) {
    o.free = true;
    o.free_how = "on " + state.lists[size_t(list) - 1];
  } else if (state.problem.empty()) {
    o.free = false;
    o.free_how = "on no freelist";
  } else {
    o.free.reset();
    o.free_how = state.problem;
  }
}

SlabCaches::SlabCaches(const object::Program& program, const PerCpu& per_cpu) : state_(std::make_unique<State>(program, per_cpu)) {}
SlabCaches::~SlabCaches() = default;

const std::vector<SlabCache>& SlabCaches::caches() const { return state_->caches; }
const std::string& SlabCaches::problem() const { return state_->problem.empty() ? state_->pages.problem() : state_->problem; }

std::optional<SlabCache> SlabCaches::find_cache(std::string_view name) const {
  for (const SlabCache& c : state_->caches)
    if (c.name == name) return c;
  return std::nullopt;
}

Result<SlabObject> SlabCaches::object_at(VirtualAddress address) const { return state_->object_at(address); }

std::vector<std::optional<bool>> SlabCaches::states_of(const SlabObject& object) const {
  const SlabState& state = state_->state_of(object);
  std::vector<std::optional<bool>> all;
  for (uint8_t list : state.free) all.push_back(list ? std::optional(true) : state.problem.empty() ? std::optional(false) : std::nullopt);
  return all;
}

std::optional<SlabObject> SlabCaches::neighbour(const SlabObject& object, int distance) const {
  int64_t index = int64_t(object.index) + distance;
  if (index < 0 || index >= int64_t(object.objects)) return std::nullopt;
  SlabObject o = object;
  o.index = unsigned(index);
  o.start = o.slab_start + uint64_t(index) * o.cache.size;
  o.offset = 0;
  o.in_padding = false;
  state_->judge(o);
  return o;
}

}  // namespace inquest::kernel
