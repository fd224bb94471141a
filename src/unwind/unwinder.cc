#include <fmt/format.h>

#include <set>

#include "unwind/code.h"
#include "unwind/stack.h"
#include "unwind/step_parts.h"

namespace inquest::unwind {

const char* name_of(Trust trust) {
  switch (trust) {
    case Trust::kContext: return "context";
    case Trust::kPtRegs: return "pt_regs";
    case Trust::kCfi: return "cfi";
    case Trust::kFrameRecord: return "frame record";
    case Trust::kLinkRegister: return "link register";
    case Trust::kStackTop: return "top of stack";
    case Trust::kScan: return "scan";
  }
  return "?";
}

const char* name_of(StackKind kind) {
  switch (kind) {
    case StackKind::kUnknown: return "unknown";
    case StackKind::kTask: return "task";
    case StackKind::kIrq: return "irq";
    case StackKind::kSoftirq: return "softirq";
    case StackKind::kException: return "exception";
    case StackKind::kNmi: return "nmi";
    case StackKind::kDoubleFault: return "double fault";
    case StackKind::kOverflow: return "overflow";
    case StackKind::kEntry: return "entry";
    case StackKind::kSdei: return "sdei";
  }
  return "?";
}

const char* name_of(End end) {
  switch (end) {
    case End::kRoot: return "root";
    case End::kUser: return "user";
    case End::kNoRow: return "no row";
    case End::kUnreadable: return "unreadable";
    case End::kLoop: return "loop";
    case End::kLimit: return "limit";
    case End::kGarbage: return "garbage";
    case End::kIdle: return "idle";
  }
  return "?";
}

namespace {

void describe(const object::Program& program, const StackOracle& oracle, bool with_source, Frame& frame, VirtualAddress& task) {
  if (frame.user) return;
  if (auto sp = frame.registers.get(program.arch().sp); sp && oracle) {
    // An empty stack's pointer is one past its end.
    auto bounds = oracle(VirtualAddress(*sp));
    if (!bounds) bounds = oracle(VirtualAddress(*sp - 1));
    if (bounds) frame.stack = bounds->kind;
    if (bounds && task.is_null()) task = bounds->task;
  }
  frame.garbage_pc = !is_code(program, frame.lookup());
  if (frame.garbage_pc) return;
  // The symbol is that of the call; its offset, as all tools print it, that of the return address.
  frame.symbol = program.symbol_at(frame.lookup());
  if (frame.symbol) frame.symbol->offset = frame.pc - frame.symbol->symbol.address;
  if (with_source) frame.source = program.source_at(frame.lookup());
}

}  // namespace

Stack Unwinder::unwind(const arch::Registers& registers, bool pc_is_return, bool with_source) const {
  const arch::Arch& arch = program_->arch();
  Stack stack;
  auto pc = registers.get(arch.pc);
  if (!pc) {
    stack.end = End::kNoRow;
    stack.why = "the registers have no program counter";
    return stack;
  }
  Frame frame;
  frame.registers = registers;
  frame.pc = VirtualAddress(arch::strip_pac(*pc, program_->layout().pac_mask));
  // A task that has never run waits at the first instruction of ret_from_fork (copy_thread): nothing called from before it.
  auto at = pc_is_return ? program_->symbol_at(frame.pc) : std::nullopt;
  frame.pc_is_return = pc_is_return && !(at && at->offset == 0);
  frame.user = is_user_mode(arch, registers).value_or(false);
  std::set<std::pair<uint64_t, uint64_t>> seen;
  while (true) {
    describe(*program_, oracle_, with_source, frame, stack.task);
    uint64_t place = frame.registers.get(arch.sp).value_or(frame.registers.get(arch.frame_pointer).value_or(0));
    bool again = !frame.user && !seen.emplace(frame.pc.value, place).second;
    if (again || stack.frames.size() >= kMaxFrames) {
      stack.end = again ? End::kLoop : End::kLimit;
      stack.why = again ? fmt::format("the walk came back to {:#x}", frame.pc.value) : fmt::format("more than {} frames", kMaxFrames);
      return stack;
    }
    stack.frames.push_back(std::move(frame));
    Step next = step(*program_, stack.frames.back(), oracle_);
    stack.frames.back().cfa = next.cfa;
    if (!next.caller) {
      stack.end = next.end;
      stack.why = std::move(next.why);
      return stack;
    }
    frame = std::move(*next.caller);
  }
}

Result<Stack> Unwinder::unwind_pt_regs(VirtualAddress pt_regs) const {
  Step start = interrupted_frame(*program_, {}, pt_regs, false);
  if (!start.caller) return Error(start.end == End::kUnreadable ? ErrorCode::kUnreadable : ErrorCode::kCorrupt, start.why);
  Stack stack = unwind(start.caller->registers);
  if (!stack.frames.empty()) {
    stack.frames.front().trust = Trust::kPtRegs;
    stack.frames.front().pt_regs_at = pt_regs;
  }
  return stack;
}

}  // namespace inquest::unwind
