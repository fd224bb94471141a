// A structure's members from top to bottom; the arms of a union side by side, at the same height where they share bytes.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "report/svg.h"

namespace inquest::report {

namespace {

using inquiry::LayoutBlock;
using inquiry::LayoutMember;
using inquiry::StructLayout;

constexpr double kLeft = 64, kCell = 34, kPadding = 18, kRight = Svg::kWidth - 4;

// The height of every byte border of a block: each stretch between two borders is one cell high.
std::map<uint64_t, double> borders_of(const LayoutBlock& block, double top) {
  std::set<uint64_t> offsets;
  for (const auto& arm : block.arms)
    for (const auto& m : arm) {
      offsets.insert(m.offset);
      offsets.insert(m.offset + std::max<uint64_t>(m.size, 1));
    }
  std::map<uint64_t, double> y;
  for (uint64_t offset : offsets) {
    y[offset] = top;
    top += kCell;
  }
  return y;
}

void draw_member(Svg& svg, const LayoutMember& m, double x, double y, double width, double height) {
  std::string whole = fmt::format("{} ({}), offset 0x{:x}, {} bytes", m.path, m.type, m.offset, m.size);
  svg.rect(x + 1, y + 1, width - 2, height - 2, m.marked ? "cell marked" : "cell", whole);
  double middle = y + height / 2;
  svg.text(x + 7, middle - 3, width - 14, m.path, m.marked ? "member strong" : "member");
  std::string value = m.value.empty() ? "" : "= " + m.value;
  double value_width = value.empty() ? 0 : (double(columns(value)) + 1) * Svg::kColumn;
  svg.text(x + 7, middle + 11, width - 14 - value_width, m.type, "dim");
  svg.text(x + width - 7, middle + 11, value_width, value, "value", Svg::Align::kEnd);
}

double draw_block(Svg& svg, const LayoutBlock& block, double y) {
  if (block.arms.empty()) {
    svg.rect(kLeft + 1, y + 1, kRight - kLeft - 2, kPadding - 2, "cell hole");
    svg.text(4, y + 13, kLeft - 8, fmt::format("+0x{:x}", block.offset), "label");
    svg.text(kLeft + 7, y + 13, 300, fmt::format("{} bytes of padding", block.size), "dim");
    return y + kPadding;
  }
  auto at = borders_of(block, y);
  for (const auto& [offset, top] : at)
    if (offset < block.offset + block.size) svg.text(4, top + kCell / 2 + 4, kLeft - 8, fmt::format("+0x{:x}", offset), "label");
  double width = (kRight - kLeft) / double(block.arms.size()), x = kLeft;
  for (const auto& arm : block.arms) {
    for (const auto& m : arm) {
      double top = at.at(m.offset);
      draw_member(svg, m, x, top, width, at.at(m.offset + std::max<uint64_t>(m.size, 1)) - top);
    }
    x += width;
  }
  double bottom = at.rbegin()->second;
  if (block.arms.size() > 1) svg.rect(kLeft - 3, y, kRight - kLeft + 5, bottom - y, "union", fmt::format("a union: {} arms share these bytes", block.arms.size()));
  return bottom;
}

// Far members tell little: what is near the place, and how many more there are.
constexpr size_t kBlocksBefore = 8, kBlocksAfter = 8;

}  // namespace

std::string draw_layout(const StructLayout& layout) {
  if (layout.blocks.empty()) return "";
  size_t middle = 0;
  for (size_t i = 0; i < layout.blocks.size(); i++)
    if (layout.blocks[i].offset <= layout.place) middle = i;
  size_t first = middle > kBlocksBefore ? middle - kBlocksBefore : 0, last = std::min(layout.blocks.size(), middle + kBlocksAfter + 1);
  Svg svg;
  double y = 4;
  if (first > 0 || layout.cut_before) {
    svg.text(kLeft + 7, y + 12, 500, "… what lies before", "dim");
    y += kPadding;
  }
  for (size_t i = first; i < last; i++) y = draw_block(svg, layout.blocks[i], y);
  if (last < layout.blocks.size() || layout.cut_after) {
    svg.text(kLeft + 7, y + 13, 500, fmt::format("… up to 0x{:x}", layout.size), "dim");
    y += kPadding;
  }
  return svg.finish(y + 6, fmt::format("layout of {} around offset 0x{:x}", layout.type, layout.place));
}

}  // namespace inquest::report
