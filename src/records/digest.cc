#include "records/digest.h"

#include <algorithm>
#include <cstdlib>
#include <unordered_set>

#include "records/diff.h"
#include "records/mime.h"
#include "records/text.h"

namespace inquest::records {
namespace {

constexpr size_t kMaxWords = 4000;  // per column

// Distinct words, in order, joined by spaces; compared in lower case, as the index does.
class WordList {
 public:
  void add(std::string_view word) {
    if (seen_.size() >= kMaxWords || word.empty()) return;
    if (!seen_.insert(lower(word)).second) return;
    if (!text_.empty()) text_ += ' ';
    text_ += word;
  }
  std::string take() { return std::move(text_); }

 private:
  std::unordered_set<std::string> seen_;
  std::string text_;
};

// English words that tell nothing and would make long postings.
bool is_filler(std::string_view word) {
  static constexpr std::string_view kFillers[] = {"the", "and", "for", "that", "this", "with", "not", "are", "but", "from", "have", "has", "was", "will", "can",
                                                  "you", "all", "any", "should", "would", "when", "which", "there", "been", "also", "then", "than", "into",
                                                  "its", "our", "out", "who", "what", "does", "did", "just", "like", "some", "more", "only", "other", "use"};
  if (word.size() > 6) return false;
  return std::any_of(std::begin(kFillers), std::end(kFillers), [&](std::string_view f) { return equal_ignoring_case(word, f); });
}

bool title_says(std::string_view title, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view w) {
    size_t at = find_ignoring_case(title, w);
    return at != std::string_view::npos && (at == 0 || !is_word(title[at - 1]));
  });
}

uint32_t title_flags(std::string_view title) {
  uint32_t flags = 0;
  if (title_says(title, {"fix", "prevent", "avoid", "don't", "do not", "must not", "never", "ensure", "correct", "handle", "check ", "validate", "protect", "close", "plug",
                         "resolve", "guard", "stop", "initiali", "reject", "missing", "drop ", "hold", "wait", "make sure", "cancel", "defer", "properly", "repair", "abort", "clear"})) {
    flags |= kSaysFix;
  }
  if (title_says(title, {"revert"})) flags |= kSaysRevert;
  // What only readers, compilers and checkers notice repairs no crash.
  if (title_says(title, {"spelling", "typo", "whitespace", "indent", "kernel-doc", "kerneldoc", "kdoc", "comment", "documentation", "build", "compil", "-w", "sparse", "smatch", "coccinelle",
                         "checkpatch", "unused", "misspell", "grammar", "copyright", "spdx", "kconfig", "printk", "dprintk", "log message", "error message"}) &&
      crash_kinds(title) == 0) {
    flags = (flags & ~uint32_t(kSaysFix)) | kSaysCleanup;
  }
  if (title_says(title, {"clean", "rename", "refactor", "document", "trace", "comment", "selftest", "kselftest", "typo", "spelling", "convert", "constify", "remove unused",
                         "simplify", "move ", "split", "factor", "reorgani", "tidy", "add support", "introduce", "whitespace", "maintainers", "update"})) {
    flags |= kSaysCleanup;
  }
  return flags;
}

void digest_traces(Document& doc, std::string_view text) {
  doc.traces = read_traces(text);
  WordList words;
  for (const Trace& trace : doc.traces) {
    for (const TraceFrame& f : trace.frames) words.add(f.function);
    for (const TraceFrame& f : trace.others) words.add(f.function);
    words.add(trace.function);
    words.add(trace.workqueue_function);
    if (!trace.file.empty()) words.add(place_word(trace.file, trace.line));
    for (const std::string& value : trace.values) words.add(value);
  }
  doc.words[kTraced] = words.take();
  if (!doc.words[kTraced].empty()) doc.flags |= kHasTrace;
}

