// Where a value came from: a register at an instruction, followed back through copies, offsets and loads, each step with the value
// it had (as far as registers and the stack still tell), the place it was loaded from, and what memory there holds in the dump.
//
// Steps go from the register outwards: step 0 is the value itself, step 1 the pointer it was loaded through, and so on. The walk ends at a
// global, a call's result, the current task, a parameter (the caller may know more: `parameter_register`) or where nothing is known.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "arch/registers.h"
#include "code/value_flow.h"

namespace inquest::code {

enum class Birth {
  kUnknown,    // the walk lost it
  kLoaded,     // read from memory: `address`, `object`, `member`
  kParameter,  // what the function was called with
  kCall,       // what a call returned: `callee`
  kSymbol,     // the address of something global
  kConstant,
  kCurrent,    // the current task
  kComputed,   // arithmetic of other values
};
const char* name_of(Birth birth);

struct OriginStep {
  std::string text, type;                    // "h->peer->ops", "struct peer *"
  std::string variable, function;            // if it is one as a whole
  Birth birth = Birth::kUnknown;
  std::optional<uint64_t> value;             // what it was
  std::string value_how;                     // "in rdi", "on the stack", "in memory now"
  bool value_then = false;                   // as of the event; false: computed from memory as the dump has it
  // kLoaded:
  std::optional<uint64_t> address;           // of the memory it was read from
  std::optional<uint64_t> now;               // what that memory holds in the dump
  std::string why_not_now;
  unsigned size = 8;
  const Type* object = nullptr;              // the struct it was a member of
  int64_t offset = 0;
  std::vector<std::string> members;          // every union arm there
  bool on_stack = false;                     // loaded from the function's own frame
  // kCall:
  std::string callee;
  // kParameter:
  std::optional<unsigned> parameter_register;
  VirtualAddress at;                         // the instruction that made it; null if none
  std::vector<object::SourceFrame> source;   // of it
};

inline constexpr int kMaxOriginSteps = 12;

// Values of expressions at one instruction, from the registers there.
class Evaluator {
 public:
  Evaluator(const ValueFlow& flow, size_t instruction, const arch::Registers& registers);
  struct Value {
    std::optional<uint64_t> number;
    bool then = false;                       // from registers, constants and the stack; false: memory as it is now was read
    std::string how;
  };
  Value value(const ExpressionRef& e, int depth = 0) const;
  const State& state() const { return state_; }

 private:
  Value in_register(const ExpressionRef& e) const;
  Value on_stack(const ExpressionRef& e) const;
  const ValueFlow* flow_;
  State state_;
  const arch::Registers* registers_;
};

// `values`: the registers at that instruction (before it ran).
std::vector<OriginStep> origin_of(const ValueFlow& flow, size_t instruction, unsigned reg, const arch::Registers& values);
// The same for any expression at an instruction (an argument of a call).
std::vector<OriginStep> origin_of(const ValueFlow& flow, size_t instruction, const ExpressionRef& e, const arch::Registers& values);

}  // namespace inquest::code
