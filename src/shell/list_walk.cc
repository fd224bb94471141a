#include "shell/list_walk.h"

#include <fmt/format.h>

#include <unordered_map>

namespace inquest::shell {

namespace {

using debuginfo::Type;

// The offset of a pointer to `to` in it.
std::optional<uint64_t> pointer_in(const Type* type, std::string_view name, const Type* to) {
  auto member = debuginfo::find_member(type, name);
  const Type* target = member && member->member.type->is_pointer() ? member->member.type->pointee() : nullptr;
  if (!target || !debuginfo::same_type(target->stripped(), to->stripped())) return std::nullopt;
  return member->member.offset();
}

}  // namespace

std::optional<ListLink> link_of(const Type* type, std::string_view path) {
  auto member = debuginfo::find_member(type, path);
  if (!member) return std::nullopt;
  const Type* link = member->member.type->stripped();
  ListLink found;
  if (link->is_aggregate()) {
    auto next = pointer_in(link, "next", link);
    if (!next) return std::nullopt;
    found.offset = member->member.offset();
    found.next = *next;
    found.prev = pointer_in(link, "prev", link);
    found.nulls = link->name().find("nulls") != std::string_view::npos;
    found.type = link;
    return found;
  }
  const Type* to = link->is_pointer() ? link->pointee() : nullptr;
  if (!to) return std::nullopt;
  // "tasks.next": the pointer inside of an embedded link.
  size_t dot = path.rfind('.');
  if (dot != std::string_view::npos)
    if (auto whole = link_of(type, path.substr(0, dot)); whole && whole->type && debuginfo::same_type(whole->type, to->stripped())) return whole;
  found.next = member->member.offset();
  return found;
}

ListWalk walk_list(const target::AddressSpace& memory, const ListPlan& plan) {
  ListWalk walk;
  const ListLink& link = plan.link;
  std::unordered_map<uint64_t, size_t> met;  // links, and which they were
  VirtualAddress here = plan.start;
  uint64_t at = plan.head ? 0 : link.next;
  auto pointer = memory.read_u64(here + at);
  if (!pointer.ok()) {
    walk.stopped = fmt::format("{:x} cannot be read: {}", here.value, pointer.error().message());
    return walk;
  }
  if (!plan.head) {
    met.emplace(here.value, 0);
    walk.elements.push_back(here - link.offset);
  }
  uint64_t next = plan.head && !link.nulls ? *pointer & ~uint64_t{1} : *pointer;
  while (next && next != plan.start.value && !(link.nulls && next & 1)) {
    if (plan.end && walk.elements.size() && walk.elements.back().value == *plan.end) break;
    if (auto known = met.find(next); known != met.end()) {
      walk.stopped = fmt::format("a cycle: {:x} leads back to {:x}, number {} of the list", here.value, next, known->second + 1);
      break;
    }
    if (walk.elements.size() >= plan.limit) {
      walk.stopped = fmt::format("the list goes on after {} elements: {:x} is next", walk.elements.size(), next);
      break;
    }
    VirtualAddress there(next);
    auto onward = memory.read_u64(there + link.next);
    if (!onward.ok()) {
      walk.stopped = fmt::format("{:x} leads to {:x}, which cannot be read: {}", here.value, next, onward.error().message());
      break;
    }
    if (link.prev && walk.broken.empty())
      if (auto back = memory.read_u64(there + *link.prev); back.ok() && *back != here.value)
        walk.broken = fmt::format("{:x} comes behind {:x}, but its prev is {:x}", next, here.value, *back);
    met.emplace(next, walk.elements.size());
    walk.elements.push_back(there - link.offset);
    here = there;
    next = *onward;
  }
  return walk;
}

}  // namespace inquest::shell
