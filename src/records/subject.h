// Subject lines of kernel mail: "Re: [PATCH AUTOSEL v2 5.4 03/10] nfsd: fix X" taken apart.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace inquest::records {

struct SubjectParts {
  bool reply = false;     // "Re:", "AW:", "Fwd:" …
  bool patch = false;     // a [PATCH …] or [… patch …] tag
  bool stable = false;    // AUTOSEL, "[PATCH 5.10 …]", "stable": a copy of a patch that is merged already
  bool rfc = false;
  uint32_t version = 1;   // "v3"
  uint32_t part = 0;      // "3/10": 3 of 10; both 0 without numbers; part 0 of n > 0 is a cover letter
  uint32_t total = 0;
  std::string title;      // what is left, one line
};

SubjectParts read_subject(std::string_view subject);

// The key under which versions of one patch meet: a hash of the title in lower case without punctuation.
// 0 for a title too short to tell anything.
int64_t title_key(std::string_view title);

}  // namespace inquest::records
