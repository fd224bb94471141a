#include "kernel/slab_aliases.h"

#include <algorithm>
#include <unordered_set>

#include "kernel/kernel_view.h"

namespace inquest::kernel {

namespace {

constexpr size_t kMaxNodes = 65536, kMaxName = 128;
constexpr uint64_t kLink = 4;  // KERNFS_LINK, include/linux/kernfs.h

}  // namespace

// mm/slub.c, sysfs_slab_alias(): a merged cache is a link in the folder of slab_kset, named as the cache was to be, to the kobject of the cache it became.
// A folder's entries are a red-black tree of kernfs_nodes (3.14: fd7b9f7b9776).
std::vector<std::string> names_sharing(const object::Program& program, const SlabCache& cache) {
  KernelView view(program);
  std::vector<std::string> names;
  auto kset = view.variable("slab_kset");
  auto sd = view.field("kset", "kobj.sd"), own = view.field("kmem_cache", "kobj.sd"), children = view.field("kernfs_node", "dir.children.rb_node");
  auto rb = view.offset("kernfs_node", "rb"), name = view.offset("kernfs_node", "name");
  auto target = view.field("kernfs_node", "symlink.target_kn"), flags = view.field("kernfs_node", "flags");
  auto left = view.field("rb_node", "rb_left"), right = view.field("rb_node", "rb_right");
  if (!kset || !*kset || !sd || !own || !children || !rb || !name || !target || !flags || !left || !right) return names;
  uint64_t self = view.read(cache.address, *own).value_or(0), folder = view.read(VirtualAddress(*kset), *sd).value_or(0);
  if (!self || !folder) return names;
  std::vector<uint64_t> todo{view.read(VirtualAddress(folder), *children).value_or(0)};
  std::unordered_set<uint64_t> met;
  while (!todo.empty()) {
    VirtualAddress node(todo.back());
    todo.pop_back();
    if (node.is_null() || met.size() >= kMaxNodes || !met.insert(node.value).second) continue;
    todo.push_back(view.read(node, *left).value_or(0));
    todo.push_back(view.read(node, *right).value_or(0));
    VirtualAddress entry = node - *rb;
    if (!(view.read(entry, *flags).value_or(0) & kLink) || view.read(entry, *target).value_or(0) != self) continue;
    if (std::string text = view.pointed_text(entry + *name, kMaxName); !text.empty()) names.push_back(std::move(text));
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace inquest::kernel
