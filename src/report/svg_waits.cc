// Who waits for whom: those in a cycle on a ring, the others in rows below it, an arrow for every wait and every hold.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "report/svg.h"

namespace inquest::report {

namespace {

using inquiry::WaitGraph;

constexpr double kNodeWidth = 190, kNodeHeight = 40, kRowGap = 34;
constexpr size_t kMostNodes = 40, kColumns = 3;

struct Spot {
  double x = 0, y = 0;                    // centre
};

using Spots = std::map<std::string, Spot>;

double place_ring(const std::vector<const WaitGraph::Node*>& ring, Spots& spots) {
  if (ring.empty()) return 10;
  double rx = Svg::kWidth / 2 - kNodeWidth / 2 - 10, ry = std::max(70.0, 30.0 * double(ring.size()) / 2), middle = ry + kNodeHeight / 2 + 12;
  for (size_t i = 0; i < ring.size(); i++) {
    double angle = -M_PI / 2 + 2 * M_PI * double(i) / double(ring.size());
    spots[ring[i]->id] = {Svg::kWidth / 2 + rx * std::cos(angle), middle + ry * std::sin(angle)};
  }
  return middle + ry + kNodeHeight / 2 + kRowGap;
}

double place_rows(const std::vector<const WaitGraph::Node*>& rest, double top, Spots& spots) {
  double step = Svg::kWidth / double(kColumns);
  for (size_t i = 0; i < rest.size(); i++) spots[rest[i]->id] = {step * (double(i % kColumns) + 0.5), top + kNodeHeight / 2 + double(i / kColumns) * (kNodeHeight + kRowGap)};
  size_t rows = (rest.size() + kColumns - 1) / kColumns;
  return top + double(rows) * (kNodeHeight + kRowGap);
}

// Each behind the one that it waits for or is held by, so that the arrows of a cycle go round and not across.
std::vector<const WaitGraph::Node*> in_order(const WaitGraph& graph, std::vector<const WaitGraph::Node*> ring) {
  for (size_t i = 0; i + 1 < ring.size(); i++)
    for (size_t k = i + 1; k < ring.size(); k++) {
      bool next = std::any_of(graph.edges.begin(), graph.edges.end(), [&](const WaitGraph::Edge& e) { return e.from == ring[i]->id && e.to == ring[k]->id; });
      if (!next) continue;
      std::swap(ring[i + 1], ring[k]);
      break;
    }
  return ring;
}

// Where the line from the centre of a box towards `to` leaves it.
Spot edge_of(const Spot& box, const Spot& to) {
  double dx = to.x - box.x, dy = to.y - box.y;
  if (dx == 0 && dy == 0) return box;
  double scale = std::min(dx == 0 ? 1e9 : (kNodeWidth / 2 + 3) / std::fabs(dx), dy == 0 ? 1e9 : (kNodeHeight / 2 + 3) / std::fabs(dy));
  return {box.x + dx * std::min(scale, 1.0), box.y + dy * std::min(scale, 1.0)};
}

void draw_edge(Svg& svg, const Spot& from, const Spot& to, const std::string& label, bool in_cycle) {
  Spot a = edge_of(from, to), b = edge_of(to, from);
  double dx = b.x - a.x, dy = b.y - a.y, length = std::hypot(dx, dy);
  if (length < 1) return;
  dx /= length;
  dy /= length;
  svg.line(a.x, a.y, b.x - 7 * dx, b.y - 7 * dy, in_cycle ? "wait cycle" : "wait");
  svg.path(fmt::format("M{:.1f} {:.1f} L{:.1f} {:.1f} L{:.1f} {:.1f} z", b.x, b.y, b.x - 8 * dx - 4 * dy, b.y - 8 * dy + 4 * dx, b.x - 8 * dx + 4 * dy, b.y - 8 * dy - 4 * dx),
           in_cycle ? "waithead cycle" : "waithead");
  // Near its start outside a cycle: those that wait behind it all point at the same locks.
  double at = in_cycle ? 0.5 : 0.25;
  svg.text(a.x + (b.x - a.x) * at, a.y + (b.y - a.y) * at - 3, 110, label, "dim halo", Svg::Align::kMiddle);
}

}  // namespace

std::string draw_waits(const WaitGraph& graph) {
  if (graph.nodes.empty()) return "";
  std::vector<const WaitGraph::Node*> ring, rest;
  for (const auto& n : graph.nodes)
    if (ring.size() + rest.size() < kMostNodes) (n.in_cycle ? ring : rest).push_back(&n);
  ring = in_order(graph, std::move(ring));
  Spots spots;
  double bottom = place_rows(rest, place_ring(ring, spots), spots);
  Svg svg;
  for (const auto& e : graph.edges) {
    auto from = spots.find(e.from), to = spots.find(e.to);
    if (from == spots.end() || to == spots.end() || from == to) continue;
    auto in_ring = [&](const std::string& id) { return std::any_of(ring.begin(), ring.end(), [&](const auto* n) { return n->id == id; }); };
    draw_edge(svg, from->second, to->second, e.label, in_ring(e.from) && in_ring(e.to));
  }
  for (const auto* list : {&ring, &rest})
    for (const auto* n : *list) {
      Spot s = spots.at(n->id);
      std::string classes = fmt::format("node {}{}", n->lock ? "lock" : "task", n->in_cycle ? " cycle" : "");
      svg.rect(s.x - kNodeWidth / 2, s.y - kNodeHeight / 2, kNodeWidth, kNodeHeight, classes, n->label + (n->detail.empty() ? "" : ": " + n->detail));
      svg.text(s.x, n->detail.empty() ? s.y + 4 : s.y - 3, kNodeWidth - 8, n->label, "strong", Svg::Align::kMiddle);
      svg.text(s.x, s.y + 12, kNodeWidth - 8, n->detail, "dim", Svg::Align::kMiddle);
    }
  return svg.finish(bottom + 4, fmt::format("{} tasks and locks, {} of them in a cycle", graph.nodes.size(), ring.size()));
}

}  // namespace inquest::report
