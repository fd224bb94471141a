// The report as a person reads it: on a terminal (two screens, colours) and as Markdown for a ticket. One set of sections, two styles.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "report/report.h"

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

std::string bytes_text(uint64_t bytes) {
  if (bytes >= (uint64_t{1} << 40)) return fmt::format("{:.1f} TB", double(bytes) / double(uint64_t{1} << 40));
  if (bytes >= (uint64_t{1} << 30)) return fmt::format("{:.1f} GB", double(bytes) / double(uint64_t{1} << 30));
  return fmt::format("{} MB", bytes >> 20);
}

std::string uptime_text(double seconds) {
  auto s = uint64_t(seconds);
  std::string days = s >= 86400 ? fmt::format("{} days, ", s / 86400) : "";
  return days + fmt::format("{:02}:{:02}:{:02}", s / 3600 % 24, s / 60 % 60, s % 60);
}

std::string source_text(const std::vector<scene::SourceRef>& source) {
  std::string text;
  for (size_t i = 0; i < source.size(); i++) {
    // A long chain of one-line helpers: its two ends tell the story, JSON has the whole.
    if (source.size() > 4 && i == 2) {
      text += fmt::format(" <- … {} more", source.size() - 3);
      i = source.size() - 1;
    }
    if (!text.empty()) text += " <- ";
    text += source[i].function;
    if (source[i].line) text += fmt::format(" {}:{}", source[i].file, source[i].line);
  }
  return text;
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
  for (const auto& id : v.evidence)
    for (const auto& e : r.inquiry.dossier.evidence()) {
      if (e.id != id) continue;
      std::string label = fmt::format("{}. ", ++number);
      page.paragraph(e.claim, std::string(label.size(), ' '), label);
      if (page.markdown()) page.line(fmt::format("   {} ({})", page.code(e.command), inquiry::name_of(e.origin)));
      else page.line(fmt::format("{}{}", std::string(label.size(), ' '), page.code("$ " + e.command)));
    }
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
  const auto& s = r.facts.system;
  std::vector<std::string> lines;
  auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) lines.push_back(fmt::format("{:>12}: {}", name, value));
  };
  add("KERNEL", s.kernel);
  add("DUMPFILE", r.path + (r.facts.format.empty() ? "" : fmt::format("  [{}{}{}]", r.facts.format, r.facts.partial ? ", partial" : "", r.facts.incomplete ? ", INCOMPLETE" : "")));
  if (s.cpus) add("CPUS", fmt::format("{}{}", *s.cpus, s.cpus_offline && *s.cpus_offline ? fmt::format(" [OFFLINE: {}]", *s.cpus_offline) : ""));
  constexpr int64_t kLastDate = 253402300799;  // 9999-12-31: memory may say anything
  if (s.date && *s.date >= 0 && *s.date <= kLastDate) add("DATE", fmt::format("{:%F %T} UTC", fmt::gmtime(std::time_t(*s.date))));
  if (s.uptime_seconds) add("UPTIME", uptime_text(*s.uptime_seconds));
  if (s.load_average) add("LOAD AVERAGE", fmt::format("{:.2f}, {:.2f}, {:.2f}", (*s.load_average)[0], (*s.load_average)[1], (*s.load_average)[2]));
  if (s.tasks) add("TASKS", fmt::format("{}", *s.tasks));
  add("NODENAME", s.nodename);
  add("RELEASE", s.release);
  add("VERSION", s.version);
  add("MACHINE", s.machine.empty() ? r.facts.arch : s.machine);
  if (s.memory_bytes) add("MEMORY", bytes_text(*s.memory_bytes));
  add("PANIC", s.panic.empty() ? "" : "\"" + s.panic + "\"");
  std::string taints;
  for (const auto& t : s.taints) taints += (taints.empty() ? "" : ", ") + t;
  add("TAINTS", taints);
  page.block(lines);
}

