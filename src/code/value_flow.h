// ValueFlow: what every register of a function holds at every instruction, as Expressions.
//
// A forward walk over the blocks: parameters and locals are named by DWARF wherever it places them in a register (without DWARF, parameters at the
// entry by BTF's prototype); between those places the instructions carry names on (moves, offsets, loads, calls' results). Where two paths disagree the value is unknown:
// nothing is guessed. Bounded: a block entered more than kMaxVisits times is taken to know nothing.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "code/expression.h"
#include "code/function_code.h"

namespace inquest::code {

inline constexpr int kMaxVisits = 256;

struct State {
  std::array<ExpressionRef, arch::kRegisterCount> registers;
  std::map<int64_t, ExpressionRef> slots;   // stack memory, by offset from the stack pointer at entry
};

// Memory written by an instruction.
struct StoreEffect {
  size_t instruction = 0;
  ExpressionRef address, value;             // value may be unknown
  unsigned size = 8;
};

class ValueFlow {
 public:
  explicit ValueFlow(std::shared_ptr<const FunctionCode> code);

  const FunctionCode& code() const { return *code_; }
  // Just before the instruction runs. Blocks that nothing reaches give a state of DWARF's names alone.
  State before(size_t instruction) const;
  // Unknown for registers that are not followed, such as vectors.
  ExpressionRef register_before(size_t instruction, unsigned reg) const { return reg < arch::kRegisterCount ? before(instruction).registers[reg] : nullptr; }
  // The value of an operand (register, immediate, or memory as a load), and the address of a memory operand.
  ExpressionRef operand(const State& state, size_t instruction, const arch::Operand& operand) const;
  ExpressionRef address(const State& state, size_t instruction, const arch::MemoryOperand& memory) const;
  // Every store outside the function's own stack frame, in address order.
  std::vector<StoreEffect> stores() const;

 private:
  void run();
  void name_registers(State& state, size_t instruction) const;
  void apply(State& state, size_t instruction) const;
  void apply_arithmetic(const State& old, State& state, size_t instruction) const;
  void apply_store(const State& old, State& state, size_t instruction) const;
  void apply_stack_move(const State& old, State& state, size_t instruction) const;
  void apply_call(State& state, size_t instruction) const;
  ExpressionRef named_constant(ExpressionRef e, VirtualAddress at) const;
  ExpressionRef symbol_expression(const object::SymbolOffset& s, VirtualAddress at) const;
  static void forget_old(State& state, const Expression& variable, const ExpressionRef& now);
  static void set(State& state, const arch::Operand& destination, ExpressionRef value);
  ExpressionRef load_from(const State& state, ExpressionRef address, unsigned size, VirtualAddress at) const;
  State initial() const;

  std::shared_ptr<const FunctionCode> code_;
  std::vector<std::optional<State>> entry_;  // by block
};

}  // namespace inquest::code
