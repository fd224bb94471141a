// step(): choosing how to find a frame's caller, and checking what was found against the stacks.
#include <fmt/format.h>

#include "unwind/code.h"
#include "unwind/stack.h"
#include "unwind/step_parts.h"

namespace inquest::unwind {

namespace {

Step choose(const object::Program& program, const Frame& frame, const StackOracle& oracle) {
  if (!is_code(program, frame.lookup())) return caller_after_wild_jump(program, frame, oracle);
  Rows rows = rows_at(program, frame.lookup());
  if (rows.orc || rows.cfi) {
    Step step = caller_by_rows(program, frame, rows);
    // A frame whose registers were lost on the way here (frame records, scans) may still be crossed by its own code.
    if (step.caller || step.end != End::kNoRow) return step;
  } else if (auto entry = caller_by_entry_record(program, frame, oracle)) {
    return *entry;
  }
  Step step = caller_by_code(program, frame);
  if (step.caller) return step;
  // x86_64 kernels have no frame pointers since ORC (4.14); arm64's always do.
  return caller_by_frame_record(program, frame, !program.arch().link);
}

// Empty if the caller's stack pointer can be believed.
std::string doubt(const object::Program& program, const Frame& frame, const Frame& caller, const StackOracle& oracle) {
  const arch::Arch& arch = program.arch();
  bool by_sp = frame.registers.get(arch.sp) && caller.registers.get(arch.sp);
  unsigned reg = by_sp ? arch.sp : arch.frame_pointer;
  auto from = frame.registers.get(reg), to = caller.registers.get(reg);
  if (!from || !to) return {};
  // The last record of a chain holds no frame pointer any more.
  if (!by_sp && *to == 0) return {};
  auto old_stack = oracle ? oracle(VirtualAddress(*from)) : std::nullopt;
  bool same = old_stack ? *to >= old_stack->low.value && *to - old_stack->low.value <= old_stack->size
                        : *to - *from < 0x10000 || *from - *to < 0x4000;
  // A leaf on aarch64 has no frame of its own; a wild jump neither.
  bool may_stand = !frame.pc_is_return;
  if (same && (*to < *from || (*to == *from && !may_stand)))
    return fmt::format("the caller's stack pointer {:#x} is not above {:#x}", *to, *from);
  if (same || !old_stack) return {};
  if (oracle(VirtualAddress(*to - 1))) return {};
  if (caller.pc_is_return ? call_before(program, caller.pc).has_value() : is_code(program, caller.pc)) return {};
  return fmt::format("the caller's stack pointer {:#x} is on no stack", *to);
}

// The call before the return address goes to another function than the one called: it, and maybe more, left by tail calls.
bool calls_another(const object::Program& program, const Frame& callee, const Frame& caller) {
  auto call = call_before(program, caller.pc);
  if (!call || call->indirect()) return false;
  auto target = function_extent(program, *call->target), here = function_extent(program, callee.lookup());
  if (!target || !here || target->entry != *call->target) return false;
  return target->entry != here->entry && target->name != here->name;
}

}  // namespace

Step step(const object::Program& program, const Frame& frame, const StackOracle& oracle) {
  if (frame.user) return no_caller(End::kUser, "");
  Step step = choose(program, frame, oracle);
  if (!step.caller || step.caller->user) return step;
  if (std::string why = doubt(program, frame, *step.caller, oracle); !why.empty()) return no_caller(End::kGarbage, why, step.cfa);
  if (!step.caller->tail_calls_missing && step.caller->pc_is_return && is_code(program, frame.lookup()))
    step.caller->tail_calls_missing = calls_another(program, frame, *step.caller);
  return step;
}

}  // namespace inquest::unwind
