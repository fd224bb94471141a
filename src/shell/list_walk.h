// ListWalk: a linked list of the kernel followed through a dead kernel's memory: list_head, hlist, hlist_nulls, hlist_bl, llist, or structures that point at
// the next of their kind. Bounded; cycles, broken links and memory that cannot be read end it with a word.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "debuginfo/type.h"
#include "target/address_space.h"

namespace inquest::shell {

// How one element leads to the next.
struct ListLink {
  uint64_t offset = 0;             // of the link in the element: a pointer holds the next *link's* address; 0 with `next`: the next element's own
  uint64_t next = 0;               // of the pointer in the link
  std::optional<uint64_t> prev;    // of the pointer back, where there is one: checked
  bool nulls = false;              // an odd pointer is the end (include/linux/list_nulls.h)
  const debuginfo::Type* type = nullptr;  // of the link, where it is a struct of its own
};
// Of a member: an embedded link (list_head, hlist_node, llist_node, or any struct with a pointer `next` to its own kind), or a pointer to the next element.
std::optional<ListLink> link_of(const debuginfo::Type* type, std::string_view member);

struct ListPlan {
  VirtualAddress start;            // the first link; with `head`, the list's head
  bool head = false;               // it is no element; the first pointer is its first word, bit 0 of which may be a lock (include/linux/list_bl.h)
  ListLink link;
  std::optional<uint64_t> end;     // where to stop, an element
  size_t limit = 100000;
};

struct ListWalk {
  std::vector<VirtualAddress> elements;
  std::string stopped;             // "" = it came to its end
  std::string broken;              // "" or which link back does not fit
};
ListWalk walk_list(const target::AddressSpace& memory, const ListPlan& plan);

}  // namespace inquest::shell
