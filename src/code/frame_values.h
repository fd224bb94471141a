// FrameValues: what registers held at earlier instructions of the frames of a stack.
//
// From the registers as they are in each frame now, backward: what nothing changed since, what is a copy of something nothing changed
// since, what the instructions computed it from, and what the caller gave. Keeps what it computes; one thread; the stack must outlive it.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "code/journey.h"
#include "unwind/call_values.h"

namespace inquest::code {

struct Number {
  uint64_t value = 0;
  bool leans_on_memory = false;   // found by reading memory (not of the own frame) as it is now
};

class FrameValues {
 public:
  FrameValues(const object::Program& program, const FlowAt& flow_at, const unwind::Stack& stack)
      : program_(&program), flow_at_(flow_at), stack_(&stack), calls_(program, stack) {}

  const object::Program& program() const { return *program_; }
  const unwind::Stack& stack() const { return *stack_; }
  unwind::CallValues& calls() { return calls_; }
  // The flow of a frame's function, and the instruction the frame is at: its pc, or the call it is in.
  std::shared_ptr<const ValueFlow> flow(size_t frame);
  std::optional<size_t> position(size_t frame);

  std::optional<Number> now(size_t frame, unsigned reg);
  std::optional<Number> before(size_t frame, size_t instruction, unsigned reg, int depth = 0);
  // What an instruction's memory operand meant when it last ran.
  std::optional<Number> address(size_t frame, size_t instruction, const arch::MemoryOperand& memory, int depth = 0);
  std::optional<uint64_t> own_slot_address(size_t frame, int64_t slot) const;
  // An expression that holds just before `instruction`, if some register or slot there shows it.
  std::optional<Number> expression(size_t frame, size_t instruction, const ExpressionRef& e, int depth = 0);

  // An address near a typed pointer that some register holds there: `&owner->light` for owner + 0x10. The nearest pointer below wins.
  struct Near {
    std::string text;              // "&owner->light"
    const Type* object = nullptr;
    int64_t offset = 0;
    std::string member;
  };
  std::optional<Near> near(size_t frame, size_t instruction, uint64_t address);

 private:
  std::optional<Number> defined(size_t frame, size_t instruction, unsigned reg, int depth);
  const RegisterSet& written_since(size_t frame, size_t instruction);

  const object::Program* program_;
  FlowAt flow_at_;
  const unwind::Stack* stack_;
  unwind::CallValues calls_;
  std::map<std::pair<size_t, size_t>, RegisterSet> written_;
};

}  // namespace inquest::code
