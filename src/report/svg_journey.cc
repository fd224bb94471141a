// A value's way from where it was born to where it struck, a box a step.
#include <fmt/format.h>

#include <algorithm>

#include "report/svg.h"

namespace inquest::report {

namespace {

using Kind = inquiry::JourneyStep::Kind;

constexpr double kLeft = 30, kBoxWidth = Svg::kWidth - kLeft - 4, kValueWidth = 140;

// Backquotes mark code in prose; a picture is all of one font.
std::string plain(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), '`'), text.end());
  return text;
}

const char* class_of(const inquiry::JourneyStep& s) { return s.kind == Kind::kFault ? "step fault" : s.kind == Kind::kBirth ? "step birth" : "step"; }

}  // namespace

std::string draw_journey(const std::vector<inquiry::JourneyStep>& steps) {
  if (steps.empty()) return "";
  Svg svg;
  double y = 4;
  for (size_t i = 0; i < steps.size(); i++) {
    const auto& s = steps[i];
    auto title = wrap(plain(s.title), room_for(kBoxWidth - kValueWidth - 24), 2), where = wrap(s.where, room_for(kBoxWidth - 20), 2), note = wrap(plain(s.note), room_for(kBoxWidth - 20), 3);
    double height = 12 + Svg::kLine * double(title.size() + where.size() + note.size());
    if (i > 0) {
      svg.line(kLeft + 24, y, kLeft + 24, y + 14, "flow");
      svg.path(fmt::format("M{} {} l-5 -8 h10 z", kLeft + 24, y + 20), "flowhead");
      y += 20;
    }
    svg.rect(kLeft, y, kBoxWidth, height, class_of(s));
    svg.text(4, y + height / 2 + 4, kLeft - 6, fmt::format("{}", i + 1), "label");
    svg.text(kLeft + kBoxWidth - 8, y + 16, kValueWidth, s.value, "value", Svg::Align::kEnd);
    double line = y + 16;
    auto put = [&](const std::vector<std::string>& lines, const char* classes) {
      for (const auto& l : lines) {
        svg.text(kLeft + 10, line, kBoxWidth - 16, l, classes);
        line += Svg::kLine;
      }
    };
    put(title, "strong");
    put(where, "member");
    put(note, s.changed ? "mark" : "dim");
    y += height;
  }
  return svg.finish(y + 6, fmt::format("the value's way in {} steps", steps.size()));
}

}  // namespace inquest::report
