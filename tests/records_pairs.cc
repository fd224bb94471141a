#include "records_pairs.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "records/database.h"
#include "records/diff.h"
#include "records/digest.h"
#include "records/machinery.h"
#include "records/text.h"

namespace inquest::records {
namespace {

constexpr int64_t kDay = 86400;
constexpr size_t kFewTitles = 3;  // a report with more "fixes" than this has none that is sure

struct Row {
  int64_t id = 0, date = 0, thread = 0, title = 0;
  uint32_t flags = 0;
  std::string name, subject, sender;
};

struct StoredTrace {
  int64_t document = 0;
  std::vector<std::string> frames;  // telling ones
};

std::vector<std::string> telling(std::string_view lines) {
  std::vector<std::string> out;
  while (!lines.empty()) {
    std::string_view f = cut_line(lines);
    if (weight_of_function(f) > 0) out.emplace_back(name_through_time(f));
  }
  return out;
}

size_t common_length(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::vector<size_t> row(b.size() + 1, 0);
  for (size_t i = 0; i < a.size(); i++) {
    size_t diagonal = 0;
    for (size_t j = 0; j < b.size(); j++) {
      size_t above = row[j + 1];
      row[j + 1] = a[i] == b[j] ? diagonal + 1 : std::max(row[j + 1], row[j]);
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string address_of(std::string_view who) {
  size_t open = who.find('<'), close = who.find('>', open == who.npos ? 0 : open);
  if (open == who.npos || close == who.npos) return lower(trim(who));
  return lower(who.substr(open + 1, close - open - 1));
}

std::string name_of(std::string_view who) {
  std::string name = lower(trim(who.substr(0, who.find('<'))));
  std::erase(name, '"');
  return name.find(' ') == name.npos ? std::string() : name;  // a first name alone is nobody
}

class Maker {
 public:
  Maker(const Archive& archive, Database& database) : archive_(archive), database_(database) {}
  Result<void> prepare(const std::vector<Crash>& truth);
  std::vector<Pair> quoting_patches();
  std::vector<Pair> reports();

 private:
  Result<void> read_rows();
  Result<void> read_trailers();
  Result<void> read_traces();
  int overlap(const Query& query, const Row& patch);
  bool is_fix(const Row& r, const Row& report) const;
  void linked(const Row& report, std::set<int64_t>& titles) const;
  void posted(const Row& report, const Query& query, std::set<int64_t>& titles);
  void same_trace(const Row& report, std::set<int64_t>& titles) const;
  void naming(const Row& report, const Query& query, std::set<int64_t>& titles);
  void drafted(const Row& report, std::set<int64_t>& titles);
  void tracked(const Row& report, std::string_view text, std::set<int64_t>& titles) const;
  void witnessed(const Row& report, const Query& query, std::set<int64_t>& titles);
  Pair pair_of(char kind, const Row& report, Query query, const std::set<int64_t>& titles) const;
  bool has_home(const std::string& function, const std::vector<DiffFile>& files);

  const Archive& archive_;
  Database& database_;
  std::map<int64_t, Row> rows_;
  std::unordered_map<int64_t, std::vector<int64_t>> by_title_, by_thread_;
  std::unordered_map<std::string, std::vector<int64_t>> by_sender_;
  std::unordered_map<std::string, int64_t> by_name_;
  std::unordered_map<std::string, std::vector<int64_t>> links_, reporters_;  // of patches
  std::vector<StoredTrace> patch_traces_;
  std::unordered_map<int64_t, StoredTrace> report_traces_;
  std::set<int64_t> held_titles_, held_threads_;
  std::unordered_map<int64_t, std::string> texts_;
};

Result<void> Maker::read_rows() {
  TRY(Statement find, database_.prepare("SELECT id, date, thread, title, flags, name, subject, sender FROM document"));
  while (true) {
    TRY(bool more, find.step());
    if (!more) return {};
    Row r{find.integer(0), find.integer(1), find.integer(2), find.integer(3), uint32_t(find.integer(4)), find.text(5), find.text(6), find.text(7)};
    if (r.title != 0) by_title_[r.title].push_back(r.id);
    by_thread_[r.thread].push_back(r.id);
    by_name_[r.name] = r.id;
    if (r.flags & kIsPatch) by_sender_[r.sender].push_back(r.id);
    rows_[r.id] = std::move(r);
  }
}

Result<void> Maker::read_trailers() {
  TRY(Statement find, database_.prepare("SELECT document, kind, value FROM trailer WHERE kind IN (2, 3, 4)"));
  while (true) {
    TRY(bool more, find.step());
    if (!more) return {};
    const Row& r = rows_[find.integer(0)];
    if (!(r.flags & kIsPatch) || (r.flags & kIsReply)) continue;
    if (find.integer(1) != int64_t(TrailerKind::kReportedBy)) {
      links_[find.text(2)].push_back(r.id);
      continue;
    }
    reporters_[address_of(find.view(2))].push_back(r.id);
    std::string name = name_of(find.view(2));
    if (!name.empty()) reporters_[name].push_back(r.id);
  }
}

Result<void> Maker::read_traces() {
  TRY(Statement find, database_.prepare("SELECT document, frames, number FROM trace"));
  while (true) {
    TRY(bool more, find.step());
    if (!more) return {};
    const Row& r = rows_[find.integer(0)];
    StoredTrace trace{r.id, telling(find.view(1))};
    if (r.flags & kIsPatch) patch_traces_.push_back(std::move(trace));
    else if (!report_traces_.contains(r.id) || report_traces_[r.id].frames.empty()) report_traces_[r.id] = std::move(trace);
  }
}

Result<void> Maker::prepare(const std::vector<Crash>& truth) {
  TRY_VOID(read_rows());
  TRY_VOID(read_trailers());
  TRY_VOID(read_traces());
  for (const Crash& c : truth) {
    if (by_name_.contains(c.id)) held_threads_.insert(rows_[by_name_[c.id]].thread);
    for (const std::string& fix : c.fixes)
      if (by_name_.contains(fix)) held_titles_.insert(rows_[by_name_[fix]].title);
  }
  held_titles_.erase(0);
  return {};
}

bool Maker::has_home(const std::string& function, const std::vector<DiffFile>& files) {
  Result<Statement> find = database_.prepare("SELECT f.path FROM home h JOIN file f ON f.id = h.file WHERE h.function = ?1 ORDER BY h.count DESC LIMIT 2");
  if (!find.ok()) return false;
  find->bind(1, function);
  while (true) {
    Result<bool> more = find->step();
    if (!more.ok() || !*more) return false;
    for (const DiffFile& f : files)
      if (f.path == find->view(0)) return true;
  }
}

// 2: the patch changes a telling function of the stack, or names one in its title; 1: a file that one lives in; 0: neither.
int Maker::overlap(const Query& query, const Row& patch) {
  std::string& text = texts_[patch.id];
  if (text.empty()) text = archive_.text(patch.id).value_or("");
  Diff diff = read_diff(text);
  int found = 0;
  std::vector<TraceFrame> frames = query.frames;
  frames.insert(frames.end(), query.others.begin(), query.others.end());
  for (const TraceFrame& f : frames) {
    if (weight_of_function(f.function) < 1) continue;
    std::string name(plain_function(f.function));
    for (const DiffScope& s : diff.scopes)
      if (s.name == name) return 2;
    if (name.find('_') != name.npos && patch.subject.find(name) != patch.subject.npos) return 2;
    if (found == 0 && (has_home(name, diff.files) || std::any_of(diff.files.begin(), diff.files.end(), [&](const DiffFile& d) { return !f.file.empty() && d.path == f.file; }))) found = 1;
  }
  return found;
}

bool Maker::is_fix(const Row& r, const Row& report) const {
  return (r.flags & kIsPatch) && !(r.flags & kIsReply) && r.title != 0 && r.title != report.title && !held_titles_.contains(r.title) && r.date > report.date - 400 * kDay;
}

void Maker::linked(const Row& report, std::set<int64_t>& titles) const {
  for (const auto& table : {&links_, &reporters_}) {
    std::string address = address_of(report.sender);
    if (table == &reporters_ && address.find("syzbot+") == address.npos) continue;  // syzbot's address names the bug
    auto at = table->find(table == &links_ ? report.name : address);
    if (at == table->end()) continue;
    for (int64_t id : at->second)
      if (is_fix(rows_.at(id), report)) titles.insert(rows_.at(id).title);
  }
}

void Maker::posted(const Row& report, const Query& query, std::set<int64_t>& titles) {
  for (int64_t id : by_thread_[report.thread]) {
    const Row& r = rows_[id];
    if (!is_fix(r, report) || !(r.flags & kSaysFix) || r.date < report.date || r.date > report.date + 120 * kDay) continue;
    const Row& root = rows_[report.thread];
    if (!(root.flags & kIsPatch) || overlap(query, r) > 0) titles.insert(r.title);
  }
}

void Maker::same_trace(const Row& report, std::set<int64_t>& titles) const {
  auto at = report_traces_.find(report.id);
  if (at == report_traces_.end() || at->second.frames.size() < 5) return;
  const std::vector<std::string>& own = at->second.frames;
  for (const StoredTrace& t : patch_traces_) {
    const Row& r = rows_.at(t.document);
    if (t.frames.size() < 5 || t.frames[0] != own[0] || !is_fix(r, report) || r.date < report.date - 10 * kDay || r.date > report.date + 500 * kDay) continue;
    size_t common = common_length(own, t.frames);
    if (common >= 5 && double(common) >= 0.6 * double(std::max(own.size(), t.frames.size()))) titles.insert(r.title);
  }
}

// Who reports much reports other things too: the nearer in time, the less must be shared.
void Maker::naming(const Row& report, const Query& query, std::set<int64_t>& titles) {
  constexpr size_t kReportsMuch = 60;
  for (const std::string& who : {address_of(report.sender), name_of(report.sender)}) {
    auto at = reporters_.find(who);
    if (who.empty() || at == reporters_.end() || at->second.size() > kReportsMuch) continue;
    for (int64_t id : at->second) {
      const Row& r = rows_[id];
      if (!is_fix(r, report) || r.date < report.date - kDay || r.date > report.date + 150 * kDay) continue;
      if (overlap(query, r) >= (r.date < report.date + 21 * kDay ? 1 : 2)) titles.insert(r.title);
    }
  }
}

// A diff in a reply to the report that its author posted later as a patch: most of its added lines are the same.
void Maker::drafted(const Row& report, std::set<int64_t>& titles) {
  auto added = [&](const Row& r) {
    std::string& text = texts_[r.id];
    if (text.empty()) text = archive_.text(r.id).value_or("");
    std::set<std::string> out;
    Diff diff = read_diff(text);
    for (const DiffLine& line : diff.lines)
      if (line.kind == '+' && trim(line.text).size() > 8) out.insert(squeeze(line.text));
    return out;
  };
  for (int64_t id : by_thread_[report.thread]) {
    const Row& draft = rows_[id];
    if ((draft.flags & (kIsPatch | kIsReply)) != (kIsPatch | kIsReply) || draft.date < report.date) continue;
    std::set<std::string> lines = added(draft);
    if (lines.empty()) continue;
    for (int64_t other : by_sender_[draft.sender]) {
      const Row& r = rows_[other];
      if (!is_fix(r, report) || r.date < draft.date - kDay || r.date > draft.date + 60 * kDay) continue;
      std::set<std::string> formal = added(r);
      size_t same = size_t(std::count_if(lines.begin(), lines.end(), [&](const std::string& l) { return formal.contains(l); }));
      if (same > 0 && 2 * same >= std::max(lines.size(), formal.size() / 2)) titles.insert(r.title);
    }
  }
}

// The numbers of the bug trackers' pages that a text points at.
std::set<std::string> tracker_pages(std::string_view text) {
  constexpr std::string_view kPage = "show_bug.cgi?id=";
  std::set<std::string> out;
  for (size_t at = text.find(kPage); at != text.npos; at = text.find(kPage, at + 1)) {
    size_t host = text.rfind("//", at);
    if (host == text.npos || at - host > 60) continue;
    size_t end = at + kPage.size();
    while (end < text.size() && is_digit(text[end])) end++;
    out.insert(std::string(text.substr(host, end - host)));
  }
  return out;
}

void Maker::tracked(const Row& report, std::string_view text, std::set<int64_t>& titles) const {
  for (const std::string& page : tracker_pages(text))
    for (const auto& [url, patches] : links_)
      if (url.ends_with(page))
        for (int64_t id : patches)
          if (is_fix(rows_.at(id), report)) titles.insert(rows_.at(id).title);
}

void Maker::witnessed(const Row& report, const Query& query, std::set<int64_t>& titles) {
  Result<Statement> find = database_.prepare("SELECT m.title, m.stance, n.document FROM mention m LEFT JOIN node n ON n.hash = m.message AND m.message != 0 WHERE m.document = ?1 AND m.stance IN (0, 1, 2)");
  if (!find.ok()) return;
  for (int64_t id : by_thread_[report.thread]) {
    if (rows_[id].flags & kIsPatch) continue;
    find->reset();
    find->bind(1, id);
    while (true) {
      Result<bool> more = find->step();
      if (!more.ok() || !*more) break;
      int64_t title = find->integer(0) != 0 ? find->integer(0) : find->is_null(2) ? 0 : rows_[find->integer(2)].title;
      if (title == 0) continue;
      int needed = find->integer(1) == 2 ? 1 : 2;
      for (int64_t patch : by_title_[title]) {
        const Row& r = rows_[patch];
        bool only_named = find->integer(1) == 0;
        if (!is_fix(r, report) || (only_named && (r.date < report.date || !(r.flags & kSaysFix))) || overlap(query, r) < needed) continue;
        titles.insert(r.title);
        break;
      }
    }
  }
}

Pair Maker::pair_of(char kind, const Row& report, Query query, const std::set<int64_t>& titles) const {
  Pair pair;
  pair.kind = kind;
  pair.crash.id = report.name;
  pair.crash.subject = report.subject;
  for (int64_t title : titles) {
    for (int64_t id : by_title_.at(title)) {
      const Row& r = rows_.at(id);
      if (!(r.flags & kIsPatch)) continue;
      pair.crash.fixes.insert(r.name);
      pair.crash.reachable = pair.crash.reachable || r.thread != report.thread;
    }
  }
  pair.group = *titles.begin();
  pair.query = std::move(query);
  pair.query.use_report_links = false;
  pair.query.keep_its_patches = kind != 'q' && !pair.crash.reachable;  // its thread is left out altogether where the fix stands elsewhere too
  return pair;
}

std::vector<Pair> Maker::quoting_patches() {
  std::vector<Pair> out;
  std::unordered_set<int64_t> done;
  for (const StoredTrace& t : patch_traces_) {
    const Row& r = rows_[t.document];
    if ((r.flags & (kIsStableCopy | kIsReply)) || r.title == 0 || held_titles_.contains(r.title) || held_threads_.contains(r.thread) || by_thread_[r.thread].size() > 120) continue;
    if (!done.insert(r.title).second) continue;
    std::string text = archive_.text(r.id).value_or("");
    text.resize(std::min(text.size(), std::min(text.find("\ndiff --git"), text.find("\n---\n"))));
    Query query = query_from_text(text);
    if (query.frames.size() < 4) continue;
    query.text.clear();
    static constexpr int kDelays[] = {1, 2, 3, 5, 7, 10, 14, 20, 30, 45, 70, 110, 180, 330};  // as reports and fixes really lie apart, roughly
    query.date = r.date - kDelays[size_t(r.id) % std::size(kDelays)] * kDay;
    query.use_quoted_traces = false;
    out.push_back(pair_of('q', r, std::move(query), {r.title}));
  }
  return out;
}

std::vector<Pair> Maker::reports() {
  std::vector<Pair> out;
  std::unordered_set<int64_t> threads;
  for (const auto& [id, r] : rows_) {
    if (!report_traces_.contains(id) || held_threads_.contains(r.thread) || threads.contains(r.thread) || by_thread_[r.thread].size() > 120) continue;
    Query query = query_from_text(archive_.text(id).value_or(""));
    if (query.frames.size() < 3) continue;
    query.date = r.date;
    query.exclude_thread = r.name;
    for (char kind : std::string("ltpdsnw")) {
      std::set<int64_t> titles;
      if (kind == 'l') linked(r, titles);
      if (kind == 't') tracked(r, query.text, titles);
      if (kind == 'd') drafted(r, titles);
      if (kind == 'p') posted(r, query, titles);
      if (kind == 's') same_trace(r, titles);
      if (kind == 'n') naming(r, query, titles);
      if (kind == 'w') witnessed(r, query, titles);
      if (titles.empty() || titles.size() > kFewTitles) continue;
      query.use_quoted_traces = kind != 's';
      threads.insert(r.thread);
      out.push_back(pair_of(kind, r, query, titles));
      break;
    }
  }
  return out;
}

}  // namespace

std::vector<Pair> free_pairs(const Archive& archive, const std::string& folder, const std::vector<Crash>& truth) {
  Result<Database> database = Database::open(folder + "/archive.sqlite", true);
  if (!database.ok()) return {};
  Maker maker(archive, *database);
  if (!maker.prepare(truth).ok()) return {};
  std::vector<Pair> out = maker.quoting_patches();
  for (Pair& p : maker.reports()) out.push_back(std::move(p));
  return out;
}

}  // namespace inquest::records
