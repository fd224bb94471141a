#include "dump/extents.h"

#include <algorithm>
#include <limits>
#include <queue>

namespace inquest::dump {

namespace {

struct Candidate {
  uint32_t rank;
  size_t order;  // index in the caller's order
  uint64_t end;
  bool operator<(const Candidate& o) const { return rank != o.rank ? rank < o.rank : order < o.order; }
};

bool disjoint(const std::vector<Extent>& sorted) {
  for (size_t i = 1; i < sorted.size(); i++)
    if (sorted[i - 1].end() > sorted[i].start) return false;
  return true;
}

// From left to right over all ends of stretches; between two of them the best of those that are open wins.
std::vector<Extent> sweep(const std::vector<Extent>& extents, const std::vector<size_t>& by_start) {
  std::vector<uint64_t> edges;
  edges.reserve(2 * extents.size());
  for (const Extent& e : extents) edges.push_back(e.start), edges.push_back(e.end());
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());

  std::vector<Extent> result;
  size_t last_source = 0;
  std::priority_queue<Candidate> open;
  size_t next = 0;
  for (size_t i = 0; i + 1 < edges.size(); i++) {
    for (; next < by_start.size() && extents[by_start[next]].start == edges[i]; next++) {
      const Extent& e = extents[by_start[next]];
      open.push({e.rank, by_start[next], e.end()});
    }
    while (!open.empty() && open.top().end <= edges[i]) open.pop();
    if (open.empty()) continue;
    const size_t source = open.top().order;
    const Extent& e = extents[source];
    if (!result.empty() && last_source == source && result.back().end() == edges[i]) {
      result.back().size = edges[i + 1] - result.back().start;
    } else {
      result.push_back({edges[i], edges[i + 1] - edges[i], e.target + (edges[i] - e.start), e.rank});
    }
    last_source = source;
  }
  return result;
}

}  // namespace

std::vector<Extent> resolve_overlaps(std::vector<Extent> extents) {
  for (Extent& e : extents) e.size = std::min(e.size, std::numeric_limits<uint64_t>::max() - e.start);
  std::erase_if(extents, [](const Extent& e) { return e.size == 0; });
  auto before = [](const Extent& a, const Extent& b) { return a.start < b.start; };
  std::vector<size_t> by_start(extents.size());
  for (size_t i = 0; i < by_start.size(); i++) by_start[i] = i;
  std::stable_sort(by_start.begin(), by_start.end(),
                   [&](size_t a, size_t b) { return before(extents[a], extents[b]); });
  std::vector<Extent> sorted;
  sorted.reserve(extents.size());
  for (size_t i : by_start) sorted.push_back(extents[i]);
  if (disjoint(sorted)) return sorted;
  return sweep(extents, by_start);
}

const Extent* find_extent(const std::vector<Extent>& sorted, uint64_t at) {
  auto it = std::upper_bound(sorted.begin(), sorted.end(), at, [](uint64_t v, const Extent& e) { return v < e.start; });
  if (it == sorted.begin()) return nullptr;
  --it;
  return at - it->start < it->size ? &*it : nullptr;
}

const Extent* next_extent(const std::vector<Extent>& sorted, uint64_t at) {
  auto it = std::upper_bound(sorted.begin(), sorted.end(), at, [](uint64_t v, const Extent& e) { return v < e.start; });
  return it == sorted.end() ? nullptr : &*it;
}

}  // namespace inquest::dump
