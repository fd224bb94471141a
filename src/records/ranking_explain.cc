// Ranking, last part: a group of versions described, with reasons for and against.
#include <algorithm>
#include <tuple>

#include "records/digest.h"
#include "records/mime.h"
#include "records/ranking.h"

namespace inquest::records {
namespace {

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (size_t i = 0; i < names.size() && i < 5; i++) out += (i ? ", " : "") + names[i];
  if (names.size() > 5) out += ", …";
  return out;
}

void reason_if(std::vector<std::string>& out, const char* what, const std::vector<std::string>& names) {
  if (!names.empty()) out.push_back(what + listed(names));
}

}  // namespace

void Ranking::explain_date(const Candidate& c, Fix& fix) const {
  const Query& q = m_.query();
  std::string posted = date_text(c.posted);
  if (time_.series && c.posted < *time_.series - 100 * 86400) {
    fix.reasons_against.push_back("posted " + posted + ", well before the series of " + q.release + " was released: likely in it already");
  } else if (q.date != 0 && c.posted > q.date) {
    fix.reasons_for.push_back("posted " + posted + ", after the crash");
    if (c.posted - q.date > int64_t(2) * 365 * 86400) fix.reasons_against.push_back("posted more than two years after the crash");
  } else if (time_.series) {
    fix.reasons_for.push_back("posted " + posted + ", after the series of " + q.release + " was released: it may be missing there");
  }
  if (c.x[kCulpritRecent] > 0.3) fix.reasons_for.push_back("what it repairs (Fixes:) was new when the kernel crashed");
  if (c.x[kStableLater] > 0) fix.reasons_against.push_back("marked for kernels later than " + q.release);
}

void Ranking::explain_opinions(Fix& fix) const {
  static constexpr const char* kSaid[] = {"is named by", "is called a fix by", "was tested by", "is blamed by", "is doubted by"};
  for (const Opinion& o : fix.opinions) {
    bool against = o.stance == int(Stance::kBlamed) || o.stance == int(Stance::kDoubted);
    std::string sentence = std::string(kSaid[std::clamp(o.stance, 0, 4)]) + " " + o.head.sender + " (" + date_text(o.head.date) + ", " + o.head.name + "): \"" + o.sentence + "\"";
    (against ? fix.reasons_against : fix.reasons_for).push_back(std::move(sentence));
  }
}

void Ranking::explain(const Candidate& c, Fix& fix) const {
  std::vector<std::string> touched, named, traced, changed;
  for (const TermHit& hit : c.lead.hits) {
    const std::string& word = m_.terms()[hit.term].term->word;
    if (hit.columns & 1u << kTouched) touched.push_back(word);
    else if (hit.columns & (1u << kSubject | 1u << kBody)) named.push_back(word);
    else if (hit.columns & 1u << kChanged) changed.push_back(word);
    if (hit.columns & 1u << kTraced) traced.push_back(word);
  }
  reason_if(fix.reasons_for, "changes functions of the stack: ", touched);
  reason_if(fix.reasons_for, "its description names: ", named);
  reason_if(fix.reasons_for, "quotes a trace with: ", traced);
  reason_if(fix.reasons_for, "its changed lines name: ", changed);
  if (touched.empty() && c.lead.file > 0.3) fix.reasons_for.push_back("changes a file that functions of the stack live in");
  if (c.x[kSharesNothing] > 0) fix.reasons_against.push_back("shares neither function nor file with the stack");
  else if (touched.empty()) fix.reasons_against.push_back("changes no function of the stack");
  uint32_t shared = m_.signature().kinds & c.row.kinds & ~uint32_t(kOops | kWarning);
  if (shared != 0) fix.reasons_for.push_back("speaks of the same kind of crash: " + kinds_text(shared));
  if (c.lead.links > 0) fix.reasons_for.push_back("its trailers point at a report of the same crash");
  if (c.lead.threads > 0.2 && c.said.opinions.empty()) fix.reasons_for.push_back("posted in a thread about the same crash");
  if (c.x[kCulpritInStack] > 0.2) fix.reasons_for.push_back("its Fixes: trailer blames a patch that changed functions of the stack");
  if (c.x[kTaken] > 0) fix.reasons_for.push_back("a reply says that it was taken");
  if (c.x[kSameLog] > 0) fix.reasons_for.push_back("quotes a log with " + std::to_string(c.lead.values) + " of the same pointers: this very crash");
  if (c.x[kCulpritNamed] > 0) fix.reasons_for.push_back("its Fixes: trailer blames a commit that the report names");
  if (c.x[kLineNear] > 0.3) fix.reasons_for.push_back("changes lines near one of the stack's");
  if (c.x[kSameInnermost] > 0) fix.reasons_for.push_back("quotes a stack with the same innermost function");
  if (c.x[kSeriesAbove] > 0) fix.reasons_against.push_back("another patch of its series fits better");
  if (c.x[kTakenByStable] > 0) fix.reasons_for.push_back("stable kernels took it");
  if (c.row.flags & kForStable) fix.reasons_for.push_back("marked for stable kernels");
  if (c.row.flags & kIsRfc) fix.reasons_against.push_back("a request for comments, not a finished patch");
  if (c.row.flags & kIsReply) fix.reasons_against.push_back("a diff inside a reply: may be a draft");
  if ((c.row.flags & kSaysCleanup) && !(c.row.flags & kSaysFix)) fix.reasons_against.push_back("its title claims no repair");
  if (c.row.files > 12) fix.reasons_against.push_back("changes " + std::to_string(c.row.files) + " files");
}

