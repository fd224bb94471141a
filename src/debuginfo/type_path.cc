// Paths into types: from a name to a place (find_member), and from a place to names (members_at).
#include <charconv>

#include "debuginfo/type.h"

namespace inquest::debuginfo {

namespace {

constexpr int kMaxDepth = 32;
constexpr size_t kMaxFound = 64;

std::optional<Member> find_direct(const Type* aggregate, std::string_view name, int depth) {
  if (depth > kMaxDepth) return std::nullopt;
  for (const Member& member : aggregate->members()) {
    if (!name.empty() && member.name == name) return member;
    if (!member.name.empty() || !member.type->is_aggregate()) continue;
    std::optional<Member> inner = find_direct(member.type->stripped(), name, depth + 1);
    if (!inner) continue;
    inner->bit_offset += member.bit_offset;
    return inner;
  }
  return std::nullopt;
}

// Takes one "[N]" off the front of `rest` and steps into the element.
bool step_into_element(std::string_view& rest, FoundMember& found) {
  size_t close = rest.find(']');
  const Type* array = found.member.type->stripped();
  if (close == std::string_view::npos || array->kind() != TypeKind::kArray || !array->target()) return false;
  uint64_t index = 0, bits = 0;
  auto [end, error] = std::from_chars(rest.data() + 1, rest.data() + close, index);
  std::optional<uint64_t> size = array->target()->size();
  if (error != std::errc() || end != rest.data() + close || !size) return false;
  if (__builtin_mul_overflow(index, *size * 8, &bits)) return false;
  found.member.type = array->target();
  found.member.bit_offset += bits;
  found.path += rest.substr(0, close + 1);
  rest.remove_prefix(close + 1);
  return true;
}

class PlaceSearch {
 public:
  explicit PlaceSearch(std::vector<FoundMember>& found) : found_(found) {}

  // `member` is what covers the byte: its bit_offset is from the outermost type, `inside` the byte's offset in it.
  void visit(const Member& member, uint64_t inside, const std::string& path, int depth) {
    if (depth > kMaxDepth || found_.size() >= kMaxFound) return;
    const Type* type = member.type->stripped();
    if (member.bit_size == 0 && (type->kind() == TypeKind::kStruct || type->kind() == TypeKind::kUnion)) {
      visit_members(type, member.bit_offset, inside, path, depth);
    } else if (type->kind() == TypeKind::kArray && type->target()) {
      std::optional<uint64_t> size = type->target()->size();
      if (!size || *size == 0) return;
      uint64_t index = inside / *size;
      Member element{member.name, type->target(), member.bit_offset + index * *size * 8, 0};
      visit(element, inside % *size, path + "[" + std::to_string(index) + "]", depth + 1);
    } else {
      found_.push_back({member, path});
    }
  }

 private:
  void visit_members(const Type* aggregate, uint64_t base_bits, uint64_t inside, const std::string& path, int depth) {
    for (const Member& member : aggregate->members()) {
      uint64_t begin = member.bit_offset / 8;
      if (inside < begin) continue;
      if (member.bit_size) {
        uint64_t end = (member.bit_offset + member.bit_size + 7) / 8;
        if (inside >= end) continue;
      } else if (std::optional<uint64_t> size = member.type->size()) {
        if (inside - begin >= *size) continue;
      } else if (member.type->stripped()->kind() != TypeKind::kArray) {
        continue;  // only a flexible array reaches on without a size
      }
      Member placed = member;
      placed.bit_offset += base_bits;
      std::string deeper = path;
      if (!member.name.empty()) deeper += (path.empty() ? "" : ".") + std::string(member.name);
      visit(placed, inside - begin, deeper, depth + 1);
    }
  }

  std::vector<FoundMember>& found_;
};

}  // namespace

std::optional<FoundMember> find_member(const Type* aggregate, std::string_view path) {
  if (!aggregate || path.empty()) return std::nullopt;
  FoundMember found;
  found.member.type = aggregate;
  for (int i = 0; !path.empty(); i++) {
    if (i > kMaxDepth) return std::nullopt;
    if (path.front() == '[') {
      if (!step_into_element(path, found)) return std::nullopt;
    } else {
      std::string_view name = path.substr(0, path.find_first_of(".["));
      std::optional<Member> member = find_direct(found.member.type->stripped(), name, 0);
      if (!member) return std::nullopt;
      member->bit_offset += found.member.bit_offset;
      found.member = *member;
      found.path += (found.path.empty() ? "" : ".") + std::string(name);
      path.remove_prefix(name.size());
    }
    if (!path.empty() && path.front() == '.') {
      path.remove_prefix(1);
      if (path.empty()) return std::nullopt;
    }
  }
  return found;
}

std::vector<FoundMember> members_at(const Type* type, uint64_t offset) {
  std::vector<FoundMember> found;
  if (!type) return found;
  const Type* bare = type->stripped();
  bool has_parts = bare->is_aggregate() || bare->kind() == TypeKind::kArray;
  if (std::optional<uint64_t> size = bare->size(); size && offset >= *size && bare->kind() != TypeKind::kStruct)
    return found;
  if (has_parts) PlaceSearch(found).visit(Member{"", type, 0, 0}, offset, "", 0);
  return found;
}

}  // namespace inquest::debuginfo
