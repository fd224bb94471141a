// How well the archive finds true fixes, measured on real mail: prints the recall table of docs/records.md.
//
//   records_score                              the bundle and the 11 crashes of ../shared/mail; 77 when absent
//   records_score REPOSITORY TRUTH ARCHIVE [-a] [-v]   any public-inbox and truth table; -a: the ablations too;
//                                                      -v: each crash with its first answers; -f FILE: instead, the
//                                                      features of pairs that weights are fitted on
//
// Leaks are closed: the crash's own thread is left out, trailers that link reports are not looked at.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "records/archive.h"
#include "records_pairs.h"

using namespace inquest;
using namespace inquest::records;

namespace {

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> out;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, at);) out.push_back(part);
  return out;
}

std::vector<Crash> read_truth(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  std::map<std::string, size_t> column;
  std::vector<std::string> names = split(line, '\t');
  for (size_t i = 0; i < names.size(); i++) column[names[i]] = i;
  std::vector<Crash> out;
  std::map<std::string, size_t> known;
  while (std::getline(in, line)) {
    std::vector<std::string> field = split(line, '\t');
    auto get = [&](const char* name) { return column.contains(name) && column[name] < field.size() ? field[column[name]] : std::string(); };
    std::string id = get("crash_msgid");
    if (!known.contains(id)) {
      known[id] = out.size();
      out.push_back({id, get("crash_subject")});
    }
    Crash& crash = out[known[id]];
    crash.high = crash.high || get("confidence") == "high";
    crash.existed = crash.existed || std::atoi(get("days").c_str()) < 0;
    crash.fixes.insert(get("fix_msgid"));
    for (const std::string& fix : split(get("all_fix_msgids"), ',')) crash.fixes.insert(fix);
  }
  return out;
}

Query query_for(const Archive& archive, const Crash& crash, bool traces) {
  Result<DocumentHead> head = archive.find(crash.id);
  if (!head.ok()) return {};
  Query query = query_from_text(archive.text(head->id).value_or(""));
  query.date = head->date;
  query.exclude_thread = crash.id;
  query.use_report_links = false;
  query.use_quoted_traces = traces;
  return query;
}

// The place of the first true fix, from 1; 0 if it is not among the first 50.
size_t rank_of(const Archive& archive, const Crash& crash, const Query& query, const Weights& weights, bool verbose) {
  Result<std::vector<Fix>> fixes = archive.candidate_fixes(query, 50, weights);
  if (!fixes.ok()) {
    std::printf("error: %s\n", fixes.error().message().c_str());
    return 0;
  }
  size_t rank = 0;
  for (size_t i = 0; i < fixes->size() && rank == 0; i++) {
    for (const std::string& name : (*fixes)[i].version_names) {
      if (crash.fixes.contains(name)) rank = i + 1;
    }
  }
  if (verbose) {
    std::printf("\n#%zu%s %s | %s\n   title '%s' release %s frames:", rank, crash.reachable ? "" : " (out of reach)", crash.id.c_str(), crash.subject.c_str(), query.title.c_str(), query.release.c_str());
    for (size_t i = 0; i < query.frames.size() && i < 14; i++) std::printf(" %s", query.frames[i].function.c_str());
    std::printf("\n");
    for (size_t i = 0; i < fixes->size() && (i < 3 || i + 1 == rank); i++) {
      const Fix& f = (*fixes)[i];
      std::printf("   %zu. %.2f (%.2f) %s\n", i + 1, f.score, f.confidence, f.head.subject.c_str());
      for (const std::string& r : f.reasons_for) std::printf("        + %s\n", r.substr(0, 160).c_str());
    }
    if (rank == 0) {
      for (const std::string& fix : crash.fixes) std::printf("   wanted: %s\n", archive.find(fix).ok() ? archive.find(fix)->subject.c_str() : fix.c_str());
    }
  }
  return rank;
}

// Processor time of this process: what a query costs, however busy the machine is.
double processor_ms() { return double(std::clock()) * 1000 / CLOCKS_PER_SEC; }

struct Recall {
  double crashes = 0, first = 0, three = 0, ten = 0, reciprocal = 0;
  void count(size_t rank) {
    crashes++;
    first += rank == 1;
    three += rank >= 1 && rank <= 3;
    ten += rank >= 1 && rank <= 10;
    reciprocal += rank >= 1 ? 1 / double(rank) : 0;
  }
  void print(const char* what) const {
    double n = crashes > 0 ? crashes : 1;
    std::printf("| %-46s | %3.0f | %.3f | %.3f | %.3f | %.3f |\n", what, crashes, first / n, three / n, ten / n, reciprocal / n);
  }
};

