// CTokens: a C expression cut into words, numbers and operators.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace inquest::shell {

struct CToken {
  enum class Kind { kEnd, kName, kNumber, kOperator } kind = Kind::kEnd;
  std::string_view text;    // "end of the expression" is told for kEnd
  uint64_t number = 0;
  bool is_unsigned = false; // a number that no signed 64 bits hold, or with the suffix U
};

// The last is kEnd. `text` must outlive them. kUsage: a character or number that C has not; kLimit: too long.
Result<std::vector<CToken>> tokens_of(std::string_view text);

}  // namespace inquest::shell
