// How well logs become events, measured on the labelled logs of ../shared/oops: prints a table, fails under its floors.
//
//   oops_score [-v SET]...   -v: also each disagreement of a set (title, alt, type, corrupted, none, guilty, wild, primary, groups, satyr, lkp)
//
// Returns 77 where ../shared/oops is absent.
#include <algorithm>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "oops/parse.h"

using namespace inquest::oops;
namespace fs = std::filesystem;

namespace {

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<fs::path> files(const fs::path& folder) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_regular_file()) out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

// As much JSON as the labels need: objects, arrays, strings, numbers, null.
struct Json {
  std::string text;
  std::map<std::string, Json> members;
  std::vector<Json> items;
  const Json& at(const std::string& name) const {
    static const Json kNone;
    auto found = members.find(name);
    return found == members.end() ? kNone : found->second;
  }
};

Json json(const std::string& s, size_t& i) {
  Json out;
  auto blank = [&] { while (i < s.size() && std::string(" \t\r\n,:").find(s[i]) != std::string::npos) i++; };
  blank();
  if (i >= s.size()) return out;
  if (s[i] == '{' || s[i] == '[') {
    char close = s[i++] == '{' ? '}' : ']';
    for (blank(); i < s.size() && s[i] != close; blank()) {
      if (close == ']') {
        out.items.push_back(json(s, i));
      } else {
        std::string name = json(s, i).text;
        out.members[name] = json(s, i);
      }
    }
    i++;
  } else if (s[i] == '"') {
    for (i++; i < s.size() && s[i] != '"'; i++) {
      if (s[i] == '\\' && i + 1 < s.size()) {
        i++;
        if (s[i] == 'n') out.text += '\n';
        else if (s[i] == 't') out.text += '\t';
        else if (s[i] == 'u') i += 4, out.text += '?';
        else out.text += s[i];
      } else {
        out.text += s[i];
      }
    }
    i++;
  } else {
    while (i < s.size() && std::string(",]} \n").find(s[i]) == std::string::npos) out.text += s[i++];
    if (out.text == "null") out.text.clear();
  }
  return out;
}

struct Score {
  int right = 0, all = 0;
  void add(bool good) { right += good, all++; }
  double percent() const { return all ? 100.0 * right / all : 100.0; }
};

struct Row {
  std::string set, what;
  double bar, floor;  // what is wanted, and what was once reached and may not be lost again
  Score score;
};

class Table {
 public:
  std::set<std::string> verbose;

  Score& row(const std::string& set, const std::string& what, double bar, double floor) {
    for (Row& r : rows_)
      if (r.set == set && r.what == what) return r.score;
    rows_.push_back({set, what, bar, floor, {}});
    return rows_.back().score;
  }
  void say(const std::string& what, const std::string& line) const {
    if (verbose.count(what)) std::printf("%s: %s\n", what.c_str(), line.c_str());
  }
  int print() const {
    int failed = 0;
    std::printf("%-18s %-28s %8s %10s %7s %7s\n", "set", "what", "right", "percent", "wanted", "floor");
    for (const Row& r : rows_) {
      bool low = r.score.percent() < r.floor;
      failed += low;
      std::printf("%-18s %-28s %4d/%-4d %9.1f%% %7.0f %7.0f%s\n", r.set.c_str(), r.what.c_str(), r.score.right, r.score.all, r.score.percent(),
                  r.bar, r.floor, low ? "  UNDER ITS FLOOR" : r.score.percent() < r.bar ? "  short" : "");
    }
    return failed ? 1 : 0;
  }

 private:
  std::deque<Row> rows_;  // callers keep references
};

// ---- syzkaller

struct Labelled {
  std::map<std::string, std::string> keys;
  std::set<std::string> alternates;
  std::string log;
};

Labelled labelled(const fs::path& path) {
  std::string text = read(path);
  std::erase(text, '\r');
  Labelled out;
  size_t at = 0;
  while (at < text.size()) {
    size_t end = text.find('\n', at);
    std::string line = text.substr(at, end - at);
    at = end == std::string::npos ? text.size() : end + 1;
    if (line.empty()) break;
    size_t colon = line.find(':');
    if (line[0] == '#' || colon == std::string::npos) continue;
    std::string key = line.substr(0, colon), value = line.substr(std::min(colon + 2, line.size()));
    if (key == "ALT") out.alternates.insert(value);
    else out.keys[key] = value;
  }
  out.log = text.substr(at);
  if (size_t report = out.log.find("\n\nREPORT:\n"); report != std::string::npos) out.log.resize(report + 1);
  return out;
}

