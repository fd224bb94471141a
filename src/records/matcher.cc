#include "records/matcher.h"

#include <algorithm>
#include <cmath>

namespace inquest::records {
namespace {

constexpr size_t kTermLimit = 30'000;       // postings read for a function
constexpr size_t kWordLimit = 1'500;        // and for a word of prose: a commoner one tells nothing
constexpr size_t kWordsBudget = 40'000;     // postings read for all words together
constexpr size_t kRareWords = 40;

}  // namespace

Result<Matcher> Matcher::open(Database& database, const Query& query) {
  TRY(Rows rows, Rows::open(database));
  TRY(Postings postings, Postings::open(database));
  Matcher matcher(database, query, std::move(rows), std::move(postings));
  TRY_VOID(matcher.prepare());
  return matcher;
}

double Matcher::rarity_of(size_t documents) const {
  double idf = std::log((total_ + 1) / (double(documents) + 0.5)) / std::log(total_ + 2);
  return std::clamp(idf, 0.0, 1.0);
}

Result<void> Matcher::prepare() {
  signature_ = signature_of(*query_);
  TRY(int64_t total, database_->integer_of("SELECT max(id) FROM document", 1));
  total_ = double(std::max<int64_t>(total, 1));
  if (!query_->exclude_thread.empty()) {
    TRY(excluded_thread_, rows_.thread_of_name(query_->exclude_thread));
  }
  for (const SignatureTerm& term : signature_.terms) {
    TRY(const WordPostings* postings, postings_.of(term.word, kTermLimit));
    if (postings->list.empty() || postings->cut) continue;
    terms_.push_back({&term, postings, rarity_of(postings->list.size())});
  }
  return {};
}

Result<const std::vector<MatchTerm>*> Matcher::rare_words() {
  if (rare_ready_) return &rare_;
  rare_ready_ = true;
  word_terms_.reserve(signature_.words.size());
  size_t read = 0;
  for (const std::string& word : signature_.words) {
    if (read > kWordsBudget) break;
    TRY(const WordPostings* postings, postings_.of(word, kWordLimit));
    read += postings->list.size();
    if (postings->cut || postings->list.empty()) continue;
    word_terms_.push_back({word, "", 1, SignatureTerm::Role::kNamed});
    rare_.push_back({&word_terms_.back(), postings, rarity_of(postings->list.size())});
  }
  std::stable_sort(rare_.begin(), rare_.end(), [](const MatchTerm& a, const MatchTerm& b) { return a.rarity > b.rarity; });
  if (rare_.size() > kRareWords) rare_.resize(kRareWords);
  return &rare_;
}

}  // namespace inquest::records
