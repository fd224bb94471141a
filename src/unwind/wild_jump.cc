// From a pc that is no code back to whoever called it.
//
// A call through a bad pointer faults on the first fetch: no register has changed since the call, and what the call itself left
// is on top of the stack (x86_64) or in lr (aarch64). So the caller's frame is known in full, arguments included.
#include <fmt/format.h>

#include "unwind/code.h"
#include "unwind/step_parts.h"

namespace inquest::unwind {

namespace {

constexpr unsigned kScanWords = 64;

// An address behind a call that could have come to `pc`: an indirect one, or a direct one to a function that tail-jumped on.
std::optional<CallBefore> plausible_call(const object::Program& program, uint64_t word) {
  VirtualAddress candidate(word);
  if (!is_code(program, candidate - 1)) return std::nullopt;
  return call_before(program, candidate);
}

Step by_stack_top(const object::Program& program, const Frame& frame, const StackOracle& oracle) {
  const arch::Arch& arch = program.arch();
  auto sp = frame.registers.get(arch.sp);
  std::string where = fmt::format("the jump to {:#x}, which is no code, came from an unknown place", frame.pc.value);
  if (!sp || *sp % 8) return no_caller(End::kGarbage, where + ": the stack pointer is not usable");
  auto stack = oracle ? oracle(VirtualAddress(*sp)) : std::nullopt;
  for (unsigned i = 0; i < kScanWords; i++) {
    VirtualAddress at(*sp + 8 * i);
    if (stack && !stack->contains(at)) break;
    auto word = program.memory().read_u64(at);
    if (!word.ok()) return no_caller(i ? End::kGarbage : End::kUnreadable, where + ": " + word.error().message());
    auto call = plausible_call(program, *word);
    if (!call) continue;
    bool top = i == 0;
    arch::Registers caller = top ? frame.registers : arch::Registers();
    caller.set(arch.sp, at.value + 8);
    Frame next = caller_frame(program, caller, *word, top ? Trust::kStackTop : Trust::kScan);
    next.tail_calls_missing = top && !call->indirect();
    return found(std::move(next), at + 8);
  }
  return no_caller(End::kGarbage, where + fmt::format(": no return address in {} words of stack", kScanWords));
}

Step by_link_register(const object::Program& program, const Frame& frame) {
  const arch::Arch& arch = program.arch();
  if (auto link = frame.registers.get(*arch.link)) {
    uint64_t address = arch::strip_pac(*link, program.layout().pac_mask);
    if (auto call = plausible_call(program, address)) {
      arch::Registers caller = frame.registers;
      caller.forget(*arch.link);
      Frame next = caller_frame(program, caller, address, Trust::kLinkRegister);
      next.tail_calls_missing = !call->indirect();
      return found(std::move(next), VirtualAddress(frame.registers.get(arch.sp).value_or(0)));
    }
  }
  // lr tells nothing: the function that jumped is lost, its caller is in the frame record.
  Step step = caller_by_frame_record(program, frame, true);
  if (step.caller) step.caller->tail_calls_missing = true;
  else step.end = End::kGarbage;
  return step;
}

}  // namespace

Step caller_after_wild_jump(const object::Program& program, const Frame& frame, const StackOracle& oracle) {
  // A return address outside all files is generated code (BPF, ftrace trampolines: both keep frame records), not a jump.
  if (frame.pc_is_return) {
    Step step = caller_by_frame_record(program, frame, true);
    if (step.caller) return step;
  }
  return program.arch().link ? by_link_register(program, frame) : by_stack_top(program, frame, oracle);
}

}  // namespace inquest::unwind
