// The report as a person reads it: on a terminal (two screens, colours) and as Markdown for a ticket. One set of sections, two styles.
#include <fmt/format.h>

#include <algorithm>

#include "report/words.h"
#include "scene/event_words.h"

namespace inquest::report {

namespace {

class Page {
 public:
  Page(bool markdown, bool color) : markdown_(markdown), color_(color) {}

  void heading(const std::string& text) {
    if (!out_.empty()) out_ += "\n";
    out_ += markdown_ ? "## " + text + "\n\n" : paint("1", text) + "\n";
  }
  void line(const std::string& text) { out_ += text + "\n"; }
  void blank() { out_ += "\n"; }
  std::string strong(const std::string& text) { return markdown_ ? "**" + text + "**" : paint("1", text); }
  std::string code(const std::string& text) { return markdown_ ? "`" + text + "`" : paint("36", text); }
  std::string dim(const std::string& text) { return markdown_ ? text : paint("2", text); }
  std::string alarm(const std::string& text) { return markdown_ ? "**" + text + "**" : paint("1;31", text); }
  bool markdown() const { return markdown_; }

  // Words wrapped to 100 columns on a terminal; Markdown wraps itself.
  void paragraph(const std::string& text, const std::string& indent = "", const std::string& first = "") {
    if (markdown_) return line(first + text);
    std::string current = first.empty() ? indent : first;
    size_t width = visible(current);
    bool fresh = true;
    for (size_t at = 0; at < text.size();) {
      size_t end = std::min(text.find(' ', at), text.size());
      std::string word = text.substr(at, end - at);
      if (!fresh && width + 1 + visible(word) > 100) {
        line(current);
        current = indent;
        width = indent.size();
        fresh = true;
      }
      if (!fresh) current += " ", width++;
      current += word;
      width += visible(word);
      fresh = false;
      at = end + 1;
    }
    line(current);
  }
  void block(const std::vector<std::string>& lines) {
    if (markdown_) out_ += "```\n";
    for (const auto& l : lines) out_ += (markdown_ ? "" : "  ") + l + "\n";
    if (markdown_) out_ += "```\n";
  }
  // Logs and memory hold any bytes; of control characters only our own colours reach a terminal.
  std::string text() const {
    std::string clean;
    for (size_t i = 0; i < out_.size(); i++) {
      auto c = static_cast<unsigned char>(out_[i]);
      size_t style = c == 0x1b && color_ ? style_length(std::string_view(out_).substr(i)) : 0;
      if (style) {
        clean.append(out_, i, style);
        i += style - 1;
      } else {
        clean += (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f ? '?' : out_[i];
      }
    }
    return clean;
  }

 private:
  static size_t style_length(std::string_view text) {
    for (std::string_view style : {"\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[36m", "\x1b[1;31m"})
      if (text.starts_with(style)) return style.size();
    return 0;
  }
  std::string paint(const char* how, const std::string& text) const { return color_ ? fmt::format("\x1b[{}m{}\x1b[0m", how, text) : text; }
  static size_t visible(const std::string& s) {
    size_t n = 0;
    for (size_t i = 0; i < s.size(); i++) {
      if (s[i] == '\x1b') {
        while (i < s.size() && s[i] != 'm') i++;
      } else if ((static_cast<unsigned char>(s[i]) & 0xc0) != 0x80) {
        n++;
      }
    }
    return n;
  }
  bool markdown_, color_;
  std::string out_;
};

std::vector<std::string> quote_lines(const Quote& q) {
  std::vector<std::string> lines;
  for (size_t i = 0; i < q.lines.size(); i++) {
    int number = q.first + int(i);
    lines.push_back(fmt::format("{} {:>5}  {}", number == q.line ? ">" : " ", number, q.lines[i]));
  }
  return lines;
}

void verdict_section(Page& page, const Report& r) {
  const auto& v = r.inquiry.verdicts.front();
  page.heading("Verdict");
  std::string sure = v.cause == "unknown" ? "" : fmt::format(", confidence {:.2f}", v.confidence);
  page.paragraph(page.alarm(v.cause) + sure + ". " + v.summary);
  if (!v.guilty.function.empty()) {
    std::string where = v.guilty.file.empty() ? "" : fmt::format(" at {}:{}", v.guilty.file, v.guilty.line);
    page.blank();
    page.paragraph(fmt::format("{} {}{}{}", v.cause == "unknown" ? "Where:" : "Guilty code:", page.strong(v.guilty.function), where, v.guilty.module.empty() ? "" : " [" + v.guilty.module + "]"));
    if (const auto* q = find_quote(r, v.guilty.file, v.guilty.line)) page.block(quote_lines(*q));
  }
}

void evidence_section(Page& page, const Report& r) {
  const auto& v = r.inquiry.verdicts.front();
  if (v.evidence.empty()) return;
  page.heading("Evidence");
  if (!r.shell_prefix.empty()) {
    page.paragraph("Each step can be repeated: " + page.code(r.shell_prefix + " -c 'COMMAND'"));
    page.blank();
  }
  int number = 0;
  for (const auto& id : v.evidence) {
    const auto* e = find_evidence(r, id);
    if (!e) continue;
    std::string label = fmt::format("{}. ", ++number);
    page.paragraph(e->claim, std::string(label.size(), ' '), label);
    if (e->command.empty()) continue;
    if (page.markdown()) page.line(fmt::format("   {} ({})", page.code(e->command), inquiry::name_of(e->origin)));
    else page.line(fmt::format("{}{}", std::string(label.size(), ' '), page.code("$ " + e->command)));
  }
}

void weighing_section(Page& page, const Report& r) {
  const auto& v = r.inquiry.verdicts.front();
  if (!v.alternatives.empty()) {
    page.heading("Why not something else");
    for (const auto& a : v.alternatives) page.paragraph(page.strong(a.cause) + ": " + a.why_not, "  ", "- ");
  }
  if (!v.would_settle.empty()) {
    page.heading("What would settle it");
    for (const auto& w : v.would_settle) page.paragraph(w, "  ", "- ");
  }
}

void environment_section(Page& page, const Report& r) {
  page.heading("Environment");
  std::vector<std::string> lines;
  for (const auto& [name, value] : environment(r)) lines.push_back(fmt::format("{:>12}: {}", name, value));
  page.block(lines);
}

std::vector<std::string> frame_lines(const std::vector<scene::FrameView>& frames, size_t limit) {
  std::vector<std::string> lines;
  for (size_t i = 0; i < frames.size(); i++) {
    if (i >= limit) {
      lines.push_back(fmt::format("    … {} more", frames.size() - i));
      break;
    }
    std::string source = frame_source(frames[i]);
    lines.push_back(fmt::format("#{:<2} {}{}{}", i, frame_name(frames[i]), source.empty() ? "" : "  " + source, frame_notes(frames[i])));
  }
  return lines;
}

void event_lines(Page& page, const Report& r, const scene::EventView& view, size_t frame_limit) {
  const auto& e = view.event;
  std::string when = e.time ? fmt::format("  [{:12.6f}]", *e.time) : "", who = whereabouts(view);
  page.paragraph(headline(view) + (who.empty() ? "" : "  (" + who + ")"), "    ", page.strong(view.id) + when + "  ");
  if (page.markdown()) page.blank();
  if (!view.source.empty()) page.paragraph("at " + source_text(view.source), "    ", "  ");
  if (view.condition) page.paragraph("found " + page.code(view.condition->text), "    ", "  ");
  if (e.fault_address) page.line(fmt::format("  fault address {}", page.code(fmt::format("0x{:x}", *e.fault_address))));
  std::string regs;
  for (const auto& m : view.registers) {
    if (m.text.empty() || !m.value) continue;
    regs += fmt::format("{}{} = {} (0x{:x})", regs.empty() ? "" : "; ", m.reg, m.text, *m.value);
  }
  if (!regs.empty()) page.paragraph(page.markdown() ? page.code(regs) : regs, "    ", "  ");
  for (const auto& words : scene::event_words(view)) page.paragraph(words, "    ", "  ");
  bool below = r.crashed && !r.crashed->frames.empty() && e.cpu == r.crashed->cpu && view.id == r.fatal_event;
  if (below) page.line("  its stack: below, as the dump has it");
  else if (!view.frames.empty()) page.block(frame_lines(reliable(view.frames), frame_limit));
}

// A flood of events would push the rest off the screen: the first ones, those the verdict rests on, and how many more.
void events_section(Page& page, const Report& r, size_t event_limit, size_t frame_limit) {
  page.heading("Events");
  if (r.events.empty()) page.line("None in the log.");
  size_t left_out = 0;
  for (size_t i = 0; i < r.events.size(); i++) {
    if (i >= event_limit && !matters(r, r.events[i])) left_out++;
    else event_lines(page, r, r.events[i], frame_limit);
  }
  if (left_out) page.line(fmt::format("… {} more: `inquest log --events` shows them", left_out));
}

void crashed_section(Page& page, const Report& r) {
  if (!r.crashed) return;
  const auto& c = *r.crashed;
  page.heading(fmt::format("The crashed thread{}{}", c.cpu ? fmt::format(", CPU {}", *c.cpu) : "", c.pid ? fmt::format(", pid {} ({})", *c.pid, c.comm) : ""));
  page.block(frame_lines(c.frames, 32));
}

// A commit's hash as people write it; a Message-ID whole.
std::string short_id(const std::string& id) { return id.size() == 40 && id.find('@') == std::string::npos ? id.substr(0, 12) : id; }

std::string where_from(const Similar& s) {
  if (s.source == "catalogue") return "your catalogue, group " + s.id;
  return s.source + ", " + short_id(s.id);
}

void records_section(Page& page, const Report& r) {
  constexpr size_t kShown = 5;
  if (!r.similar.empty()) {
    page.heading("Met before");
    for (size_t i = 0; i < r.similar.size() && i < kShown; i++) {
      const Similar& s = r.similar[i];
      page.paragraph(fmt::format("{:.2f}  {} ({}; {})", s.score, page.strong(s.title), s.date.empty() ? "date unknown" : s.date, where_from(s)), "  ", "- ");
      for (const auto& a : s.agrees) page.paragraph("agrees: " + a, "      ", "    ");
    }
  }
  if (!r.fixes.empty()) {
    page.heading("Fixes");
    page.line("Candidates, ranked; the number is how sure this is, which is never very.");
    for (size_t i = 0; i < r.fixes.size() && i < kShown; i++) {
      const Fix& f = r.fixes[i];
      std::string names = short_id(f.commit) + (f.commit.empty() || f.message_id.empty() ? "" : ", ") + f.message_id;
      page.paragraph(fmt::format("{:.2f}  {} ({}; {})", f.score, page.strong(f.title), f.date.empty() ? "date unknown" : f.date, names), "  ", "- ");
      std::string status = "in this kernel: " + f.status + (f.status_reason.empty() ? "" : " (" + f.status_reason + ")") + (f.first_tag.empty() ? "" : "; first in " + f.first_tag);
      for (size_t b = 0; b < f.backports.size() && b < 4; b++) status += (b ? ", " : "; in stable as ") + f.backports[b];
      page.paragraph(status, "      ", "    ");
      for (const auto& m : f.marks) page.paragraph("mark: " + m, "      ", "    ");
      for (const auto& p : f.pro) page.paragraph("for: " + p, "      ", "    ");
      for (const auto& p : f.con) page.paragraph("against: " + p, "      ", "    ");
    }
  }
}

void unread_section(Page& page, const Report& r) {
  if (r.unread.empty()) return;
  page.heading("What could not be read");
  for (const auto& u : r.unread) page.paragraph(u.what + (u.why.empty() ? "" : ": " + u.why), "  ", "- ");
}

std::string render(const Report& r, bool markdown, bool color) {
  Page page(markdown, color);
  if (markdown) page.line("# Inquest into " + r.path + "\n");
  verdict_section(page, r);
  evidence_section(page, r);
  weighing_section(page, r);
  records_section(page, r);
  environment_section(page, r);
  events_section(page, r, 8, 12);
  crashed_section(page, r);
  unread_section(page, r);
  return page.text();
}

}  // namespace

std::string to_text(const Report& report, bool color) { return render(report, false, color); }
std::string to_markdown(const Report& report) { return render(report, true, false); }

std::string events_to_text(const std::vector<scene::EventView>& events, bool color) {
  Page page(false, color);
  Report report;
  report.events = events;
  events_section(page, report, SIZE_MAX, 64);
  return page.text();
}

}  // namespace inquest::report
