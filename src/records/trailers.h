// What a message says about commits, patches and reports: its trailers, and the commits it names in prose.
// Pure; total; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace inquest::records {

enum class TrailerKind : int {
  kFixes = 1,      // value: the hash; title: what stands in ("…")
  kReportedBy,     // value: name and address
  kCloses,         // Closes: and Link: value: a Message-ID, if the URL holds one, else the URL
  kLink,
  kTestedBy,
  kReviewedBy,     // and Acked-by
  kStable,         // Cc: stable; value: "v5.4+" if given
  kUpstream,       // "commit X upstream", "[ Upstream commit X ]", "(cherry picked from commit X)"
  kCopiedTo,       // other Cc:
};

struct Trailer {
  TrailerKind kind;
  std::string value;
  std::string title;
};

// A commit (or only a title) named in prose.
enum class Stance : int {
  kNamed = 0,    // no more than named
  kFixes = 1,    // "fixed by", "should help", "does … solve it"
  kTested = 2,   // "applied, works", "tested", "no more crashes"
  kBlamed = 3,   // "bisected to", "introduced by", "since commit", "regression"
  kDoubted = 4,  // "does not help", "still crashes", "already merged", "not related"
};

struct Mention {
  std::string hash;     // lower-case hex, 7 to 40 digits; empty if only a title was given
  std::string title;    // empty if only a hash was given
  std::string message;  // a Message-ID, when an archive URL was given instead
  Stance stance = Stance::kNamed;
  std::string sentence;  // what was said, one line, at most 240 bytes
};

std::vector<Trailer> read_trailers(std::string_view text);
// `prose`: text without quotes, diffs, logs and trailers.
std::vector<Mention> read_mentions(std::string_view prose);
// How a sentence stands to the commit it names.
Stance stance_of(std::string_view sentence);
// "https://lore.kernel.org/r/ID/" and its like -> ID; empty for any other URL.
std::string message_id_of_url(std::string_view url);

}  // namespace inquest::records
