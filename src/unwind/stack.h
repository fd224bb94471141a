// Stack: the frames of one thread of execution, innermost first, each with its trust, and why the walk ended.
//
// One unwinder over neutral rows (ORC, CFI), frame records, and, after a jump to garbage, the call's own marks: the return
// address on top of the stack (x86_64) or in lr (aarch64). Every frame's pc is a run-time address. Inlined functions are not
// frames here: `source` lists them, innermost first.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arch/registers.h"
#include "object/program.h"
#include "object/value.h"

namespace inquest::unwind {

// How a frame's pc was found, from best to worst.
enum class Trust {
  kContext,       // given: a CPU's registers, a pt_regs, a sleeping task's saved context
  kPtRegs,        // from a pt_regs that the unwinder met on the stack (exception, interrupt)
  kCfi,           // by ORC, CFI, or, where there are none, by following the function's own instructions from its entry
  kFrameRecord,   // by the frame pointer chain
  kLinkRegister,  // aarch64: lr, not yet saved by the callee
  kStackTop,      // x86_64: the return address a call had just pushed (after a jump to garbage)
  kScan,          // a word on the stack that is a return address: a guess
};
const char* name_of(Trust trust);

// Which stack a frame lies on.
enum class StackKind { kUnknown, kTask, kIrq, kSoftirq, kException, kNmi, kDoubleFault, kOverflow, kEntry, kSdei };
const char* name_of(StackKind kind);

struct StackBounds {
  StackKind kind = StackKind::kUnknown;
  VirtualAddress low;   // lowest byte
  uint64_t size = 0;
  int cpu = -1;         // of per-CPU stacks
  VirtualAddress task;  // of a task's stack
  std::string name;     // "IRQ stack of CPU 1"
  bool contains(VirtualAddress a) const { return a >= low && a - low < size; }
};
// Whose stack an address lies in; set by `kernel::` (which knows tasks and per-CPU areas). May be empty.
using StackOracle = std::function<std::optional<StackBounds>(VirtualAddress)>;

struct Frame {
  VirtualAddress pc;
  bool pc_is_return = false;     // pc is behind a call: resolve at pc - 1
  VirtualAddress cfa;            // the caller's stack pointer; null if unknown
  arch::Registers registers;     // as they were in this frame at pc; unknown ones unset
  Trust trust = Trust::kContext;
  StackKind stack = StackKind::kUnknown;
  std::optional<object::SymbolOffset> symbol;
  std::vector<object::SourceFrame> source;   // innermost first; empty without debuginfo
  bool garbage_pc = false;       // pc is not code: a wild jump
  bool interrupted = false;      // this frame was interrupted by the one above it (its pc is exact)
  bool tail_calls_missing = false;  // frames between this and the one above were left by tail calls
  bool user = false;             // user mode: the walk ends here
  VirtualAddress pt_regs_at;     // where the pt_regs lies that gave this frame, null if none

  // The address to look things up at.
  VirtualAddress lookup() const { return pc_is_return ? pc - 1 : pc; }
};

enum class End { kRoot, kUser, kNoRow, kUnreadable, kLoop, kLimit, kGarbage, kIdle };
const char* name_of(End end);

struct Stack {
  std::vector<Frame> frames;
  End end = End::kRoot;
  std::string why;               // a sentence if the walk gave up: "no unwind row for 0x…"
  VirtualAddress task;           // whose stack it is, where a frame lies on a task's stack; null: not known
  bool reached_root() const { return end == End::kRoot || end == End::kUser || end == End::kIdle; }
};

inline constexpr size_t kMaxFrames = 1024;

class Unwinder {
 public:
  Unwinder(const object::Program& program, StackOracle oracle) : program_(&program), oracle_(std::move(oracle)) {}
  const object::Program& program() const { return *program_; }

  // From a full register set (a CPU's, a pt_regs). `pc_is_return` for a sleeping task's saved context.
  Stack unwind(const arch::Registers& registers, bool pc_is_return = false, bool with_source = true) const;
  // A pt_regs in memory.
  Result<Stack> unwind_pt_regs(VirtualAddress pt_regs) const;

 private:
  const object::Program* program_;
  StackOracle oracle_;
};

// The caller of a frame, one step: shared by unwind() and by tests.
struct Step {
  std::optional<Frame> caller;   // without symbol, source and stack: unwind() adds them
  End end = End::kRoot;          // if there is no caller
  std::string why;
  VirtualAddress cfa;            // of the frame stepped from; null if unknown
};
Step step(const object::Program& program, const Frame& frame, const StackOracle& oracle);

// What a variable's value rests on.
enum class Basis {
  kDebuginfo,   // a location DWARF gives here, computed from registers and memory as they are (entry values through call sites included)
  kCode,        // a location DWARF gives here, in a register whose value the callee's or the function's own instructions show to be kept
  kEarlier,     // DWARF has no place for it here; what it held where DWARF placed it last, carried on by the function's instructions
};

// A parameter or local variable of a frame with what it holds.
struct FrameVariable {
  std::string name;
  const object::Type* type = nullptr;
  bool parameter = false;
  size_t source_index = 0;          // in Frame::source: whose variable it is
  std::optional<object::Value> value;
  bool partly = false;              // a struct in pieces of which some are not known
  std::string why_not;              // "optimized out", "register rdi is not known here", …
  std::string how;                  // "in rbx", "at 0x…", "entry value through the caller", "constant", "last known at f+0x57, …" (kEarlier)
  Basis basis = Basis::kDebuginfo;
};
std::vector<FrameVariable> variables_of(const object::Program& program, const Stack& stack, size_t frame);

class CallValues;
// The same for one frame after the other: what was found out about the frames around is kept. Both must outlive it; one thread.
class VariableReader {
 public:
  VariableReader(const object::Program& program, const Stack& stack);
  ~VariableReader();
  std::vector<FrameVariable> variables_of(size_t frame);

 private:
  std::unique_ptr<CallValues> values_;
};

// The registers of a frame as they were just before the call it is in (before the instruction, for an exact pc). More than
// Frame::registers: arguments that the callee still keeps somewhere (found by following the callee's instructions, see
// entry_flow.h). `width` says how many low bytes of each are right (a callee that got an int keeps four); 0 = not known.
// A register that Frame::registers has is taken from there.
struct CallRegisters {
  arch::Registers registers;
  std::array<uint8_t, arch::kRegisterCount> width{};
  std::array<std::string, arch::kRegisterCount> how;  // "kept by do_exit in rbx"; "" where Frame::registers had it
};
CallRegisters registers_at_call(const object::Program& program, const Stack& stack, size_t frame);

}  // namespace inquest::unwind
