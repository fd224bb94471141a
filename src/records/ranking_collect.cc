// Ranking, first half: which documents may repair the crash, and what speaks for each.
#include <algorithm>
#include <cmath>

#include "records/digest.h"
#include "records/machinery.h"
#include "records/ranking.h"
#include "records/subject.h"
#include "records/text.h"

namespace inquest::records {
namespace {

constexpr size_t kRows = 2000;         // documents whose rows are read
constexpr size_t kFileLimit = 20'000;  // postings of a file
constexpr size_t kCommonWord = 200;    // documents with a word, from which on it makes no candidate of its own
constexpr size_t kSimilar = 12;        // threads asked for their opinion
constexpr double kSimilarEnough = 0.3;

// How far a thread counts as a witness: not at all at 0.25, fully from 0.6 on.
double trust_in(double similarity) { return std::clamp((similarity - 0.25) / 0.35, 0.0, 1.0); }
constexpr double kOtherFamily = 0.3;   // of the trust, when the thread's crash is of another family

bool is_name(std::string_view word) { return word.find('_') != std::string_view::npos || std::any_of(word.begin(), word.end(), is_digit); }

}  // namespace

Result<void> Ranking::collect_frames() {
  const std::vector<MatchTerm>& terms = m_.terms();
  uint8_t wanted = 1u << kTouched | 1u << kSubject | 1u << kBody | 1u << kChanged | 1u << kContext;
  if (m_.query().use_quoted_traces) wanted |= 1u << kTraced;
  for (size_t i = 0; i < terms.size(); i++) {
    for (const Posting& p : terms[i].postings->list) {
      uint8_t columns = p.columns & wanted;
      if (columns != 0) leads_[p.document].hits.push_back({uint16_t(i), columns});
    }
  }
  return {};
}

// Pointers into heap and stacks tell this very crash: whose quoted log holds them was written about it. Addresses of code are the same in every
// log of one kernel, flags and control registers in most logs.
Result<void> Ranking::collect_values() {
  constexpr size_t kAsked = 60, kLimit = 100;
  if (!m_.query().use_quoted_traces) return {};
  size_t asked = 0;
  for (const std::string& value : m_.signature().values) {
    bool pointer = value.size() >= 12 && value.starts_with("ffff") && !value.starts_with("ffffffff");
    if (!pointer || ++asked > kAsked) continue;
    TRY(const WordPostings* postings, m_.postings().of(value, kLimit));
    if (postings->cut) continue;
    for (const Posting& p : postings->list)
      if (p.columns & 1u << kTraced) leads_[p.document].values++;
  }
  return {};
}

// Where the frames live: as the query says, else where patches and symbolized logs have put them.
Result<void> Ranking::collect_files() {
  TRY(Statement find, m_.database().prepare("SELECT f.path, h.count FROM home h JOIN file f ON f.id = h.file WHERE h.function = ?1 ORDER BY h.count DESC LIMIT 4"));
  std::unordered_map<std::string, double> weights;
  double most = 0;
  auto add = [&](const std::string& path, double weight) {
    double& sum = weights[path];
    sum += weight;
    most = std::max(most, sum);
  };
  if (!m_.signature().file.empty() && !m_.signature().file.starts_with("include/")) add(m_.signature().file, 0.8);
  for (const SignatureTerm& t : m_.signature().terms) {
    double weight = t.weight * weight_of_function(t.word);
    if (t.role == SignatureTerm::Role::kType || t.role == SignatureTerm::Role::kMember) continue;
    if (!t.file.empty()) {
      if (!t.file.starts_with("include/")) add(t.file, weight);
      continue;
    }
    find.bind(1, t.word);
    double total = 0;
    std::vector<std::pair<std::string, double>> found;
    while (true) {
      TRY(bool more, find.step());
      if (!more) break;
      found.emplace_back(find.text(0), double(find.integer(1)));
      total += found.back().second;
    }
    find.reset();
    for (const auto& [path, count] : found) add(path, weight * count / total);
  }
  for (const auto& [path, weight] : weights) homes_.push_back({path, weight / most});
  std::sort(homes_.begin(), homes_.end(), [](const HomeFile& a, const HomeFile& b) { return a.weight != b.weight ? a.weight > b.weight : a.path < b.path; });
  if (homes_.size() > 8) homes_.resize(8);
  for (const HomeFile& home : homes_) {
    TRY(const WordPostings* postings, m_.postings().of(path_word(home.path), kFileLimit));
    if (postings->cut) continue;
    for (const Posting& p : postings->list) {
      if (!(p.columns & 1u << kFiled)) continue;
      float& file = leads_[p.document].file;
      file = std::max(file, float(home.weight * (0.55 + 0.45 * m_.rarity_of(postings->list.size()))));
    }
  }
  return {};
}

Result<void> Ranking::collect_words() {
  TRY(const std::vector<MatchTerm>* words, m_.rare_words());
  constexpr uint8_t columns = 1u << kSubject | 1u << kBody | 1u << kTouched | 1u << kChanged;
  for (const MatchTerm& t : *words) {
    for (const Posting& p : t.postings->list) {
      if (!(p.columns & columns)) continue;
      auto known = leads_.find(p.document);
      bool named = is_name(t.term->word) && (p.columns & 1u << kSubject);
      if (known == leads_.end() && t.postings->list.size() > kCommonWord && !named) continue;  // one such word alone leads nowhere
      Lead& c = known != leads_.end() ? known->second : leads_[p.document];
      // A name of the text in a title: "READ_PLUS", "pool_stats", "fattr4".
      if (named) c.names = std::max(c.names, float(0.3 + t.rarity));
      double place = p.columns & 1u << kSubject ? 1.5 : p.columns & 1u << kTouched ? 1.2 : 0.7;
      c.words += float(place * t.rarity * t.rarity);
    }
  }
  return {};
}

// What was posted in the weeks after the crash: the repair may share neither function nor file nor rare word with it.
Result<void> Ranking::collect_recent() {
  constexpr int64_t kBefore = 2 * 86400, kAfter = 40 * 86400;
  constexpr int64_t kMost = 1200;  // documents, of any sort
  TRY_VOID(read_calendar());
  if (time_.date == 0 || time_.guessed) return {};
  int64_t added = 0;
  for (size_t i = 0; i + 1 < calendar_.size(); i++) {
    auto [id, date] = calendar_[i];
    auto [end, end_date] = calendar_[i + 1];
    if (end_date < date || end_date < time_.date - kBefore || date > time_.date + kAfter || end_date - date > 400 * int64_t(86400)) continue;
    double pace = double(end - id) / double(std::max<int64_t>(1, end_date - date));
    int64_t from = id + std::max<int64_t>(0, int64_t(double(time_.date - kBefore - date) * pace));
    bool last = i + 2 == calendar_.size();
    int64_t to = std::min(end + last, id + 1 + int64_t(double(time_.date + kAfter - date) * pace));
    for (int64_t document = from; document < to && added < kMost; document++, added++) leads_.try_emplace(document);
  }
  return {};
}

// A patch that is posted in a thread about the same crash, or named there.
Result<void> Ranking::collect_threads() {
  TRY(similar_, m_.similar(kSimilar, false));
  std::erase_if(similar_, [](const Similar& s) { return s.score < kSimilarEnough || !s.by_signature; });
  size_t looked = 0;
  for (const Similar& s : similar_) {
    TRY(std::vector<int64_t> documents, m_.rows().of_thread(s.head.thread));
    if (documents.size() > 400) continue;  // a stable series: nothing in it is about one crash
    TRY(std::optional<DocumentRow> row, m_.rows().by_id(s.head.id));
    TRY(bool same_family, is_same_family(s.head.id));
    double trust = trust_in(s.score) * (same_family ? 1 : kOtherFamily);
    bool report = row && !(row->flags & kIsPatch);  // a patch that quotes the trace is no witness for itself
    for (int64_t id : documents) {
      if (++looked > 2000) break;
      auto at = leads_.find(id);
      if (report && at != leads_.end()) at->second.threads = std::max(at->second.threads, float(1.2 * trust));
      TRY_VOID(collect_mentions(id, trust));
    }
  }
  if (m_.query().use_report_links) TRY_VOID(collect_links(similar_));
  return {};
}

Result<bool> Ranking::is_same_family(int64_t document) {
  TRY(Statement find, m_.database().prepare("SELECT kinds FROM trace WHERE document = ?1"));
  find.bind(1, document);
  bool any = false;
  while (true) {
    TRY(bool more, find.step());
    if (!more) return !any;
    any = true;
    if (may_be_same_crash(m_.signature().kinds, uint32_t(find.integer(0)))) return true;
  }
}

Result<void> Ranking::collect_mentions(int64_t document, double similarity) {
  TRY(Statement find, m_.database().prepare("SELECT hash, title, message, stance, sentence, words FROM mention WHERE document = ?1"));
  find.bind(1, document);
  while (true) {
    TRY(bool more, find.step());
    if (!more) break;
    int stance = int(find.integer(3));
    std::string hash = find.text(0), sentence = find.text(4);
    std::vector<int64_t> named;
    if (find.integer(1) != 0) {
      TRY(named, m_.rows().of_title(find.integer(1), 40));
    }
    if (named.empty() && !hash.empty()) {
      TRY(named, m_.rows().of_hash(hash, 40));
    }
    if (find.integer(2) != 0) {
      TRY(int64_t id, m_.rows().of_name_hash(find.integer(2)));
      if (id != 0) named.push_back(id);
    }
    TRY(std::optional<DocumentRow> speaker, m_.rows().by_id(document));
    if (!speaker) continue;
    static constexpr double kWorth[] = {0.9, 1.5, 2.0, -0.2, 0.3};  // by Stance
    double worth = kWorth[std::clamp(stance, 0, 4)] * similarity;
    bool patch_here = false;
    for (int64_t id : named) {
      TRY(std::optional<DocumentRow> patch, m_.rows().by_id(id));
      patch_here = patch_here || (patch && (patch->flags & kIsPatch));
      if (!patch || (patch->title != 0 && patch->title == speaker->title)) continue;  // a copy names its original
      Lead& lead = leads_[id];
      lead.threads = worth > 0 ? std::max(lead.threads, float(worth)) : lead.threads + float(worth);
      if (stance == int(Stance::kFixes) || stance == int(Stance::kTested)) lead.called_fix = std::max(lead.called_fix, float(similarity));
      Said& said = said_[id];
      if (find.integer(1) != 0 && hash.size() > said.commit.size()) said.commit = hash;
      if (said.opinions.size() < 6) said.opinions.push_back({speaker->head, stance, sentence});
    }
    if (!patch_here && !hash.empty()) name_absent(hash, find.text(5), worth, similarity, {speaker->head, stance, sentence});
  }
  return {};
}

void Ranking::name_absent(const std::string& hash, const std::string& title, double worth, double similarity, const Opinion& opinion) {
  std::string key = hash.substr(0, 12);
  for (const auto& [known, candidate] : absent_) {
    if (known.starts_with(key) || key.starts_with(known)) key = known;
  }
  Candidate& c = absent_[key];
  c.lead.threads = worth > 0 ? std::max(c.lead.threads, float(worth)) : c.lead.threads + float(worth);
  if (opinion.stance == int(Stance::kFixes) || opinion.stance == int(Stance::kTested)) c.lead.called_fix = std::max(c.lead.called_fix, float(similarity));
  c.row.head.is_commit = true;
  if (c.row.head.name.size() < hash.size()) c.row.head.name = hash;
  if (c.row.head.subject.empty()) c.row.head.subject = title;
  c.row.title = title_key(c.row.head.subject);
  if (c.said.opinions.size() < 6) c.said.opinions.push_back(opinion);
}

Result<void> Ranking::collect_links(const std::vector<Similar>& similar) {
  TRY(Statement find, m_.database().prepare("SELECT document FROM trailer WHERE value = ?1 AND kind IN (3, 4)"));
  TRY(Statement named, m_.database().prepare("SELECT document FROM mention WHERE message = ?1 AND message != 0"));
  for (const Similar& s : similar) {
    auto read = [&](Statement& statement) -> Result<void> {
      while (true) {
        TRY(bool more, statement.step());
        if (!more) break;
        float& links = leads_[statement.integer(0)].links;
        links = std::max(links, float(s.score));
      }
      statement.reset();
      return {};
    };
    TRY_VOID(read(find.bind(1, s.head.name)));
    TRY_VOID(read(named.bind(1, stable_hash(s.head.name))));
  }
  return {};
}

Result<void> Ranking::read_rows() {
  std::vector<std::pair<double, int64_t>> order;
  order.reserve(leads_.size());
  for (const auto& [id, lead] : leads_) order.emplace_back(promise_of(id, lead), id);
  size_t kept = std::min(order.size(), kRows);
  std::partial_sort(order.begin(), order.begin() + ptrdiff_t(kept), order.end(), [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
  order.resize(kept);
  for (const auto& [partial, id] : order) {
    TRY(std::optional<DocumentRow> row, m_.rows().by_id(id));
    if (!row || !(row->flags & kIsPatch)) continue;
    if (!m_.query().keep_its_patches && m_.excluded_thread() != 0 && row->head.thread == m_.excluded_thread()) continue;
    Candidate& c = scored_.emplace_back();
    c.lead = std::move(leads_[id]);
    c.row = std::move(*row);
    auto said = said_.find(id);
    if (said != said_.end()) c.said = std::move(said->second);
    score(c);
  }
  add_topics();
  add_siblings();
  add_surroundings();
  TRY_VOID(add_relations());
  add_texts();
  for (auto& [hash, c] : absent_) {
    if (c.lead.threads <= 0) continue;
    c.x[kWitnesses] = c.lead.threads;
    // It existed when it was first named: a kernel that died later may have it, as it may have a patch of that day.
    int64_t named = c.said.opinions.empty() ? 0 : c.said.opinions.front().head.date;
    for (const Opinion& o : c.said.opinions) named = std::min(named, o.head.date);
    if (named != 0 && named < time_.date) judge_date(c, named);
    c.x[kUnseen] = 1 - 0.8 * double(c.lead.called_fix);  // it cannot earn what a patch that was read can; a sure witness makes up for it
    c.score = total(c);
    scored_.push_back(std::move(c));
  }
  return {};
}

}  // namespace inquest::records