const Event* primary(const Log& log) {
  for (const Event& e : log.events)
    if (e.primary) return &e;
  return nullptr;
}

void syzkaller_reports(const fs::path& folder, Table& table) {
  Score& title = table.row("syzkaller/report", "TITLE", 97, 97);
  Score& first = table.row("syzkaller/report", "TITLE of the first event", 97, 97);
  Score& type = table.row("syzkaller/report", "TYPE", 97, 97);
  Score& corrupted = table.row("syzkaller/report", "CORRUPTED", 95, 95);
  Score& alternates = table.row("syzkaller/report", "ALT", 95, 95);
  Score& none = table.row("syzkaller/report", "nothing where nothing is", 99, 99);
  for (const fs::path& path : files(folder)) {
    Labelled want = labelled(path);
    Log log = parse(want.log);
    std::string name = path.filename();
    const Event* e = primary(log);
    if (!want.keys.count("TITLE")) {
      none.add(log.events.empty());
      if (e) table.say("none", name + " found " + e->title);
      continue;
    }
    std::string got = e ? e->title : "(nothing)";
    bool good = got == want.keys["TITLE"];
    title.add(good);
    first.add(!log.events.empty() && log.events[0].title == want.keys["TITLE"]);
    if (!good) table.say("title", name + "\n   want " + want.keys["TITLE"] + "\n   got  " + got);
    bool same_type = e && e->type == want.keys["TYPE"];
    type.add(same_type);
    if (!same_type && good) table.say("type", name + " want " + want.keys["TYPE"] + " got " + (e ? e->type : ""));
    bool flawed = want.keys["CORRUPTED"] == "Y";
    corrupted.add(e && e->corrupted == flawed);
    if (!e || e->corrupted != flawed) table.say("corrupted", name + " want " + want.keys["CORRUPTED"] + " got " + (e ? e->corrupted_reason : "") + " | " + got);
    std::set<std::string> other;
    if (e) other.insert(e->alternates.begin(), e->alternates.end());
    alternates.add(other == want.alternates);
    if (good && other != want.alternates) {
      std::string line = name + " " + got;
      for (const auto& a : want.alternates) line += "\n   want " + a;
      for (const auto& a : other) line += "\n   got  " + a;
      table.say("alt", line);
    }
  }
}

void syzkaller_guilty(const fs::path& folder, Table& table) {
  Score& file = table.row("syzkaller/guilty", "FILE", 90, 90);
  for (const fs::path& path : files(folder)) {
    Labelled want = labelled(path);
    Log log = parse(want.log);
    const Event* e = primary(log);
    std::string got = e ? e->guilty_file : "";
    file.add(got == want.keys["FILE"]);
    if (got != want.keys["FILE"]) table.say("guilty", path.filename().string() + " want " + want.keys["FILE"] + " got " + got + " | " + (e ? e->title : ""));
  }
}

// ---- wild

std::set<std::string> kinds_of(const Json& incident) {
  std::set<std::string> out{incident.at("kind").text};
  for (const Json& other : incident.at("other_headers").items) out.insert(other.at("kind").text);
  return out;
}

void one_incident(const std::string& id, const Json& incident, const Event* e, Table& table) {
  std::string where = id + ":" + incident.at("line").text + " " + incident.at("kind").text;
  bool found = e && kinds_of(incident).count(name_of(e->kind));
  table.row("wild", "incident (kind, line)", 97, 97).add(found);
  if (!found) table.say("wild", where + " | " + incident.at("header").text + " | got " + (e ? name_of(e->kind) : "nothing"));
  auto field = [&](const char* name, const std::string& want, const std::string& got) {
    if (want.empty()) return;
    table.row("wild", name, 97, 97).add(want == got);
    if (want != got) table.say("wild", where + " " + name + " want '" + want + "' got '" + got + "'");
  };
  auto number = [](const std::optional<int>& v) { return v ? std::to_string(*v) : std::string(); };
  field("function", incident.at("func").text, e ? e->function : "");
  field("cpu", incident.at("cpu").text, e ? number(e->cpu) : "");
  field("pid", incident.at("pid").text, e ? number(e->pid) : "");
  field("comm", incident.at("comm").text, e ? e->comm : "");
  std::string want = incident.at("taint").text, got = e ? e->taint : "";
  std::sort(want.begin(), want.end());
  std::sort(got.begin(), got.end());
  field("taint", want, got);
}

