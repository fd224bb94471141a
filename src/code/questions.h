// Questions about code, answered in plain data for the scene: what a trap tested, what a faulting instruction touched, which call
// a return address belongs to, who passes which callback to whom, what a function stores through its first parameter.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "arch/registers.h"
#include "code/value_flow.h"

namespace inquest::code {

// A register in the words of the source at one instruction, with its value if a register set was given.
struct RegisterMeaning {
  unsigned reg = 0;
  std::string reg_name, text, type;      // "x3", "&node->private_list", "struct list_head *"
  std::string variable, function;        // the DWARF variable it is, if it is one as a whole
  const Type* object = nullptr;          // it is a pointer into (or to) this struct …
  int64_t offset = 0;                    // … at this offset
  std::string member;                    // … which is this member ("private_list"; "" = its start)
  std::vector<std::string> members;      // every deepest union arm there
  std::optional<uint64_t> value;
  ExpressionRef expression;
};
std::vector<RegisterMeaning> meanings_at(const ValueFlow& flow, size_t instruction, const arch::Registers* values);

// The comparison that sent the code to a trap (ud2, brk) at `trap`: `left relation right` was found true.
struct Condition {
  VirtualAddress compare, branch;
  std::string text;                      // "node->private_list.next != &node->private_list"
  std::string left, relation, right;
  ExpressionRef left_expression, right_expression;
  std::optional<unsigned> left_register, right_register;
  std::string file;                      // of the comparison
  int line = 0;
};
std::optional<Condition> condition_of_trap(const ValueFlow& flow, VirtualAddress trap);
// What is true when the branch at this instruction is taken (or not).
std::optional<Condition> condition_of_branch(const ValueFlow& flow, size_t branch, bool taken);

// The memory operand of an instruction: what it reads or writes, and through which register.
struct MemoryTouch {
  VirtualAddress pc;
  std::string instruction;               // "mov 0x18(%rdi),%rax"
  bool writes = false, reads = false;
  unsigned size = 8;
  std::optional<unsigned> base;          // the register
  int64_t displacement = 0;
  std::string text;                      // "h->peer->ops"
  RegisterMeaning base_meaning;          // "h->peer"
  const Type* object = nullptr;          // type pointed at
  std::vector<std::string> members;      // at the displacement
  ExpressionRef address;
};
std::optional<MemoryTouch> touch_at(const ValueFlow& flow, VirtualAddress pc, const arch::Registers* values);

// The call that a return address belongs to.
struct CallMade {
  VirtualAddress pc;                     // of the call instruction
  bool indirect = false;
  std::string callee;                    // of a direct call
  std::string instruction;
  std::optional<unsigned> through;       // the register called through
  std::string target_text;               // "rhp->func"
  ExpressionRef target;
  bool cleared = false;                  // the memory the target was loaded from was set to 0 between the load and the call
  std::vector<RegisterMeaning> arguments;  // by parameter register, those that are known
  std::vector<object::SourceFrame> source;
};
std::optional<CallMade> call_before(const ValueFlow& flow, VirtualAddress return_address, const arch::Registers* values = nullptr);
// The one jump of a function to an address in a register or in memory (its last call, made as a jump); nothing if there is none, or more than one.
std::optional<CallMade> only_indirect_jump(const ValueFlow& flow);

// A call of `api` (or a tail jump to it) found in the code.
struct CallFound {
  std::string function;                  // concrete function it is in
  VirtualAddress pc;
  std::vector<object::SourceFrame> source;  // innermost inlined function first, at the call
  std::vector<RegisterMeaning> arguments;
};
// Calls of `api` inside one function.
std::vector<CallFound> calls_in(const ValueFlow& flow, const std::vector<std::string>& apis);
// Addresses of all direct calls and tail jumps to `target` in the code of the kernel and its modules, by scanning the instruction bytes.
std::vector<VirtualAddress> callers_of(const object::Program& program, VirtualAddress target);

// Places in the code that make an address without calling it (address_takers.cc).
std::vector<VirtualAddress> takers_of(const object::Program& program, VirtualAddress target);

// What a function stores relative to its first parameter.
struct ParameterStore {
  int64_t offset = 0;                    // from the first parameter
  unsigned size = 8;
  std::optional<int64_t> value_offset;   // stored value = first parameter + this
  std::optional<uint64_t> value;         // or a constant
  std::string by;                        // innermost (inlined) function that stores: "INIT_LIST_HEAD"
  std::string file;
  int line = 0;
  VirtualAddress pc;
};
std::vector<ParameterStore> stores_through_parameter(const ValueFlow& flow);

}  // namespace inquest::code
