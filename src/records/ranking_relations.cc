// Ranking: what other patches, replies and trailers tell about a candidate.
#include <algorithm>
#include <cmath>

#include "records/digest.h"
#include "records/kernel_dates.h"
#include "records/machinery.h"
#include "records/ranking.h"
#include "records/subject.h"
#include "records/text.h"

namespace inquest::records {
namespace {

constexpr size_t kLooked = 150;  // candidates whose relations are looked up
constexpr double kDay = 86400;

// "NFSD: Fix …" -> "nfsd"; empty where the title has no subsystem in front.
std::string subsystem_of(std::string_view subject) {
  std::string title = read_subject(subject).title;
  size_t colon = title.find(':');
  if (colon == std::string::npos || colon < 2 || colon > 30) return {};
  std::string prefix = lower(title.substr(0, colon));
  return std::count(prefix.begin(), prefix.end(), ' ') <= 1 ? prefix : std::string();
}

// The kernel that "# v5.4+" or "4.19.x" names; empty if none.
std::string_view release_named(std::string_view text) {
  for (size_t i = 0; i < text.size(); i++) {
    if (!is_digit(text[i]) || (i > 0 && is_word(text[i - 1]) && lower(text[i - 1]) != 'v')) continue;
    size_t end = i;
    while (end < text.size() && (is_digit(text[end]) || text[end] == '.')) end++;
    if (text.substr(i, end - i).find('.') != std::string_view::npos) return text.substr(i, end - i);
    i = end;
  }
  return {};
}

}  // namespace

double Ranking::stack_part(const Candidate& c) const {
  double sum = 0;
  for (int i = kTouchedFunctions; i <= kQuotedTrace; i++) sum += c.x[size_t(i)] * feature_row(i).worth;
  return sum;
}

// The other patches of a short series repair the same thing.
void Ranking::add_siblings() {
  auto in_short_series = [](const DocumentRow& r) { return r.total >= 2 && r.total <= 8 && !(r.flags & (kIsReply | kIsStableCopy)); };
  std::unordered_map<int64_t, double> best;
  for (const Candidate& c : scored_) {
    if (!in_short_series(c.row)) continue;
    double& b = best[c.row.head.thread];
    b = std::max(b, stack_part(c));
  }
  for (Candidate& c : scored_) {
    if (!in_short_series(c.row)) continue;
    c.x[kSeriesNeighbour] = std::max(0.0, best[c.row.head.thread] - stack_part(c));
    c.score = total(c);
  }
}

// Of which subsystem, and whose, the patches are that change the stack's functions and files: each title counts once, and not for itself.
void Ranking::add_surroundings() {
  std::unordered_map<int64_t, double> by_title;
  std::unordered_map<std::string, double> subsystems, authors;
  std::vector<std::string> subsystem_of_each;
  auto evidence = [](const Candidate& c) { return c.x[kTouchedFunctions] + 0.3 * c.x[kSameFile]; };
  for (const Candidate& c : scored_) {
    subsystem_of_each.push_back(subsystem_of(c.row.head.subject));
    double& known = by_title[c.row.title];
    double more = c.row.title == 0 ? 0 : std::max(0.0, evidence(c) - known);
    known += more;
    subsystems[subsystem_of_each.back()] += more;
    if (!(c.row.flags & kIsStableCopy)) authors[c.row.head.sender] += more;
  }
  subsystems.erase("");
  auto most = [](const std::unordered_map<std::string, double>& table) {
    double out = 0.5;
    for (const auto& [name, sum] : table) out = std::max(out, sum);
    return out;
  };
  double most_subsystem = most(subsystems), most_author = most(authors);
  for (size_t i = 0; i < scored_.size(); i++) {
    Candidate& c = scored_[i];
    double own = c.row.title == 0 ? 0 : by_title[c.row.title];
    auto at = subsystems.find(subsystem_of_each[i]);
    if (at != subsystems.end()) c.x[kSubsystem] = std::clamp((at->second - own) / most_subsystem, 0.0, 1.0);
    auto author = authors.find(c.row.head.sender);
    if (author != authors.end()) c.x[kAuthor] = std::clamp((author->second - own) / most_author, 0.0, 1.0);
    c.score = total(c);
  }
}

// The report's own text speaks of this commit: "bisected to", "HEAD commit", "since".
bool Ranking::is_named_by_report(std::string_view hash, int64_t title) const {
  return std::any_of(reported_.begin(), reported_.end(), [&](const Mention& m) {
    size_t digits = std::min(m.hash.size(), hash.size());
    return (title != 0 && title_key(m.title) == title) || (digits >= 7 && hash.substr(0, digits) == std::string_view(m.hash).substr(0, digits));
  });
}

// What a stack is about shows in the parts of its functions' names: nfs4_free_deleg, nfs_direct_write_completion. Titles say the same in
// prose: "delegation", "direct writes". A part is the less telling the more of the candidates' titles hold it.
void Ranking::add_topics() {
  constexpr size_t kShortest = 4;
  struct Topic { std::string part; double weight = 0; size_t titles = 0; };
  std::vector<Topic> topics;
  auto add = [&](std::string part, double weight) {
    if (part.size() < kShortest || topics.size() >= 60) return;
    for (Topic& t : topics)
      if (t.part == part) return void(t.weight = std::max(t.weight, weight));
    topics.push_back({std::move(part), weight});
  };
  for (const SignatureTerm& t : m_.signature().terms) {
    double weight = t.weight * weight_of_function(t.word);
    std::string part;
    for (char c : t.word + "_") {
      if (is_alpha(c)) part += lower(c);
      else if (!part.empty()) add(std::move(part), weight), part.clear();
    }
  }
  auto is_about = [](std::string_view word, std::string_view part) { return word.starts_with(part) || (word.size() >= kShortest && part.starts_with(word)); };
  std::vector<std::vector<uint16_t>> found(scored_.size());
  for (size_t i = 0; i < scored_.size(); i++) {
    std::vector<std::string> words;
    for_each_word(read_subject(scored_[i].row.head.subject).title, [&](std::string_view w) { if (w.find('_') == w.npos) words.push_back(lower(w)); });
    for (size_t t = 0; t < topics.size(); t++) {
      if (std::none_of(words.begin(), words.end(), [&](const std::string& w) { return is_about(w, topics[t].part); })) continue;
      found[i].push_back(uint16_t(t));
      topics[t].titles++;
    }
  }
  double all = std::log(double(scored_.size()) + 2);
  for (size_t i = 0; i < scored_.size(); i++) {
    double sum = 0;
    for (uint16_t t : found[i]) {
      double rare = std::log(double(scored_.size() + 1) / double(topics[t].titles)) / all;
      sum += topics[t].weight * rare * rare;
    }
    scored_[i].x[kTopicInTitle] = std::min(sum, 1.5);
  }
}

// Where else its title was posted, and whether it was taken.
Result<void> Ranking::add_history(Candidate& c, Statement& find) {
  bool keep = m_.query().keep_its_patches || m_.excluded_thread() == 0;
  find.bind(1, c.row.title).bind(2, m_.excluded_thread()).bind(3, int64_t(keep));
  TRY(bool row, find.step());
  if (row && find.integer(0) > 0) {
    // A stable kernel's copy comes late: what a fresh kernel lacks is told by the original. An older kernel lacks it until the copy.
    if (time_.fresh && (c.row.flags & kIsStableCopy) && !find.is_null(1)) judge_date(c, find.integer(1));
    c.x[kTakenByStable] = find.integer(2) != 0;
    c.x[kTaken] = find.integer(3) != 0;
  }
  find.reset();
  return {};
}

// The patch that its Fixes: trailer blames: whether it changed the stack's functions, and when it was posted; which kernels it is for.
Result<void> Ranking::add_culprits(Candidate& c, const std::unordered_map<int64_t, double>& by_title, RelationFinders& find) {
  find.trailers.bind(1, c.row.head.id);
  while (true) {
    TRY(bool more, find.trailers.step());
    if (!more) break;
    if (find.trailers.integer(0) == int64_t(TrailerKind::kStable)) {
      std::optional<int64_t> from = series_date(release_named(find.trailers.view(2)));
      if (from && time_.series && *from > *time_.series + int64_t(10 * kDay)) c.x[kStableLater] = 1;
      continue;
    }
    int64_t culprit = find.trailers.integer(1);
    if (is_named_by_report(find.trailers.view(2), culprit)) c.x[kCulpritNamed] = 1;
    if (culprit == 0 || culprit == c.row.title) continue;
    auto at = by_title.find(culprit);
    if (at != by_title.end()) c.x[kCulpritInStack] = std::max(c.x[kCulpritInStack], at->second);
    TRY(bool row, find.posted.bind(1, culprit).step());
    if (row && !find.posted.is_null(0) && time_.date != 0 && !time_.guessed) {
      double days = double(time_.date - find.posted.integer(0)) / kDay;
      if (time_.fresh && days > -3) c.x[kCulpritRecent] = std::max(c.x[kCulpritRecent], std::exp(-std::max(0.0, days) / 200));
    }
    find.posted.reset();
  }
  find.trailers.reset();
  return {};
}

// What other documents tell about the better half of the candidates.
Result<void> Ranking::add_relations() {
  std::unordered_map<int64_t, double> by_title;
  for (const Candidate& c : scored_) {
    if (c.row.title == 0) continue;
    double& best = by_title[c.row.title];
    best = std::max(best, c.x[kTouchedFunctions] + c.x[kNamedInTitle]);
  }
  reported_ = read_mentions(prose_of(m_.query().text));
  size_t looked = best_first(kLooked);
  RelationFinders find;
  TRY(find.trailers, m_.database().prepare("SELECT kind, title, value FROM trailer WHERE document = ?1 AND kind IN (1, 7)"));
  TRY(find.posted, m_.database().prepare("SELECT min(date) FROM document WHERE title = ?1 AND title != 0 AND flags & 1"));
  TRY(find.history, m_.database().prepare(
      "SELECT sum((flags & 3) = 1 AND NOT flags & 4), max(CASE WHEN (flags & 7) = 1 THEN date END), max(flags & 4), "
      "max((flags & 4096) != 0 AND thread != ?2) FROM document WHERE title = ?1 AND title != 0 AND (thread != ?2 OR ?3)"));
  for (size_t i = 0; i < looked; i++) {
    Candidate& c = scored_[i];
    TRY_VOID(add_culprits(c, by_title, find));
    if (c.row.title != 0) TRY_VOID(add_history(c, find.history));
    c.score = total(c);
  }
  return {};
}

}  // namespace inquest::records
