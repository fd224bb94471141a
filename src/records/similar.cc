// Similar messages: by signature (frames in order, place, register values), then by rare words.
#include <algorithm>
#include <cmath>

#include "records/archive_impl.h"
#include "records/digest.h"
#include "records/machinery.h"
#include "records/matcher.h"
#include "records/text.h"

namespace inquest::records {
namespace {

constexpr size_t kAligned = 80;  // documents whose stacks are looked at closely

struct StoredTrace {
  std::string title, function, file;
  uint32_t line = 0;
  std::vector<std::string> frames;
  std::string work;
};

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) out.emplace_back(cut_line(text));
  return out;
}

// The longest common subsequence of two stacks, as indices into the first.
std::vector<size_t> common_frames(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  size_t n = a.size(), m = std::min<size_t>(b.size(), 200);
  std::vector<std::vector<uint16_t>> best(n + 1, std::vector<uint16_t>(m + 1, 0));
  for (size_t i = n; i-- > 0;) {
    for (size_t j = m; j-- > 0;) {
      best[i][j] = a[i] == b[j] ? uint16_t(best[i + 1][j + 1] + 1) : std::max(best[i + 1][j], best[i][j + 1]);
    }
  }
  std::vector<size_t> out;
  for (size_t i = 0, j = 0; i < n && j < m;) {
    if (a[i] == b[j]) {
      out.push_back(i);
      i++;
      j++;
    } else if (best[i + 1][j] >= best[i][j + 1]) {
      i++;
    } else {
      j++;
    }
  }
  return out;
}

// "ffff9f434ab4fdb0", "deadbeef".
bool is_number_word(std::string_view word) { return word.size() >= 8 && std::all_of(word.begin(), word.end(), is_hex); }

struct Partial {
  double frames = 0;
  uint32_t values = 0;
  bool place = false;
  double share = 0;  // of all words of the query, 0..1
};

struct Agreement {
  double coverage = 0;  // of the query's stack, weighed, 0..1
  double mutual = 0;    // and of the other's, 0..1
  std::string sentence;
};

// `inside`: only the frames inside the interrupt, if there was one.
Agreement align(const std::vector<std::string>& asked, const StoredTrace& stored, bool inside = false) {
  Agreement out;
  std::vector<std::string> theirs;
  for (const std::string& f : stored.frames) {
    if (inside && begins_interrupt(f)) break;
    if (weight_of_function(f) > 0) theirs.emplace_back(name_through_time(f));
  }
  std::vector<size_t> common = common_frames(asked, theirs);
  if (common.empty()) return out;
  auto weigh = [](const std::string& function, size_t position) { return weight_of_function(function) / (1 + 0.15 * double(position)); };
  double got = 0, all = 0, all_theirs = 0;
  for (size_t i = 0; i < asked.size(); i++) all += weigh(asked[i], i);
  for (size_t i = 0; i < theirs.size(); i++) all_theirs += weigh(theirs[i], i);
  for (size_t i : common) got += weigh(asked[i], i);
  out.coverage = all > 0 ? got / all : 0;
  out.mutual = got / std::max(all, all_theirs);
  out.sentence = std::to_string(common.size()) + (common.size() == 1 ? " frame: " : " frames in the same order: ");
  for (size_t i = 0; i < common.size() && i < 6; i++) out.sentence += (i ? ", " : "") + asked[common[i]];
  if (common.size() > 6) out.sentence += ", …";
  return out;
}

Result<std::vector<StoredTrace>> stored_traces(Statement& find, int64_t document) {
  std::vector<StoredTrace> out;
  find.bind(1, document);
  while (true) {
    TRY(bool more, find.step());
    if (!more) break;
    out.push_back({find.text(0), find.text(1), find.text(2), uint32_t(find.integer(3)), split_lines(find.view(4)), find.text(5)});
  }
  find.reset();
  return out;
}

using Partials = std::unordered_map<int64_t, Partial>;

Result<Partials> stack_candidates(Matcher& m) {
  Partials out;
  constexpr uint8_t traced = 1u << kTraced;
  for (const MatchTerm& t : m.terms()) {
    for (const Posting& p : t.postings->list) {
      if (p.columns & traced) out[p.document].frames += t.term->weight * t.rarity;
    }
  }
  double all = 0;
  for (const MatchTerm& t : m.terms()) all += t.term->weight * t.rarity;
  for (auto& [id, partial] : out) partial.share = all > 0 ? partial.frames / all : 0;
  if (!m.signature().place.empty()) {
    TRY(const WordPostings* place, m.postings().of(m.signature().place, 5000));
    for (const Posting& p : place->list) out[p.document].place = true;
  }
  size_t asked = 0;
  for (const std::string& value : m.signature().values) {
    if (++asked > 120) break;
    TRY(const WordPostings* postings, m.postings().of(value, 200));
    if (postings->cut) continue;
    for (const Posting& p : postings->list) out[p.document].values++;
  }
  return out;
}

