// Journey: where the value of a register was born: backward through the function's instructions, then through its callers'.
//
// Each step is one instruction; a step is taken only where a single instruction can have given the value (an instruction whose constant
// contradicts the known value is not counted). Behind a load the walk goes on with the pointer that was read through (`depth` + 1).
// Numbers are computed, never guessed: a number that leans on memory as it is now says so.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "code/reach.h"
#include "unwind/stack.h"

namespace inquest::code {

struct JourneyStep {
  enum class Kind {
    kMove,        // copied from another register, sign- or zero-extended
    kArithmetic,  // an offset added, an address computed, bits masked
    kLoad,        // read from memory
    kReload,      // read back from the function's own stack frame
    kConstant,
    kArgument,    // what the function was entered with
    kResult,      // returned by a call
    kSeveral,     // more than one instruction can have given it: `candidates`
    kUnknown,
  } kind = Kind::kUnknown;
  int depth = 0;               // 0: the value itself; 1: the pointer it was loaded through; …
  size_t frame = 0;            // of the stack
  VirtualAddress pc;           // of the instruction; of kArgument: the function's entry
  std::string instruction, function;
  unsigned reg = 0;            // that the instruction gave the value to
  std::string text, type;      // the value in the words of the source: "h->peer"
  std::string variable;        // of the function, that it became
  std::vector<object::SourceFrame> source;
  std::optional<uint64_t> value;
  // kLoad:
  std::optional<uint64_t> address;
  unsigned size = 8;
  const Type* object = nullptr;
  int64_t offset = 0;
  std::vector<std::string> members;
  bool address_leans_on_memory = false;        // the address was found by reading memory as it is now
  std::optional<uint64_t> memory_now;
  std::string memory_why_not;
  std::vector<VirtualAddress> candidates;      // kSeveral
  // Whether memory still holds what was loaded; nothing: one of the two is not known, or the address is not certain.
  std::optional<bool> unchanged() const;
};
const char* name_of(JourneyStep::Kind kind);

struct Journey {
  std::vector<JourneyStep> steps;  // from the register back
  std::string end;                // a sentence: why the walk ended
  // The load that brought the value itself; null if it was not loaded.
  const JourneyStep* load() const;
};

using FlowAt = std::function<std::shared_ptr<const ValueFlow>(VirtualAddress pc)>;  // null: no code there

inline constexpr int kMaxJourneySteps = 32;

// `stack.frames[frame]` must have its registers. Frames above may be absent: the walk then ends at the function's entry.
Journey journey_of(const object::Program& program, const FlowAt& flow_at, const unwind::Stack& stack, size_t frame, unsigned reg);

}  // namespace inquest::code
