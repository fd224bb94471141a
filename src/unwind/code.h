// What the unwinder asks of instruction bytes: is this address code, which call lies before this return address.
//
// Pure questions to a Program; nothing is kept. Bytes come from the dump (patched as the dead kernel had them), else the file.
#pragma once

#include <optional>
#include <string_view>

#include "base/address.h"
#include "object/program.h"

namespace inquest::unwind {

// Whether an address can be executed as far as the kernel's and the modules' files tell. Freed init code counts: a return
// address into start_kernel is one although its pages are gone.
bool is_code(const object::Program& program, VirtualAddress address);

struct CallBefore {
  VirtualAddress at;                      // of the call instruction
  std::optional<VirtualAddress> target;   // of a direct call to a function; empty: through a register, memory or a thunk
  bool indirect() const { return !target; }
};

// The call instruction that ends right before `return_address`, if its bytes are one.
std::optional<CallBefore> call_before(const object::Program& program, VirtualAddress return_address);

// Where an arm64 module's veneer at `address` leads ("adrp x16; add x16, x16; br x16", arch/arm64/kernel/module-plts.c since 5.0): calls out of a
// module that is farther than 128 MB from their target go through one. It changes x16 alone. Nothing: there is none.
std::optional<VirtualAddress> veneer_target(const object::Program& program, VirtualAddress address);

// Whether a direct call to a symbol of this name may come out anywhere: retpolines, static call trampolines, module PLTs.
bool is_trampoline(std::string_view symbol);

// The start of the function that covers an address, by symbol; a ".cold" part counts as its function.
struct FunctionExtent {
  VirtualAddress entry;
  uint64_t size = 0;
  std::string name;
  bool cold = false;                      // a part split off: its first instruction is not where calls come in
};
std::optional<FunctionExtent> function_extent(const object::Program& program, VirtualAddress address);

}  // namespace inquest::unwind
