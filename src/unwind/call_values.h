// CallValues: what a frame's registers held at a call, or at its entry, as far as code and stack still tell.
//
// Three sources, each sound by itself: registers the unwinder recovered; what the callee's instructions show it still keeps of
// its entry registers (EntryFlow); and, for frames that were called through one, what the compiler wrote down at the call site
// (DW_TAG_call_site), evaluated in the caller. Values cross a call only where it is certain how the call in the caller
// came to the frame's own function: straight, or through tail calls that can be followed.
// Keeps the analyses it made; one thread, one Stack, which must outlive it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "debuginfo/debug_file.h"
#include "unwind/code.h"
#include "unwind/entry_flow.h"
#include "unwind/stack.h"
#include "unwind/tail_path.h"

namespace inquest::unwind {

class CallValues {
 public:
  CallValues(const object::Program& program, const Stack& stack) : program_(&program), stack_(&stack) {}

  struct Kept {
    uint64_t value = 0;
    unsigned width = 8;      // low bytes that are right
    std::string how;         // "kept by do_exit in rbx"; "" if the unwinder itself knew it
  };
  const object::Program& program() const { return *program_; }
  const Stack& stack() const { return *stack_; }

  // Register `reg` of frame `frame` just before the call it is in.
  std::optional<Kept> at_call(size_t frame, unsigned reg, int depth = 0);
  // Register `reg` when the function of frame `frame` was entered, from the code and the stack alone.
  std::optional<Kept> at_entry(size_t frame, unsigned reg, int depth = 0);
  // A value of `flow`, which is of the code of frame `frame` up to its call: by what comparisons told, by what register or slot still has
  // it, or by what the callee was given along with it. At least its low `size` bytes.
  std::optional<Kept> like(size_t frame, const EntryFlow& flow, const EntryValue& wanted, unsigned size, int depth = 0);
  // The compiler's record of the call in frame `frame` (the caller of `frame` - 1).
  std::optional<debuginfo::CallSite> call_site(size_t frame);
  // What the locations of the function of frame `frame` are relative to; null: its debuginfo has none.
  const debuginfo::Expression* frame_base(size_t frame);
  // How the call in frame `frame` + 1 came to the function of `frame`; null if that is not certain.
  const TailPath* way_into(size_t frame);
  // Where the call in a frame begins; its pc for an exact one.
  VirtualAddress call_address(size_t frame) const;

  // Where the entry registers of a frame's function are at its call; null if its code could not be followed.
  const EntryFlow* flow(size_t frame);
  VirtualAddress cfa_of(size_t frame, const EntryFlow& flow) const;
  // The same without the ways that what the function was given excludes.
  const EntryFlow* flow_as_given(size_t frame);
  // What a value was, by what the function of a frame was given. Refers to this.
  std::function<std::optional<uint64_t>(const EntryValue& value, unsigned size)> given(size_t frame);
  // The user's registers at the end of the stack: written at the entry to the kernel, and left alone while a system call runs.
  bool is_user_pt_regs(VirtualAddress address, unsigned size) const;

 private:
  std::optional<TailPath> find_way(size_t frame);
  std::optional<unsigned> call_register(size_t frame);
  std::optional<Kept> by_jump_to_garbage(size_t frame, unsigned reg);
  std::optional<Kept> by_way_taken(size_t frame, unsigned reg);
  const object::Program* program_;
  const Stack* stack_;
  std::map<size_t, std::optional<EntryFlow>> flows_, flows_as_given_;
  std::map<size_t, std::optional<TailPath>> ways_;
  std::map<size_t, std::optional<debuginfo::Expression>> frame_bases_;
  std::map<size_t, std::optional<unsigned>> call_registers_;
};

// What a function was given in a register.
using EntryRegister = std::function<std::optional<uint64_t>(unsigned reg)>;
// Where the indirect call at `call` in a frame went to, if its operand can still be evaluated there.
std::optional<VirtualAddress> indirect_target(const object::Program& program, const Frame& caller, VirtualAddress call, const EntryRegister& entry_register);
// The register an indirect call goes through; nothing: it goes through memory, or is no such call.
std::optional<unsigned> call_register(const object::Program& program, VirtualAddress call);

// Whether the indirect call at `call` takes its target from a table (indexed by what is not known any more) that holds
// `function`: system call tables, arrays of handlers.
bool calls_through_table_of(const object::Program& program, VirtualAddress call, VirtualAddress function, const EntryRegister& entry_register);

}  // namespace inquest::unwind