// Where the label and the log disagree and the log is right: line, field, reason. Read by people, not used in the score.
// (kept in docs/events.md)
void wild(const fs::path& folder, Table& table) {
  table.row("wild", "incident (kind, line)", 97, 97);
  Score& chosen = table.row("wild", "primary of several", 95, 95);
  std::ifstream labels(folder / "events.jsonl");
  int extra = 0;
  for (std::string line; std::getline(labels, line);) {
    size_t i = 0;
    Json log = json(line, i);
    std::string id = log.at("id").text;
    fs::path path = folder / (id + ".log");
    if (!fs::exists(path)) continue;
    Log parsed = parse(read(path));
    const auto& incidents = log.at("incidents").items;
    std::set<int> lines;
    for (const Json& incident : incidents) {
      int at = std::atoi(incident.at("line").text.c_str());
      lines.insert(at);
      const Event* match = nullptr;
      for (const Event& e : parsed.events)
        if (e.first_line == at) match = &e;
      one_incident(id, incident, match, table);
    }
    for (const Event& e : parsed.events)
      if (!lines.count(e.first_line)) {
        extra++;
        table.say("wild", id + ":" + std::to_string(e.first_line) + " EXTRA " + name_of(e.kind) + " " + e.header.substr(0, 100));
      }
    if (incidents.size() > 1) {
      const Event* e = primary(parsed);
      bool good = e && e->first_line == std::atoi(incidents[0].at("line").text.c_str());
      chosen.add(good);
      if (!good) table.say("primary", id + " got line " + (e ? std::to_string(e->first_line) + " " + e->title : "") + " want " + incidents[0].at("header").text);
    }
  }
  std::printf("wild: %d events that no label names\n", extra);
}

// Whether the coarse signature keeps one bug together and two apart, on pairs judged by hand.
void groups(const fs::path& folder, const fs::path& pairs, Table& table) {
  Score& together = table.row("wild groups", "one bug, one group", 100, 100);
  Score& apart = table.row("wild groups", "two bugs, two groups", 100, 100);
  std::map<std::string, Log> logs;
  auto event = [&](const std::string& name) -> const Event* {
    std::string id = name.substr(0, 3);
    fs::path path = folder / (id + ".log");
    if (!logs.count(id)) logs[id] = fs::exists(path) ? parse(read(path)) : Log();
    size_t number = size_t(std::atoi(name.substr(4).c_str()));
    return number >= 1 && number <= logs[id].events.size() ? &logs[id].events[number - 1] : nullptr;
  };
  std::ifstream file(pairs);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::stringstream words(line);
    std::string verdict, a, b;
    words >> verdict >> a >> b;
    const Event *first = event(a), *second = event(b);
    if (!fs::exists(folder / (a.substr(0, 3) + ".log")) || !fs::exists(folder / (b.substr(0, 3) + ".log"))) continue;
    bool same = first && second && first->signature_coarse == second->signature_coarse;
    bool good = first && second && same == (verdict == "same");
    (verdict == "same" ? together : apart).add(good);
    if (!good) table.say("groups", line + "\n   " + (first ? first->signature_fine : "no event") + "\n   " + (second ? second->signature_fine : "no event"));
  }
}

// ---- satyr, lkp-tests

