#include "oops/title.h"

#include <algorithm>
#include <optional>

#include "oops/guilty.h"
#include "oops/pattern.h"
#include "oops/report_lines.h"
#include "oops/signature.h"
#include "oops/text.h"
#include "oops/title_rules.h"
#include "oops/title_stack.h"

namespace inquest::oops {
namespace {

struct Titled {
  const TitleRule* rule = nullptr;
  std::string title;
  std::vector<std::string> alternates;
  std::string flaw;
};

std::string fill(std::string_view format, const std::vector<std::string>& captures, const std::vector<std::string>& functions) {
  std::string out;
  for (size_t i = 0; i < format.size(); i++) {
    if (format[i] != '%' || i + 1 == format.size()) {
      out += format[i];
      continue;
    }
    char c = format[++i];
    size_t index = c == 'f' ? 0 : c == 'g' ? 1 : size_t(c - '1');
    const auto& list = c == 'f' || c == 'g' ? functions : captures;
    if (index < list.size()) out += list[index];
  }
  return out;
}

void add(std::vector<std::string>& list, std::string text) {
  if (!text.empty() && std::find(list.begin(), list.end(), text) == list.end()) list.push_back(std::move(text));
}

// Captures of `full` and `then`; nullopt if the report lacks them.
std::optional<std::vector<std::string>> captures_of(const TitleRule& rule, const Match& title, const ReportLines& lines, size_t& at) {
  std::vector<std::string> out;
  if (rule.full.empty()) {
    for (size_t i = 0; i < title.captures; i++) out.emplace_back(title.capture[i]);
    return out;
  }
  std::optional<Match> m;
  for (size_t i = 0; i < lines.size() && !m; i++)
    if ((m = match(rule.full, lines[i]))) at = i;
  if (!m) return std::nullopt;
  for (size_t i = 0; i < m->captures; i++) out.emplace_back(m->capture[i]);
  size_t line = at + 1;
  for (std::string_view wanted : rule.then) {
    if (wanted.empty()) break;
    m.reset();
    for (; line < lines.size() && !m; line++) m = match(wanted, lines[line]);
    if (!m) return std::nullopt;
    for (size_t i = 0; i < m->captures; i++) out.emplace_back(m->capture[i]);
  }
  return out;
}

// A header that names whose dentry, or which register: told from the line itself.
void special_forms(const TitleRule& rule, std::string_view line, Titled& out) {
  if (rule.alternate == "@dentry")
    if (auto m = match("[unmount of <r>", line)) {
      std::string_view of = m->capture[0].substr(0, m->capture[0].find(']'));
      out.alternates = {"BUG: Dentry still in use [unmount of " + std::string(of) + "]"};
    }
  if (rule.format == "@badregs") {
    size_t bad = line.find("has bad '");
    std::string_view name = bad == line.npos ? std::string_view() : line.substr(bad + 9);
    out.title = "WARNING: kernel stack regs has bad '" + std::string(name.substr(0, name.find('\''))) + "' value";
  }
}

void apply(const TitleRule& rule, const std::vector<std::string>& captures, const ReportLines& lines, size_t at, Titled& out) {
  std::vector<std::string> canonical;
  TitleStack stack;
  out.flaw.clear();
  if (rule.stack) {
    stack = title_stack(*rule.stack, lines, at);
    if (!stack.whole) out.flaw = "no function found";
    for (const TitleFunction& f : stack.functions) canonical.push_back(f.canonical);
  }
  out.rule = &rule;
  out.title = fill(rule.format, captures, canonical);
  if (rule.alternate.size() && rule.alternate[0] != '@') add(out.alternates, fill(rule.alternate, captures, canonical));
  special_forms(rule, lines[at], out);
  // Another architecture or version prints "__x64_sys_rmdir" for "rmdir": they should find each other.
  if (stack.functions.empty()) return;
  for (const std::string& spelling : spellings(stack.functions[0].raw)) {
    std::vector<std::string> other = canonical;
    other[0] = spelling;
    for (size_t i = 1; i < other.size(); i++) other[i] = stack.functions[i].raw;
    if (std::string title = fill(rule.format, captures, other); title != out.title) add(out.alternates, title);
    if (rule.alternate.size() && rule.alternate[0] != '@') add(out.alternates, fill(rule.alternate, captures, other));
  }
}

// A task may be called anything, line ends included: "INFO: task a\nb:12 blocked for more than 120 seconds".
std::string_view whole_header(const ReportLines& lines, size_t at, std::string& storage) {
  if (!has(lines[at], "INFO: task ") || has(lines[at], "blocked") || has(lines[at], "can't die")) return lines[at];
  storage = std::string(lines[at]);
  for (size_t i = at + 1; i < lines.size() && i <= at + 3 && storage.size() < 160; i++) storage += std::string(lines[i]);
  return storage;
}

// The rule whose line comes first; among rules of one line, the first whose report is there.
Titled title_in(const TitleGroup& group, const ReportLines& lines) {
  Titled out;
  bool named = false;
  for (size_t i = 0; i < lines.size() && out.title.empty(); i++) {
    size_t best = std::string_view::npos;
    std::string unfolded;
    std::string_view line = whole_header(lines, i, unfolded);
    for (const TitleRule& rule : group.rules) {
      auto m = match(rule.title, line);
      if (!m || m->begin > best || (m->begin == best && !out.title.empty())) continue;
      named = true;
      size_t at = i;
      auto captures = captures_of(rule, *m, lines, at);
      if (m->begin < best) {
        out.title.clear();
        best = m->begin;
      }
      if (!captures) continue;
      apply(rule, *captures, lines, at, out);
    }
  }
  if (!out.title.empty()) {
    if (out.flaw.empty() && out.rule->corrupted) out.flaw = "only a part of the report was seen";
    return out;
  }
  if (named) out.flaw = "the report does not follow its header";
  for (std::string_view line : lines) {
    size_t at = line.find(group.word);
    if (at == line.npos) continue;
    out.title = std::string(line.substr(at));
    break;
  }
  return out;
}

// Kinds that syzkaller does not look for, in its manner.
void own_wording(Event& event) {
  std::vector<std::string> frames = telling_frames(event);
  std::string where = !frames.empty() ? frames[0] : event.function.empty() || is_digit(event.function[0]) ? "" : event.function;
  if (size_t dot = where.find('.'); dot != where.npos && dot > 0) where.resize(dot);
  std::string in = where.empty() ? "" : " in " + where;
  switch (event.kind) {
    case EventKind::kOutOfMemory: event.title = "out of memory"; break;
    case EventKind::kPageAllocationFailure: event.title = "page allocation failure" + in; break;
    case EventKind::kMemoryLeak: event.title = "memory leak" + in; break;
    case EventKind::kSerror: event.title = "SError" + in; break;
    case EventKind::kBadMode: event.title = "Bad mode" + in; break;
    case EventKind::kHardLockup: event.title = "hard lockup" + in; break;
    case EventKind::kStackGuard: event.title = "kernel stack overflow" + in; break;
    case EventKind::kMachineCheck: event.title = "machine check" + in; break;
    case EventKind::kOops: case EventKind::kPpcOops: case EventKind::kS390Illegal: event.title = "Oops" + in; break;
    case EventKind::kPagingRequest: event.title = "BUG: unable to handle kernel paging request" + in; break;
    case EventKind::kGeneralProtection: event.title = "general protection fault" + in; break;
    case EventKind::kNullDereference: event.title = "BUG: unable to handle kernel NULL pointer dereference" + in; break;
    case EventKind::kRefcount: event.title = "WARNING: refcount bug" + in; break;
    case EventKind::kListCorruption: event.title = "BUG: corrupted list" + in; break;
    case EventKind::kRcuStall: event.title = "INFO: rcu detected stall" + in; break;
    default: event.title = event.header;
  }
}

}  // namespace

void give_title(Event& event, const std::vector<const Line*>& lines, uint64_t last) {
  size_t start = title_line(lines, last);
  const TitleGroup* group = start < lines.size() ? title_group(lines[start]->text()) : nullptr;
  if (!group) {
    own_wording(event);
    event.title = clean_title(event.title);
    event.type = std::string(type_of(event.title));
    return;
  }
  Report report = report_lines(lines, start);
  ReportLines before_next(report.lines.begin(), report.lines.begin() + std::ptrdiff_t(report.own));
  Titled titled = title_in(*group, before_next);
  event.corrupted_reason = titled.flaw.empty() ? why_corrupted(titled.title, report.lines, titled.rule) : titled.flaw;
  if (report.disconnected && event.corrupted_reason.empty()) event.corrupted_reason = "the console was disconnected";
  event.corrupted = !event.corrupted_reason.empty();
  // Faults whose address says more ("write to read-only memory") have no wording of their own there.
  if (!titled.rule && (event.kind == EventKind::kPagingRequest || event.kind == EventKind::kNullDereference || event.kind == EventKind::kGeneralProtection)) {
    own_wording(event);
    titled.title = event.title;
  }
  event.title = clean_title(titled.title);
  event.type = std::string(type_of(event.title));
  for (const std::string& alternate : titled.alternates)
    if (std::string clean = clean_title(alternate); clean != event.title) add(event.alternates, clean);
  event.panicked |= report.panicked;
  give_guilty(event, report.lines);
}

}  // namespace inquest::oops
