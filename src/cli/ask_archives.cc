// What a report asks of archives and of one's own catalogue, and how their answers are put into it.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "cli/archives.h"
#include "inquiry/kernel_facts.h"
#include "records/archive.h"
#include "records/catalogue.h"
#include "records/mime.h"
#include "triage/story.h"
#include "triage/when.h"

namespace inquest::cli {

namespace {

constexpr size_t kAsked = 10;                    // of each kind; renderings may show fewer
constexpr size_t kLookedFor = 40;                // candidate fixes whose marks are looked for in the kernel
constexpr size_t kMostText = 1 << 20;            // words of a log beyond this tell nothing more
constexpr int kLinesBefore = 200;                // of the event, in a longer log

std::string day(int64_t seconds) { return seconds > 0 && seconds < 253402300799 ? records::date_text(seconds) : ""; }

std::vector<records::TraceFrame> frames_of(const scene::EventView& event) {
  std::vector<records::TraceFrame> frames;
  auto add = [&](const std::string& function, const std::string& file, int line, bool doubtful) {
    if (!function.empty() && !function.starts_with("0x")) frames.push_back({function, file, doubtful, uint32_t(std::max(0, line))});
  };
  // On x86_64 the trace begins behind the function that trapped.
  if (!event.event.function.empty() && (event.frames.empty() || event.frames.front().symbol != event.event.function))
    add(event.event.function, event.event.file, event.event.source_line, false);
  for (const auto& f : event.frames) {
    if (f.source.empty()) add(f.symbol, "", 0, !f.reliable);
    for (const auto& s : f.source) add(s.function.empty() ? f.symbol : s.function, s.file, s.line, !f.reliable);
  }
  return frames;
}

// The event the verdict blames somebody by comes first: an earlier warning, if it has one, else the fatal one.
void ask_with_events(const report::Report& report, records::Query& query) {
  const scene::EventView *first = nullptr, *fatal = nullptr;
  for (const auto& e : report.events) {
    if (e.id == report.fatal_event) fatal = &e;
    if (!first && (e.event.primary || e.id == report.fatal_event)) first = &e;
  }
  if (!first) first = fatal;
  if (!first) return;
  query.frames = frames_of(*first);
  if (fatal && fatal != first) query.others = frames_of(*fatal);
  query.title = first->event.header;
  query.file = first->event.file;
  query.line = uint32_t(std::max(0, first->event.source_line));
  std::string work = first->event.workqueue;  // "nfsd4_callbacks nfsd4_run_cb_work [nfsd]"
  if (size_t blank = work.find(' '); blank != std::string::npos) query.workqueue_function = work.substr(blank + 1, work.find(' ', blank + 1) - blank - 1);
  for (const auto& r : first->event.registers)
    if (r.value >= 0xff00000000000000) query.values.push_back(fmt::format("{:x}", r.value));
}

// A log may come as the mail it was sent in.
bool is_mail(const std::string& text) {
  std::string_view head = std::string_view(text).substr(0, text.find("\n\n"));
  return head.size() < 65536 && (head.starts_with("From ") || head.find(':') < head.find('\n')) && head.find("\nFrom: ") != head.npos && head.find("\nDate: ") != head.npos;
}

// Of a long log what surrounds the event to look into.
std::string telling_part(const std::string& log, const report::Report& report) {
  if (log.size() <= kMostText) return log;
  int line = 1;
  for (const auto& e : report.events)
    if (e.event.primary || (line == 1 && e.id == report.fatal_event)) line = e.event.first_line;
  size_t at = 0, start = 0;
  for (int i = 1; i < line && at != log.npos; i++) {
    size_t end = log.find('\n', at);
    if (end == log.npos) break;
    at = end + 1;
    if (i == line - kLinesBefore) start = at;
  }
  return log.substr(start, kMostText);
}

records::Query query_of(const Options& options, const std::string& log, const report::Report& report) {
  records::Query query;
  if (!log.empty()) {
    std::string text = telling_part(log, report);
    int64_t sent = 0;
    if (is_mail(text)) {
      records::Mail mail = records::parse_mail(text);
      if (mail.date) sent = mail.date->seconds;
      text = mail.subject + "\n\n" + mail.text;
    }
    query = records::query_from_text(text);
    query.date = sent;
  }
  if (query.frames.empty()) ask_with_events(report, query);
  if (query.release.empty()) query.release = report.facts.system.release;
  for (const auto& e : report.events)
    if (query.date == 0) query.date = report.facts.system.date.value_or(triage::date_of_wall_time(e.event.wall_time));
  if (query.date == 0) query.date = triage::date_of_path(report.path);
  if (!report.inquiry.verdicts.empty()) {
    const auto& object = report.inquiry.verdicts.front().object;
    query.type = object.type.starts_with("struct ") ? object.type.substr(7) : object.type;
    query.member = object.member;
  }
  for (const auto& id : options.exclude_threads) query.exclude_thread = id.starts_with("<") && id.ends_with(">") ? id.substr(1, id.size() - 2) : id;
  if (!query.exclude_thread.empty()) query.use_report_links = false;  // a trailer that names the report would give its thread away
  return query;
}

// A case whose thread is left out happened when it was reported there, if nothing else tells when.
records::Query dated(records::Query query, const records::Archive& archive) {
  if (query.date != 0 || query.exclude_thread.empty()) return query;
  if (auto head = archive.find(query.exclude_thread); head.ok()) query.date = head->date;
  return query;
}

// The marks of the patch looked for in the dead kernel; of a patch's versions the first whose diff can be read.
records::PatchPresence look_in_kernel(const records::Archive& archive, const records::Fix& fix, inquiry::ProgramFacts& facts) {
  auto marks = archive.marks(fix.head.id);
  for (size_t i = 0; (!marks.ok() || marks->empty()) && i < fix.versions.size() && i < 4; i++) marks = archive.marks(fix.versions[i]);
  if (marks.ok()) return records::presence_of(*marks, facts);
  records::PatchPresence unknown;
  unknown.reason = "its patch cannot be read from the archive";
  return unknown;
}

void tell_presence(const records::PatchPresence& presence, report::Fix& fix) {
  fix.status = records::name_of(presence.status);
  fix.status_reason = presence.reason;
  bool in = presence.status == records::PatchStatus::kPresent;
  for (bool agreeing : {true, false})  // what carries the status first
    for (const auto& finding : presence.findings)
      if (finding.patched && (*finding.patched == in) == agreeing && fix.marks.size() < 6) fix.marks.push_back(finding.sentence);
  if (in) fix.con.push_back("is in this kernel already: " + presence.reason);
  if (presence.status == records::PatchStatus::kMissing) fix.pro.push_back("is not in this kernel: " + presence.reason);
}

report::Fix plain(const records::Fix& f) {
  report::Fix fix;
  fix.commit = f.commit;
  fix.message_id = f.head.is_commit ? "" : f.head.name;
  fix.title = f.head.subject;
  fix.date = day(f.head.date);
  fix.first_tag = f.first_tag;
  fix.backports = f.backports;
  fix.score = f.confidence;
  fix.pro = f.reasons_for;
  fix.con = f.reasons_against;
  for (const auto& name : f.version_names)
    if (name.find('@') != std::string::npos && name != fix.message_id) fix.other_versions.push_back(name);
  fix.status_reason = "a log holds no code to look at";
  return fix;
}

// More candidates than are told are looked for in the kernel: the old ones among them that it lacks rise.
Result<std::vector<report::Fix>> fixes_of(const records::Archive& archive, const records::Query& query, inquiry::ProgramFacts* facts) {
  TRY(std::vector<records::Fix> found, archive.candidate_fixes(query, facts ? kLookedFor : kAsked));
  std::map<int64_t, records::PatchPresence> presence;  // by document
  if (facts) {
    for (auto& f : found) {
      auto& there = presence[f.head.id] = look_in_kernel(archive, f, *facts);
      records::settle_age(f, there.status);
    }
    std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
    records::give_confidence(found, 0);
    if (found.size() > kAsked) found.resize(kAsked);
  }
  std::vector<report::Fix> out;
  for (const auto& f : found) {
    out.push_back(plain(f));
    if (facts) tell_presence(presence[f.head.id], out.back());
  }
  return out;
}

void ask_archive(const std::string& folder, const records::Query& asked, inquiry::ProgramFacts* facts, report::Report& report) {
  auto archive = records::Archive::open_existing(folder);
  if (!archive.ok()) return report.unread.push_back({"an archive could not be opened", archive.error().message()});
  records::Query query = dated(asked, *archive);
  auto similar = archive->similar(query, kAsked);
  if (!similar.ok()) report.unread.push_back({"an archive could not be searched", similar.error().message()});
  else
    for (const auto& s : *similar) report.similar.push_back({s.head.is_commit ? "git" : "mail", s.head.name, s.head.subject, day(s.head.date), s.score, s.agrees});
  auto fixes = fixes_of(*archive, query, facts);
  if (!fixes.ok()) return report.unread.push_back({"an archive could not be searched for fixes", fixes.error().message()});
  for (auto& f : *fixes) report.fixes.push_back(std::move(f));
}

void ask_catalogue(const std::string& address, report::Report& report) {
  auto catalogue = records::Catalogue::open(address);
  auto group = catalogue.ok() ? catalogue->group(triage::story_of(report).key) : Result<records::CrashGroup>(catalogue.error());
  if (!group.ok()) {
    if (group.error().code() != ErrorCode::kNotFound || !catalogue.ok()) report.unread.push_back({"the catalogue could not be asked", group.error().message()});
    return;
  }
  report::Similar met{"catalogue", group->key, group->title, day(group->last_time), 1, {}};
  met.agrees.push_back(fmt::format("{} crash{} of this kind{}{}", group->count, group->count == 1 ? "" : "es", group->first_time ? " since " + triage::shown(group->first_time) : "",
                                   group->releases.empty() ? "" : ", under " + group->releases.front() + (group->releases.size() > 1 ? fmt::format(" and {} more", group->releases.size() - 1) : "")));
  if (!group->note.empty()) met.agrees.push_back("note: " + group->note);
  if (!group->fix.empty()) met.agrees.push_back("candidate fix: " + group->fix + " " + group->fix_title);
  report.similar.push_back(std::move(met));
}

}  // namespace

void ask_archives(const Options& options, const std::string& log, const kernel::Kernel* kernel, report::Report& report) {
  if (!options.catalogue.empty() && options.command == Command::kReport) ask_catalogue(options.catalogue, report);
  if (options.archives.empty()) return;
  records::Query query = query_of(options, log, report);
  query.marks_will_tell = kernel != nullptr;
  std::optional<inquiry::ProgramFacts> facts;
  if (kernel) facts.emplace(kernel->program());
  for (const auto& folder : options.archives) ask_archive(folder, query, facts ? &*facts : nullptr, report);
  std::stable_sort(report.similar.begin(), report.similar.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
  // Within one archive the ranking stands, which knows more than the confidence it gives; archives are merged by confidence.
  if (options.archives.size() > 1) std::stable_sort(report.fixes.begin(), report.fixes.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
}

}  // namespace inquest::cli
