// Events on a time line, a lane a CPU. Distances grow with the logarithm of the gap, which stands beside it: boot to crash may be months, cause to crash a millisecond.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "report/html.h"
#include "report/svg.h"
#include "report/words.h"

namespace inquest::report {

namespace {

constexpr double kLeft = 92, kRight = Svg::kWidth - 40, kLane = 34, kTop = 24, kTopUnderTie = 62;
constexpr size_t kMostEvents = 14;

struct Shown {
  const scene::EventView* view;
  double x = 0;
};

// The fatal event, those the verdict cites, then the earliest: a flood must not push the cause off the picture.
std::vector<Shown> choose(const Report& r) {
  std::vector<const scene::EventView*> timed;
  for (const auto& e : r.events)
    if (e.event.time && std::isfinite(*e.event.time)) timed.push_back(&e);
  std::vector<Shown> shown;
  for (const auto* e : timed)
    if (matters(r, *e) && shown.size() < kMostEvents) shown.push_back({e});
  for (const auto* e : timed)
    if (!matters(r, *e) && shown.size() < kMostEvents) shown.push_back({e});
  std::stable_sort(shown.begin(), shown.end(), [](const Shown& a, const Shown& b) { return *a.view->event.time < *b.view->event.time; });
  return shown;
}

std::string gap_text(double seconds) {
  if (seconds < 1e-3) return fmt::format("{:.0f} µs", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.1f} ms", seconds * 1e3);
  if (seconds < 120) return fmt::format("{:.1f} s", seconds);
  if (seconds < 7200) return fmt::format("{:.0f} min", seconds / 60);
  if (seconds < 172800) return fmt::format("{:.1f} h", seconds / 3600);
  return fmt::format("{:.1f} days", seconds / 86400);
}

double weight(double gap) { return 3 + std::log10(1 + std::max(gap, 0.0) * 1000); }

void place(std::vector<Shown>& shown) {
  double sum = weight(*shown.front().view->event.time);
  for (size_t i = 1; i < shown.size(); i++) sum += weight(*shown[i].view->event.time - *shown[i - 1].view->event.time);
  double x = kLeft, last = 0;
  for (auto& s : shown) {
    x += (kRight - kLeft) * weight(*s.view->event.time - last) / sum;
    last = *s.view->event.time;
    s.x = x;
  }
}

const char* colour_of(const Report& r, const scene::EventView& e) {
  if (e.id == r.fatal_event) return "fatal";
  return e.event.kind == oops::EventKind::kWarning ? "warning" : "other";
}

void draw_axis(Svg& svg, const std::vector<Shown>& shown, double bottom) {
  svg.line(kLeft, bottom, kRight + 8, bottom, "axis");
  svg.path(fmt::format("M{} {} l-7 -4 v8 z", kRight + 15, bottom), "arrowhead");
  svg.line(kLeft, bottom - 4, kLeft, bottom + 4, "axis");
  svg.text(kLeft, bottom + 18, 60, "boot", "dim", Svg::Align::kMiddle);
  double before = kLeft, time = 0, free_gap = kLeft + 20, free_time = kLeft + 24;
  for (const auto& s : shown) {
    double t = *s.view->event.time;
    std::string gap = gap_text(t - time), at = fmt::format("{:.6f} s", t);
    double middle = (before + s.x) / 2, wide = double(columns(gap)) * Svg::kColumn;
    if (s.x - before > wide + 6 && middle - wide / 2 > free_gap) {
      svg.text(middle, bottom - 6, wide + 7, gap, "dim", Svg::Align::kMiddle);
      free_gap = middle + wide / 2;
    }
    // Times stand under their events where they do not run into each other; the others have theirs in the hint.
    double half = double(columns(at)) * Svg::kColumn / 2, x = std::min(s.x, Svg::kWidth - half - 2);
    if (x - half > free_time) {
      svg.text(x, bottom + 18, 2 * half + 7, at, "label", Svg::Align::kMiddle);
      free_time = x + half + 4;
    }
    svg.line(s.x, bottom - 4, s.x, bottom + 4, "axis");
    before = s.x;
    time = t;
  }
}

const Shown* shown_in(const std::vector<Shown>& shown, const std::string& id) {
  for (const auto& s : shown)
    if (s.view->id == id) return &s;
  return nullptr;
}

// One arc from the earlier event to the later, with every value they share written on it.
void draw_links(const Report& r, Svg& svg, const std::vector<Shown>& shown, const std::map<std::string, double>& height) {
  std::vector<std::string> words;
  const Shown *from = nullptr, *to = nullptr;
  for (const auto& link : r.inquiry.seen.links) {
    const auto *a = shown_in(shown, link.from_event), *b = shown_in(shown, link.to_event);
    if (!a || !b) continue;
    from = a;
    to = b;
    words.push_back(fmt::format("{}{} of {} = {}", link.from_register, link.plus ? fmt::format(" + {:#x}", link.plus) : "", link.from_event, link.to_what));
  }
  if (!from) return;
  double y1 = height.at(from->view->id) - 11, y2 = height.at(to->view->id) - 11, top = 30;
  svg.path(fmt::format("M{:.1f} {:.1f} C{:.1f} {:.1f} {:.1f} {:.1f} {:.1f} {:.1f}", from->x, y1, from->x, top - 6, to->x, top - 6, to->x, y2 - 2), "tie");
  svg.path(fmt::format("M{:.1f} {:.1f} l-4 -7 h8 z", to->x, y2), "tiehead");
  std::string all;
  for (const auto& w : words) all += (all.empty() ? "" : "; ") + w;
  double wide = std::min(double(columns(all)) * Svg::kColumn, Svg::kWidth - 10), middle = std::clamp((from->x + to->x) / 2, wide / 2 + 4, Svg::kWidth - wide / 2 - 4);
  svg.text(middle, 16, wide + 7, all, "tietext", Svg::Align::kMiddle);
}

}  // namespace

std::string draw_timeline(const Report& r) {
  auto shown = choose(r);
  if (shown.empty()) return "";
  place(shown);
  std::map<int, double> lanes;  // -1: the log does not say which CPU
  for (const auto& s : shown) lanes[s.view->event.cpu.value_or(-1)] = 0;
  bool tied = false;
  for (const auto& link : r.inquiry.seen.links) tied |= shown_in(shown, link.from_event) && shown_in(shown, link.to_event);
  double y = tied ? kTopUnderTie : kTop;
  for (auto& [cpu, lane] : lanes) {
    lane = y;
    y += kLane;
  }
  Svg svg;
  for (const auto& [cpu, lane] : lanes) {
    svg.text(4, lane + 4, kLeft - 8, cpu < 0 ? "CPU unknown" : fmt::format("CPU {}", cpu), "label");
    svg.line(kLeft, lane, kRight + 8, lane, "lane");
  }
  std::map<std::string, double> height;
  for (const auto& s : shown) height[s.view->id] = lanes.at(s.view->event.cpu.value_or(-1));
  draw_links(r, svg, shown, height);
  for (const auto& s : shown) {
    const auto& e = s.view->event;
    std::string hint = fmt::format("{} at {:.6f} s: {}", s.view->id, *e.time, headline(*s.view));
    auto mark = [&] {
      svg.circle(s.x, height[s.view->id], 10, fmt::format("event {}", colour_of(r, *s.view)), hint);
      svg.text(s.x, height[s.view->id] + 4, 30, s.view->id, "eventname", Svg::Align::kMiddle);
    };
    if (is_anchor(s.view->id)) svg.link("#" + s.view->id, mark);
    else mark();
  }
  draw_axis(svg, shown, y + 2);
  return svg.finish(y + 30, fmt::format("{} events on {} CPUs in the order of time", shown.size(), lanes.size()));
}

}  // namespace inquest::report
