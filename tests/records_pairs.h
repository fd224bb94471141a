// Pairs of crash and repairing patch that nobody had to choose, made from a mail archive by rules: what the weights of the ranking are fitted
// on (docs/records.md, "Where the weights come from"). Crashes and fixes of a truth table are kept out of them.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "records/archive.h"

namespace inquest::records {

struct Crash {
  std::string id, subject;
  bool high = false;       // confidence of the pair
  bool existed = false;    // the fix was posted before the report
  bool reachable = false;  // some version of the fix is in the archive and outside the crash's thread
  std::set<std::string> fixes;
};

struct Pair {
  // 'q': a patch asked for with the trace it quotes, quoted traces not looked at. The others are reports, their own thread left out (its
  // patches kept where the fix stands nowhere else), with: 'l' patches whose trailers link the report or name its robot's address; 'p' patches posted in its thread;
  // 's' patches that quote the same trace; 'n' patches that name its sender as reporter and change what the stack runs through;
  // 'w' patches that a reply names; 't' patches that point at the same page of a bug tracker; 'd' patches first drafted in a reply to it.
  char kind = 'q';
  Crash crash;
  Query query;
  int64_t group = 0;  // equal for pairs with a fix in common: they belong into one fold
};

std::vector<Pair> free_pairs(const Archive& archive, const std::string& folder, const std::vector<Crash>& truth);

}  // namespace inquest::records