void satyr(const fs::path& folder, Table& table) {
  std::string text = read(folder / "expected.json");
  size_t i = 0;
  Json expected = json(text, i);
  for (const Json& want : expected.at("parse").items) {
    std::string name = want.at("file").text;
    if (!fs::exists(folder / name)) continue;
    Log log = parse(read(folder / name));
    const Event* e = primary(log);
    auto check = [&](const char* what, const std::string& wanted, const std::string& got) {
      table.row("satyr", what, 95, 95).add(wanted == got);
      if (wanted != got) table.say("satyr", name + " " + what + " want " + wanted + " got " + got + " | " + (e ? e->header : "no event"));
    };
    // satyr takes a file for one oops and every stack in it for one, the x86 program counter included.
    std::vector<std::pair<int, Frame>> frames;
    for (const Event& event : log.events) {
      if ((event.reg("rip") || event.reg("eip")) && event.function_offset) {
        Frame pc;
        pc.symbol = event.function;
        frames.push_back({event.frames.empty() ? event.first_line : event.frames[0].line - 1, pc});
      }
      for (const Frame& f : event.frames) frames.push_back({f.line, f});
      for (const NamedStack& s : event.stacks)
        for (const Frame& f : s.frames) frames.push_back({f.line, f});
    }
    std::stable_sort(frames.begin(), frames.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    check("frame count", want.at("frame_count").text, std::to_string(frames.size()));
    if (!want.at("first_function").text.empty()) check("first function", want.at("first_function").text, frames.empty() ? "" : frames.front().second.symbol);
    if (!want.at("last_function").text.empty()) check("last function", want.at("last_function").text, frames.empty() ? "" : frames.back().second.symbol);
    size_t modules = 0;
    for (const Event& event : log.events) modules = std::max(modules, event.modules.size());
    check("modules", want.at("module_count").text, std::to_string(modules));
    std::string letters = e ? e->taint : "";
    std::erase(letters, 'G');
    check("taint flags", want.at("taint_count").text, std::to_string(letters.size()));
    if (!want.at("first_frame_stack").text.empty()) check("first context", want.at("first_frame_stack").text, frames.empty() ? "" : frames.front().second.context_name);
  }
}

bool is_report_id(const std::string& id) {
  for (const char* prefix : {"BUG:", "WARNING:", "INFO:", "Oops", "Kernel_panic", "kernel_BUG", "UBSAN", "general_protection", "invoked_oom", "RIP:", "EIP", "IP:",
                             "double_fault", "divide_error", "irq#:nobody", "Internal_error", "Unable_to_handle", "possible", "page_allocation_failure", "calltrace:"})
    if (id.rfind(prefix, 0) == 0) return true;
  return false;
}

void lkp(const fs::path& folder, Table& table) {
  Score& covered = table.row("lkp-tests", "ids inside an event", 95, 95);
  Score& traces = table.row("lkp-tests", "syscalls among the frames", 95, 95);
  for (const fs::path& path : files(folder)) {
    if (path.extension() != ".yaml") continue;
    fs::path log_path = path.parent_path() / path.stem();
    if (!fs::exists(log_path)) continue;
    std::string text = read(log_path);
    Log log = parse(text);
    std::vector<std::string> lines;
    std::stringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    std::ifstream yaml(path);
    for (std::string line; std::getline(yaml, line);) {
      if (line.rfind("message:", 0) != 0) continue;
      size_t value = line.find(": ", 8);
      if (value == std::string::npos) continue;
      std::string id = line.substr(8, value - 8), message = line.substr(value + 2);
      if (!is_report_id(id)) continue;
      auto holds = [&](const Event& e) {
        for (int n = e.first_line; n <= e.last_line && n <= int(lines.size()); n++)
          if (lines[size_t(n - 1)].find(message.substr(0, message.find(" detected "))) != std::string::npos) return true;
        return false;
      };
      bool good = std::any_of(log.events.begin(), log.events.end(), holds);
      if (id.rfind("calltrace:", 0) == 0) {
        std::string function = id.substr(10);
        good = std::any_of(log.events.begin(), log.events.end(), [&](const Event& e) {
          auto named = [&](const Frame& f) { return f.symbol == function; };
          bool any = std::any_of(e.frames.begin(), e.frames.end(), named);
          for (const NamedStack& s : e.stacks) any = any || std::any_of(s.frames.begin(), s.frames.end(), named);
          return any;
        });
        traces.add(good);
      } else {
        covered.add(good);
      }
      if (!good) table.say("lkp", path.stem().string() + " " + id + " | " + message.substr(0, 140));
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  fs::path shared = fs::path(INQUEST_SOURCE_DIR).parent_path() / "shared" / "oops";
  if (!fs::exists(shared)) {
    std::printf("skipped: %s is not here\n", shared.c_str());
    return 77;
  }
  Table table;
  for (int i = 1; i + 1 < argc; i += 2) table.verbose.insert(argv[i + 1]);
  syzkaller_reports(shared / "syzkaller" / "report", table);
  syzkaller_guilty(shared / "syzkaller" / "guilty", table);
  wild(shared / "wild", table);
  groups(shared / "wild", fs::path(INQUEST_SOURCE_DIR) / "tests" / "oops" / "pairs.tsv", table);
  satyr(shared / "satyr", table);
  lkp(shared / "lkp-tests" / "spec" / "fixtures" / "stats" / "dmesg", table);
  return table.print();
}