Recall measure(const Archive& archive, const std::vector<Crash>& truth, const Weights& weights, bool traces, const std::function<bool(const Crash&)>& chosen, bool verbose = false,
               bool keep_patches = false) {
  Recall recall;
  for (const Crash& crash : truth) {
    if (!chosen(crash)) continue;
    Query query = query_for(archive, crash, traces);
    query.keep_its_patches = keep_patches;
    recall.count(rank_of(archive, crash, query, weights, verbose));
  }
  return recall;
}

void find_reachable(const Archive& archive, std::vector<Crash>& truth) {
  for (Crash& crash : truth) {
    Result<DocumentHead> own = archive.find(crash.id);
    for (const std::string& fix : crash.fixes) {
      Result<DocumentHead> head = archive.find(fix);
      if (own.ok() && head.ok() && head->thread != own->thread) crash.reachable = true;
    }
  }
}

struct Part { const char* name; double Weights::*weight; };
const Part kParts[] = {{"touched functions", &Weights::touched}, {"titles", &Weights::subject}, {"descriptions", &Weights::body},
                       {"quoted traces", &Weights::traced},      {"changed lines", &Weights::changed}, {"context", &Weights::context},
                       {"files", &Weights::file},                {"the kind of crash", &Weights::kind}, {"dates", &Weights::date},
                       {"words of the text", &Weights::words},   {"manner", &Weights::manner}, {"threads' opinions", &Weights::threads}};

void ablations(const Archive& archive, const std::vector<Crash>& truth) {
  for (const Part& part : kParts) {
    Weights weights;
    weights.*part.weight = 0;
    measure(archive, truth, weights, true, [](const Crash&) { return true; }).print(("without " + std::string(part.name)).c_str());
  }
}

// The crash's own message, asked with only its log (its whole text where it holds none).
void own_messages(const Archive& archive, const std::vector<Crash>& truth) {
  double first = 0, slowest = 0, total = 0;
  for (const Crash& crash : truth) {
    Query query = query_for(archive, crash, true);
    query.exclude_thread.clear();
    if (query.frames.size() >= 3) query.text.clear();
    double start = processor_ms();
    Result<std::vector<Similar>> hits = archive.similar(query, 5, true);
    double took = processor_ms() - start;
    slowest = std::max(slowest, took);
    total += took;
    bool found = hits.ok() && !hits->empty() && (*hits)[0].head.name == crash.id;
    first += found;
    if (!found) std::printf("own message not first: %s (%s)\n", crash.id.c_str(), hits.ok() && !hits->empty() ? (*hits)[0].head.name.c_str() : "nothing");
  }
  std::printf("own message at rank 1: %.0f of %zu; similar(): %.1f ms of processor time on average, %.1f ms at most\n", first, truth.size(), total / double(truth.size()), slowest);
}

// One line for each candidate: pair, its kind and group, hit, score, features; for fitting. Then how often the present weights find them.
void dump_features(const Archive& archive, const std::vector<Pair>& pairs, const std::string& path, bool verbose) {
  constexpr size_t kDeep = 2000, kWritten = 250;
  std::ofstream out(path);
  std::map<char, Recall> recall;
  double spent = 0;
  std::map<char, std::array<int, 4>> depth;  // found at all, among 400, among 100; pairs
  for (size_t p = 0; p < pairs.size(); p++) {
    const auto& [kind, crash, query, group] = pairs[p];
    Result<std::vector<Fix>> fixes = archive.candidate_fixes(query, kDeep);
    double before = processor_ms();
    (void)archive.candidate_fixes(query, 10).ok();
    spent += processor_ms() - before;
    if (!fixes.ok()) continue;
    size_t rank = 0;
    for (size_t i = 0; i < fixes->size(); i++) {
      const Fix& f = (*fixes)[i];
      bool hit = std::any_of(f.version_names.begin(), f.version_names.end(), [&crash = crash](const std::string& n) { return crash.fixes.contains(n); });
      if (hit && rank == 0) rank = i + 1;
      if (p == 0 && i == 0)
        for (const ScorePart& part : f.parts) out << "# " << part.worth << ' ' << part.name << '\n';
      if (i >= kWritten && !hit) continue;
      out << p << ' ' << kind << ' ' << group << ' ' << hit << ' ' << f.score;
      for (const ScorePart& part : f.parts) out << ' ' << part.value;
      out << '\n';
    }
    for (char k : {kind, '*'}) {
      recall[k].count(rank);
      std::array<int, 4>& d = depth[k];
      d[0] += rank > 0, d[1] += rank > 0 && rank <= 400, d[2] += rank > 0 && rank <= 100, d[3]++;
    }
    if (verbose) {
      std::printf("%c #%zu %s | %s\n", kind, rank, crash.id.c_str(), crash.subject.c_str());
      std::printf("     title '%s' release %s frames:", query.title.c_str(), query.release.c_str());
      for (size_t i = 0; i < query.frames.size() && i < 12; i++) std::printf(" %s", query.frames[i].function.c_str());
      std::printf("\n");
      for (size_t i = 0; i < fixes->size() && (i < 3 || i + 1 == rank); i++) std::printf("     %zu. %.2f %s\n", i + 1, (*fixes)[i].score, (*fixes)[i].head.subject.c_str());
      if (rank == 0) std::printf("     wanted: %s\n", archive.find(*crash.fixes.begin()).ok() ? archive.find(*crash.fixes.begin())->subject.c_str() : "?");
    }
  }
  std::printf("candidate_fixes(): %.1f ms of processor time on average\n", spent / double(std::max<size_t>(1, pairs.size())));
  for (const auto& [kind, r] : recall) {
    r.print((std::string("pairs nobody chose, kind ") + kind).c_str());
    std::printf("  candidates hold a fix: %d, 400 of them: %d, 100 of them: %d, of %d\n", depth[kind][0], depth[kind][1], depth[kind][2], depth[kind][3]);
  }
}

