// What a triage found, rendered: the table of groups under their verdicts, then what was not recorded and why; and the same as JSON.
#pragma once

#include <string>

#include "triage/run.h"

namespace inquest::triage {

// `whole`: every group of the catalogue, not only those this run's inputs fell into.
std::string to_text(const Outcomes& outcomes, bool whole);
std::string to_json(const Outcomes& outcomes, bool whole);

// A verdict that a group's own crashes do not prove, but the catalogue suggests: their first cause was at the same place, or they
// died exactly, as those of other groups, whose cause is known. Empty if none, or if such groups disagree. The sentence says so.
struct Suggested {
  std::string verdict, sentence;
};
Suggested suggested_verdict(const records::CrashGroup& group, const std::vector<records::CrashGroup>& all);

}  // namespace inquest::triage
