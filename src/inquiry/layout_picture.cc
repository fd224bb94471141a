// The layout of a structure around one place of it: its members in order, union arms side by side, with the values of the object at hand.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "inquiry/pictures.h"

namespace inquest::inquiry {

namespace {

// task_struct has 9 KB: what lies far from the place is left out. Half of it before the place.
constexpr uint64_t kWindow = 512;
constexpr size_t kMostArms = 6, kMostMembers = 400;

// "slots[3]" as its stem and index; nothing if it does not end in one.
struct Element {
  std::string stem;
  uint64_t index = 0;
};

std::optional<Element> element_of(const std::string& path) {
  size_t open = path.rfind('[');
  if (open == std::string::npos || !path.ends_with(']')) return std::nullopt;
  Element e{path.substr(0, open), 0};
  auto [end, error] = std::from_chars(path.data() + open + 1, path.data() + path.size() - 1, e.index);
  if (error != std::errc() || end != path.data() + path.size() - 1) return std::nullopt;
  return e;
}

std::string stem_of(const std::string& path) {
  auto e = element_of(path);
  return e ? e->stem : "";
}

struct Leaf {
  LayoutMember member;
  uint64_t first_bit = 0, end_bit = 0;  // in the struct; bit-fields of one byte do not overlap
  uint64_t end() const { return (end_bit + 7) / 8; }
};

Leaf leaf_of(const scene::MemberView& m) {
  uint64_t first = m.offset * 8 + (m.bit_size ? m.bit_shift : 0);
  Leaf leaf{{m.path, m.type, "", m.offset, m.size, m.bit_size, false}, first, first + (m.bit_size ? m.bit_size : 8 * std::max<uint64_t>(m.size, 1))};
  if (!m.bit_size) return leaf;
  leaf.member.path += fmt::format(":{}", m.bit_size);
  leaf.member.size = leaf.end() - m.offset;
  return leaf;
}

std::string value_at(const scene::CrashScene& scene, std::optional<uint64_t> address, const LayoutMember& m) {
  if (!address || m.size == 0 || m.size > 8 || m.bits) return "";
  auto reading = scene.read(*address + m.offset, m.size);
  if (!reading.ok() || reading.bytes.size() != m.size) return "";
  uint64_t v = 0;
  for (size_t i = m.size; i-- > 0;) v = v << 8 | std::to_integer<uint64_t>(reading.bytes[i]);
  return hex(v);
}

// The elements of an array are one member, "slots[0…63]"; bit-fields of the same bytes are one, "a:1, b:2".
bool join(Leaf& last, const Leaf& next) {
  if (last.member.bits && next.member.bits && next.first_bit < last.end_bit + 8 && next.end_bit <= last.member.offset * 8 + 64) {
    last.member.path += ", " + next.member.path;
    last.end_bit = next.end_bit;
    last.member.size = last.end() - last.member.offset;
    return true;
  }
  auto a = element_of(last.member.path), b = element_of(next.member.path);
  if (!a || !b || last.end() != next.member.offset || last.member.type != next.member.type) return false;
  size_t dots = a->stem.find('[');
  if (dots != std::string::npos || a->stem != b->stem) return false;
  last.member.size += next.member.size;
  last.end_bit = next.end_bit;
  return true;
}

std::vector<Leaf> leaves_of(const scene::CrashScene& scene, const std::string& type, uint64_t begin, uint64_t end) {
  std::vector<Leaf> leaves;
  for (uint64_t at = begin; leaves.size() < kMostMembers;) {
    uint64_t next = at + 1;
    auto found = scene.members_at(type, at);
    // An array that begins in the window is followed to its end.
    bool same_array = !leaves.empty() && found.size() == 1 && stem_of(found.front().path) == stem_of(leaves.back().member.path) && !stem_of(found.front().path).empty();
    if (at >= end && !same_array) break;
    if (!found.empty()) next = UINT64_MAX;
    for (const auto& m : found) {
      Leaf leaf = leaf_of(m);
      bool known = std::any_of(leaves.begin(), leaves.end(), [&](const Leaf& l) { return l.member.path == leaf.member.path && l.first_bit == leaf.first_bit; });
      if (!known) leaves.push_back(leaf);
      // Zero size (a flexible array) or a member that lies elsewhere must not stop the walk.
      next = std::min(next, std::max(leaf.end(), at + 1));
    }
    at = next;
  }
  return leaves;
}

// Where a path's arm is told from others': the first component, "private_list" of "private_list.next".
std::string head_of(const std::string& path) { return path.substr(0, path.find_first_of(".[")); }

bool overlap(const Leaf& a, const Leaf& b) { return a.first_bit < b.end_bit && b.first_bit < a.end_bit; }

// Each leaf goes to the arm that holds its siblings, else to the first where it overlaps nothing.
std::vector<std::vector<Leaf>> arms_of(const std::vector<Leaf>& leaves) {
  std::vector<std::vector<Leaf>> arms;
  for (const Leaf& leaf : leaves) {
    std::vector<Leaf>* best = nullptr;
    for (auto& arm : arms) {
      bool free = std::none_of(arm.begin(), arm.end(), [&](const Leaf& l) { return overlap(l, leaf); });
      if (!free) continue;
      if (head_of(arm.back().member.path) == head_of(leaf.member.path)) {
        best = &arm;
        break;
      }
      if (!best) best = &arm;
    }
    if (!best) {
      arms.push_back({leaf});
    } else if (!join(best->back(), leaf)) {
      best->push_back(leaf);
    }
  }
  return arms;
}

// How many leaves from `first` on are one block: what overlaps, the elements of one array, and what is left of a union's arms ("list.prev" and
// "rcu.func" behind "list.next" and "rcu.next").
size_t block_length(const std::vector<Leaf>& leaves, size_t first) {
  uint64_t reach = leaves[first].end();
  bool shared = false;
  size_t last = first + 1;
  for (; last < leaves.size(); last++) {
    const Leaf& leaf = leaves[last];
    bool overlaps = leaf.member.offset < reach && !leaf.member.bits;
    bool same_byte = leaf.member.offset < reach;
    std::string stem = stem_of(leaf.member.path);
    bool same_array = !stem.empty() && stem == stem_of(leaves[last - 1].member.path) && leaf.member.offset == reach;
    bool same_arm = shared && leaf.member.path.find('.') != std::string::npos &&
                    std::any_of(leaves.begin() + ptrdiff_t(first), leaves.begin() + ptrdiff_t(last), [&](const Leaf& l) { return head_of(l.member.path) == head_of(leaf.member.path); });
    if (!same_byte && !same_array && !same_arm) break;
    shared |= overlaps;
    reach = std::max(reach, leaf.end());
  }
  return last - first;
}

LayoutBlock block_of(std::vector<Leaf> cluster, const scene::CrashScene& scene, const StructLayout& layout) {
  LayoutBlock block{cluster.front().member.offset, 0, {}};
  std::stable_sort(cluster.begin(), cluster.end(), [](const Leaf& a, const Leaf& b) { return a.first_bit < b.first_bit; });
  uint64_t end = 0;
  for (auto& arm : arms_of(cluster)) {
    if (block.arms.size() == kMostArms) break;
    std::vector<LayoutMember> members;
    for (Leaf& leaf : arm) {
      end = std::max(end, leaf.end());
      LayoutMember m = leaf.member;
      m.marked = layout.place >= m.offset && layout.place < leaf.end();
      m.value = value_at(scene, layout.address, m);
      if (auto e = element_of(m.path); e && m.type.find('[') == std::string::npos) {
        auto one = scene.members_at(layout.type, m.offset);
        uint64_t each = one.empty() ? 0 : one.front().size;
        if (each && m.size > each) m.path = fmt::format("{}[{}…{}]", e->stem, e->index, e->index + m.size / each - 1);
      }
      members.push_back(std::move(m));
    }
    block.arms.push_back(std::move(members));
  }
  block.size = end - block.offset;
  return block;
}

}  // namespace

std::optional<StructLayout> struct_layout(const scene::CrashScene& scene, const std::string& type, uint64_t place, std::optional<uint64_t> address) {
  auto size = scene.size_of(type);
  if (type.empty() || !size || place >= *size) return std::nullopt;
  StructLayout layout{type, "", address, *size, place, {}, false, false};
  std::string name = type.substr(type.find(' ') + 1);
  layout.command = address ? fmt::format("struct {} -xo {}", name, bare_hex(*address)) : fmt::format("struct {} -xo", name);
  uint64_t begin = place > kWindow / 2 && *size > kWindow ? (place - kWindow / 2) & ~uint64_t{7} : 0;
  uint64_t end = std::min(*size, begin + kWindow);
  auto leaves = leaves_of(scene, type, begin, end);
  if (leaves.empty()) return std::nullopt;
  std::stable_sort(leaves.begin(), leaves.end(), [](const Leaf& a, const Leaf& b) { return a.first_bit < b.first_bit; });
  uint64_t at = begin;
  for (size_t i = 0; i < leaves.size();) {
    size_t last = i + block_length(leaves, i);
    uint64_t reach = 0;
    for (size_t k = i; k < last; k++) reach = std::max(reach, leaves[k].end());
    if (leaves[i].member.offset > at) layout.blocks.push_back({at, leaves[i].member.offset - at, {}});
    layout.blocks.push_back(block_of({leaves.begin() + ptrdiff_t(i), leaves.begin() + ptrdiff_t(last)}, scene, layout));
    at = std::max(at, reach);
    i = last;
  }
  layout.cut_before = begin > 0;
  layout.cut_after = at < *size && (end < *size || leaves.size() >= kMostMembers);
  if (at < *size && !layout.cut_after) layout.blocks.push_back({at, *size - at, {}});
  return layout;
}

}  // namespace inquest::inquiry
