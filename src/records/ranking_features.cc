// Ranking, second part: what is measured about a candidate, and what each measure is worth.
#include <algorithm>
#include <cmath>
#include <cstddef>

#include "records/digest.h"
#include "records/kernel_dates.h"
#include "records/ranking.h"

namespace inquest::records {
namespace {

constexpr double kDay = 86400;
constexpr double kOtherFamily = -2;  // a title that speaks of a crash of another family speaks against it

// Fitted on pairs nobody chose (docs/records.md, "Where the weights come from"), rounded.
constexpr FeatureRow kRows[] = {
    {"changes functions of the stack", 1.9, &Weights::touched},
    {"names them in its title", 1.5, &Weights::subject},
    {"names them in its description", 3.0, &Weights::body},
    {"names them in changed lines", 0.5, &Weights::changed},
    {"calls them beside the change", 0.3, &Weights::context},
    {"quotes the stack", 2.2, &Weights::traced},
    {"changes a file of the stack", 1.15, &Weights::file},
    {"same kind of crash in its title", 1.4, &Weights::kind},
    {"same kind of crash in its description", 1.3, &Weights::kind},
    {"a crash in its title", 0.3, &Weights::kind},
    {"a crash at all", 0.0, &Weights::kind},
    {"log of days after the crash", -1.0, &Weights::date},
    {"before the crash of a fresh kernel", -1.0, &Weights::date},
    {"log of days before it", -0.65, &Weights::date},
    {"before the crash of an old kernel", -0.75, &Weights::date},
    {"log of days before that", -0.38, &Weights::date},
    {"before the kernel's own series", -3.3, &Weights::date},
    {"rare words of the report", 1.3, &Weights::words},
    {"claims to repair", 0.7, &Weights::manner},
    {"names what it repairs (Fixes:)", 0.3, &Weights::manner},
    {"marked for stable", 0.05, &Weights::manner},
    {"claims no repair", -0.85, &Weights::manner},
    {"a revert", -0.15, &Weights::manner},
    {"a diff inside a reply", -0.8, &Weights::manner},
    {"log of the series' length", -0.14, &Weights::manner},
    {"log of the files changed", -0.38, &Weights::manner},
    {"log of the functions changed", -0.3, &Weights::manner},
    {"a request for comments", -0.1, &Weights::manner},
    {"neighbour in a short series", 0.4, &Weights::manner},
    {"witnesses in similar threads", 2.2, &Weights::threads},
    {"linked to a similar report", 3.0, &Weights::links},
    {"names a reporter", 0.4, &Weights::manner},
    {"a name of the report in its title", 0.8, &Weights::words},
    {"repairs a patch that changed the stack", 0.3, &Weights::links},
    {"taken into stable kernels", 0.35, &Weights::manner},
    {"named only: its patch is not in the archive", -2.0, &Weights::threads},
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
  double traced = traced_share(c.lead);
  c.x[kQuotedTrace] = traced * traced;  // squared: every trace shares its outer frames
}

// A rough score from postings alone, to choose whose rows are read.
double Ranking::promise_of(const Lead& lead) const {
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
  return 0.5 * (best + sum) + kRows[kQuotedTrace].worth * w_.traced * traced * traced + kRows[kSameFile].worth * w_.file * lead.file +
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

void Ranking::date_features(Candidate& c) const {
  const Query& q = m_.query();
  std::optional<int64_t> series = series_date(q.release);
  int64_t crash = q.date;
  bool guessed = crash == 0 && series;
  if (guessed) crash = *build_date(q.release) + int64_t(180 * kDay);
  if (crash == 0) return;
  double days = double(c.row.head.date - crash) / kDay;
  if (days >= -1) {
    c.x[kDaysAfter] = std::log(1 + std::max(0.0, days) / 12) * (guessed ? 0.35 : 1);
    return;
  }
  double before = -days;
  if (series && double(c.row.head.date) < double(*series) - 100 * kDay) {
    c.x[kInSeriesAlready] = 1 + 0.1 * std::log(1 + before / 365);  // posted well before: in it, unless it was never merged
  } else if (is_fresh(q.release, crash) || !series) {
    c.x[kBeforeFresh] = 1;
    c.x[kDaysBeforeFresh] = std::log(1 + before / 20);
  } else {  // an old series: its fixes lie between its release and the crash
    c.x[kBeforeOld] = 1;
    c.x[kDaysBeforeOld] = std::log(1 + before / 90);
  }
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
  else if (c.row.kinds != 0) c.x[kCrashAtAll] = 1;
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
  c.x[kManyFunctions] = std::log(1 + double(r.touched));
  c.x[kIsDraft] = (r.flags & kIsRfc) != 0;
  c.x[kNamesReporter] = (r.flags & kHasReporter) && m_.query().use_report_links;
}

void Ranking::score(Candidate& c) const {
  frame_features(c);
  c.x[kSameFile] = c.lead.file / (1 + 0.25 * std::log(std::max(1.0, double(c.row.files))));
  c.x[kRareWords] = std::min(double(c.lead.words), 3.0);
  c.x[kTextNameInTitle] = c.lead.names;
  c.x[kWitnesses] = c.lead.threads;
  c.x[kLinkedReport] = c.lead.links;
  kind_features(c);
  date_features(c);
  if (m_.query().marks_will_tell) hold_age(c);
  manner_features(c);
  c.score = total(c);
}

double Ranking::stack_part(const Candidate& c) const {
  double sum = 0;
  for (int i = kTouchedFunctions; i <= kQuotedTrace; i++) sum += c.x[size_t(i)] * kRows[i].worth;
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

// What other patches tell about the better half of the candidates: the one its Fixes: trailer blames changed the
// stack's functions; stable kernels took a copy.
Result<void> Ranking::add_relations() {
  constexpr size_t kLooked = 150;
  std::unordered_map<int64_t, double> by_title;
  for (const Candidate& c : scored_) {
    if (c.row.title == 0) continue;
    double& best = by_title[c.row.title];
    best = std::max(best, c.x[kTouchedFunctions] + c.x[kNamedInTitle]);
  }
  size_t looked = std::min(scored_.size(), kLooked);
  std::partial_sort(scored_.begin(), scored_.begin() + std::ptrdiff_t(looked), scored_.end(),
                    [](const Candidate& a, const Candidate& b) { return a.score != b.score ? a.score > b.score : a.row.head.id < b.row.head.id; });
  TRY(Statement culprits, m_.database().prepare("SELECT title FROM trailer WHERE document = ?1 AND kind = 1 AND title != 0"));
  TRY(Statement copies, m_.database().prepare("SELECT max(flags & 4) FROM document WHERE title = ?1 AND title != 0"));
  for (size_t i = 0; i < looked; i++) {
    Candidate& c = scored_[i];
    culprits.bind(1, c.row.head.id);
    while (true) {
      TRY(bool more, culprits.step());
      if (!more) break;
      auto at = by_title.find(culprits.integer(0));
      if (at != by_title.end() && culprits.integer(0) != c.row.title) c.x[kCulpritInStack] = std::max(c.x[kCulpritInStack], at->second);
    }
    culprits.reset();
    TRY(bool row, copies.bind(1, c.row.title).step());
    c.x[kTakenByStable] = row && copies.integer(0) != 0;
    copies.reset();
    c.score = total(c);
  }
  return {};
}

}  // namespace inquest::records