// The head is a commit if there is one, else the last version that is no stable copy.
Result<Fix> Ranking::describe(const std::vector<Candidate*>& group) const {
  Fix fix;
  const Candidate& best = *group[0];
  fix.score = best.score;
  fix.age = best.age;
  for (int i = 0; i < kFeatureCount; i++) fix.parts.push_back({feature_row(i).name, best.x[size_t(i)], feature_row(i).worth});
  const DocumentRow* head = nullptr;
  std::vector<int64_t> ids;
  for (const Candidate* c : group) ids.push_back(c->row.head.id);
  TRY(std::vector<int64_t> same, m_.rows().of_title(best.row.title, 60));
  for (int64_t id : same) {
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  }
  std::vector<DocumentRow> rows;
  for (int64_t id : ids) {
    TRY(std::optional<DocumentRow> row, m_.rows().by_id(id));
    if (row && (row->flags & kIsPatch) && (m_.query().keep_its_patches || m_.excluded_thread() == 0 || row->head.thread != m_.excluded_thread())) rows.push_back(std::move(*row));
  }
  auto preference = [](const DocumentRow& r) {
    int kind = r.head.is_commit ? (r.upstream.empty() ? 4 : 3) : r.flags & kIsReply ? 0 : r.flags & kIsStableCopy ? 1 : 2;
    return std::tuple(kind, r.head.is_commit ? 0 : r.version, r.head.is_commit ? -r.head.date : r.head.date);
  };
  for (const DocumentRow& r : rows) {
    if (head == nullptr || preference(r) > preference(*head)) head = &r;
    fix.versions.push_back(r.head.id);
    fix.version_names.push_back(r.head.name);
    if (r.head.is_commit && r.upstream.empty()) fix.commit = r.head.name;
    else if (fix.commit.empty() && !r.upstream.empty()) fix.commit = r.upstream;
    if (r.head.is_commit && !r.tag.empty() && r.upstream.empty()) fix.first_tag = r.tag;
    if (r.head.is_commit && !r.upstream.empty() && fix.backports.size() < 20) fix.backports.push_back((r.tag.empty() ? "" : r.tag + " ") + r.head.name.substr(0, 12));
  }
  fix.head = head != nullptr ? head->head : best.row.head;
  for (const Candidate* c : group) {
    if (fix.commit.empty()) fix.commit = c->said.commit;
    for (const Opinion& o : c->said.opinions) {
      bool known = std::any_of(fix.opinions.begin(), fix.opinions.end(), [&](const Opinion& other) { return other.sentence == o.sentence; });
      if (!known && fix.opinions.size() < 6) fix.opinions.push_back(o);
    }
  }
  if (fix.commit.empty() && best.row.title != 0) {
    TRY(fix.commit, m_.rows().hash_of_title(best.row.title, m_.query().keep_its_patches ? 0 : m_.excluded_thread()));
  }
  if (best.x[kUnseen] > 0) {
    fix.commit = best.row.head.name;
    fix.reasons_against.push_back("only named: the archive holds neither its patch nor its commit");
  } else {
    explain(best, fix);
    explain_date(best, fix);
  }
  explain_opinions(fix);
  bool merged = !fix.commit.empty() || std::any_of(rows.begin(), rows.end(), [](const DocumentRow& r) { return (r.flags & kIsMerged) != 0; });
  if (merged) fix.reasons_for.push_back("was merged upstream");
  return fix;
}

}  // namespace inquest::records
