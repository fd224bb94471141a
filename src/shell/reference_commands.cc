// references: what points at an address or into a range.
#include <fmt/format.h>

#include <algorithm>

#include "shell/shell.h"

namespace inquest::shell::commands_of {

namespace {

constexpr size_t kMaxShown = 200;

// ADDRESS: the object it is in, if it is one of the slab allocator's, else the very address. ADDRESS SIZE, or LOW-HIGH: as said.
Result<std::pair<uint64_t, uint64_t>> range_of(const Context& context, const Words& words) {
  if (words.words.empty()) return Error(ErrorCode::kUsage, "which address?");
  const std::string& first = words.words.front();
  if (size_t dash = first.find('-'); dash != first.npos && parse_hex(first.substr(0, dash)) && parse_hex(first.substr(dash + 1)))
    return std::pair(*parse_hex(first.substr(0, dash)), *parse_hex(first.substr(dash + 1)));
  TRY(uint64_t address, parse_address(context, first));
  if (words.words.size() > 1) {
    auto size = parse_hex(words.words[1]);
    if (!size || !*size) return Error(ErrorCode::kUsage, words.words[1] + ": no size");
    return std::pair(address, address + *size);
  }
  if (words.has('e')) return std::pair(address, address + 1);
  scene::Identity id = context.scene->identify(address);
  if (id.kind == scene::Identity::Kind::kSlab) return std::pair(id.object_start, id.object_start + id.object_size);
  return std::pair(address, address + 1);
}

}  // namespace

Result<std::string> references(const Context& context, const Words& words) {
  TRY(auto range, range_of(context, words));
  auto view = context.scene->references(range.first, range.second);
  if (!view) return Error(ErrorCode::kUsage, "an empty range");
  std::string out = fmt::format("words that point into {:x}-{:x}, in {} MiB of stored memory:\n", range.first, range.second, view->bytes_scanned >> 20);
  size_t shown = 0, stale = 0;
  for (const auto& r : view->found) {
    if (r.stale && !words.has('a')) {
      stale++;
      continue;
    }
    if (++shown > kMaxShown && !words.has('a')) continue;
    std::string plus = r.value == range.first ? "" : fmt::format(" (its +{:#x})", r.value - range.first);
    std::string where = r.at ? fmt::format("{:x}", r.at) : std::string(16, ' ');
    out += fmt::format("{}  {:<8} -> {:x}{}  {}", where, scene::name_of(r.kind), r.value, plus, r.text);
    if (!r.member.empty() && r.kind == scene::ReferenceView::Kind::kSlab) out += fmt::format("; {} of {}", r.member, r.object);
    out += "\n";
  }
  if (!shown) out += "none\n";
  if (shown > kMaxShown && !words.has('a')) out += fmt::format("… {} in all; -a lists them\n", shown);
  if (stale) out += fmt::format("{} more below stack pointers, left over; -a lists them\n", stale);
  if (view->limited) out += "there are more: the scan stopped counting\n";
  return out;
}

}  // namespace inquest::shell::commands_of
