// Ranking of candidate fixes: each document's score in parts, and the group that the versions of a patch form.
// Internal to candidate_fixes; docs/records.md explains the parts and their weights. One thread.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "records/matcher.h"
#include "records/trailers.h"

namespace inquest::records {

// In which columns a document holds the query's words.
struct TermHit {
  uint16_t term;
  uint8_t columns;
};

// What a score is made of; worth and group of each: ranking_features.cc.
enum Feature : int {
  kTouchedFunctions, kNamedInTitle, kNamedInBody, kNamedInChange, kNamedInContext, kQuotedTrace, kSameFile, kKindInTitle, kKindInBody, kCrashInTitle,
  kBeforeFresh, kDaysBeforeFresh, kBeforeOld, kDaysBeforeOld, kInSeriesAlready, kRareWords, kClaimsRepair, kNamesCulprit,
  kMarkedStable, kClaimsCleanup, kIsRevert, kInsideReply, kLongSeries, kManyFiles, kSeriesNeighbour, kWitnesses, kLinkedReport,
  kNamesReporter, kTextNameInTitle, kCulpritInStack, kTakenByStable, kUnseen, kSubsystem, kAuthor,
  kNamedOther, kSoonAfter, kLongAfter, kRemedy, kTaken, kCulpritRecent, kCulpritNamed, kStableLater, kSeriesAbove, kSharesNothing,
  kTopicInTitle, kSameLog, kFileSoon, kLineNear, kNamedAlike, kChangedLines, kTextAlike, kSameInnermost, kFeatureCount
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
  uint16_t values = 0;  // pointers of the query that its quoted logs hold
};

// What threads say about a patch, in words.
struct Said {
  std::vector<Opinion> opinions;
  std::string commit;  // a hash given together with its title
};

using Values = std::array<double, kFeatureCount>;

struct Candidate {
  Lead lead;
  double score = 0;
  int64_t posted = 0;  // its date; of a stable kernel's copy the original's, for a fresh kernel
  double age = 0;  // what its age will cost, unless it turns out to be missing; 0 where the score has it already
  Values x{};
  DocumentRow row;
  Said said;
};

// When the kernel died and how old it was, as far as the query tells.
struct CrashTime {
  int64_t date = 0;                // 0: unknown
  bool guessed = false;            // from the release
  bool fresh = false;              // soon after its series was released, or before
  std::optional<int64_t> series;   // when that was
};
CrashTime crash_time(const Query& query);

// A file the stack's functions live in.
struct HomeFile {
  std::string path;
  double weight = 0;  // 0..1, 1 = where the innermost telling frames live
};

struct RelationFinders {
  Statement trailers, posted, history;
};

class Ranking {
 public:
  // The text of a document, read again from its repository; an error where that is gone.
  using TextReader = std::function<Result<std::string>(int64_t document)>;

  Ranking(Matcher& matcher, const Weights& weights, TextReader text) : m_(matcher), w_(weights), text_(std::move(text)), time_(crash_time(matcher.query())) {}
  Result<std::vector<Fix>> run(size_t limit);

 private:
  Result<void> collect_frames();
  Result<void> collect_values();
  Result<void> collect_files();
  Result<void> collect_words();
  Result<void> collect_recent();
  Result<void> collect_threads();
  Result<void> collect_links(const std::vector<Similar>& similar);
  Result<bool> is_same_family(int64_t document);
  Result<void> collect_mentions(int64_t document, double similarity);
  void name_absent(const std::string& hash, const std::string& title, double worth, double similarity, const Opinion& opinion);
  Result<void> read_rows();
  size_t best_first(size_t count);
  void add_siblings();
  void add_surroundings();
  void add_topics();
  void add_texts();
  Result<void> add_relations();
  bool is_named_by_report(std::string_view hash, int64_t title) const;
  Result<void> add_history(Candidate& c, Statement& find);
  Result<void> add_culprits(Candidate& c, const std::unordered_map<int64_t, double>& by_title, RelationFinders& find);
  double stack_part(const Candidate& c) const;
  double total(const Candidate& c) const;
  void score(Candidate& c) const;
  void frame_features(Candidate& c) const;
  double promise_of(int64_t document, const Lead& lead) const;
  double traced_share(const Lead& lead) const;
  void date_features(Values& x, int64_t posted) const;
  void judge_date(Candidate& c, int64_t posted) const;
  Result<void> read_calendar();
  double date_promise(int64_t document, double file) const;
  void hold_age(Candidate& c) const;
  void kind_features(Candidate& c) const;
  void manner_features(Candidate& c) const;
  std::vector<std::vector<Candidate*>> groups();
  void spread_series(std::vector<std::vector<Candidate*>>& groups) const;
  Result<Fix> describe(const std::vector<Candidate*>& group) const;
  void explain(const Candidate& c, Fix& fix) const;
  void explain_date(const Candidate& c, Fix& fix) const;
  void explain_opinions(Fix& fix) const;

  Matcher& m_;
  Weights w_;
  TextReader text_;
  CrashTime time_;
  std::unordered_map<int64_t, Lead> leads_;
  std::unordered_map<int64_t, Said> said_;
  std::vector<Candidate> scored_;
  std::map<std::string, Candidate> absent_;  // commits that threads name but the archive does not hold, by hash
  std::vector<HomeFile> homes_;
  std::vector<Similar> similar_;
  std::vector<Mention> reported_;  // commits that the query's own text names
  std::vector<std::pair<int64_t, int64_t>> calendar_;  // some documents' ids and dates, by id
};

}  // namespace inquest::records
