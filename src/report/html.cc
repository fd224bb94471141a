#include "report/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "report/words.h"

namespace inquest::report {

namespace {

constexpr const char* kPolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
constexpr size_t kMostListed = 100;

const inquiry::Verdict& first_verdict(const Report& r) {
  static const inquiry::Verdict none;
  return r.inquiry.verdicts.empty() ? none : r.inquiry.verdicts.front();
}

std::string file_name(const std::string& path) {
  std::string name = path.substr(path.rfind('/') + 1);
  return name.empty() || name == "-" ? "a log" : name;
}

void head(Markup& page, const Report& r) {
  page.element("head", {}, [&] {
    page.literal("<meta charset=\"utf-8\">");
    page.literal(fmt::format("<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">", kPolicy));
    page.literal("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\"><meta name=\"referrer\" content=\"no-referrer\">");
    page.element("title", {}, fmt::format("{}: {}", first_verdict(r).cause, file_name(r.path)));
    page.element("style", {}, [&] { page.literal(html_style()); });
  });
}

void facts_of_verdict(Markup& page, const inquiry::Verdict& v) {
  auto row = [&](const char* name, const std::string& value) {
    if (value.empty()) return;
    page.element("dt", {}, name);
    page.element("dd", {}, [&] { page.element("code", {}, value); });
  };
  std::string where = v.guilty.function;
  if (!v.guilty.file.empty()) where += fmt::format(" at {}:{}", v.guilty.file, v.guilty.line);
  if (!v.guilty.module.empty()) where += " [" + v.guilty.module + "]";
  std::string object = v.object.type;
  if (!v.object.member.empty()) object += (object.empty() ? "" : ", member ") + v.object.member;
  if (!v.object.address.empty()) object += (object.empty() ? "at " : " at ") + v.object.address;
  if (!v.object.cache.empty()) object += fmt::format(" (slab {})", v.object.cache);
  page.element("dl", {}, [&] {
    row(v.cause == "unknown" ? "Where" : "Guilty code", v.guilty.function.empty() ? "" : where);
    row("Object", object);
  });
}

void verdict(Markup& page, const Report& r) {
  const auto& v = first_verdict(r);
  bool unknown = v.cause == "unknown";
  page.element("section", {{"class", unknown ? "verdict unknown" : "verdict"}, {"id", "verdict"}}, [&] {
    page.element("h2", {}, [&] {
      page.text(v.cause);
      if (unknown || !std::isfinite(v.confidence)) return;
      double share = std::clamp(v.confidence, 0.0, 1.0);
      page.element("span", {{"class", "sure"}}, [&] {
        page.element("span", {{"class", "meter"}}, [&] { page.element("span", {{"style", fmt::format("width:{:.0f}%", share * 100)}}, ""); });
        page.text(fmt::format("confidence {:.2f}", share));
      });
    });
    page.element("p", {{"class", "summary"}}, [&] { page.prose(v.summary); });
    facts_of_verdict(page, v);
    html_quote(page, r, v.guilty.file, v.guilty.line);
  });
}

void navigation(Markup& page, const Report& r) {
  page.element("nav", {}, [&] {
    auto link = [&](const char* to, const char* name) { page.element("a", {{"href", to}}, name); };
    if (!first_verdict(r).evidence.empty()) link("#evidence", "Evidence");
    link("#pictures", "Pictures");
    if (!r.similar.empty()) link("#records", "Met before");
    if (!r.fixes.empty()) link("#fixes", "Fixes");
    link("#environment", "Environment");
    link("#events", "Events");
    if (r.crashed) link("#crashed", "Crashed thread");
    if (!r.unread.empty()) link("#unread", "Not read");
  });
}

void weighing(Markup& page, const Report& r) {
  const auto& v = first_verdict(r);
  if (!v.alternatives.empty()) {
    page.element("h2", {{"id", "alternatives"}}, "Why not something else");
    page.element("dl", {}, [&] {
      for (const auto& a : v.alternatives) {
        page.element("dt", {}, a.cause);
        page.element("dd", {}, [&] { page.prose(a.why_not); });
      }
    });
  }
  if (v.would_settle.empty()) return;
  page.element("h2", {{"id", "settle"}}, "What would settle it");
  page.element("ul", {{"class", "plain"}}, [&] {
    for (const auto& w : v.would_settle) page.element("li", {}, [&] { page.prose(w); });
  });
}

void fix(Markup& page, const Fix& f) {
  page.element("h3", {}, [&] {
    page.text(f.title);
    page.element("span", {{"class", "sure"}}, fmt::format("{:.2f}", f.score));
  });
  std::string names = f.commit + (f.commit.empty() || f.message_id.empty() ? "" : ", ") + f.message_id;
  std::string status = "in this kernel: " + f.status + (f.status_reason.empty() ? "" : " (" + f.status_reason + ")") + (f.first_tag.empty() ? "" : "; first in " + f.first_tag);
  for (size_t b = 0; b < f.backports.size() && b < 8; b++) status += (b ? ", " : "; in stable as ") + f.backports[b];
  page.element("p", {{"class", "dim"}}, fmt::format("{} ({})", names, f.date.empty() ? "date unknown" : f.date));
  page.element("p", {}, status);
  page.element("ul", {{"class", "plain"}}, [&] {
    for (const auto& m : f.marks) page.element("li", {}, "mark: " + m);
    for (const auto& p : f.pro) page.element("li", {}, "for: " + p);
    for (const auto& p : f.con) page.element("li", {}, "against: " + p);
  });
}

void records(Markup& page, const Report& r) {
  constexpr size_t kMostRecords = 20;
  if (!r.similar.empty()) {
    page.element("h2", {{"id", "records"}}, "Met before");
    page.element("ul", {{"class", "plain"}}, [&] {
      for (size_t i = 0; i < r.similar.size() && i < kMostRecords; i++) {
        const auto& s = r.similar[i];
        page.element("li", {}, [&] {
          page.text(s.title);
          page.element("span", {{"class", "dim"}}, fmt::format(" {:.2f} ({}, {}) {}", s.score, s.date.empty() ? "date unknown" : s.date, s.source, s.id));
          if (s.agrees.empty()) return;
          page.element("ul", {{"class", "plain"}}, [&] {
            for (const auto& a : s.agrees) page.element("li", {}, "agrees: " + a);
          });
        });
      }
    });
  }
  if (r.fixes.empty()) return;
  page.element("h2", {{"id", "fixes"}}, "Fixes");
  page.element("p", {{"class", "dim"}}, "Candidates, ranked; the number is how sure this is, which is never very.");
  for (size_t i = 0; i < r.fixes.size() && i < kMostRecords; i++) fix(page, r.fixes[i]);
}

void environment_table(Markup& page, const Report& r) {
  page.element("h2", {{"id", "environment"}}, "Environment");
  page.element("dl", {}, [&] {
    for (const auto& [name, value] : environment(r)) {
      page.element("dt", {}, name);
      page.element("dd", {}, value);
    }
  });
}

void unread(Markup& page, const Report& r) {
  if (r.unread.empty()) return;
  page.element("h2", {{"id", "unread"}}, "What could not be read");
  page.element("ul", {{"class", "plain"}}, [&] {
    for (size_t i = 0; i < r.unread.size() && i < kMostListed; i++)
      page.element("li", {}, [&] {
        page.text(r.unread[i].what);
        if (!r.unread[i].why.empty()) page.element("span", {{"class", "dim"}}, ": " + r.unread[i].why);
      });
    if (r.unread.size() > kMostListed) page.element("li", {}, fmt::format("… {} more", r.unread.size() - kMostListed));
  });
}

}  // namespace

bool is_anchor(std::string_view id) {
  return id.size() >= 2 && id.size() <= 12 && (id[0] == 'E' || id[0] == 'F') &&
         std::all_of(id.begin() + 1, id.end(), [](char c) { return std::isdigit(static_cast<unsigned char>(c)); });
}

void html_quote(Markup& page, const Report& r, const std::string& file, int line) {
  const auto* q = find_quote(r, file, line);
  if (!q) return;
  page.element("pre", {{"class", "quote"}}, [&] {
    for (size_t i = 0; i < q->lines.size(); i++) {
      int number = q->first + int(i);
      std::string text = fmt::format("{:>5}  {}\n", number, q->lines[i]);
      if (number == q->line) page.element("b", {}, text);
      else page.text(text);
    }
  });
}

std::string to_html(const Report& r) {
  Markup page;
  page.literal("<!doctype html>\n");
  page.element("html", {{"lang", "en"}}, [&] {
    head(page, r);
    page.element("body", {}, [&] {
      page.element("header", {}, [&] {
        page.element("h1", {}, "Inquest into " + file_name(r.path));
        std::string about = r.facts.system.release;
        if (!r.facts.system.nodename.empty()) about += (about.empty() ? "" : " on ") + r.facts.system.nodename;
        if (r.path.find('/') != std::string::npos) about += (about.empty() ? "" : ", ") + r.path;
        if (!about.empty()) page.element("p", {{"class", "dim"}}, about);
      });
      page.element("main", {}, [&] {
        verdict(page, r);
        navigation(page, r);
        html_evidence(page, r);
        weighing(page, r);
        html_pictures(page, r);
        records(page, r);
        environment_table(page, r);
        html_events(page, r);
        html_crashed(page, r);
        unread(page, r);
      });
      page.element("footer", {}, [&] {
        page.text("Made by inquest. Every command above can be repeated: ");
        page.element("code", {}, r.shell_prefix + " -c 'COMMAND'");
      });
    });
  });
  page.literal("\n");
  return page.take();
}

}  // namespace inquest::report
