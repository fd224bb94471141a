// TailPath: how registers came from a call to the function that runs, when others left by tail calls in between.
//
// `do_syscall_64` calls `x64_sys_call`, which jumps to `__x64_sys_openat`: the frame of x64_sys_call is gone, but its code shows that
// rdi is still what it was given. Only where the way is the only one: no other function on offer jumps there too.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "unwind/entry_flow.h"

namespace inquest::unwind {

struct TailPath {
  // At the entry of the function that runs: register i is this, in terms of the registers at the call.
  std::array<EntryValue, FlowState::kRegisters> registers{};
  // What comparisons on the way told of them.
  std::vector<FlowFact> facts;
  VirtualAddress called;      // the function that the call went to; null: not known
  std::string through;        // "x64_sys_call"; "" if the call came straight to it
};

// From a call to `called` into `function` (both entries).
std::optional<TailPath> tail_path(const object::Program& program, VirtualAddress called, VirtualAddress function);

}  // namespace inquest::unwind
