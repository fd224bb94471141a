#include "report/svg.h"

#include <fmt/format.h>

#include <algorithm>

namespace inquest::report {

namespace {

std::string number(double v) {
  std::string text = fmt::format("{:.1f}", v);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}

}  // namespace

void Markup::prose(std::string_view hostile) {
  for (size_t at = 0; at < hostile.size();) {
    size_t open = hostile.find('`', at);
    size_t close = open == std::string_view::npos ? open : hostile.find('`', open + 1);
    if (close == std::string_view::npos) return text(hostile.substr(at));
    text(hostile.substr(at, open - at));
    element("code", hostile.substr(open + 1, close - open - 1));
    at = close + 1;
  }
}

size_t room_for(double width) { return width <= 0 ? 0 : size_t(width / Svg::kColumn); }

std::vector<std::string> wrap(const std::string& text, size_t room, size_t most_lines) {
  std::vector<std::string> lines;
  std::string line;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find(' ', at), text.size());
    std::string word = text.substr(at, end - at);
    at = end + 1;
    if (!line.empty() && columns(line) + 1 + columns(word) > room) {
      if (lines.size() + 1 == most_lines) {
        lines.push_back(fit(line + " " + word, room));
        return lines;
      }
      lines.push_back(line);
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  if (!line.empty()) lines.push_back(line);
  return lines;
}

void Svg::hint(std::string_view words) {
  if (!words.empty()) markup_.element("title", {}, words);
}

void Svg::rect(double x, double y, double width, double height, std::string_view classes, std::string_view words) {
  markup_.element("rect", {{"x", number(x)}, {"y", number(y)}, {"width", number(std::max(width, 0.0))}, {"height", number(std::max(height, 0.0))}, {"class", std::string(classes)}},
                  [&] { hint(words); });
}

void Svg::line(double x1, double y1, double x2, double y2, std::string_view classes) {
  markup_.empty("line", {{"x1", number(x1)}, {"y1", number(y1)}, {"x2", number(x2)}, {"y2", number(y2)}, {"class", std::string(classes)}});
}

void Svg::path(const std::string& d, std::string_view classes) { markup_.empty("path", {{"d", d}, {"class", std::string(classes)}}); }

void Svg::circle(double x, double y, double radius, std::string_view classes, std::string_view words) {
  markup_.element("circle", {{"cx", number(x)}, {"cy", number(y)}, {"r", number(radius)}, {"class", std::string(classes)}}, [&] { hint(words); });
}

void Svg::text(double x, double y, double room, const std::string& what, std::string_view classes, Align align) {
  if (what.empty()) return;
  std::string shown = fit(what, room_for(room));
  const char* anchor = align == Align::kStart ? "start" : align == Align::kMiddle ? "middle" : "end";
  markup_.element("text", {{"x", number(x)}, {"y", number(y)}, {"class", std::string(classes)}, {"text-anchor", anchor}}, [&] {
    if (shown != what) hint(what);
    markup_.text(shown);
  });
}

std::string Svg::finish(double height, const std::string& name) {
  Markup whole;
  std::string body = markup_.take();
  whole.element("svg", {{"viewBox", fmt::format("0 0 {} {}", number(kWidth), number(height))}, {"role", "group"}, {"aria-label", name}}, [&] { whole.literal(body); });
  return whole.take();
}

}  // namespace inquest::report
