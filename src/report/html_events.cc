// The events and the crashed thread.
#include <fmt/format.h>

#include <algorithm>

#include "report/html.h"
#include "report/words.h"

namespace inquest::report {

namespace {

constexpr size_t kMostEvents = 60, kMostFrames = 64, kMostLocals = 40, kMostValue = 300;

void source_lines(Markup& page, const scene::FrameView& f) {
  std::string source = frame_source(f);
  if (!source.empty()) page.element("span", {{"class", "dim"}}, "  " + source);
}

void locals(Markup& page, const std::vector<scene::FrameView::Local>& list) {
  if (list.empty()) return;
  page.element("details", {}, [&] {
    page.element("summary", {}, fmt::format("{} variables", list.size()));
    page.element("table", {}, [&] {
      for (size_t i = 0; i < list.size() && i < kMostLocals; i++) {
        const auto& l = list[i];
        page.element("tr", {}, [&] {
          page.element("td", {}, [&] { page.element("code", {}, l.type + " " + l.name); });
          page.element("td", {}, [&] {
            if (!l.value.empty()) page.element("code", {}, fit(l.value, kMostValue));
            else page.element("span", {{"class", "dim"}}, l.why_not.empty() ? "not known" : l.why_not);
            if (l.earlier) page.element("span", {{"class", "dim"}}, " " + l.how);
          });
        });
      }
    });
    if (list.size() > kMostLocals) page.element("p", {{"class", "dim"}}, fmt::format("… {} more: bt -v", list.size() - kMostLocals));
  });
}

void quotes(Markup& page, const Report& r, const scene::FrameView& f) {
  bool any = std::any_of(f.source.begin(), f.source.end(), [&](const scene::SourceRef& s) { return find_quote(r, s.file, s.line); });
  if (!any) return;
  page.element("details", {}, [&] {
    page.element("summary", {}, "source");
    for (const auto& s : f.source) html_quote(page, r, s.file, s.line);
  });
}

void registers(Markup& page, const scene::EventView& view) {
  if (view.event.registers.empty()) return;
  auto meaning = [&](const std::string& name) -> std::string {
    for (const auto& m : view.registers)
      if (m.reg == name) return m.type.empty() ? m.text : fmt::format("{}  ({})", m.text, m.type);
    return "";
  };
  page.element("details", {}, [&] {
    page.element("summary", {}, fmt::format("{} registers{}", view.event.registers.size(), view.registers.empty() ? "" : fmt::format(", {} of them known by name", view.registers.size())));
    page.element("table", {}, [&] {
      for (const auto& r : view.event.registers)
        page.element("tr", {}, [&] {
          page.element("td", {}, [&] { page.element("code", {}, r.name); });
          page.element("td", {}, [&] { page.element("code", {}, fmt::format("0x{:x}", r.value)); });
          page.element("td", {}, [&] { page.element("code", {}, meaning(r.name)); });
        });
    });
  });
}

void details_of(Markup& page, const scene::EventView& view) {
  const auto& e = view.event;
  auto row = [&](const char* name, const std::string& value) {
    if (value.empty()) return;
    page.element("dt", {}, name);
    page.element("dd", {}, [&] { page.element("code", {}, value); });
  };
  page.element("dl", {}, [&] {
    row("at", source_text(view.source));
    if (view.condition) row("found", view.condition->text);
    if (e.fault_address) row("fault address", fmt::format("0x{:x}", *e.fault_address));
    if (view.touch) row("instruction", view.touch->instruction + (view.touch->text.empty() ? "" : "  # " + view.touch->text));
    if (!e.title.empty() && e.title != headline(view)) row("title", e.title);
    if (e.repeats) row("repeats", fmt::format("{}", e.repeats));
  });
}

void event(Markup& page, const Report& r, const scene::EventView& view) {
  Attributes attributes;
  if (is_anchor(view.id)) attributes.push_back({"id", view.id});
  page.element("article", attributes, [&] {
    page.element("h3", {}, [&] {
      page.text(view.id + "  ");
      if (view.event.time) page.element("span", {{"class", "dim"}}, fmt::format("{:.6f} s  ", *view.event.time));
      page.text(headline(view));
    });
    std::string who = whereabouts(view);
    if (view.id == r.fatal_event) who += who.empty() ? "the machine died of it" : "; the machine died of it";
    if (!who.empty()) page.element("p", {{"class", "dim"}}, who);
    details_of(page, view);
    html_quote(page, r, view.event.file, view.event.source_line);
    for (const auto& s : view.source)
      if (s.file != view.event.file || s.line != view.event.source_line) html_quote(page, r, s.file, s.line);
    registers(page, view);
    auto frames = reliable(view.frames);
    if (!frames.empty())
      page.element("details", {{"class", "paper"}}, [&] {
        page.element("summary", {}, fmt::format("stack of {} frames", frames.size()));
        html_frames(page, r, frames, kMostFrames, false);
      });
  });
}

}  // namespace

void html_frames(Markup& page, const Report& r, const std::vector<scene::FrameView>& frames, size_t limit, bool with_locals) {
  page.element("ol", {{"class", "frames"}}, [&] {
    for (size_t i = 0; i < frames.size() && i < limit; i++) {
      const auto& f = frames[i];
      page.element("li", {}, [&] {
        page.element("span", {{"class", "n"}}, fmt::format("#{}", i));
        page.element("code", f.garbage ? Attributes{{"class", "bad"}} : Attributes{}, frame_name(f));
        source_lines(page, f);
        page.element("span", {{"class", f.garbage ? "bad" : "dim"}}, frame_notes(f));
        if (with_locals) locals(page, f.locals);
        quotes(page, r, f);
      });
    }
    if (frames.size() > limit) page.element("li", {}, fmt::format("… {} more", frames.size() - limit));
  });
}

void html_events(Markup& page, const Report& r) {
  page.element("h2", {{"id", "events"}}, "Events");
  if (r.events.empty()) page.element("p", {}, "None in the log.");
  size_t left_out = 0;
  for (size_t i = 0; i < r.events.size(); i++) {
    if (i < kMostEvents || matters(r, r.events[i])) event(page, r, r.events[i]);
    else left_out++;
  }
  if (left_out) page.element("p", {{"class", "dim"}}, fmt::format("… {} more, in the JSON", left_out));
}

void html_crashed(Markup& page, const Report& r) {
  if (!r.crashed) return;
  const auto& c = *r.crashed;
  std::string title = "The crashed thread";
  if (c.cpu) title += fmt::format(", CPU {}", *c.cpu);
  if (c.pid) title += fmt::format(", pid {} ({})", *c.pid, c.comm);
  page.element("h2", {{"id", "crashed"}}, title);
  if (!c.how.empty()) page.element("p", {{"class", "dim"}}, "Its registers: " + c.how);
  html_frames(page, r, c.frames, kMostFrames, true);
  if (!c.complete && !c.why_incomplete.empty()) page.element("p", {{"class", "dim"}}, "The stack ends here: " + c.why_incomplete);
}

}  // namespace inquest::report
