// The chain of evidence, each step with the proof its command printed; and the pictures.
#include <fmt/format.h>

#include <algorithm>

#include "report/html.h"
#include "report/svg.h"
#include "report/words.h"

namespace inquest::report {

namespace {

using inquiry::WordShape;

const Proof* find_proof(const Report& r, const std::string& command) {
  for (const auto& p : r.proofs)
    if (p.command == command) return &p;
  return nullptr;
}

void proof(Markup& page, const Report& r, const std::string& command) {
  if (command.empty()) return;
  const Proof* found = find_proof(r, command);
  auto shown = [&] { page.element("code", {}, "$ " + command); };
  if (!found) return page.element("p", {}, shown);
  page.element("details", {{"class", "proof"}}, [&] {
    page.element("summary", {}, shown);
    if (!found->error.empty()) page.element("p", {{"class", "dim"}}, "It printed nothing: " + found->error);
    if (!found->text.empty()) page.element("pre", {}, found->text);
    if (found->cut) page.element("p", {{"class", "dim"}}, "… more: run the command.");
  });
}

// The picture that shows the same, if it was drawn.
void see_also(Markup& page, const Report& r, const inquiry::Evidence& e) {
  auto see = [&](const std::string& to, const std::string& name) { page.element("a", {{"class", "see"}, {"href", to}}, name); };
  using inquiry::Origin;
  if (e.origin == Origin::kMemory && !r.pictures.memory.empty()) see("#memory", "see the memory");
  if (e.origin == Origin::kType && r.pictures.layout) see("#layout", "see the layout");
  if (e.origin == Origin::kRegister && !r.pictures.journey.empty()) see("#journey", "see the value's way");
  if (e.origin == Origin::kGraph && r.pictures.waits) see("#waits", "see who waits");
  if (e.origin == Origin::kStack && r.crashed) see("#crashed", "see the stack");
  if (e.origin != Origin::kLog) return;
  for (const auto& [name, value] : e.values)
    if (name == "event" && is_anchor(value)) return see("#" + value, "see the event");
}

void figure(Markup& page, const char* id, const std::string& title, const std::string& note, const std::string& svg) {
  if (svg.empty()) return;
  Attributes attributes;
  if (*id) attributes.push_back({"id", id});
  page.element("figure", attributes, [&] {
    page.element("figcaption", {}, [&] {
      page.text(title);
      if (!note.empty()) page.element("span", {{"class", "dim"}}, " " + note);
    });
    page.element("div", {{"class", "scroll"}, {"tabindex", "0"}}, [&] { page.literal(svg); });
  });
}

void legend(Markup& page, const std::vector<inquiry::MemoryWindow>& windows) {
  constexpr std::pair<WordShape, const char*> kNames[] = {
      {WordShape::kZero, "zero"}, {WordShape::kSelf, "points at itself"}, {WordShape::kNumber, "number"}, {WordShape::kText, "text"}, {WordShape::kCode, "code"},
      {WordShape::kData, "kernel data"}, {WordShape::kStack, "stack"}, {WordShape::kObject, "slab object"}, {WordShape::kMapped, "other mapped memory"}, {WordShape::kUser, "user address"},
      {WordShape::kErrno, "error number"}, {WordShape::kPoison, "poison or red zone"}, {WordShape::kStray, "no address"}, {WordShape::kUnread, "not in the dump"}};
  page.element("p", {{"class", "legend"}}, [&] {
    for (const auto& [shape, name] : kNames) {
      bool used = std::any_of(windows.begin(), windows.end(), [&, s = shape](const auto& w) { return std::any_of(w.words.begin(), w.words.end(), [&](const auto& word) { return word.shape == s; }); });
      if (!used) continue;
      page.element("span", {}, [&] {
        page.element("i", {{"class", inquiry::name_of(shape)}}, "");
        page.text(name);
      });
    }
  });
}

void memory_figures(Markup& page, const Report& r) {
  if (r.pictures.memory.empty()) return;
  bool first = true;
  for (const auto& w : r.pictures.memory) {
    figure(page, first ? "memory" : "", "Memory around " + w.title, "", draw_memory(w));
    proof(page, r, w.command);
    first = false;
  }
  legend(page, r.pictures.memory);
}

}  // namespace

void html_evidence(Markup& page, const Report& r) {
  if (r.inquiry.verdicts.empty() || r.inquiry.verdicts.front().evidence.empty()) return;
  page.element("h2", {{"id", "evidence"}}, "Evidence");
  page.element("ol", {{"class", "chain"}}, [&] {
    for (const auto& id : r.inquiry.verdicts.front().evidence) {
      const auto* e = find_evidence(r, id);
      if (!e) continue;
      Attributes attributes;
      if (is_anchor(id)) attributes.push_back({"id", id});
      page.element("li", attributes, [&] {
        page.element("p", {}, [&] {
          page.element("span", {{"class", "origin"}}, inquiry::name_of(e->origin));
          page.prose(e->claim);
          see_also(page, r, *e);
        });
        proof(page, r, e->command);
      });
    }
  });
}

void html_pictures(Markup& page, const Report& r) {
  page.element("h2", {{"id", "pictures"}}, "Pictures");
  std::string timeline = draw_timeline(r);
  if (timeline.empty() && r.pictures.memory.empty() && !r.pictures.layout && r.pictures.journey.empty() && !r.pictures.waits)
    page.element("p", {{"class", "dim"}}, "None: the input holds no times, no memory and no lock to draw.");
  figure(page, "timeline", "Events and CPUs", "(not to scale: the gaps are written)", timeline);
  figure(page, "journey", "The value's way", "(from where it was first seen to where it struck)", draw_journey(r.pictures.journey));
  memory_figures(page, r);
  if (r.pictures.layout) {
    const auto& l = *r.pictures.layout;
    std::string at = l.address ? fmt::format(" at 0x{:x}", *l.address) : "";
    figure(page, "layout", fmt::format("Layout of {}{}", l.type, at), fmt::format("({} bytes; the place in question is +0x{:x}; members side by side share their bytes)", l.size, l.place), draw_layout(l));
    proof(page, r, l.command);
  }
  if (r.pictures.waits) figure(page, "waits", "Who waits for whom", "", draw_waits(*r.pictures.waits));
}

}  // namespace inquest::report
