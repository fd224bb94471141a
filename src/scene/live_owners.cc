// LiveScene's answers about what an address belongs to beyond the allocator's books: typed pointers to an object, tasks' user memory, per-CPU offsets, freed
// areas of vmalloc()'s range.
#include <fmt/format.h>

#include <algorithm>

#include "kernel/kernel_view.h"
#include "kernel/references.h"
#include "scene/live_scene.h"

namespace inquest::scene {

namespace {

const debuginfo::Type* pointed_struct(const debuginfo::Type* pointer) {
  const auto* to = pointer && pointer->is_pointer() ? pointer->pointee() : nullptr;
  const auto* plain = to ? to->stripped() : nullptr;
  return plain && plain->kind() == debuginfo::TypeKind::kStruct ? plain : nullptr;
}

struct TypedPlace {
  const debuginfo::Type* to = nullptr;
  std::string member;
};

TypedPlace pointed_by_place(const debuginfo::Type* whole, uint64_t offset) {
  TypedPlace found;
  if (whole->is_pointer()) return {offset ? nullptr : pointed_struct(whole), ""};
  for (const auto& m : debuginfo::members_at(whole->stripped(), offset)) {
    const auto* to = m.member.offset() == offset ? pointed_struct(m.member.type) : nullptr;
    if (found.to && to && to != found.to) return {};
    if (to) found = {to, m.path};
  }
  return found;
}

}  // namespace

// More is not read for a verdict's sake alone: `references` does, when somebody asks.
bool LiveScene::scans_quickly() const {
  constexpr uint64_t kMaxScanned = uint64_t{2} << 30;
  return facts_.pages_stored && *facts_.pages_stored <= kMaxScanned / kernel_->program().memory().physical().block_size();
}

std::vector<OwnerView> LiveScene::owners_of(uint64_t start) const {
  auto [known, fresh] = owners_.try_emplace(start);
  if (fresh && scans_quickly()) known->second = find_owners({start}, 0)[start];
  return known->second;
}

// Of several objects at once: each scan is the price. Pointers in objects of general caches count when those objects' own type is told by what points at them.
std::map<uint64_t, std::vector<OwnerView>> LiveScene::find_owners(const std::vector<uint64_t>& starts, int depth) const {
  constexpr int kMaxDepth = 2;
  constexpr size_t kMaxHolders = 8, kMaxOwners = 32;
  std::map<uint64_t, std::vector<OwnerView>> owners;
  for (uint64_t start : starts) owners[start];
  if (!reverse_map_) reverse_map_ = std::make_unique<kernel::ReverseMap>(*kernel_);
  auto hits = kernel::find_words(*kernel_, starts, *reverse_map_);
  auto add = [&](uint64_t start, const TypedPlace& place, std::string text, uint64_t at) {
    Identity id = identify(start);
    uint64_t room = id.kind == Identity::Kind::kSlab ? id.object_size : std::max<uint64_t>(facts_.page_size, 4096);
    if (place.to && place.to->size().value_or(~uint64_t{0}) <= room && owners[start].size() < kMaxOwners) owners[start].push_back({debuginfo::spell(place.to), std::move(text), at});
  };
  auto in_object = [&](uint64_t start, const std::string& type, const Identity& holder, uint64_t at) {
    const auto* whole = type.empty() ? nullptr : kernel_->program().parse_type(type);
    if (!whole) return;
    auto place = pointed_by_place(whole, holder.offset);
    add(start, place, fmt::format("{} of {} at {:#x}", place.member, type, holder.object_start), at);
  };
  struct Untyped {
    uint64_t start;
    Identity holder;
    uint64_t at;
  };
  std::vector<Untyped> untyped;
  for (const auto& r : hits.found) {
    Identity at = identify(r.at.value);
    if (at.kind == Identity::Kind::kSymbol) {
      const auto* file = kernel_->program().file_at(r.at);
      const auto* debug = file ? file->debug_file() : nullptr;
      auto place = debug ? file->to_file(r.at) : std::nullopt;
      auto variable = place ? debug->variable_at(*place) : std::nullopt;
      if (!variable || !variable->type || !variable->address) continue;
      auto to = pointed_by_place(variable->type, *place - *variable->address);
      add(r.value, to, fmt::format("{}{}{}", variable->name, to.member.empty() || to.member[0] == '[' ? "" : ".", to.member), r.at.value);
    } else if (at.kind == Identity::Kind::kSlab && !at.free.value_or(true)) {
      std::string type = type_of_cache(at.cache, at.object_size);
      if (!type.empty()) in_object(r.value, type, at, r.at.value);
      else untyped.push_back({r.value, at, r.at.value});
    }
  }
  std::vector<uint64_t> holders;
  for (const auto& u : untyped)
    if (owners[u.start].empty() && holders.size() < kMaxHolders && std::find(holders.begin(), holders.end(), u.holder.object_start) == holders.end()) holders.push_back(u.holder.object_start);
  if (depth >= kMaxDepth || holders.empty()) return owners;
  auto above = find_owners(holders, depth + 1);
  for (const auto& u : untyped)
    if (auto known = above.find(u.holder.object_start); known != above.end()) in_object(u.start, agreed_type(known->second), u.holder, u.at);
  return owners;
}

std::string LiveScene::type_by_references(uint64_t start) const {
  Identity id = identify(start);
  return id.kind == Identity::Kind::kSlab ? agreed_type(owners_of(start)) : "";
}

// The largest of types that begin with one another; "" if any has nothing to do with the others.
std::string LiveScene::agreed_type(const std::vector<OwnerView>& owners) const {
  std::string known;
  for (const auto& o : owners) {
    if (known.empty() || (related(known, o.type) && size_of(o.type).value_or(0) > size_of(known).value_or(0))) known = o.type;
    else if (!related(known, o.type)) return "";
  }
  return known;
}

bool LiveScene::related(const std::string& a, const std::string& b) const {
  if (a == b) return true;
  auto begins_with = [&](const std::string& whole, const std::string& part) {
    const auto* type = kernel_->program().parse_type(whole);
    for (int depth = 0; type && depth < 16; depth++) {
      const debuginfo::Type* first = nullptr;
      for (const auto& m : type->stripped()->members())
        if (m.offset() == 0 && m.type->is_aggregate() && (!first || !m.name.empty())) first = m.type->stripped();
      if (first && debuginfo::spell(first) == part) return true;
      type = first;
    }
    return false;
  };
  return begins_with(a, b) || begins_with(b, a);
}

namespace {

// Where a process's memory is, by the bounds that mm_struct keeps (include/linux/mm_types.h; the same members from 2.6 to 6.12). Mappings lie below mmap_base, new
// ones lower and lower; all of them together are total_vm pages.
bool in_process(const kernel::KernelView& view, VirtualAddress mm, uint64_t page, uint64_t address) {
  constexpr uint64_t kSlackPages = 1024;
  auto member = [&](const char* name) { return view.read(mm, "mm_struct", name).value_or(0); };
  auto between = [&](uint64_t low, uint64_t high) { return low && high > low && address >= (low & ~(page - 1)) && address < high + page; };
  uint64_t total = (member("total_vm") + kSlackPages) * page, base = member("mmap_base"), stack = member("start_stack"), stack_room = (member("stack_vm") + kSlackPages) * page;
  return between(member("start_code"), member("end_data")) || between(member("start_brk"), member("brk")) || (base && between(base > total ? base - total : page, base)) ||
         (stack && between(stack > stack_room ? stack - stack_room : page, stack + kSlackPages * page));
}

}  // namespace

std::optional<bool> LiveScene::in_user_memory(uint64_t address) const {
  kernel::KernelView view(kernel_->program());
  uint64_t page = facts_.page_size ? facts_.page_size : 4096;
  std::optional<bool> known;
  for (const auto& task : kernel_->tasks().tasks) {
    if (task.mm.is_null() || (!task.leader.is_null() && task.leader != task.address)) continue;
    if (in_process(view, task.mm, page, address)) return true;
    known = false;
  }
  // Programs, mappings and stacks lie in the upper third of a user's addresses (ELF_ET_DYN_BASE, mmap_base()): the process may be gone.
  unsigned bits = facts_.virtual_bits ? facts_.virtual_bits : 48;
  uint64_t end = uint64_t{1} << (kernel_->program().arch().link ? bits : bits - 1);
  return address >= end / 8 * 5 && address < end ? std::nullopt : known;
}

bool LiveScene::is_per_cpu_offset(uint64_t value) const {
  const auto& cpus = kernel_->per_cpu();
  if (value < 4096 || value >> 47 || cpus.possible().empty()) return false;
  for (int cpu : cpus.possible()) {
    auto area = cpus.offset(cpu);
    if (!area || !kernel_->program().memory().read_u64(VirtualAddress(*area + value)).ok()) return false;
  }
  return true;
}

// mm/vmalloc.c: vfree() takes an area out of the tree of used ones at once; its pages' translations stay until a lazy purge. The list is purge_vmap_area_list since
// 5.13 (96e2db456135), vmap_nodes[].lazy since 6.9 (282631cb2447).
std::optional<std::pair<uint64_t, uint64_t>> LiveScene::freed_vmalloc_area(uint64_t address) const {
  constexpr uint64_t kMaxNodes = 1024;
  kernel::KernelView view(kernel_->program());
  auto list = view.field("vmap_area", "list"), low = view.field("vmap_area", "va_start"), high = view.field("vmap_area", "va_end");
  if (!list || !low || !high) return std::nullopt;
  std::vector<VirtualAddress> heads;
  if (auto head = view.symbol("purge_vmap_area_list")) heads.push_back(*head);
  auto nodes = view.variable("vmap_nodes"), count = view.variable("nr_vmap_nodes", 4), size = view.size_of("vmap_node");
  if (auto lazy = view.offset("vmap_node", "lazy.head"); nodes && count && size && lazy)
    for (uint64_t i = 0; i < std::min(*count, kMaxNodes); i++) heads.push_back(VirtualAddress(*nodes + i * *size + *lazy));
  for (VirtualAddress head : heads)
    for (VirtualAddress node : kernel::read_list(kernel_->program().memory(), head).nodes) {
      auto from = view.read(node - list->offset, *low), to = view.read(node - list->offset, *high);
      if (from.ok() && to.ok() && address >= *from && address < *to) return std::pair(*from, *to);
    }
  return std::nullopt;
}

// module->sect_attrs keeps each section's name and address as it was loaded (kernel/module/sysfs.c: add_sect_attrs()), those given back after the
// initialisation included; how long they were, the module's own file says.
std::optional<InitPlace> LiveScene::init_place(uint64_t address) const {
  for (const auto& module : kernel_->modules()) {
    const auto* file = module.sections.empty() ? nullptr : kernel_->program().file(module.name);
    const auto* debug = file ? file->debug_file() : nullptr;
    if (!debug) continue;
    for (const auto& section : module.sections) {
      if (!section.name.starts_with(".init.") || address < section.address.value) continue;
      for (const auto& place : debug->section_places())
        if (place.name == section.name && address - section.address.value < place.size) return InitPlace{module.name, section.name, address - section.address.value};
    }
  }
  return std::nullopt;
}

}  // namespace inquest::scene
