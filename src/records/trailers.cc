#include "records/trailers.h"

#include <algorithm>

#include "records/text.h"

namespace inquest::records {
namespace {

constexpr size_t kMaxFound = 100;

std::string_view hex_at(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && is_hex(text[end])) end++;
  if (end < text.size() && is_word(text[end])) return {};
  return text.substr(at, end - at);
}

// A commit hash: 7 to 40 hex digits with at least one letter and one digit (a plain number is no hash).
bool is_hash(std::string_view hex) {
  if (hex.size() < 7 || hex.size() > 40) return false;
  bool letter = false, digit = false;
  for (char c : hex) (is_digit(c) ? digit : letter) = true;
  return letter && digit;
}

// `rest` follows a hash: the title in ("…") or "…", maybe over a line end.
std::string quoted_title(std::string_view rest) {
  std::string_view near = rest.substr(0, 300);
  size_t open = near.find('"');
  if (open == std::string_view::npos || open > 6) return {};
  size_t close = near.find("\")", open + 1);
  if (close == std::string_view::npos) close = near.find('"', open + 1);
  if (close == std::string_view::npos) return {};
  return squeeze(near.substr(open + 1, close - open - 1));
}

// The title a hash is followed by, in any of the ways people write it: `("title")`, "subsystem: title" on the same
// line, or the indented first line of a pasted `git log`.
std::string title_behind(std::string_view rest) {
  std::string quoted = quoted_title(rest);
  if (!quoted.empty()) return quoted;
  std::string_view line = trim(cut_line(rest));
  size_t colon = line.find(": ");
  bool subsystem = colon != std::string_view::npos && colon > 1 && colon < 40 && line.size() > colon + 8 && line.find(' ') >= colon;
  if (subsystem) return squeeze(line);
  if (!line.empty() || !rest.starts_with("Author: ")) return {};
  for (int i = 0; i < 8 && !rest.empty(); i++) {
    std::string_view next = cut_line(rest);
    if (next.starts_with("    ") && trim(next).size() > 7) return squeeze(next);
  }
  return {};
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] == '%' && i + 2 < text.size() && is_hex(text[i + 1]) && is_hex(text[i + 2])) {
      auto value = [](char c) { return is_digit(c) ? c - '0' : lower(c) - 'a' + 10; };
      out += char(value(text[i + 1]) * 16 + value(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

struct Name { std::string_view name; TrailerKind kind; };
constexpr Name kNames[] = {{"fixes:", TrailerKind::kFixes},       {"reported-by:", TrailerKind::kReportedBy},
                           {"reported-and-tested-by:", TrailerKind::kReportedBy}, {"closes:", TrailerKind::kCloses},
                           {"link:", TrailerKind::kLink},         {"tested-by:", TrailerKind::kTestedBy},
                           {"reviewed-by:", TrailerKind::kReviewedBy}, {"acked-by:", TrailerKind::kReviewedBy},
                           {"cc:", TrailerKind::kCopiedTo}};

bool read_upstream(std::string_view line, std::vector<Trailer>& out) {
  for (std::string_view mark : {"upstream commit ", "cherry picked from commit ", "commit "}) {
    size_t at = find_ignoring_case(line, mark);
    if (at == std::string_view::npos || at > 3) continue;
    std::string_view hash = hex_at(line, at + mark.size());
    if (hash.size() < 12 || !is_hash(hash)) continue;
    std::string_view after = line.substr(at + mark.size() + hash.size());
    if (mark == "commit " && !starts_ignoring_case(trim(after), "upstream")) continue;
    out.push_back({TrailerKind::kUpstream, lower(hash), {}});
    return true;
  }
  return false;
}

Trailer trailer_from(TrailerKind kind, std::string_view value) {
  Trailer trailer{kind, shorten(squeeze(value), 400), {}};
  if (kind == TrailerKind::kFixes) {
    if (starts_ignoring_case(value, "commit ")) value = trim(value.substr(7));
    std::string_view hash = hex_at(value, 0);
    trailer.value = lower(hash);
    trailer.title = quoted_title(value.substr(hash.size()));
    if (trailer.title.empty()) {
      size_t open = value.find('('), close = value.rfind(')');
      if (open != std::string_view::npos && close != std::string_view::npos && close > open) trailer.title = squeeze(value.substr(open + 1, close - open - 1));
    }
  } else if (kind == TrailerKind::kCloses || kind == TrailerKind::kLink) {
    std::string id = message_id_of_url(value);
    if (!id.empty()) trailer.value = std::move(id);
  } else if (kind == TrailerKind::kCopiedTo && has_ignoring_case(value, "stable@")) {
    trailer.kind = TrailerKind::kStable;
    size_t mark = value.find('#');
    trailer.value = mark == std::string_view::npos ? "" : squeeze(value.substr(mark + 1));
  }
  return trailer;
}

constexpr std::string_view kBlame[] = {"bisect", "introduced by", "introduced in", "introduced with", "caused by", "regression", "since commit", "culprit",
                                       "broke", "breaks", "starting with", "first bad", "offending", "after commit", "reverting", "revert"};
constexpr std::string_view kDoubt[] = {"not fix", "n't fix", "not help", "n't help", "still crash", "still see", "still happen", "still get", "still hit",
                                       "already", "not related", "unrelated", "not relevant", "does not match", "not sufficient", "not enough", "rarer"};
constexpr std::string_view kTest[] = {"works for me", "tested", "no longer", "no more", "solved", "resolved", "helped", "works fine", "fixed it",
                                      "fixes it", "can't reproduce", "cannot reproduce", "made the problem go", "did the trick"};
constexpr std::string_view kFix[] = {"fix", "solve", "address", "resolve", "patch", "relevant", "help", "cherry", "backport", "try", "please test", "correct"};

template <size_t N>
bool any_of(std::string_view text, const std::string_view (&words)[N]) {
  return std::any_of(std::begin(words), std::end(words), [&](std::string_view w) { return has_ignoring_case(text, w); });
}

// The sentence around [at, at + length).
std::string sentence_around(std::string_view prose, size_t at, size_t length) {
  size_t start = at, end = at + length;
  while (start > 0 && at - start < 160) {
    char c = prose[start - 1];
    if ((c == '.' || c == '?' || c == '!') && start < at && is_space(prose[start])) break;
    if (c == '\n' && start >= 2 && prose[start - 2] == '\n') break;
    start--;
  }
  while (end < prose.size() && end - at < 240) {
    char c = prose[end];
    if ((c == '.' || c == '?' || c == '!') && (end + 1 == prose.size() || is_space(prose[end + 1]))) break;
    if (c == '\n' && end + 1 < prose.size() && prose[end + 1] == '\n') break;
    end++;
  }
  return shorten(squeeze(prose.substr(start, end - start)), 240);
}

struct Footnote {
  std::string sentence, clause;  // where "[2]" is used; the part of it that speaks of "[2]", if it speaks of others too
};

// The parts of a sentence, cut at commas and semicolons, that hold the mark.
std::string clauses_with(std::string_view sentence, std::string_view mark) {
  std::string out;
  while (!sentence.empty()) {
    size_t cut = sentence.find_first_of(",;");
    std::string_view clause = sentence.substr(0, cut);
    sentence = cut == std::string_view::npos ? std::string_view() : sentence.substr(cut + 1);
    if (clause.find(mark) != std::string_view::npos) out += std::string(clause) + ", ";
  }
  return out;
}

// "[2] commit 2bbf…" at the start of a line is a footnote: what is said stands where "[2]" is used.
Footnote footnote_of(std::string_view prose, size_t at) {
  size_t line = at == 0 ? std::string_view::npos : prose.rfind('\n', at - 1);
  size_t begin = line == std::string_view::npos ? 0 : line + 1;
  if (begin > 3 && prose.substr(begin, 7) == "commit ") {  // the number on a line of its own above
    line = prose.rfind('\n', begin - 2);
    begin = line == std::string_view::npos ? 0 : line + 1;
  }
  std::string_view start = prose.substr(begin, 5);
  size_t close = start.find(']');
  if (start.empty() || start[0] != '[' || close == std::string_view::npos || close < 2 || !is_digit(start[1])) return {};
  std::string_view mark = start.substr(0, close + 1);
  size_t use = prose.find(mark);
  size_t own = size_t(start.data() - prose.data());
  if (use >= own) return {};
  Footnote note{sentence_around(prose, use, mark.size()), {}};
  size_t others = 0;
  for (size_t i = 0; i + 2 < note.sentence.size(); i++)
    if (note.sentence[i] == '[' && is_digit(note.sentence[i + 1]) && note.sentence.compare(i, mark.size(), mark) != 0) others++;
  note.clause = others > 0 ? clauses_with(note.sentence, mark) : note.sentence;
  return note;
}

bool commit_word_before(std::string_view prose, size_t at) {
  std::string_view before = prose.substr(at > 24 ? at - 24 : 0, std::min<size_t>(at, 24));
  return has_ignoring_case(before, "commit") || has_ignoring_case(before, "patch") || has_ignoring_case(before, "fix") ||
         has_ignoring_case(before, "by ") || has_ignoring_case(before, "in ");
}

}  // namespace

std::string message_id_of_url(std::string_view url) {
  size_t host = find_ignoring_case(url, "lore.kernel.org/");
  size_t skip = 16;
  if (host == std::string_view::npos) {
    host = find_ignoring_case(url, "lkml.kernel.org/");
    if (host == std::string_view::npos) return {};
  }
  std::string_view path = url.substr(host + skip);
  size_t slash = path.find('/');
  if (slash == std::string_view::npos) return {};
  std::string_view id = path.substr(slash + 1);
  id = id.substr(0, id.find_first_of("/ \t\n>)\"]#"));
  std::string plain = percent_decoded(id);
  return plain.find('@') == std::string::npos ? std::string() : plain;
}

Stance stance_of(std::string_view sentence) {
  if (any_of(sentence, kDoubt)) return Stance::kDoubted;
  if (any_of(sentence, kBlame)) return Stance::kBlamed;
  if (any_of(sentence, kTest)) return Stance::kTested;
  if (any_of(sentence, kFix)) return Stance::kFixes;
  return Stance::kNamed;
}

std::vector<Trailer> read_trailers(std::string_view text) {
  std::vector<Trailer> out;
  while (!text.empty() && out.size() < kMaxFound) {
    std::string_view line = cut_line(text);
    if (line.size() < 5 || line.size() > 600) continue;
    char first = lower(line[0]);
    if (line[0] == '[' || line[0] == '(' || first == 'c' || line[0] == ' ') read_upstream(line, out);
    if (!is_alpha(line[0])) continue;
    for (const Name& n : kNames) {
      if (!starts_ignoring_case(line, n.name)) continue;
      std::string joined(trim(line.substr(n.name.size())));
      if (n.kind == TrailerKind::kFixes && joined.find('"') != std::string::npos && joined.back() != ')' && !text.empty()) {
        std::string_view peek = text;
        joined += " " + std::string(trim(cut_line(peek)));  // a title wrapped by the mailer
      }
      out.push_back(trailer_from(n.kind, joined));
      break;
    }
  }
  return out;
}

std::vector<Mention> read_mentions(std::string_view prose) {
  std::vector<Mention> out;
  for (size_t i = 0; i < prose.size() && out.size() < kMaxFound; i++) {
    bool boundary = i == 0 || !(is_word(prose[i - 1]) || prose[i - 1] == '+' || prose[i - 1] == '-' || prose[i - 1] == '@' || prose[i - 1] == '<');
    if (!boundary) continue;
    if (is_hex(prose[i])) {
      std::string_view hash = hex_at(prose, i);
      size_t after = i + hash.size();
      bool joined = after < prose.size() && (prose[after] == '-' || prose[after] == '@' || prose[after] == '.') && after + 1 < prose.size() && is_word(prose[after + 1]);
      if (is_hash(hash) && !joined) {
        std::string title = title_behind(prose.substr(after));
        if (!title.empty() || hash.size() >= 12 || commit_word_before(prose, i)) {
          Footnote note = footnote_of(prose, i);
          std::string sentence = note.sentence.empty() ? sentence_around(prose, i, hash.size()) : std::move(note.sentence);
          Stance stance = stance_of(note.clause.empty() ? sentence : note.clause);
          out.push_back({lower(hash), std::move(title), {}, stance, std::move(sentence)});
        }
      }
      if (!hash.empty()) i += hash.size() - 1;
    } else if (prose[i] == 'h' && prose.substr(i, 8) == "https://") {
      std::string id = message_id_of_url(prose.substr(i, 300));
      size_t end = prose.find_first_of(" \t\n", i);
      std::string_view url = prose.substr(i, end == std::string_view::npos ? end : end - i);
      size_t commit = url.find("/commit/");
      size_t query = commit == std::string_view::npos ? url.find("?id=") : commit;
      std::string_view hash = query == std::string_view::npos ? std::string_view() : hex_at(url, url.find_first_of("=/", query + 3) + 1);
      std::string sentence = sentence_around(prose, i, url.size());
      Stance stance = stance_of(sentence);
      if (!id.empty() || is_hash(hash)) out.push_back({id.empty() ? lower(hash) : std::string(), {}, std::move(id), stance, std::move(sentence)});
      i += url.empty() ? 0 : url.size() - 1;
    }
  }
  return out;
}

}  // namespace inquest::records
