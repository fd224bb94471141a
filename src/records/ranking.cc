// Ranking: the whole of it, in order; and how versions of a patch become one answer.
#include "records/ranking.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

#include "records/archive_impl.h"
#include "records/subject.h"
#include "records/text.h"

namespace inquest::records {
namespace {

using Group = std::vector<Candidate*>;

bool better(const Candidate* a, const Candidate* b) { return a->score != b->score ? a->score > b->score : a->row.head.id < b->row.head.id; }

void sort_groups(std::vector<Group>& groups) {
  std::stable_sort(groups.begin(), groups.end(), [](const Group& a, const Group& b) { return better(a[0], b[0]); });
}

// The words of a title behind its subsystem.
std::set<std::string> title_words(const std::string& subject) {
  std::string title = read_subject(subject).title;
  size_t colon = title.find(": ");
  std::set<std::string> words;
  for_each_word(std::string_view(title).substr(colon == std::string::npos ? 0 : colon), [&](std::string_view w) { words.insert(lower(w)); });
  return words;
}

// One patch under two titles: the same author, about the same time and most words; not two parts of one posting.
bool is_renamed(const Candidate& a, const Candidate& b) {
  constexpr int64_t kNear = int64_t(60) * 86400;
  constexpr double kAlike = 0.6;
  if (a.row.head.sender != b.row.head.sender || std::abs(a.row.head.date - b.row.head.date) > kNear) return false;
  if (a.row.head.thread == b.row.head.thread && a.row.total > 1 && a.row.part != b.row.part) return false;
  std::set<std::string> one = title_words(a.row.head.subject), other = title_words(b.row.head.subject);
  size_t shared = size_t(std::count_if(one.begin(), one.end(), [&](const std::string& w) { return other.contains(w); }));
  return shared >= 3 && double(shared) >= kAlike * double(one.size() + other.size() - shared);
}

}  // namespace

// Brings the best `count` of the candidates to the front, in order; gives how many there are.
size_t Ranking::best_first(size_t count) {
  count = std::min(count, scored_.size());
  std::partial_sort(scored_.begin(), scored_.begin() + std::ptrdiff_t(count), scored_.end(), [](const Candidate& a, const Candidate& b) { return better(&a, &b); });
  return count;
}

// Versions of a patch share a title, or nearly; the best of them stands for all.
std::vector<std::vector<Candidate*>> Ranking::groups() {
  constexpr size_t kLooked = 60;  // answers among which renamed patches meet
  std::unordered_map<int64_t, size_t> by_title;
  std::vector<Group> out;
  for (Candidate& c : scored_) {
    int64_t key = c.row.title;
    auto at = key == 0 ? by_title.end() : by_title.find(key);
    if (at == by_title.end()) {
      if (key != 0) by_title[key] = out.size();
      out.push_back({&c});
    } else {
      out[at->second].push_back(&c);
    }
  }
  for (Group& group : out) std::stable_sort(group.begin(), group.end(), better);
  sort_groups(out);
  for (size_t i = 0; i < out.size() && i < kLooked; i++) {
    for (size_t j = i + 1; j < out.size() && j < kLooked;) {
      if (is_renamed(*out[i][0], *out[j][0])) {
        out[i].insert(out[i].end(), out[j].begin(), out[j].end());
        out.erase(out.begin() + std::ptrdiff_t(j));
      } else {
        j++;
      }
    }
  }
  spread_series(out);
  return out;
}

// Further patches of one series stand lower: they rarely repair the same crash, and leave the first places to others.
void Ranking::spread_series(std::vector<std::vector<Candidate*>>& groups) const {
  constexpr size_t kLooked = 100;
  std::unordered_map<int64_t, int> above;
  for (size_t i = 0; i < groups.size() && i < kLooked; i++) {
    Candidate& c = *groups[i][0];
    if (c.row.total < 2 || c.x[kUnseen] > 0) continue;
    c.x[kSeriesAbove] = std::log2(1 + above[c.row.head.thread]++);
    c.score = total(c);
  }
  sort_groups(groups);
}

Result<std::vector<Fix>> Ranking::run(size_t limit) {
  TRY_VOID(collect_frames());
  TRY_VOID(collect_values());
  TRY_VOID(collect_files());
  TRY_VOID(collect_words());
  TRY_VOID(collect_recent());
  TRY_VOID(collect_threads());
  TRY_VOID(read_rows());
  std::vector<std::vector<Candidate*>> all = groups();
  std::vector<Fix> out;
  for (size_t i = 0; i < all.size() && i < limit; i++) {
    TRY(Fix fix, describe(all[i]));
    out.push_back(std::move(fix));
  }
  give_confidence(out, all.size() > out.size() ? all[out.size()][0]->score : 0);
  return out;
}

// How sure: what the evidence is worth by itself, and how far ahead of the next it lies.
void give_confidence(std::vector<Fix>& fixes, double next_score) {
  for (size_t i = 0; i < fixes.size(); i++) {
    double next = i + 1 < fixes.size() ? fixes[i + 1].score : next_score;
    double worth = 1 / (1 + std::exp(-(fixes[i].score - 7) / 1.5));
    double lead = i == 0 ? std::clamp((fixes[i].score - next) / 3, 0.0, 1.0) : 0;
    fixes[i].confidence = std::clamp(worth * (0.3 + 0.5 * lead), 0.02, 0.85);
  }
}

void settle_age(Fix& fix, PatchStatus status) {
  if (status != PatchStatus::kMissing) fix.score -= fix.age;
  fix.age = 0;
}

Result<std::vector<Fix>> Archive::candidate_fixes(const Query& query, size_t limit, const Weights& weights) const {
  TRY(Transaction reading, Transaction::begin_reading(impl_->database));
  TRY(Matcher matcher, Matcher::open(impl_->database, query));
  return Ranking(matcher, weights, [this](int64_t document) { return text(document); }).run(limit);
}

}  // namespace inquest::records
