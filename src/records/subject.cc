#include "records/subject.h"

#include "records/text.h"

namespace inquest::records {
namespace {

// One word of a [tag]: "PATCH", "v2", "3/10", "5.10", "AUTOSEL", "net-next".
void read_tag_word(std::string_view word, SubjectParts& parts) {
  if (word.empty()) return;
  if (has_ignoring_case(word, "patch")) parts.patch = true;
  if (starts_ignoring_case(word, "patchv") && word.size() < 10) parts.version = uint32_t(leading_number(word.substr(6)));
  if (starts_ignoring_case(word, "rfc")) parts.rfc = true;
  if (equal_ignoring_case(word, "autosel") || has_ignoring_case(word, "stable")) parts.stable = true;
  if (lower(word[0]) == 'v' && word.size() < 5 && word.size() > 1 && is_digit(word[1]) && word.find('.') == std::string_view::npos) {
    parts.version = uint32_t(leading_number(word.substr(1)));
  }
  size_t slash = word.find('/');
  if (slash != std::string_view::npos && slash > 0 && slash + 1 < word.size() && is_digit(word[0]) && is_digit(word[slash + 1])) {
    parts.part = uint32_t(leading_number(word));
    parts.total = uint32_t(leading_number(word.substr(slash + 1)));
  } else if (is_digit(word[0]) && word.find('.') != std::string_view::npos && word.size() < 10) {
    parts.stable = true;
  }
}

void read_tag(std::string_view tag, SubjectParts& parts) {
  while (!tag.empty()) {
    std::string_view word = cut_token(tag);
    if (word.empty()) break;
    while (!word.empty() && word.back() == ',') word.remove_suffix(1);
    read_tag_word(word, parts);
  }
}

bool cut_reply_prefix(std::string_view& subject) {
  for (std::string_view prefix : {"re:", "aw:", "sv:", "fwd:", "fw:", "antw:", "odp:", "vs:"}) {
    if (starts_ignoring_case(subject, prefix)) {
      subject = trim(subject.substr(prefix.size()));
      return true;
    }
  }
  return false;
}

}  // namespace

SubjectParts read_subject(std::string_view subject) {
  SubjectParts parts;
  subject = trim(subject);
  for (int steps = 0; steps < 20; steps++) {
    if (cut_reply_prefix(subject)) {
      parts.reply = true;
      continue;
    }
    size_t close = subject.find(']');
    if (subject.empty() || subject[0] != '[' || close == std::string_view::npos) break;
    read_tag(subject.substr(1, close - 1), parts);
    subject = trim(subject.substr(close + 1));
  }
  if (starts_ignoring_case(subject, "patch:") || starts_ignoring_case(subject, "patch ")) parts.patch = true;
  if (parts.stable && !parts.patch) parts.stable = false;
  parts.title = squeeze(subject);
  return parts;
}

int64_t title_key(std::string_view title) {
  std::string plain;
  for (char c : title) {
    if (is_alpha(c) || is_digit(c) || uint8_t(c) >= 0x80) plain += lower(c);
  }
  if (plain.size() < 8) return 0;
  return stable_hash(plain);
}

}  // namespace inquest::records