double partial_score(const Partial& p) { return p.frames + (p.place ? 1.0 : 0) + std::min(p.values, 20u) * 0.2; }

// What a query asks of one document's traces, ready for comparing.
struct Asked {
  const Query& query;
  const Signature& signature;
  std::vector<std::string> every_frame;  // as logged
  std::vector<std::string> death;        // telling frames of the further event, the one the kernel died of
  double place_rarity = 0;               // of the function that warned
};

void judge_traces(const Asked& asked, const std::vector<StoredTrace>& traces, const Partial& partial, Similar& out) {
  const Signature& s = asked.signature;
  Agreement best, death;
  const StoredTrace* chosen = nullptr;
  bool same_place = false, same_function = false, same_title = false, same_work = false, exact = false;
  for (const StoredTrace& t : traces) {
    Agreement a = align(s.frames, t);
    if (a.coverage + a.mutual > best.coverage + best.mutual) best = std::move(a), chosen = &t;
    exact = exact || (!t.frames.empty() && t.frames == asked.every_frame);
    same_work = same_work || (!t.work.empty() && t.work == asked.query.workqueue_function);
    same_place = same_place || (!s.place.empty() && t.line > 0 && place_word(t.file, t.line) == s.place);
    same_function = same_function || (!s.file.empty() && t.file == s.file && !t.function.empty() && !asked.query.frames.empty() && t.function == asked.query.frames.front().function);
    same_title = same_title || (asked.query.title.size() > 12 && t.title == asked.query.title);
  }
  for (const StoredTrace& t : traces)
    if (&t != chosen && !asked.death.empty())
      if (Agreement a = align(asked.death, t, true); a.coverage > death.coverage) death = std::move(a);
  out.score = 0.42 * best.coverage + 0.28 * best.mutual + (same_place ? 0.08 : 0) + (same_title ? 0.04 : 0) + (same_work ? 0.05 : 0);
  // The same warning in another kernel, where its line is another; and what came of it.
  if (same_function) out.score += 0.14 * asked.place_rarity;
  if (same_function || same_place || best.coverage > 0.2) out.score += 0.06 * death.coverage;
  // This very log: all of its registers, and all frames of all its events.
  if (partial.values > 0) out.score += 0.10 * (1 - std::exp(-double(partial.values) / 4)) + 0.06 * std::min(1.0, double(partial.values) / double(std::max<size_t>(1, s.values.size())));
  out.score += 0.02 * partial.share + (exact ? 0.02 : 0);
  if (!best.sentence.empty()) out.agrees.push_back(best.sentence);
  if (same_place) out.agrees.push_back("the same line: " + s.file + ":" + std::to_string(asked.query.line));
  else if (same_function) out.agrees.push_back("the same function warned: " + asked.query.frames.front().function + " in " + s.file);
  if (death.coverage > 0.3) out.agrees.push_back("died the same way, " + death.sentence);
  if (same_work) out.agrees.push_back("the same work function: " + asked.query.workqueue_function);
  if (same_title) out.agrees.push_back("the same title: " + asked.query.title);
  if (partial.values > 0) out.agrees.push_back(std::to_string(partial.values) + " equal addresses or register values");
}

bool better(const Similar& a, const Similar& b) {
  if (a.score != b.score) return a.score > b.score;
  return a.head.date != b.head.date ? a.head.date < b.head.date : a.head.id < b.head.id;  // the original before its copies
}

}  // namespace