void digest_diff(Document& doc, std::string_view text) {
  Diff diff = read_diff(text);
  if (diff.empty()) return;
  doc.flags |= kIsPatch;
  WordList touched, changed, context, filed;
  std::vector<bool> scope_changed(diff.scopes.size());
  for (const DiffLine& line : diff.lines) {
    if (line.kind != ' ') {
      scope_changed[line.scope] = true;
      doc.changed_lines++;
      for_each_word(line.text, [&](std::string_view word) {
        if (!is_c_keyword(word)) changed.add(word);
      });
    } else {
      for_each_word(line.text, [&](std::string_view word) {
        const char* end = word.data() + word.size();
        bool call = end < line.text.data() + line.text.size() && *end == '(';
        if (call && !is_c_keyword(word)) context.add(word);
      });
    }
  }
  for (size_t i = 0; i < diff.scopes.size(); i++) {
    const DiffScope& scope = diff.scopes[i];
    if (scope.name.empty()) continue;
    if (!scope_changed[i]) {
      context.add(scope.name);
      continue;
    }
    touched.add(scope.name);
    if (!scope.is_type && doc.touched.size() < 200) doc.touched.push_back({scope.name, diff.files[scope.file].path});
  }
  for (const DiffFile& file : diff.files) filed.add(path_word(file.path));
  doc.files = uint32_t(diff.files.size());
  doc.words[kTouched] = touched.take();
  doc.words[kChanged] = changed.take();
  doc.words[kContext] = context.take();
  doc.words[kFiled] = filed.take();
}

// A maintainer's (or the patchwork robot's) answer that the patch was taken.
bool says_taken(std::string_view prose) {
  static constexpr std::string_view kPhrases[] = {"applied, thanks", "applied, thank", "thanks, applied", "thank you, applied", "applied to ", "applied for ", "i've applied", "have applied", "applied.", "applied!",
                                                  "queued for", "queued up", "queued to", "queued as", "i've queued", "picked up", "pushed to", "merged to", "merged into", "merged for", "merged, thanks",
                                                  "added to my", "taken through", "taking this", "i'll take ", "will queue", "in my tree", "this patch was applied", "this series was applied"};
  static constexpr std::string_view kBut[] = {"not applied", "not be applied", "n't applied", "if applied", "when applied", "can be applied", "to be applied", "should be applied", "with this applied",
                                              "with that applied", "i applied", "we applied", "patch applied", "patches applied", "already applied"};
  std::string low = lower(prose.substr(0, 600));
  for (std::string_view but : kBut)
    if (low.find(but) != std::string::npos && low.find("was applied") == std::string::npos) return false;
  return std::any_of(std::begin(kPhrases), std::end(kPhrases), [&](std::string_view p) { return low.find(p) != std::string::npos; });
}

// What mail and commits have in common.
void digest_text(Document& doc, std::string_view text, std::string_view message_part) {
  doc.parts = read_subject(doc.subject);
  digest_diff(doc, text);
  bool patch = (doc.flags & kIsPatch) != 0;
  digest_traces(doc, message_part);
  doc.trailers = read_trailers(message_part);
  std::string prose = prose_of(message_part);
  doc.mentions = read_mentions(prose);
  WordList body, subject;
  for_each_word(prose, [&](std::string_view word) {
    if (!is_filler(word)) body.add(word);
  });
  for_each_word(doc.parts.title, [&](std::string_view word) { subject.add(word); });
  doc.words[kBody] = body.take();
  doc.words[kSubject] = subject.take();
  doc.subject_kinds = crash_kinds(doc.parts.title);
  doc.kinds |= doc.subject_kinds | crash_kinds(prose);
  doc.flags |= title_flags(doc.parts.title);
  if (doc.parts.reply) doc.flags |= kIsReply;
  if (doc.parts.rfc) doc.flags |= kIsRfc;
  if (doc.parts.reply && !patch && says_taken(prose)) doc.flags |= kSaysTaken;
  for (const Trailer& t : doc.trailers) {
    if (t.kind == TrailerKind::kFixes) doc.flags |= kHasFixes;
    if (t.kind == TrailerKind::kStable) doc.flags |= kForStable;
    if (t.kind == TrailerKind::kReportedBy || t.kind == TrailerKind::kCloses) doc.flags |= kHasReporter;
    if (t.kind == TrailerKind::kUpstream && doc.upstream.empty()) doc.upstream = t.value;
  }
  if (!doc.upstream.empty() && patch) doc.flags |= kIsMerged;
  if (doc.parts.stable && patch) doc.flags |= kIsStableCopy | kIsMerged;
}

