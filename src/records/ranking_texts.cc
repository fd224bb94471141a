// Ranking: what the texts of the most promising candidates say, read again from their repositories: how near a diff comes to the lines of
// the stack and their functions' names, and how alike description and report are.
#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "records/diff.h"
#include "records/digest.h"
#include "records/machinery.h"
#include "records/ranking.h"
#include "records/text.h"
#include "records/trace.h"

namespace inquest::records {
namespace {

constexpr size_t kRead = 150;           // candidates whose texts are read
constexpr size_t kMostText = 200'000;   // bytes of one that are looked at
constexpr size_t kMostRead = 16 << 20;  // bytes of all together
constexpr double kNear = 40;            // lines; kernels drift

struct Place {
  std::string_view file;
  uint32_t line;
  double weight;
};

// Where the report says the stack's frames stand, the innermost telling ones first.
std::vector<Place> places_of(const Query& query) {
  std::vector<Place> out;
  if (query.line > 0 && !query.file.empty() && !query.file.starts_with("include/")) out.push_back({query.file, query.line, 1});
  double position = 0;
  for (const TraceFrame& f : query.frames) {
    double weight = weight_of_function(f.function);
    if (weight <= 0) continue;
    if (f.line > 0 && !f.file.empty()) out.push_back({f.file, f.line, weight_at_depth(weight, position)});
    position += weight;
  }
  return out;
}

double line_nearness(const Diff& diff, const std::vector<Place>& places) {
  double best = 0;
  for (const Place& p : places) {
    for (const DiffLine& l : diff.lines) {
      if (l.kind == ' ' || diff.files[diff.scopes[l.scope].file].path != p.file) continue;
      double distance = std::abs(double(l.number) - double(p.line));
      best = std::max(best, p.weight * std::exp(-distance / kNear));
    }
  }
  return best;
}

std::vector<std::string_view> parts_of(std::string_view name) {
  std::vector<std::string_view> out;
  while (!name.empty()) {
    size_t end = name.find('_');
    if (end > 0) out.push_back(name.substr(0, end));
    if (end == name.npos) break;
    name.remove_prefix(end + 1);
  }
  return out;
}

// Names that begin alike belong to one thing: nfs4_put_delegation, nfs4_free_deleg. The first part alone is the subsystem's.
double alike(const std::vector<std::string_view>& a, const std::vector<std::string_view>& b) {
  size_t same = 0, most = std::max(a.size(), b.size());
  while (same < std::min(a.size(), b.size()) && a[same] == b[same]) same++;
  return same < 2 ? 0 : double(same) / double(most);
}

struct Words {
  std::unordered_set<std::string> set;
  void add(std::string_view text) {
    for_each_word(text, [&](std::string_view w) { set.insert(lower(w)); });
  }
};

struct Read {
  Candidate* candidate = nullptr;
  Words words;
};

struct Asked {
  std::vector<Place> places;
  std::vector<std::pair<double, std::vector<std::string_view>>> names;
  std::string innermost;  // the first telling frame
};

std::string innermost_of(const std::vector<TraceFrame>& frames) {
  for (const TraceFrame& f : frames)
    if (weight_of_function(f.function) > 0) return std::string(name_through_time(plain_function(f.function)));
  return {};
}

void diff_features(Values& x, const Diff& diff, const Asked& asked) {
  x[kLineNear] = line_nearness(diff, asked.places);
  double best = 0;
  for (const DiffScope& s : diff.scopes) {
    if (s.is_type || s.name.empty()) continue;
    std::vector<std::string_view> parts = parts_of(s.name);
    for (const auto& [weight, name] : asked.names) best = std::max(best, weight * alike(parts, name));
  }
  x[kNamedAlike] = best;
  size_t changed = size_t(std::count_if(diff.lines.begin(), diff.lines.end(), [](const DiffLine& l) { return l.kind != ' '; }));
  x[kChangedLines] = std::log(1 + double(changed));
}

void trace_features(Values& x, std::string_view prose, const Asked& asked) {
  if (asked.innermost.empty()) return;
  for (const Trace& t : read_traces(prose))
    if (innermost_of(t.frames) == asked.innermost) x[kSameInnermost] = 1;
}

// Cosine of the two sets of words, each word weighed by how few of the texts read hold it.
void add_likeness(std::vector<Read>& read, const Words& query) {
  std::unordered_map<std::string, size_t> holders;
  for (const Read& r : read)
    for (const std::string& w : r.words.set) holders[w]++;
  auto weight = [&](const std::string& w) {
    auto at = holders.find(w);
    double rare = std::log((double(read.size()) + 1) / (1 + double(at == holders.end() ? 0 : at->second)));
    return rare * rare;
  };
  double norm = 0;
  for (const std::string& w : query.set) norm += weight(w);
  for (Read& r : read) {
    double own = 0, shared = 0;
    for (const std::string& w : r.words.set) {
      double value = weight(w);
      own += value;
      if (query.set.contains(w)) shared += value;
    }
    if (norm > 0 && own > 0) r.candidate->x[kTextAlike] = shared / std::sqrt(norm * own);
  }
}

}  // namespace

void Ranking::add_texts() {
  size_t looked = best_first(kRead);
  Asked asked;
  asked.places = places_of(m_.query());
  asked.innermost = innermost_of(m_.query().frames);
  for (const SignatureTerm& t : m_.signature().terms)
    if (t.role == SignatureTerm::Role::kFrame || t.role == SignatureTerm::Role::kWork) asked.names.emplace_back(t.weight, parts_of(t.word));
  Words query;
  query.add(m_.query().title);
  query.add(prose_of(m_.query().text));
  for (const TraceFrame& f : m_.query().frames) query.add(f.function);
  std::vector<Read> read;
  size_t bytes = 0;
  for (size_t i = 0; i < looked && bytes < kMostRead; i++) {
    Candidate& c = scored_[i];
    Result<std::string> text = text_(c.row.head.id);
    if (!text.ok()) continue;  // its repository is gone: what postings tell must do
    bytes += text->size();
    std::string_view whole = std::string_view(*text).substr(0, kMostText);
    size_t start = std::min(diff_start(whole), whole.size());
    std::string_view said = whole.substr(0, start);
    diff_features(c.x, read_diff(whole.substr(start)), asked);
    if (m_.query().use_quoted_traces) trace_features(c.x, said, asked);
    Read& r = read.emplace_back();
    r.candidate = &c;
    r.words.add(c.row.head.subject);
    r.words.add(prose_of(said));
  }
  add_likeness(read, query);
  for (Read& r : read) r.candidate->score = total(*r.candidate);
}

}  // namespace inquest::records
