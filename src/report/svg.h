// Svg: a canvas of one width for the pictures of the HTML report. Colours are classes of the page's style sheet, so light, dark and paper need one drawing.
//
// All text is monospaced, so that what fits is known without measuring: kColumn units a character at the page's font size for pictures.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "inquiry/pictures.h"
#include "report/markup.h"
#include "report/report.h"

namespace inquest::report {

class Svg {
 public:
  static constexpr double kWidth = 760, kColumn = 6.9, kLine = 15;   // font-size 11: 0.6 em of most, 0.602 of DejaVu Sans Mono, and some air

  void rect(double x, double y, double width, double height, std::string_view classes, std::string_view hint = "");
  void line(double x1, double y1, double x2, double y2, std::string_view classes);
  void path(const std::string& d, std::string_view classes);
  void circle(double x, double y, double radius, std::string_view classes, std::string_view hint = "");
  enum class Align { kStart, kMiddle, kEnd };
  // `y` is the baseline. Cut to `room` units; the whole is then in the hint a mouse shows.
  void text(double x, double y, double room, const std::string& what, std::string_view classes, Align align = Align::kStart);
  // A link of the page around what `body` draws.
  template <typename F>
  void link(const std::string& to, F body) {
    markup_.element("a", {{"href", to}}, body);
  }
  // The whole picture; `name` says what it shows to those who do not see it.
  std::string finish(double height, const std::string& name);

 private:
  void hint(std::string_view words);
  Markup markup_;
};

size_t room_for(double width);                                        // characters
std::vector<std::string> wrap(const std::string& text, size_t room, size_t most_lines);

// The pictures; "" where there is nothing to draw.
std::string draw_timeline(const Report& report);
std::string draw_memory(const inquiry::MemoryWindow& window);
std::string draw_layout(const inquiry::StructLayout& layout);
std::string draw_waits(const inquiry::WaitGraph& graph);
std::string draw_journey(const std::vector<inquiry::JourneyStep>& steps);

}  // namespace inquest::report
