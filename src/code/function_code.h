// FunctionCode: one function of the dead kernel as instructions and blocks, its cold part with it, and where DWARF puts each
// variable at each instruction. Addresses are run-time ones. Immutable; the program must outlive it.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arch/instruction.h"
#include "code/expression.h"
#include "code/register_names.h"
#include "object/program.h"

namespace inquest::code {

// A variable that is (a register + offset) at an instruction.
struct NamedRegister {
  unsigned reg = 0;
  int64_t offset = 0;         // variable = register + offset
  std::string name, function;
  const Type* type = nullptr;
  bool parameter = false;
  size_t depth = 0;           // 0 = innermost inlined function
};

struct Block {
  size_t first = 0, last = 0;             // instruction indices, inclusive
  std::vector<size_t> successors, predecessors;
};

inline constexpr uint64_t kMaxFunctionBytes = 256 * 1024;

class FunctionCode {
 public:
  // The function that covers `pc`. kNotFound: no symbol there; kUnreadable: its bytes are neither in the dump nor in a file.
  static Result<std::shared_ptr<const FunctionCode>> at(const object::Program& program, VirtualAddress pc);

  const object::Program& program() const { return *program_; }
  const std::string& name() const { return name_; }      // without ".cold", ".isra.0" and the like kept
  VirtualAddress entry() const { return entry_; }
  const std::vector<arch::Instruction>& instructions() const { return instructions_; }
  const std::vector<Block>& blocks() const { return blocks_; }
  std::optional<size_t> index_of(VirtualAddress pc) const;       // of the instruction that starts there
  std::optional<size_t> index_before(VirtualAddress pc) const;   // of the one that ends there (the call of a return address)
  size_t block_of(size_t instruction) const { return block_of_[instruction]; }

  // Whether DWARF names its variables; else the prototype in BTF, if there is one, names its parameters at the entry.
  bool has_dwarf() const { return has_dwarf_; }
  // Variables that are in registers just before the instruction runs, innermost scope first. Kept.
  const std::vector<NamedRegister>& named_at(size_t instruction) const;
  // The innermost source function and line of an instruction.
  std::vector<object::SourceFrame> source_of(size_t instruction) const;
  // The name of a direct call's or jump's target; "" for an indirect one. Retpoline thunks give "" and set `thunk`.
  std::string target_name(const arch::Instruction& instruction, std::optional<unsigned>* thunk = nullptr) const;

 private:
  void find_blocks();
  std::vector<NamedRegister> parameters_by_prototype() const;
  const RegisterNames* names_of(const debuginfo::DebugFile& debug, uint64_t address) const;
  const object::Program* program_ = nullptr;
  std::string name_;
  VirtualAddress entry_;
  bool has_dwarf_ = false;
  std::vector<arch::Instruction> instructions_;
  std::map<uint64_t, size_t> by_address_;
  std::vector<Block> blocks_;
  std::vector<size_t> block_of_;
  mutable std::map<size_t, std::vector<NamedRegister>> named_;
  mutable std::deque<RegisterNames> register_names_;
};

}  // namespace inquest::code
