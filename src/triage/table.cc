#include "triage/table.h"

#include <fmt/format.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <algorithm>
#include <map>

#include "records/encoding.h"
#include "triage/when.h"

namespace inquest::triage {

namespace {

using records::CrashGroup;

constexpr double kProven = 0.3;   // a verdict of this confidence may speak for others …
constexpr double kClearly = 0.1;  // … that are less sure of their own by this

struct Row {
  const CrashGroup* group = nullptr;
  std::map<Outcome, uint64_t> here;  // of this run
  std::string verdict;               // its own, or a suggested one
  Suggested suggested;
  bool known_before = false;
};

uint64_t recorded_here(const Row& row) {
  uint64_t n = 0;
  for (Outcome o : {Outcome::kNew, Outcome::kKnown})
    if (auto at = row.here.find(o); at != row.here.end()) n += at->second;
  return n;
}

// Groups under one verdict stand together, the commonest first; verdicts in the order of their crashes.
std::vector<Row> rows_of(const Outcomes& outcomes, bool whole) {
  std::map<std::string, std::map<Outcome, uint64_t>> here;
  for (const auto& input : outcomes.inputs)
    if (!input.group.empty()) here[input.group][input.outcome]++;
  std::vector<Row> rows;
  std::map<std::string, uint64_t> of_verdict;
  for (const auto& group : outcomes.groups) {
    if (!whole && !here.contains(group.key)) continue;
    Row row;
    row.group = &group;
    if (auto at = here.find(group.key); at != here.end()) row.here = at->second;
    row.known_before = outcomes.known_before.contains(group.key);
    row.verdict = group.verdicts.empty() ? "unknown" : group.verdicts.front();
    row.suggested = suggested_verdict(group, outcomes.groups);
    if (!row.suggested.verdict.empty()) row.verdict = row.suggested.verdict;
    of_verdict[row.verdict] += group.count;
    rows.push_back(std::move(row));
  }
  std::stable_sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
    if (a.verdict != b.verdict) {
      uint64_t x = of_verdict[a.verdict], y = of_verdict[b.verdict];
      return x != y ? x > y : a.verdict < b.verdict;
    }
    return a.group->count > b.group->count;
  });
  return rows;
}

std::string state_of(const Row& row) {
  if (!row.known_before) return "new";
  uint64_t before = row.group->count - std::min(row.group->count, recorded_here(row));
  std::string since = shown(row.group->first_time);
  return fmt::format("known{}, {} before", since.empty() ? "" : " since " + since, before);
}

std::string span(const CrashGroup& g) {
  std::string first = shown(g.first_time), last = shown(g.last_time);
  if (first.empty()) return "at times unknown";
  return first == last ? first : first + " to " + last;
}

std::string list(const std::vector<std::string>& items, size_t most) {
  std::string out;
  for (size_t i = 0; i < items.size() && i < most; i++) out += (i ? ", " : "") + items[i];
  if (items.size() > most) out += fmt::format(", … ({})", items.size());
  return out;
}

std::string short_fix(const CrashGroup& g) {
  bool hash = g.fix.size() == 40 && g.fix.find('@') == std::string::npos;
  return (hash ? g.fix.substr(0, 12) : g.fix) + (g.fix_title.empty() ? "" : "  " + g.fix_title);
}

void print_row(std::string& out, const Row& row) {
  const CrashGroup& g = *row.group;
  out += fmt::format("  {:<36} {:>5} ×  {}\n", g.key, g.count, span(g));
  out += fmt::format("      {}\n", g.title);
  if (!g.panics.empty()) {
    std::string died;
    for (size_t i = 0; i < g.panics.size() && i < 3; i++) died += fmt::format("{}{}{}", i ? "; " : "", g.panics[i].first, g.panics.size() > 1 ? fmt::format(" ({} ×)", g.panics[i].second) : "");
    out += fmt::format("      died of:  {}{}\n", died, g.panics.size() > 3 ? fmt::format("; … ({} ways)", g.panics.size()) : "");
  }
  if (!g.releases.empty()) out += fmt::format("      releases: {}\n", list(g.releases, 4));
  if (!row.suggested.sentence.empty()) out += fmt::format("      verdict:  {}\n", row.suggested.sentence);
  if (g.verdicts.size() > 1) out += fmt::format("      verdicts: {}\n", list(g.verdicts, 4));
  if (!g.fix.empty()) out += fmt::format("      fix:      {} (a candidate: ask a report for reasons)\n", short_fix(g));
  if (!g.note.empty()) out += fmt::format("      note:     {}\n", g.note);
  out += fmt::format("      {}\n", state_of(row));
}

void print_rest(std::string& out, const Outcomes& outcomes) {
  std::map<Outcome, uint64_t> count;
  for (const auto& input : outcomes.inputs) count[input.outcome]++;
  uint64_t recorded = count[Outcome::kNew] + count[Outcome::kKnown];
  out += fmt::format("{} input{}: {} recorded, {} recorded before, {} without a crash, {} at work elsewhere, {} failed", outcomes.inputs.size(), outcomes.inputs.size() == 1 ? "" : "s", recorded,
                     count[Outcome::kRepeated], count[Outcome::kNoCrash], count[Outcome::kBusy], count[Outcome::kFailed]);
  if (count[Outcome::kNotReached]) out += fmt::format(", {} not reached", count[Outcome::kNotReached]);
  out += "\n";
  for (const auto& input : outcomes.inputs)
    if (input.outcome == Outcome::kFailed || input.outcome == Outcome::kNotReached) out += fmt::format("  {}: {}: {}\n", name_of(input.outcome), input.path, input.why);
  for (const auto& why : outcomes.unreadable) out += fmt::format("  unreadable: {}\n", why);
}