bool is_attribution(std::string_view line) {
  return line.ends_with("wrote:") || line.ends_with("writes:") || (line.starts_with("On ") && line.find('@') != std::string_view::npos);
}

bool is_trailer_line(std::string_view line) {
  size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon > 30 || colon < 2) return false;
  std::string_view key = line.substr(0, colon);
  if (key.ends_with("-by") || key.ends_with("-By")) return true;
  for (std::string_view name : {"fixes", "closes", "link", "cc", "date", "from", "to", "sent", "message-id", "bugzilla", "debugged-by"}) {
    if (equal_ignoring_case(key, name)) return true;
  }
  return false;
}

}  // namespace

std::string path_word(std::string_view path) {
  std::string out;
  for (char c : path) out += is_word(c) ? c : '_';
  return out;
}

std::string place_word(std::string_view path, uint32_t line) { return path_word(path) + "_" + std::to_string(line); }

std::string prose_of(std::string_view text) {
  std::string out;
  bool modules = false;  // a list of modules goes on over many lines
  while (!text.empty()) {
    std::string_view line = cut_line(text);
    if (line == "-- " || line.starts_with("diff --git ")) break;
    if (line.empty()) {
      out += '\n';
      modules = false;
      continue;
    }
    if (line.find("Modules linked in") != std::string_view::npos) modules = true;
    else if (modules && is_log_line(trim(line)) && line.find("  ") == std::string_view::npos) modules = false;
    if (modules) continue;
    if (line[0] == '>' || line.starts_with("@@") || is_attribution(line) || is_trailer_line(line)) continue;
    std::string_view bare = trim(line);
    if (bare.size() > 4 && is_log_line(bare)) continue;
    out += line;
    out += '\n';
  }
  return out;
}

Document digest_mail(std::string_view raw, int64_t fallback_date, std::string_view fallback_name) {
  Mail mail = parse_mail(raw);
  Document doc;
  doc.source = Source::kMail;
  doc.name = mail.message_id.empty() ? std::string(fallback_name) : std::move(mail.message_id);
  doc.references = std::move(mail.references);
  doc.subject = std::move(mail.subject);
  doc.sender = mail.from_name.empty() ? mail.from_address : mail.from_name + " <" + mail.from_address + ">";
  doc.damage = std::move(mail.damage);
  doc.date = fallback_date;
  constexpr int64_t kSane = 3 * 86400;  // a Date header may lie; the archive saw it arrive
  bool zone_sane = mail.date && mail.date->zone_minutes >= -14 * 60 && mail.date->zone_minutes <= 14 * 60;
  if (zone_sane && (fallback_date == 0 || std::abs(mail.date->seconds - fallback_date) < kSane)) doc.date = mail.date->seconds;
  size_t diff = diff_start(mail.text);
  std::string_view text = mail.text;
  digest_text(doc, text, diff == std::string_view::npos ? text : text.substr(0, diff));
  return doc;
}

Document digest_commit(std::string_view hash, std::string_view author, int64_t date, std::string_view message, std::string_view patch) {
  Document doc;
  doc.source = Source::kCommit;
  doc.name = hash;
  doc.sender = author;
  doc.date = date;
  std::string_view rest = message;
  doc.subject = shorten(squeeze(cut_line(rest)), 1000);
  std::string text = std::string(message) + "\n" + std::string(patch);
  digest_text(doc, text, std::string_view(text).substr(0, message.size()));
  doc.flags = (doc.flags | kIsPatch | kIsMerged) & ~uint32_t(kIsReply);
  return doc;
}

}  // namespace inquest::records
