#include "cli/archives.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "cli/session.h"
#include "records/archive.h"

namespace inquest::cli {

namespace {

constexpr size_t kShown = 5;

std::string day(int64_t seconds) { return seconds > 0 && seconds < 253402300799 ? fmt::format("{:%F}", fmt::gmtime(std::time_t(seconds))) : ""; }

std::vector<records::TraceFrame> frames_of(const scene::EventView& event) {
  std::vector<records::TraceFrame> frames;
  auto add = [&](const std::string& function, const std::string& file, bool doubtful) {
    if (!function.empty() && !function.starts_with("0x")) frames.push_back({function, file, doubtful});
  };
  // On x86_64 the trace begins behind the function that trapped.
  if (!event.event.function.empty() && (event.frames.empty() || event.frames.front().symbol != event.event.function))
    add(event.event.function, event.event.file, false);
  for (const auto& f : event.frames) {
    if (f.source.empty()) add(f.symbol, "", !f.reliable);
    for (const auto& s : f.source) add(s.function.empty() ? f.symbol : s.function, s.file, !f.reliable);
  }
  return frames;
}

// The event the verdict blames somebody by comes first: an earlier warning, if it has one, else the fatal one.
records::Query query_of(const Options& options, const report::Report& report) {
  records::Query query;
  const scene::EventView *first = nullptr, *fatal = nullptr;
  for (const auto& e : report.events) {
    if (e.id == report.fatal_event) fatal = &e;
    if (!first && (e.event.primary || e.id == report.fatal_event)) first = &e;
  }
  if (!first) first = fatal;
  query.release = report.facts.system.release;
  query.date = report.facts.system.date.value_or(0);
  const auto& object = report.inquiry.verdicts.front().object;
  query.type = object.type.starts_with("struct ") ? object.type.substr(7) : object.type;
  query.member = object.member;
  for (const auto& id : options.exclude_threads) query.exclude_thread = id;
  if (!first) return query;
  query.frames = frames_of(*first);
  if (fatal && fatal != first) query.others = frames_of(*fatal);
  query.title = first->event.header;
  query.file = first->event.file;
  query.line = uint32_t(std::max(0, first->event.source_line));
  std::string work = first->event.workqueue;  // "nfsd4_callbacks nfsd4_run_cb_work [nfsd]"
  if (size_t blank = work.find(' '); blank != std::string::npos) query.workqueue_function = work.substr(blank + 1, work.find(' ', blank + 1) - blank - 1);
  for (const auto& r : first->event.registers)
    if (r.value >= 0xff00000000000000) query.values.push_back(fmt::format("{:x}", r.value));
  return query;
}

}  // namespace

void ask_archives(const Options& options, report::Report& report) {
  if (options.archives.empty()) return;
  records::Query query = query_of(options, report);
  for (const auto& folder : options.archives) {
    auto archive = records::Archive::open(folder);
    if (!archive.ok()) {
      report.unread.push_back({"an archive could not be opened", archive.error().message()});
      continue;
    }
    auto similar = archive->similar(query, kShown);
    auto fixes = archive->candidate_fixes(query, kShown);
    if (!similar.ok()) report.unread.push_back({"an archive could not be searched", similar.error().message()});
    else
      for (const auto& s : *similar) report.similar.push_back({s.head.is_commit ? "git" : "mail", s.head.name, s.head.subject, day(s.head.date), s.score, s.agrees});
    if (!fixes.ok()) report.unread.push_back({"an archive could not be searched for fixes", fixes.error().message()});
    else
      for (const auto& f : *fixes)
        report.fixes.push_back({f.commit, f.head.is_commit ? "" : f.head.name, f.head.subject, day(f.head.date), f.first_tag, "unknown", f.confidence, f.reasons_for, f.reasons_against});
  }
  std::stable_sort(report.similar.begin(), report.similar.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
  std::stable_sort(report.fixes.begin(), report.fixes.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
}

int run_archive_add(const Options& options) {
  if (options.git.empty() == options.mail.empty()) return std::fputs("inquest: archive add: one of --git REPO and --mail REPO\n", stderr), 2;
  Session session(options);
  auto archive = records::Archive::open(options.archive_folder);
  if (!archive.ok()) return fail(archive.error());
  auto progress = [&](uint64_t done, uint64_t total) {
    session.progress().show("adding to " + options.archive_folder, done, total);
    return true;
  };
  auto added = options.mail.empty() ? archive->add_git(options.git, progress) : archive->add_mail(options.mail, progress);
  if (!added.ok()) return fail(added.error());
  std::printf("%llu added, %llu known before, %llu damaged\n", static_cast<unsigned long long>(added->added), static_cast<unsigned long long>(added->known),
              static_cast<unsigned long long>(added->damaged));
  for (const auto& d : added->damage) std::fprintf(stderr, "inquest: damaged: %s\n", d.c_str());
  return 0;
}

int run_archive_search(const Options& options) {
  auto archive = records::Archive::open(options.archive_folder);
  if (!archive.ok()) return fail(archive.error());
  std::string words;
  for (const auto& w : options.inputs) words += (words.empty() ? "" : " ") + w;
  auto found = archive->search(words);
  if (!found.ok()) return fail(found.error());
  for (const auto& s : *found) {
    std::printf("%.2f  %s  %s\n      %s\n", s.score, day(s.head.date).c_str(), s.head.subject.c_str(), s.head.name.c_str());
    for (const auto& a : s.agrees) std::printf("      %s\n", a.c_str());
  }
  return 0;
}

}  // namespace inquest::cli
