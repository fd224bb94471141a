// Ranking: the whole of it, in order; and how versions of a patch become one answer.
#include "records/ranking.h"

#include <algorithm>
#include <cmath>

#include "records/archive_impl.h"

namespace inquest::records {


// Versions of a patch share a title; the best of them stands for all.
std::vector<std::vector<const Candidate*>> Ranking::groups() const {
  std::unordered_map<int64_t, size_t> by_title;
  std::vector<std::vector<const Candidate*>> out;
  for (const Candidate& c : scored_) {
    int64_t key = c.row.title;
    auto at = key == 0 ? by_title.end() : by_title.find(key);
    if (at == by_title.end()) {
      if (key != 0) by_title[key] = out.size();
      out.push_back({&c});
    } else {
      out[at->second].push_back(&c);
    }
  }
  for (auto& group : out) {
    std::stable_sort(group.begin(), group.end(), [](const Candidate* a, const Candidate* b) { return a->score != b->score ? a->score > b->score : a->row.head.id < b->row.head.id; });
  }
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return a[0]->score != b[0]->score ? a[0]->score > b[0]->score : a[0]->row.head.id < b[0]->row.head.id;
  });
  return out;
}

Result<std::vector<Fix>> Ranking::run(size_t limit) {
  TRY_VOID(collect_frames());
  TRY_VOID(collect_files());
  TRY_VOID(collect_words());
  TRY_VOID(collect_threads());
  TRY_VOID(read_rows());
  std::vector<std::vector<const Candidate*>> all = groups();
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
    double worth = 1 / (1 + std::exp(-(fixes[i].score - 4.2)));
    double lead = i == 0 ? std::clamp((fixes[i].score - next) / 2, 0.0, 1.0) : 0;
    fixes[i].confidence = std::clamp(worth * (0.35 + 0.45 * lead), 0.02, 0.85);
  }
}

void settle_age(Fix& fix, PatchStatus status) {
  if (status != PatchStatus::kMissing) fix.score -= fix.age;
  fix.age = 0;
}

Result<std::vector<Fix>> Archive::candidate_fixes(const Query& query, size_t limit, const Weights& weights) const {
  TRY(Matcher matcher, Matcher::open(impl_->database, query));
  return Ranking(matcher, weights).run(limit);
}

}  // namespace inquest::records
