// Matcher: one query at work on an archive: its signature, the words' postings, and the similar messages.
// Lives for one call of Archive::similar or candidate_fixes. One thread.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "records/postings.h"
#include "records/query.h"
#include "records/rows.h"
#include "records/signature.h"

namespace inquest::records {

// A word of the query as the archive knows it.
struct MatchTerm {
  const SignatureTerm* term = nullptr;
  const WordPostings* postings = nullptr;
  double rarity = 0;  // 0 (in every document) to 1 (in one)
};

class Matcher {
 public:
  // `query` must outlive the matcher.
  static Result<Matcher> open(Database& database, const Query& query);

  Result<std::vector<Similar>> similar(size_t limit, bool every_message);

  const Query& query() const { return *query_; }
  const Signature& signature() const { return signature_; }
  const std::vector<MatchTerm>& terms() const { return terms_; }
  // Rare words of the title and text, with their postings; the rarest first.
  Result<const std::vector<MatchTerm>*> rare_words();
  Rows& rows() { return rows_; }
  Postings& postings() { return postings_; }
  Database& database() { return *database_; }
  int64_t excluded_thread() const { return excluded_thread_; }
  double rarity_of(size_t documents) const;

 private:
  Matcher(Database& database, const Query& query, Rows rows, Postings postings)
      : database_(&database), query_(&query), rows_(std::move(rows)), postings_(std::move(postings)) {}
  Result<void> prepare();
  Result<std::vector<Similar>> by_stack(size_t limit);
  Result<std::vector<Similar>> by_words(size_t limit);

  Database* database_;
  const Query* query_;
  Rows rows_;
  Postings postings_;
  Signature signature_;
  std::vector<MatchTerm> terms_;
  std::vector<SignatureTerm> word_terms_;
  std::vector<MatchTerm> rare_;
  bool rare_ready_ = false;
  int64_t excluded_thread_ = 0;
  double total_ = 1;
};

}  // namespace inquest::records
