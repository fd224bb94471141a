// Extents: a sorted map from stretches of one number line (addresses, offsets) to places on another.
//
// Built from stretches in any order that may overlap: the higher rank wins, of equal rank the later one. So a
// flattened file's rewritten header is read as last written, and a vmcore's kernel segment, which the kernel lists
// beside the RAM range that holds it, is harmless. Plain values; immutable after build().
#pragma once

#include <cstdint>
#include <vector>

namespace inquest::dump {

struct Extent {
  uint64_t start = 0, size = 0;
  uint64_t target = 0;  // where `start` lies on the other line
  uint32_t rank = 0;
  uint64_t end() const { return start + size; }
};

// Sorted by start, disjoint, none empty. Extents that would reach beyond the end of the number line are cut there.
std::vector<Extent> resolve_overlaps(std::vector<Extent> extents);
// The extent that holds `at`, or null.
const Extent* find_extent(const std::vector<Extent>& sorted, uint64_t at);
// The first extent that starts behind `at`, or null.
const Extent* next_extent(const std::vector<Extent>& sorted, uint64_t at);

}  // namespace inquest::dump