// JSON text of a catalogue whose strings may be any bytes.
class Json {
 public:
  Json() : w(buffer_) { w.SetIndent(' ', 1); }
  void key(const char* name) { w.Key(name); }
  void text(const std::string& v) {
    std::string clean = records::to_utf8(v, "utf-8");
    w.String(clean.c_str(), rapidjson::SizeType(clean.size()));
  }
  void field(const char* name, const std::string& v) { key(name), text(v); }
  void field_or_null(const char* name, const std::string& v) {
    key(name);
    if (v.empty()) w.Null();
    else text(v);
  }
  void number(const char* name, uint64_t v) { key(name), w.Uint64(v); }
  void strings(const char* name, const std::vector<std::string>& list) {
    key(name);
    w.StartArray();
    for (const auto& s : list) text(s);
    w.EndArray();
  }
  std::string take() const { return std::string(buffer_.GetString(), buffer_.GetSize()) + "\n"; }

 private:
  rapidjson::StringBuffer buffer_;

 public:
  rapidjson::PrettyWriter<rapidjson::StringBuffer> w;
};

void write_group(Json& j, const Row& row) {
  const CrashGroup& g = *row.group;
  j.w.StartObject();
  j.field("group", g.key);
  j.field("title", g.title);
  j.number("count", g.count);
  j.field_or_null("first", shown(g.first_time));
  j.field_or_null("last", shown(g.last_time));
  j.strings("releases", g.releases);
  j.field("verdict", row.verdict);
  j.field_or_null("verdict_suggested_by", row.suggested.sentence);
  j.strings("verdicts", g.verdicts);
  j.key("confidence");
  if (row.suggested.verdict.empty()) j.w.Double(g.confidence);
  else j.w.Null();
  j.key("panics");
  j.w.StartArray();
  for (const auto& [panic, count] : g.panics) {
    j.w.StartObject();
    j.field("panic", panic);
    j.number("count", count);
    j.w.EndObject();
  }
  j.w.EndArray();
  j.field_or_null("fix", g.fix);
  j.field_or_null("fix_title", g.fix_title);
  j.field_or_null("note", g.note);
  j.field("state", row.known_before ? "known" : "new");
  j.number("before", g.count - std::min(g.count, recorded_here(row)));
  j.w.EndObject();
}

}  // namespace

Suggested suggested_verdict(const CrashGroup& group, const std::vector<CrashGroup>& all) {
  double own = group.verdicts.empty() || group.verdicts.front() == "unknown" ? 0 : group.confidence;
  auto surer = [&](const CrashGroup& g) { return !g.verdicts.empty() && g.verdicts.front() != "unknown" && g.confidence >= std::max(kProven, own + kClearly); };
  // A death without a function is like any other.
  std::string panic = group.panics.empty() || group.panics.front().first.find(" in ") == std::string::npos ? "" : group.panics.front().first;
  for (bool by_cause : {true, false}) {
    std::map<std::string, std::vector<std::string>> keys;  // by verdict
    for (const auto& other : all) {
      if (other.key == group.key || !surer(other)) continue;
      bool same = by_cause ? !group.cause.empty() && other.cause == group.cause
                           : !panic.empty() && std::any_of(other.panics.begin(), other.panics.end(), [&](const auto& p) { return p.first == panic; });
      if (same) keys[other.verdicts.front()].push_back(other.key);
    }
    if (keys.empty()) continue;
    if (keys.size() > 1) return {};  // alike, of different causes: it tells nothing
    const auto& [verdict, groups] = *keys.begin();
    if (own > 0 && group.verdicts.front() == verdict) return {};
    return {verdict, fmt::format("likely {}: not proven by these crashes, but {} of {}", verdict, by_cause ? "their first event was at the same place as that" : "they died exactly as those", list(groups, 3))};
  }
  return {};
}

std::string to_text(const Outcomes& outcomes, bool whole) {
  std::string out, verdict;
  std::vector<Row> rows = rows_of(outcomes, whole);
  uint64_t crashes = 0;
  for (const Row& row : rows) {
    if (row.verdict != verdict) {
      uint64_t count = 0, groups = 0;
      for (const Row& r : rows)
        if (r.verdict == row.verdict) count += r.group->count, groups++;
      out += fmt::format("{}{}: {} crash{} in {} group{}\n", out.empty() ? "" : "\n", row.verdict, count, count == 1 ? "" : "es", groups, groups == 1 ? "" : "s");
      verdict = row.verdict;
    }
    print_row(out, row);
    crashes += row.group->count;
  }
  if (!out.empty()) out += "\n";
  print_rest(out, outcomes);
  return out;
}

std::string to_json(const Outcomes& outcomes, bool whole) {
  Json j;
  j.w.StartObject();
  j.number("schema", 1);
  j.key("groups");
  j.w.StartArray();
  for (const Row& row : rows_of(outcomes, whole)) write_group(j, row);
  j.w.EndArray();
  j.key("inputs");
  j.w.StartArray();
  for (const auto& input : outcomes.inputs) {
    j.w.StartObject();
    j.field("path", input.path);
    j.field("outcome", name_of(input.outcome));
    j.field_or_null("group", input.group);
    j.field_or_null("why", input.why);
    j.w.EndObject();
  }
  j.w.EndArray();
  j.strings("unreadable", outcomes.unreadable);
  j.w.EndObject();
  return j.take();
}

}  // namespace inquest::triage
