#include "records/signature.h"

#include <algorithm>
#include <set>
#include <unordered_set>

#include "records/digest.h"
#include "records/machinery.h"
#include "records/text.h"

namespace inquest::records {
namespace {

constexpr size_t kMaxTerms = 60;
constexpr size_t kMaxWords = 160;

using Role = SignatureTerm::Role;

void add_term(Signature& s, std::string_view word, std::string_view file, double weight, Role role) {
  if (word.size() < 3 || weight <= 0) return;
  for (SignatureTerm& t : s.terms) {
    if (t.word != word) continue;
    t.weight = std::max(t.weight, weight);
    if (t.file.empty()) t.file = file;
    return;
  }
  if (s.terms.size() < kMaxTerms) s.terms.push_back({std::string(word), std::string(file), weight, role});
}

// System calls are known by many names; patches touch the one SYSCALL_DEFINE makes.
std::string canonical(const std::string& function) {
  for (std::string_view prefix : {"__x64_sys_", "__se_sys_", "__arm64_sys_", "__ia32_sys_"}) {
    if (function.starts_with(prefix)) return "__do_sys_" + function.substr(prefix.size());
  }
  return function;
}

void add_stack(Signature& s, const std::vector<TraceFrame>& frames, double scale, Role role, bool in_order) {
  double position = 0;
  for (const TraceFrame& f : frames) {
    double weight = weight_of_function(f.function);
    if (weight <= 0) continue;
    std::string name = canonical(std::string(plain_function(f.function)));
    if (in_order && s.frames.size() < 64) s.frames.emplace_back(name_through_time(name));
    add_term(s, name, f.file, weight_at_depth(scale * weight, position), role);
    position += weight;  // generic layers do not push their callers far out
  }
}

// Words likely to be rare first: identifiers, then long words, in their order.
double promise_of(std::string_view word) {
  double promise = double(std::min<size_t>(word.size(), 16)) / 16;
  if (word.find('_') != std::string_view::npos) promise += 1;
  if (std::any_of(word.begin(), word.end(), is_digit)) promise += 0.4;
  if (std::any_of(word.begin() + 1, word.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) promise += 0.3;
  return promise;
}

void add_words(Signature& s, const Query& query) {
  std::unordered_set<std::string> seen;
  std::vector<std::pair<double, std::string>> found;
  for (const SignatureTerm& t : s.terms) seen.insert(lower(t.word));
  auto take = [&](std::string_view word, double bonus) {
    std::string low = lower(word);
    if (weight_of_function(word) < 1 || !seen.insert(low).second) return;
    found.emplace_back(promise_of(word) + bonus, std::move(low));
  };
  for_each_word(query.title, [&](std::string_view w) { take(w, 1); });
  for_each_word(prose_of(query.text), [&](std::string_view w) { take(w, 0); });
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  for (auto& [promise, word] : found) {
    if (s.words.size() < kMaxWords) s.words.push_back(std::move(word));
  }
}

}  // namespace

Signature signature_of(const Query& query) {
  Signature s;
  add_stack(s, query.frames, 1, Role::kFrame, true);
  add_stack(s, query.others, 0.5, Role::kOther, false);
  add_term(s, plain_function(query.workqueue_function), "", 0.6, Role::kWork);
  if (!query.type.empty()) add_term(s, query.type, "", 0.6, Role::kType);
  if (!query.member.empty()) add_term(s, query.member, "", 0.8, Role::kMember);
  if (!query.file.empty() && query.line > 0) s.place = place_word(query.file, query.line);
  s.file = query.file;
  s.values = query.values;
  s.kinds = crash_kinds(query.title);
  add_words(s, query);
  return s;
}

Query query_from_text(std::string_view text) {
  Query q;
  q.text = text;
  std::vector<Trace> traces = read_traces(text);
  if (traces.empty()) traces = read_traces(text, true);
  // The first event is the cause more often than not; but a title without a stack may precede its stack, and so may the end of an earlier
  // log, of which only the thread's entry is left.
  auto tells = [](const Trace& t) { return !without_machinery(t.frames).empty(); };
  const Trace* first = nullptr;
  for (const Trace& t : traces) {
    if (first == nullptr || (!tells(*first) && tells(t))) first = &t;
  }
  if (first == nullptr) return q;
  q.frames = first->frames;
  q.others = first->others;
  q.title = first->title;
  q.file = first->file;
  q.line = first->line;
  for (const Trace& t : traces) {
    if (&t != first) q.others.insert(q.others.end(), t.frames.begin(), t.frames.end());
    if (q.release.empty()) q.release = t.release;
    if (q.workqueue_function.empty()) q.workqueue_function = t.workqueue_function;
    if (q.title.empty()) q.title = t.title;
    q.values.insert(q.values.end(), t.values.begin(), t.values.end());
  }
  std::set<std::string> distinct(q.values.begin(), q.values.end());
  q.values.assign(distinct.begin(), distinct.end());
  return q;
}

}  // namespace inquest::records
