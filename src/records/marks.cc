#include "records/marks.h"

#include <algorithm>
#include <map>
#include <set>

#include "records/diff.h"
#include "records/text.h"

namespace inquest::records {
namespace {

constexpr size_t kMaxMarks = 200;

// "	struct list_head	cl_revoked;	/* … */" -> cl_revoked. Empty for anything that declares no member.
std::string_view member_declared(std::string_view line) {
  line = trim(line.substr(0, line.find("/*")));
  line = trim(line.substr(0, line.find("//")));
  if (line.empty() || line.back() != ';' || line.find_first_of("=") != std::string_view::npos) return {};
  size_t call = line.find("(*");  // a function pointer: "int (*release)(struct x *);"
  if (call != std::string_view::npos) return word_at(line, call + 2);
  if (line.starts_with("return") || line.starts_with("goto") || line.starts_with("#") || line.find('(') != std::string_view::npos) return {};
  line.remove_suffix(1);
  line = trim(line.substr(0, line.find_first_of("[:,")));
  std::string_view name = word_before(line, line.size());
  bool typed = name.size() < line.size();  // a type stands in front
  return !typed || name.empty() || is_digit(name[0]) || is_c_keyword(name) ? std::string_view() : name;
}

struct Sides {
  bool added = false, removed = false;
};

// What stands on which side of a diff; what stands on both is no mark.
struct Collector {
  std::map<std::tuple<MarkKind, std::string, std::string>, Sides> found;

