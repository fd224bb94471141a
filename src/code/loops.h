// Loop: the cycle of a function's blocks that an instruction lies in, and what keeps the code in it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "code/questions.h"

namespace inquest::code {

struct Loop {
  VirtualAddress low, high;              // of its instructions, [low, high)
  std::string function, file;            // the innermost source function that all its branches are in
  int first_line = 0, last_line = 0;     // of that function, in the loop
  bool leaves = false;                   // something inside leaves it
  std::vector<Condition> stays;          // while one of these holds it goes on; empty though it leaves: what leaves it could not be told
  const Type* object = nullptr;          // the struct that the first condition reads …
  std::vector<std::string> members;      // … and the members
  std::string pointer;                   // through this: "reel"
};
// Nothing: the instruction is in no cycle.
std::optional<Loop> loop_around(const ValueFlow& flow, size_t instruction);

}  // namespace inquest::code
