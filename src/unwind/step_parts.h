// The ways to find a frame's caller, each a function; step() in step.cc chooses among them.
//
// Each gives a Step: a caller, or the end and a sentence why. None looks at stack bounds: step() checks what comes out.
#pragma once

#include "debuginfo/unwind_row.h"
#include "unwind/stack.h"

namespace inquest::unwind {

// Rows: ORC by run-time address, CFI by the file's. Either may be missing.
struct Rows {
  std::optional<debuginfo::UnwindRow> orc, cfi;
};
Rows rows_at(const object::Program& program, VirtualAddress address);

// By a row. With ORC, which knows rsp, rip and rbp only, the other callee-saved registers come from the CFI row if there
// is one that agrees, else from the code itself (EntryFlow).
Step caller_by_rows(const object::Program& program, const Frame& frame, const Rows& rows);
// By following the function's own instructions from its entry. No caller: they do not tell.
Step caller_by_code(const object::Program& program, const Frame& frame);
// By the frame pointer chain: pc and frame pointer only. `checked`: only if the return address lies behind a call.
Step caller_by_frame_record(const object::Program& program, const Frame& frame, bool checked);
// aarch64: exception entry code keeps a frame record inside the pt_regs it saved. No caller and why empty: none here.
std::optional<Step> caller_by_entry_record(const object::Program& program, const Frame& frame, const StackOracle& oracle);
// After a jump to what is no code: what the call left behind, see stack.h's Trust.
Step caller_after_wild_jump(const object::Program& program, const Frame& frame, const StackOracle& oracle);
// The frame that a whole pt_regs, or the hardware's part of it, was saved for.
Step interrupted_frame(const object::Program& program, const Frame& frame, VirtualAddress pt_regs, bool partial);

// Whether registers are those of user mode; nothing if they are not those of any sane context.
std::optional<bool> is_user_mode(const arch::Arch& arch, const arch::Registers& registers);

// A caller found by its return address: its registers as given, pc put in, what a call destroys left as given.
Frame caller_frame(const object::Program& program, arch::Registers registers, uint64_t return_address, Trust trust);
Step no_caller(End end, std::string why, VirtualAddress cfa = {});
Step found(Frame caller, VirtualAddress cfa);

}  // namespace inquest::unwind