int run(const std::string& repository, const std::string& table, const std::string& folder, bool with_ablations, bool verbose, const std::string& dump = "") {
  Result<Archive> archive = Archive::open(folder);
  if (!archive.ok()) return std::printf("%s\n", archive.error().message().c_str()), 1;
  auto start = std::chrono::steady_clock::now();
  Result<AddReport> report = archive->add_mail(repository);
  if (!report.ok()) return std::printf("%s\n", report.error().message().c_str()), 1;
  double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("indexed %llu messages in %.1f s (%llu damaged); %.1f MB\n", (unsigned long long)report->added, took, (unsigned long long)report->damaged,
              double(std::filesystem::file_size(folder + "/archive.sqlite")) / 1e6);
  std::vector<Crash> truth = read_truth(table);
  find_reachable(*archive, truth);
  if (!dump.empty()) {
    std::vector<Pair> pairs = free_pairs(*archive, folder, truth);
    std::vector<Crash> reports;
    for (const Pair& p : pairs)
      if (p.kind != 'q') reports.push_back(p.crash);
    own_messages(*archive, reports);
    dump_features(*archive, pairs, dump, verbose);
    return 0;
  }
  if (verbose) measure(*archive, truth, {}, true, [](const Crash&) { return true; }, true);
  own_messages(*archive, truth);
  std::printf("\n| %-46s | n   | 1     | 3     | 10    | 1/rank |\n|---|---|---|---|---|---|\n", "recall at");
  auto every = [](const Crash&) { return true; };
  double before = processor_ms();
  Recall all = measure(*archive, truth, {}, true, every);
  double answered = processor_ms() - before;
  all.print("all crashes");
  measure(*archive, truth, {}, false, every).print("traces quoted in patch mails not used");
  measure(*archive, truth, {}, true, every, false, true).print("own thread's talk left out, its patches kept");
  measure(*archive, truth, {}, true, [](const Crash& c) { return c.reachable; }).print("a fix lies outside the crash's own thread");
  measure(*archive, truth, {}, true, [](const Crash& c) { return c.high; }).print("pairs of high confidence");
  measure(*archive, truth, {}, true, [](const Crash& c) { return c.existed; }).print("the fix existed before the report");
  if (with_ablations) ablations(*archive, truth);
  std::printf("candidate_fixes() and reading the report: %.1f ms of processor time on average\n", answered / double(truth.size()));
  // A floor well under what is measured, so that a change that breaks the ranking fails here.
  return all.ten / std::max(1.0, all.crashes) >= 0.45 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  bool with_ablations = false, verbose = false;
  std::string dump;
  std::vector<std::string> words;
  for (int i = 1; i < argc; i++) {
    if (std::string(argv[i]) == "-a") with_ablations = true;
    else if (std::string(argv[i]) == "-v") verbose = true;
    else if (std::string(argv[i]) == "-f" && i + 1 < argc) dump = argv[++i];
    else words.push_back(argv[i]);
  }
  if (words.size() == 3) return run(words[0], words[1], words[2], with_ablations, verbose, dump);
  std::string shared = std::string(INQUEST_SOURCE_DIR) + "/../shared/mail";
  std::string bundle = shared + "/linux-nfs-2019-2020.bundle";
  if (!std::filesystem::exists(bundle)) return std::printf("skipped: %s is absent\n", bundle.c_str()), 77;
  std::string folder = (std::filesystem::temp_directory_path() / ("records_score." + std::to_string(getpid()))).string();
  std::filesystem::create_directories(folder);
  int status = std::system(("git clone -q '" + bundle + "' '" + folder + "/repository'").c_str());
  if (status == 0) status = run(folder + "/repository", shared + "/truth-2019-2020.tsv", folder + "/archive", with_ablations, verbose);
  else std::printf("skipped: git clone failed\n"), status = 77;
  std::filesystem::remove_all(folder);
  return status;
}