Result<std::vector<Similar>> Matcher::by_stack(size_t limit) {
  TRY(Partials partials, stack_candidates(*this));
  std::vector<std::pair<double, int64_t>> order;
  for (const auto& [id, partial] : partials) order.emplace_back(partial_score(partial), id);
  size_t kept = std::min(order.size(), std::max(limit, kAligned));
  std::partial_sort(order.begin(), order.begin() + ptrdiff_t(kept), order.end(), [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
  order.resize(kept);
  TRY(Statement find, database_->prepare("SELECT title, function, file, line, frames, workqueue FROM trace WHERE document = ?1"));
  Asked asked{*query_, signature_, {}, {}, 0};
  for (const TraceFrame& f : query_->frames) asked.every_frame.push_back(f.function);
  for (const TraceFrame& f : query_->others) {
    if (begins_interrupt(f.function)) break;
    if (weight_of_function(f.function) > 0 && asked.death.size() < 24 && (asked.death.empty() || asked.death.back() != name_through_time(plain_function(f.function)))) asked.death.emplace_back(name_through_time(plain_function(f.function)));
  }
  for (const MatchTerm& t : terms_)
    if (!query_->frames.empty() && t.term->word == query_->frames.front().function) asked.place_rarity = t.rarity;
  std::vector<Similar> out;
  for (const auto& [score, id] : order) {
    TRY(std::optional<DocumentRow> row, rows_.by_id(id));
    if (!row || (excluded_thread_ != 0 && row->head.thread == excluded_thread_)) continue;
    if (!query_->use_quoted_traces && (row->flags & kIsPatch)) continue;
    TRY(std::vector<StoredTrace> traces, stored_traces(find, id));
    Similar hit;
    hit.head = row->head;
    hit.by_signature = true;
    judge_traces(asked, traces, partials[id], hit);
    if (row->flags & kIsPatch) hit.score -= 0.02;  // a report before the patch that quotes it
    if (hit.score > 0.05) out.push_back(std::move(hit));
  }
  return out;
}

Result<std::vector<Similar>> Matcher::by_words(size_t limit) {
  TRY(const std::vector<MatchTerm>* words, rare_words());
  std::unordered_map<int64_t, double> found;
  double all = 0;
  constexpr uint8_t columns = 1u << kSubject | 1u << kBody | 1u << kTraced;
  auto add = [&](const std::vector<MatchTerm>& terms, double scale) {
    for (const MatchTerm& t : terms) {
      double worth = scale * t.rarity * t.rarity * t.term->weight;
      all += worth;
      for (const Posting& p : t.postings->list) {
        if (p.columns & columns) found[p.document] += worth * (p.columns & 1u << kSubject ? 1.3 : 1);
      }
    }
  };
  add(*words, 1);
  add(terms_, 1);
  std::vector<std::pair<double, int64_t>> order;
  for (const auto& [id, worth] : found) order.emplace_back(worth, id);
  size_t kept = std::min<size_t>(order.size(), limit + 40);
  std::partial_sort(order.begin(), order.begin() + ptrdiff_t(kept), order.end(), [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
  order.resize(kept);
  std::vector<Similar> out;
  for (const auto& [worth, id] : order) {
    TRY(std::optional<DocumentRow> row, rows_.by_id(id));
    if (!row || (excluded_thread_ != 0 && row->head.thread == excluded_thread_)) continue;
    Similar hit;
    hit.head = row->head;
    hit.score = all > 0 ? 0.5 * std::min(1.0, worth / all) : 0;
    std::string shared;
    int count = 0;
    for (const MatchTerm& t : *words) {
      bool has = std::binary_search(t.postings->list.begin(), t.postings->list.end(), Posting{id, 0}, [](const Posting& a, const Posting& b) { return a.document < b.document; });
      if (is_number_word(t.term->word)) continue;  // an address: told above as a value
      if (has && ++count <= 6) shared += (shared.empty() ? "" : ", ") + t.term->word;
    }
    if (!shared.empty()) hit.agrees.push_back("the words: " + shared + (count > 6 ? ", …" : ""));
    out.push_back(std::move(hit));
  }
  return out;
}

Result<std::vector<Similar>> Matcher::similar(size_t limit, bool every_message) {
  TRY(std::vector<Similar> out, by_stack(limit));
  TRY(std::vector<Similar> worded, by_words(limit));
  for (Similar& w : worded) {
    auto same = std::find_if(out.begin(), out.end(), [&](const Similar& s) { return s.head.id == w.head.id; });
    if (same == out.end()) {
      if (w.score > 0.04) out.push_back(std::move(w));
      continue;
    }
    same->score += 0.1 * w.score;  // words decide between equal stacks
    same->agrees.insert(same->agrees.end(), w.agrees.begin(), w.agrees.end());
  }
  std::sort(out.begin(), out.end(), better);
  for (Similar& s : out) s.score = std::clamp(s.score, 0.0, 1.0);
  if (!every_message) {
    std::vector<int64_t> threads;
    std::erase_if(out, [&](const Similar& s) {
      if (std::find(threads.begin(), threads.end(), s.head.thread) != threads.end()) return true;
      threads.push_back(s.head.thread);
      return false;
    });
  }
  if (out.size() > limit) out.resize(limit);
  return out;
}

Result<std::vector<Similar>> Archive::similar(const Query& query, size_t limit, bool every_message) const {
  TRY(Transaction reading, Transaction::begin_reading(impl_->database));
  TRY(Matcher matcher, Matcher::open(impl_->database, query));
  return matcher.similar(limit, every_message);
}

}  // namespace inquest::records
