// Ranking, second part: what is measured about a candidate, and what each measure is worth.
#include <algorithm>
#include <cmath>
#include <cstddef>

#include "records/digest.h"
#include "records/kernel_dates.h"
#include "records/ranking.h"
#include "records/text.h"

namespace inquest::records {
namespace {

constexpr double kDay = 86400;
constexpr uint16_t kFewValues = 2;  // equal pointers that chance may explain
constexpr double kOtherFamily = -2;  // a title that speaks of a crash of another family speaks against it

// Fitted on pairs nobody chose (docs/records.md, "Where the weights come from"), rounded. What came before the crash has no bonus for being
// soon after it; its constants keep the share of older patches among the answers that they had when set by hand.
constexpr FeatureRow kRows[] = {
    {"changes functions of the stack", 2.0, &Weights::touched},
    {"names them in its title", 1.0, &Weights::subject},
    {"names them in its description", 1.35, &Weights::body},
    {"names them in changed lines", 0.95, &Weights::changed},
    {"calls them beside the change", 0.5, &Weights::context},
    {"quotes the stack", 0.9, &Weights::traced},
    {"changes a file of the stack", 0.04, &Weights::file},
    {"same kind of crash in its title", 1.8, &Weights::kind},
    {"same kind of crash in its description", 2.0, &Weights::kind},
    {"a crash in its title", 0.08, &Weights::kind},
    {"before the crash of a fresh kernel", 1.6, &Weights::date},
    {"log of days before it", -1.35, &Weights::date},
    {"before the crash of an old kernel", 0.35, &Weights::date},
    {"log of days before that", -0.1, &Weights::date},
    {"before the kernel's own series", -3.3, &Weights::date},
    {"rare words of the report", 0.8, &Weights::words},
    {"claims to repair", 0.55, &Weights::manner},
    {"names what it repairs (Fixes:)", 0.65, &Weights::manner},
    {"marked for stable", 0.15, &Weights::manner},
    {"claims no repair", -0.28, &Weights::manner},
    {"a revert", 0.9, &Weights::manner},
    {"a diff inside a reply", -2.0, &Weights::manner},
    {"log of the series' length", -0.65, &Weights::manner},
    {"log of the files changed", -0.21, &Weights::manner},
    {"neighbour in a short series", 0.5, &Weights::manner},
    {"witnesses in similar threads", 2.2, &Weights::threads},
    {"linked to a similar report", 3.0, &Weights::links},
    {"names a reporter", 0.4, &Weights::manner},
    {"a name of the report in its title", 1.85, &Weights::words},
    {"repairs a patch that changed the stack", 0.5, &Weights::links},
    {"taken into stable kernels", 0.75, &Weights::manner},
    {"named only: its patch is not in the archive", -3.0, &Weights::threads},
    {"of the subsystem that the stack's patches are of", 0.45, &Weights::file},
    {"its author changed the stack's functions before", 0.65, &Weights::manner},
    {"names functions of the further stacks", 2.0, &Weights::body},
    {"soon after the crash", 2.85, &Weights::date},
    {"long after the crash", -2.3, &Weights::date},
    {"its title names a remedy for such a crash", 0.4, &Weights::kind},
    {"a reply says it was taken", 0.03, &Weights::manner},
    {"what it repairs came shortly before the crash", 0.9, &Weights::date},
    {"repairs what the report names", 1.55, &Weights::links},
    {"for kernels later than the crash's", -2.0, &Weights::date},
    {"log of the patches of its series above it", -0.17, &Weights::manner},
    {"shares neither function nor file with the stack", -2.1, &Weights::file},
    {"its title speaks of what the stack's functions are named after", 2.2, &Weights::subject},
    {"quotes this very log", 1.1, &Weights::traced},
    {"changes a file of the stack soon after the crash", 1.3, &Weights::file},
    {"changes lines near the stack's", 0.35, &Weights::touched},
    {"changes functions named like the stack's", 0.75, &Weights::touched},
    {"log of the lines changed", -0.21, &Weights::manner},
    {"its prose is like the report's", 10.55, &Weights::words},
    {"quotes a stack with the same innermost function", 0.75, &Weights::traced},
};
static_assert(std::size(kRows) == kFeatureCount);

// A sum in which each further contribution counts less: twenty weak frames do not outweigh the guilty one.
double damped_sum(std::vector<double>& values) {
  std::sort(values.begin(), values.end(), std::greater<>());
  double sum = 0, scale = 1;
  for (double v : values) {
    sum += v * scale;
    scale *= 0.72;
  }
  return sum;
}

// What a title says that repairs a crash of these kinds without naming it.
bool names_remedy(uint32_t kinds, std::string_view title) {
  struct Row { uint32_t kinds; std::initializer_list<std::string_view> words; };
  static const Row kRemedies[] = {
      {kUseAfterFree | kDoubleFree | kListCorruption | kRefcount, {"race", "lifetime", "refcount", "reference", "ref ", "put ", "free", "release", "destroy", "teardown", "shutdown", "cancel", "flush", "rcu", "dangling", "cleanup path", "error path", "unregister", "remov", "hold "}},
      {kNullPointer, {"null", "deref", "uninitiali", "initiali", "check ", "check for", "error path", "race", "missing", "valid", "is_err", "err_ptr"}},
      {kOutOfBounds | kStack | kUninitialized, {"bound", "length", "size", "overflow", "overread", "limit", "valid", "uninitiali", "initiali", "zero", "truncat", "sanity", "check", "slab-out"}},
      {kLeak, {"leak", "free", "release", "error path", "put ", "error handling", "cleanup", "destroy"}},
      {kDeadlock, {"deadlock", "lock", "nest", "inversion", "annotat", "recursi", "irq", "rcu"}},
      {kHang, {"hang", "deadlock", "livelock", "loop", "stuck", "stall", "lockup", "wait", "wake", "resched", "infinite", "block"}},
      {kSleeping, {"sleep", "atomic", "gfp_", "spinlock", "might_sleep", "lock"}},
      {kShift | kDivide, {"shift", "overflow", "divi", "zero", "valid", "range", "bound", "check"}},
      {kRace, {"race", "data-race", "read_once", "write_once", "atomic", "lock", "barrier"}},
      {kAssertion | kWarning, {"bug_on", "warn", "assert"}}};
  for (const Row& row : kRemedies) {
    if (!(row.kinds & kinds)) continue;
    for (std::string_view word : row.words)
      if (has_ignoring_case(title, word)) return true;
  }
  return false;
}

}  // namespace

const FeatureRow& feature_row(int feature) { return kRows[feature]; }

double Ranking::total(const Candidate& c) const {
  double sum = 0;
  for (int i = 0; i < kFeatureCount; i++) sum += c.x[size_t(i)] * kRows[i].worth * w_.*kRows[i].factor;
  return sum;
}

void Ranking::frame_features(Candidate& c) const {
  // A patch that touches everything says nothing by touching this.
  double breadth = 1 / (1 + 0.16 * std::log(1 + std::max(0.0, double(c.row.touched) - 3)));
  struct Role { Column column; Feature feature; };
  static constexpr Role kRoles[] = {{kTouched, kTouchedFunctions}, {kSubject, kNamedInTitle}, {kBody, kNamedInBody}, {kChanged, kNamedInChange}, {kContext, kNamedInContext}};
  for (const Role& role : kRoles) {
    std::vector<double> values;
    for (const TermHit& hit : c.lead.hits) {
      if (!(hit.columns & 1u << role.column)) continue;
      if (role.column == kChanged && (hit.columns & 1u << kTouched)) continue;  // its own definition
      const MatchTerm& t = m_.terms()[hit.term];
      // A name without "_" may be a plain word of the title or text ("nfsd", "evict").
      double named = role.column != kTouched && t.term->word.find('_') == std::string::npos ? 0.2 : 1;
      values.push_back(named * t.term->weight * (0.25 + 0.75 * t.rarity));
    }
    bool diff = role.column == kTouched || role.column == kChanged || role.column == kContext;
    c.x[role.feature] = damped_sum(values) * (diff ? breadth : 1);
  }
  std::vector<double> named;
  for (const TermHit& hit : c.lead.hits) {
    const MatchTerm& t = m_.terms()[hit.term];
    if (t.term->role != SignatureTerm::Role::kOther) continue;
    double value = t.term->weight * (0.25 + 0.75 * t.rarity);
    if (hit.columns & (1u << kSubject | 1u << kBody) && t.term->word.find('_') != std::string::npos) named.push_back(value);
  }
  c.x[kNamedOther] = damped_sum(named);
  double traced = traced_share(c.lead);
  c.x[kQuotedTrace] = traced * traced;  // squared: every trace shares its outer frames
}

// A rough score from postings and about when it was posted, to choose whose rows are read.
double Ranking::promise_of(int64_t document, const Lead& lead) const {
  double sum = 0, best = 0;
  for (const TermHit& hit : lead.hits) {
    const MatchTerm& t = m_.terms()[hit.term];
    double role = 0;
    if (hit.columns & 1u << kTouched) role += kRows[kTouchedFunctions].worth * w_.touched;
    if (hit.columns & 1u << kSubject) role += kRows[kNamedInTitle].worth * w_.subject;
    if (hit.columns & 1u << kBody) role += kRows[kNamedInBody].worth * w_.body;
    if (hit.columns & (1u << kChanged | 1u << kContext)) role += kRows[kNamedInChange].worth * w_.changed;
    double value = t.term->weight * (0.25 + 0.75 * t.rarity) * role;
    best = std::max(best, value);
    sum += value;
  }
  double traced = traced_share(lead);
  return date_promise(document, lead.file) + 0.5 * (best + sum) + kRows[kQuotedTrace].worth * w_.traced * traced * traced + kRows[kSameFile].worth * w_.file * lead.file + (lead.values > kFewValues ? kRows[kSameLog].worth * w_.traced : 0) +
         kRows[kRareWords].worth * w_.words * std::min(double(lead.words), 3.0) + kRows[kTextNameInTitle].worth * w_.words * lead.names +
         kRows[kWitnesses].worth * w_.threads * std::max(0.0f, lead.threads) + kRows[kLinkedReport].worth * w_.links * lead.links;
}

double Ranking::traced_share(const Lead& lead) const {
  double got = 0, all = 0;
  for (const MatchTerm& t : m_.terms()) {
    if (t.term->role == SignatureTerm::Role::kFrame) all += t.term->weight * t.rarity;
  }
  for (const TermHit& hit : lead.hits) {
    const MatchTerm& t = m_.terms()[hit.term];
    if ((hit.columns & 1u << kTraced) && t.term->role == SignatureTerm::Role::kFrame) got += t.term->weight * t.rarity;
  }
  return all > 0 ? got / all : 0;
}

CrashTime crash_time(const Query& query) {
  CrashTime time{query.date, false, false, series_date(query.release)};
  if (time.date == 0 && time.series) {
    time.guessed = true;
    time.date = *build_date(query.release) + int64_t(180 * kDay);
  }
  time.fresh = is_fresh(query.release, time.date);
  return time;
}

void Ranking::date_features(Values& x, int64_t posted) const {
  for (Feature f : {kSoonAfter, kLongAfter, kInSeriesAlready, kBeforeFresh, kDaysBeforeFresh, kBeforeOld, kDaysBeforeOld}) x[f] = 0;
  if (time_.date == 0) return;
  double days = double(posted - time_.date) / kDay;
  if (days >= -1) {
    double sure = time_.guessed ? 0.35 : 1;
    x[kSoonAfter] = std::exp(-std::max(0.0, days) / 45) * sure;
    x[kLongAfter] = days > 365 ? std::log(days / 365) * sure : 0;
    return;
  }
  double before = -days;
  if (time_.series && double(posted) < double(*time_.series) - 100 * kDay) {
    x[kInSeriesAlready] = 1 + 0.1 * std::log(1 + before / 365);  // posted well before: in it, unless it was never merged
  } else if (time_.fresh || !time_.series) {
    x[kBeforeFresh] = 1;
    x[kDaysBeforeFresh] = std::log(1 + before / 20);
  } else {  // an old series: its fixes lie between its release and the crash
    x[kBeforeOld] = 1;
    x[kDaysBeforeOld] = std::log(1 + before / 90);
  }
}

void Ranking::judge_date(Candidate& c, int64_t posted) const {
  c.age = 0;
  c.posted = posted;
  date_features(c.x, posted);
  c.x[kFileSoon] = c.x[kSameFile] * c.x[kSoonAfter];
  if (m_.query().marks_will_tell) hold_age(c);
}

// Some documents' dates: ids grow with time within each repository, so those between are about known.
Result<void> Ranking::read_calendar() {
  constexpr int64_t kSamples = 200;
  TRY(int64_t last, m_.database().integer_of("SELECT max(id) FROM document", 0));
  TRY(Statement find, m_.database().prepare("SELECT id, date FROM document WHERE id >= ?1 ORDER BY id LIMIT 1"));
  for (int64_t i = 0; i <= kSamples; i++) {
    find.bind(1, last * i / kSamples);
    TRY(bool row, find.step());
    if (row && (calendar_.empty() || calendar_.back().first < find.integer(0))) calendar_.emplace_back(find.integer(0), find.integer(1));
    find.reset();
  }
  return {};
}

double Ranking::date_promise(int64_t document, double file) const {
  auto after = std::lower_bound(calendar_.begin(), calendar_.end(), std::pair(document, int64_t(0)));
  if (calendar_.empty() || time_.date == 0) return 0;
  if (after == calendar_.end()) --after;
  int64_t date = after->second;
  if (after != calendar_.begin() && after->first > document) {
    auto before = after - 1;
    date = before->second + int64_t(double(after->second - before->second) * double(document - before->first) / double(after->first - before->first));
  }
  Values x{};
  date_features(x, date);
  double sum = 0;
  for (Feature f : {kSoonAfter, kLongAfter, kInSeriesAlready, kBeforeFresh, kDaysBeforeFresh, kBeforeOld, kDaysBeforeOld}) sum += x[f] * kRows[f].worth * w_.date;
  return 0.7 * (sum + x[kSoonAfter] * file * kRows[kFileSoon].worth * w_.file);  // the date is only about known
}

// Where the kernel can be looked at, what a patch's age speaks against it is kept apart until its marks were looked for: a patch that is
// missing is missing however old. And who is called a fix where the same crash is talked about is worth looking for.
void Ranking::hold_age(Candidate& c) const {
  constexpr double kEnough = 0.25;  // of trust in a thread that calls it a fix
  double held = std::clamp(1 - double(c.lead.called_fix) / kEnough, 0.0, 1.0);
  c.x[kInSeriesAlready] *= held;
  for (Feature f : {kInSeriesAlready, kBeforeFresh, kDaysBeforeFresh, kBeforeOld, kDaysBeforeOld}) {
    c.age -= c.x[f] * kRows[f].worth * w_.date;
    c.x[f] = 0;
  }
}

void Ranking::kind_features(Candidate& c) const {
  uint32_t asked = m_.signature().kinds;
  uint32_t telling = asked & ~uint32_t(kOops | kWarning);
  if (telling & c.row.subject_kinds) c.x[kKindInTitle] = 1;
  else if (telling & c.row.kinds) c.x[kKindInBody] = 1;
  else if (!may_be_same_crash(asked, c.row.subject_kinds)) c.x[kCrashInTitle] = kOtherFamily;
  else if (c.row.subject_kinds != 0) c.x[kCrashInTitle] = 1;
  c.x[kRemedy] = names_remedy(asked, c.row.head.subject);
}

void Ranking::manner_features(Candidate& c) const {
  const DocumentRow& r = c.row;
  c.x[kClaimsRepair] = (r.flags & kSaysFix) != 0;
  c.x[kNamesCulprit] = (r.flags & kHasFixes) != 0;
  c.x[kMarkedStable] = (r.flags & kForStable) != 0;
  c.x[kClaimsCleanup] = (r.flags & kSaysCleanup) && !(r.flags & kSaysFix);
  c.x[kIsRevert] = (r.flags & kSaysRevert) != 0;
  c.x[kInsideReply] = (r.flags & kIsReply) != 0;
  c.x[kLongSeries] = r.total > 6 ? std::log(double(r.total) / 6) : 0;
  c.x[kManyFiles] = r.files > 3 ? std::log(double(r.files) / 3) : 0;
  c.x[kNamesReporter] = (r.flags & kHasReporter) && m_.query().use_report_links;
}

void Ranking::score(Candidate& c) const {
  frame_features(c);
  c.x[kSameFile] = c.lead.file / (1 + 0.25 * std::log(std::max(1.0, double(c.row.files))));
  c.x[kRareWords] = std::min(double(c.lead.words), 3.0);
  bool shares = c.lead.file > 0 || std::any_of(c.lead.hits.begin(), c.lead.hits.end(), [](const TermHit& h) { return (h.columns & ~(1u << kTraced)) != 0; });
  c.x[kSharesNothing] = shares ? 0 : 1 - double(c.lead.called_fix);  // who calls it a fix knows why
  c.x[kSameLog] = c.lead.values > kFewValues ? 1 - std::exp(-double(c.lead.values - kFewValues) / 3) : 0;
  c.x[kTextNameInTitle] = c.lead.names;
  c.x[kWitnesses] = c.lead.threads;
  c.x[kLinkedReport] = c.lead.links;
  kind_features(c);
  judge_date(c, c.row.head.date);
  manner_features(c);
  c.score = total(c);
}

}  // namespace inquest::records