std::vector<std::string> frame_lines(const std::vector<scene::FrameView>& frames, size_t limit) {
  std::vector<std::string> lines;
  for (size_t i = 0; i < frames.size(); i++) {
    if (i >= limit) {
      lines.push_back(fmt::format("    … {} more", frames.size() - i));
      break;
    }
    const auto& f = frames[i];
    std::string name = f.symbol.empty() ? fmt::format("0x{:x}", f.address) : fmt::format("{}+0x{:x}{}", f.symbol, f.offset, f.module.empty() ? "" : " [" + f.module + "]");
    std::string notes;
    if (f.garbage) notes += "  (no code: a wild jump)";
    if (f.user) notes += "  (user)";
    if (!f.reliable) notes += "  (?)";
    if (f.tail_calls_missing) notes += "  (tail calls in between are gone)";
    std::string source = source_text(f.source);
    lines.push_back(fmt::format("#{:<2} {}{}{}", i, name, source.empty() ? "" : "  " + source, notes));
  }
  return lines;
}

// What the kernel marked with ? are words that looked like return addresses; they are shown when there is nothing better.
std::vector<scene::FrameView> reliable(const std::vector<scene::FrameView>& frames) {
  std::vector<scene::FrameView> good;
  std::copy_if(frames.begin(), frames.end(), std::back_inserter(good), [](const scene::FrameView& f) { return f.reliable; });
  return good.empty() ? frames : good;
}

void events_section(Page& page, const Report& r, size_t frame_limit) {
  page.heading("Events");
  const scene::EventView* fatal = nullptr;
  for (const auto& view : r.events)
    if (view.id == r.fatal_event) fatal = &view;
  if (r.events.empty()) page.line("None in the log.");
  for (const auto& view : r.events) {
    const auto& e = view.event;
    std::string head = page.strong(view.id);
    if (e.time) head += fmt::format("  [{:12.6f}]", *e.time);
    head += "  " + (e.header.empty() ? e.title : e.header);
    std::string who;
    if (e.cpu) who += fmt::format(" CPU {}", *e.cpu);
    if (e.pid) who += fmt::format(" pid {} {}", *e.pid, e.comm);
    if (!e.workqueue.empty()) who += " workqueue " + e.workqueue;
    page.line(head + (who.empty() ? "" : "  " + page.dim("(" + who.substr(1) + ")")));
    if (!view.source.empty()) page.line("  at " + source_text(view.source));
    if (view.condition) page.line("  found " + page.code(view.condition->text));
    if (e.fault_address) page.line(fmt::format("  fault address {}", page.code(fmt::format("0x{:x}", *e.fault_address))));
    std::string regs;
    for (const auto& m : view.registers) {
      if (m.text.empty() || !m.value) continue;
      regs += fmt::format("{}{} = {} (0x{:x})", regs.empty() ? "" : "; ", m.reg, m.text, *m.value);
    }
    if (!regs.empty()) page.paragraph(regs, "    ", "  ");
    if (r.crashed && !r.crashed->frames.empty() && e.cpu == r.crashed->cpu && &view == fatal) page.line("  its stack: below, as the dump has it");
    else page.block(frame_lines(reliable(view.frames), frame_limit));
  }
}

void crashed_section(Page& page, const Report& r) {
  if (!r.crashed) return;
  const auto& c = *r.crashed;
  page.heading(fmt::format("The crashed thread{}{}", c.cpu ? fmt::format(", CPU {}", *c.cpu) : "", c.pid ? fmt::format(", pid {} ({})", *c.pid, c.comm) : ""));
  page.block(frame_lines(c.frames, 32));
}

void records_section(Page& page, const Report& r) {
  if (!r.similar.empty()) {
    page.heading("Met before");
    for (const auto& s : r.similar) page.paragraph(fmt::format("{} ({}, {}) {}", s.title, s.date, s.source, s.id), "  ", "- ");
  }
  if (!r.fixes.empty()) {
    page.heading("Fixes");
    for (const auto& f : r.fixes) {
      page.paragraph(fmt::format("{} {} ({}): {}{}", f.commit, page.strong(f.title), f.date, f.status, f.first_tag.empty() ? "" : ", first in " + f.first_tag), "  ", "- ");
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
  records_section(page, r);
  environment_section(page, r);
  events_section(page, r, 12);
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
  events_section(page, report, 64);
  return page.text();
}

}  // namespace inquest::report
