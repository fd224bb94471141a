// Document: one message or commit, reduced to what the archive keeps. Made from bytes by pure functions, so that
// any number of threads can digest while one writes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "records/subject.h"
#include "records/trace.h"
#include "records/trailers.h"

namespace inquest::records {

enum class Source : int { kMail = 0, kCommit = 1 };

// The columns of the full-text index; each word remembers in which of them it stood.
enum Column : int { kSubject, kTouched, kChanged, kContext, kBody, kTraced, kFiled, kColumnCount };

enum DocumentFlag : uint32_t {
  kIsPatch = 1u << 0,      // holds a diff of its own
  kIsReply = 1u << 1,
  kIsStableCopy = 1u << 2, // AUTOSEL and stable-queue mail: the patch is merged upstream
  kIsMerged = 1u << 3,     // a commit, or mail that names the upstream commit
  kSaysFix = 1u << 4,      // the title claims to repair: fix, prevent, avoid, don't, …
  kHasFixes = 1u << 5,     // a Fixes: trailer
  kForStable = 1u << 6,    // Cc: stable
  kHasTrace = 1u << 7,
  kSaysRevert = 1u << 8,
  kHasReporter = 1u << 9,  // Reported-by, Closes: left out of the score when reports' links are
  kSaysCleanup = 1u << 10, // the title claims no change of behaviour: rename, clean up, trace points, docs, refactor
  kIsRfc = 1u << 11,
  kSaysTaken = 1u << 12,   // a reply: "applied", "queued for": whoever says so took the patch
};

struct TouchedFunction {
  std::string name;
  std::string file;
};

struct Document {
  Source source = Source::kMail;
  std::string name;                     // Message-ID without <>, or a commit's 40 hex digits
  std::vector<std::string> references;  // Message-IDs, oldest first
  std::string subject, sender;
  int64_t date = 0;  // seconds since 1970
  SubjectParts parts;
  uint32_t flags = 0;         // DocumentFlag
  uint32_t kinds = 0;         // CrashKind bits of subject and prose (not of quoted logs)
  uint32_t subject_kinds = 0; // of the subject alone
  std::vector<TouchedFunction> touched;
  uint32_t files = 0, changed_lines = 0;  // of the diff
  std::string upstream;                   // hex hash of the upstream commit, if named
  std::vector<Trailer> trailers;
  std::vector<Mention> mentions;
  std::vector<Trace> traces;
  std::array<std::string, kColumnCount> words;  // each a space-separated list of distinct words
  std::vector<std::string> damage;
};

// `fallback_date`: used when the message's own is absent or absurd (its commit's, seconds since 1970).
// `fallback_name`: used when it has no Message-ID.
Document digest_mail(std::string_view raw, int64_t fallback_date, std::string_view fallback_name);
// `message`: the whole commit message; `patch`: its diff against the first parent.
Document digest_commit(std::string_view hash, std::string_view author, int64_t date, std::string_view message, std::string_view patch);

// The text without quotes, logs, trailers, diff and signature.
std::string prose_of(std::string_view text);
// The word a path is indexed under: "fs/nfsd/state.h" -> "fs_nfsd_state_h".
std::string path_word(std::string_view path);
// The word of a place: "lib_radix_tree_c_784".
std::string place_word(std::string_view path, uint32_t line);

}  // namespace inquest::records
