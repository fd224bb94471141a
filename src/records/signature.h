// Signature: a query made ready for matching: weighed words, files and kinds. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "records/query.h"

namespace inquest::records {

struct SignatureTerm {
  enum class Role { kFrame, kOther, kWork, kType, kMember, kNamed };
  std::string word;
  std::string file;    // where the function lives, if the query says so
  double weight = 0;   // position and machinery taken into account; 1 = an innermost telling frame
  Role role = Role::kFrame;
};

struct Signature {
  std::vector<SignatureTerm> terms;       // distinct words, weightiest role kept
  std::vector<std::string> frames;        // the telling frames in order, plain names: for alignment
  std::string place;                      // place_word of the WARNING; empty if unknown
  std::string file;                       // of the WARNING or BUG
  uint32_t kinds = 0;                     // CrashKind bits
  std::vector<std::string> values;
  std::vector<std::string> words;         // of the title and text, likely telling ones first; distinct
};

Signature signature_of(const Query& query);

}  // namespace inquest::records
