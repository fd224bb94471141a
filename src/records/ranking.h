// Ranking of candidate fixes: each document's score in parts, and the group that the versions of a patch form.
// Internal to candidate_fixes; docs/records.md explains the parts and their weights. One thread.
#pragma once

#include <array>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "records/matcher.h"

namespace inquest::records {

// In which columns a document holds the query's words.
struct TermHit {
  uint16_t term;
  uint8_t columns;
};

// What a score is made of; worth and group of each: ranking_features.cc.
enum Feature : int {
  kTouchedFunctions, kNamedInTitle, kNamedInBody, kNamedInChange, kNamedInContext, kQuotedTrace, kSameFile, kKindInTitle, kKindInBody, kCrashInTitle,
  kCrashAtAll, kDaysAfter, kBeforeFresh, kDaysBeforeFresh, kBeforeOld, kDaysBeforeOld, kInSeriesAlready, kRareWords, kClaimsRepair, kNamesCulprit,
  kMarkedStable, kClaimsCleanup, kIsRevert, kInsideReply, kLongSeries, kManyFiles, kManyFunctions, kIsDraft, kSeriesNeighbour, kWitnesses, kLinkedReport,
  kNamesReporter, kTextNameInTitle, kCulpritInStack, kTakenByStable, kUnseen, kFeatureCount
};

struct FeatureRow {
  const char* name;
  double worth;              // what one unit adds to the score
  double Weights::*factor;   // the part it belongs to
};
const FeatureRow& feature_row(int feature);

// What postings and threads tell about a document before its row is read; there may be tens of thousands.
struct Lead {
  std::vector<TermHit> hits;
  float file = 0;     // 0..1: how much of the stack lives in files the patch changes
  float words = 0;    // agreement of rare words
  float names = 0;    // an identifier of the text stands in its title
  float threads = 0;  // what similar threads say of it
  float called_fix = 0;  // trust in the thread that calls it a fix, or tested it
  float links = 0;    // its trailers point at a similar report
};

// What threads say about a patch, in words.
struct Said {
  std::vector<Opinion> opinions;
  std::string commit;  // a hash given together with its title
};

struct Candidate {
  Lead lead;
  double score = 0;
  double age = 0;  // what its age will cost, unless it turns out to be missing; 0 where the score has it already
  std::array<double, kFeatureCount> x{};
  DocumentRow row;
  Said said;
};

// A file the stack's functions live in.
struct HomeFile {
  std::string path;
  double weight = 0;  // 0..1, 1 = where the innermost telling frames live
};

class Ranking {
 public:
  Ranking(Matcher& matcher, const Weights& weights) : m_(matcher), w_(weights) {}
  Result<std::vector<Fix>> run(size_t limit);

 private:
  Result<void> collect_frames();
  Result<void> collect_files();
  Result<void> collect_words();
  Result<void> collect_threads();
  Result<void> collect_links(const std::vector<Similar>& similar);
  Result<bool> is_same_family(int64_t document);
  Result<void> collect_mentions(int64_t document, double similarity);
  void name_absent(const std::string& hash, const std::string& title, double worth, const Opinion& opinion);
  Result<void> read_rows();
  void add_siblings();
  Result<void> add_relations();
  double stack_part(const Candidate& c) const;
  double total(const Candidate& c) const;
  void score(Candidate& c) const;
  void frame_features(Candidate& c) const;
  double promise_of(const Lead& lead) const;
  double traced_share(const Lead& lead) const;
  void date_features(Candidate& c) const;
  void hold_age(Candidate& c) const;
  void kind_features(Candidate& c) const;
  void manner_features(Candidate& c) const;
  std::vector<std::vector<const Candidate*>> groups() const;
  Result<Fix> describe(const std::vector<const Candidate*>& group) const;
  void explain(const Candidate& c, Fix& fix) const;
  void explain_date(const Candidate& c, Fix& fix) const;
  void explain_opinions(Fix& fix) const;

  Matcher& m_;
  Weights w_;
  std::unordered_map<int64_t, Lead> leads_;
  std::unordered_map<int64_t, Said> said_;
  std::vector<Candidate> scored_;
  std::map<std::string, Candidate> absent_;  // commits that threads name but the archive does not hold, by hash
  std::vector<HomeFile> homes_;
  std::vector<Similar> similar_;
};

}  // namespace inquest::records