  void see(MarkKind kind, std::string_view subject, std::string_view name, char side) {
    Sides& sides = found[{kind, std::string(subject), std::string(name)}];
    if (side != '-') sides.added = true;
    if (side != '+') sides.removed = true;
  }
  void calls(const Diff& diff, const DiffLine& line);
  void strings(const Diff& diff, const DiffLine& line);
  void parameters(std::string_view function, std::string_view signature, char side);
};

bool is_definition(const DiffLine& line, const Diff& diff) {
  const DiffScope& scope = diff.scopes[line.scope];
  if (scope.name.empty() || line.text.empty() || !(is_alpha(line.text[0]) || line.text[0] == '_')) return false;
  return scope_named_by(line.text).name == scope.name;
}

void Collector::calls(const Diff& diff, const DiffLine& line) {
  const DiffScope& scope = diff.scopes[line.scope];
  std::string_view text = trim(line.text.substr(0, line.text.find("/*")));
  if (scope.name.empty() || scope.is_type || text.starts_with("*") || text.starts_with("//") || is_definition(line, diff)) return;
  for_each_word(text, [&](std::string_view word) {
    const char* end = word.data() + word.size();
    if (end == text.data() + text.size() || *end != '(' || is_c_keyword(word)) return;
    bool shouting = std::none_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    if (!shouting && word != scope.name) see(MarkKind::kCall, scope.name, word, line.kind);
  });
}

void Collector::strings(const Diff& diff, const DiffLine& line) {
  const DiffScope& scope = diff.scopes[line.scope];
  if (scope.is_type || line.text.starts_with("#")) return;
  size_t open = line.text.find('"');
  while (open != std::string_view::npos) {
    size_t close = line.text.find('"', open + 1);
    if (close == std::string_view::npos) return;
    std::string_view inside = line.text.substr(open + 1, close - open - 1);
    if (inside.size() >= 8 && inside.find('\\') == std::string_view::npos) see(MarkKind::kString, scope.name, inside, line.kind);
    open = line.text.find('"', close + 1);
  }
}

void Collector::parameters(std::string_view function, std::string_view signature, char side) {
  size_t open = signature.find('('), close = signature.rfind(')');
  if (open == std::string_view::npos) return;
  std::string_view list = signature.substr(open + 1, close == std::string_view::npos || close < open ? close : close - open - 1);
  while (!list.empty()) {
    size_t comma = list.find(',');
    std::string_view one = trim(list.substr(0, comma));
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
    std::string_view name = word_before(one, one.size());
    if (name.size() >= 2 && name.size() < one.size() && !is_digit(name[0]) && !is_c_keyword(name)) see(MarkKind::kParameter, function, name, side);
  }
}

// Lines that both versions share count for both sides: a member moved is no mark.
void collect(const Diff& diff, Collector& out) {
  for (const DiffLine& line : diff.lines) {
    const DiffScope& scope = diff.scopes[line.scope];
    const std::string& path = diff.files[scope.file].path;
    bool code = path.ends_with(".c") || path.ends_with(".h") || path.ends_with(".S") || path.ends_with(".rs");
    if (!code) continue;
    if (is_definition(line, diff)) {
      if (scope.is_type) {
        if (line.kind != ' ') out.see(MarkKind::kType, "", scope.name, line.kind);
      } else if (trim(line.text).back() != ';') {
        out.see(MarkKind::kFunction, path, scope.name, line.kind);
        out.parameters(scope.name, line.text, line.kind);
      }
      continue;
    }
    if (scope.is_type) {
      std::string_view member = member_declared(line.text);
      if (!member.empty()) out.see(MarkKind::kMember, scope.name, member, line.kind);
      std::string_view bare = trim(line.text);
      std::string_view value = word_at(bare, 0);
      std::string_view after = trim(bare.substr(value.size()));
      bool shouting = value.size() > 3 && std::none_of(value.begin(), value.end(), [](char c) { return c >= 'a' && c <= 'z'; });
      if (shouting && (after.starts_with(",") || after.starts_with("="))) out.see(MarkKind::kEnumValue, scope.name, value, line.kind);
    } else {
      out.calls(diff, line);
      out.strings(diff, line);
    }
  }
}

int rank(MarkKind kind) {
  switch (kind) {
    case MarkKind::kMember: return 0;
    case MarkKind::kType: return 1;
    case MarkKind::kEnumValue: return 2;
    case MarkKind::kFunction: return 3;
    case MarkKind::kParameter: return 4;
    case MarkKind::kCall: return 5;
    case MarkKind::kString: return 6;
  }
  return 7;
}

std::optional<bool> ask(const PatchMark& m, KernelFacts& facts) {
  switch (m.kind) {
    case MarkKind::kMember: return facts.has_member(m.subject, m.name);
    case MarkKind::kType: return facts.has_type(m.name);
    case MarkKind::kFunction: return facts.has_function(m.name);
    case MarkKind::kCall: return facts.calls(m.subject, m.name);
    case MarkKind::kEnumValue: return facts.has_enum_value(m.subject, m.name);
    case MarkKind::kString: return facts.has_string(m.subject, m.name);
    case MarkKind::kParameter: return facts.has_parameter(m.subject, m.name);
  }
  return std::nullopt;
}

std::string sentence_for(const PatchMark& m, std::optional<bool> there) {
  std::string what(name_of(m.kind));
  what += " " + m.name;
  if (m.kind == MarkKind::kCall) what = "call " + m.subject + " -> " + m.name;
  else if (!m.subject.empty() && m.kind != MarkKind::kFunction) what += " of " + m.subject;
  if (!there) return what + ": cannot be told here";
  const char* absent = m.kind == MarkKind::kFunction ? " is not there, or inlined" : " is not there";
  return what + (*there ? " is there" : absent) + (m.added ? " (the patch adds it)" : " (the patch removes it)");
}

}  // namespace

const char* name_of(MarkKind kind) {
  static constexpr const char* kNames[] = {"member", "type", "function", "call", "enum value", "string", "parameter"};
  return kNames[int(kind)];
}

const char* name_of(PatchStatus status) {
  static constexpr const char* kNames[] = {"unknown", "present", "missing"};
  return kNames[int(status)];
}

std::vector<PatchMark> marks_of_diff(std::string_view text) {
  Diff diff = read_diff(text);
  Collector collector;
  collect(diff, collector);
  std::set<std::string> new_functions;  // what is new as a whole needs no marks of its inside
  for (const auto& [key, sides] : collector.found) {
    if (std::get<0>(key) == MarkKind::kFunction && sides.added != sides.removed) new_functions.insert(std::get<2>(key));
  }
  std::vector<PatchMark> marks;
  for (const auto& [key, sides] : collector.found) {
    const auto& [kind, subject, name] = key;
    if (sides.added == sides.removed) continue;
    bool inside_new = (kind == MarkKind::kCall || kind == MarkKind::kParameter || kind == MarkKind::kString) && new_functions.contains(subject);
    if (!inside_new) marks.push_back({kind, subject, name, sides.added});
  }
  std::stable_sort(marks.begin(), marks.end(), [](const PatchMark& a, const PatchMark& b) { return rank(a.kind) < rank(b.kind); });
  if (marks.size() > kMaxMarks) marks.resize(kMaxMarks);
  return marks;
}

namespace {

// Whether the code a patch changes is in this kernel at all: an answer about one of its types, or one of its functions being there.
// A module that is not loaded lacks every function of every patch to it.
bool is_at_home(const std::vector<PatchMark>& marks, KernelFacts& facts) {
  return std::any_of(marks.begin(), marks.end(), [&](const PatchMark& m) {
    switch (m.kind) {
      case MarkKind::kMember: return facts.has_member(m.subject, m.name).has_value();
      case MarkKind::kEnumValue: return facts.has_enum_value(m.subject, m.name).has_value();
      case MarkKind::kCall:
      case MarkKind::kParameter:
      case MarkKind::kString: return !m.subject.empty() && facts.has_function(m.subject).value_or(false);
      case MarkKind::kFunction: return facts.has_function(m.name).value_or(false);
      case MarkKind::kType: return facts.has_type(m.name).value_or(false);
    }
    return false;
  });
}

std::string counted(int marks, bool there) {
  if (marks == 1) return there ? "one mark of the patch is in this kernel" : "one mark of the patch is not in this kernel";
  return std::to_string(marks) + (there ? " marks of the patch are in this kernel" : " marks of the patch are not in this kernel");
}

// What "not there" says of a thing that compilers may hide.
bool is_hideable(MarkKind kind) { return kind == MarkKind::kFunction || kind == MarkKind::kCall || kind == MarkKind::kString; }

}  // namespace

PatchPresence presence_of(const std::vector<PatchMark>& marks, KernelFacts& facts) {
  PatchPresence out;
  int strong_in = 0, strong_out = 0, weak_in = 0, weak_out = 0;
  bool at_home = is_at_home(marks, facts);
  for (const PatchMark& mark : marks) {
    std::optional<bool> there = ask(mark, facts);
    if (there && !*there && !at_home && is_hideable(mark.kind)) there.reset();
    MarkFinding finding{mark, std::nullopt, sentence_for(mark, there)};
    if (there) {
      finding.patched = *there == mark.added;
      // Inlining hides functions and calls, and a backport may rename: absence of those is weak, presence is not.
      bool strong = rank(mark.kind) <= 4 && !(is_hideable(mark.kind) && !*there);
      int& count = *finding.patched ? (strong ? strong_in : weak_in) : (strong ? strong_out : weak_out);
      count++;
    }
    out.findings.push_back(std::move(finding));
  }
  if (marks.empty()) {
    out.reason = "the patch leaves no mark that a binary would show";
  } else if (strong_in > 0 && strong_out == 0) {
    out.status = PatchStatus::kPresent;
    out.reason = counted(strong_in, true);
  } else if (strong_out > 0 && strong_in == 0) {
    out.status = PatchStatus::kMissing;
    out.reason = counted(strong_out, false);
  } else if (strong_in > 0 && strong_out > 0) {
    out.reason = "the marks contradict each other: a partial backport, or later changes";
  } else if (weak_in >= 2 && weak_out == 0) {
    out.status = PatchStatus::kPresent;
    out.reason = "only weak marks, which agree that it is in";
  } else if (weak_out >= 2 && weak_in == 0) {
    out.status = PatchStatus::kMissing;
    out.reason = "only weak marks, which agree that it is not in";
  } else {
    out.reason = "too few marks can be looked at in this kernel";
  }
  return out;
}

}  // namespace inquest::records
