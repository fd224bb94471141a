// Location: where a variable is at one instruction, and the machine that computes it.
//
// DWARF expressions (DWARF 5, section 2.5, and the GNU opcodes of DWARF 4) evaluated over callbacks: the evaluator
// knows no dump and no stack. Bounded: at most kMaxExpressionSteps operations, kMaxExpressionDepth evaluations in one another.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "arch/registers.h"
#include "base/address.h"
#include "base/cursor.h"
#include "base/result.h"

namespace inquest::debuginfo {

// A piece of a variable. An unsplit variable is one piece with bit_size 0.
struct Piece {
  enum class Kind { kMemory, kRegister, kValue, kBytes, kImplicitPointer, kNowhere } kind = Kind::kNowhere;
  uint64_t value = 0;        // address, register number, the value itself, or (kImplicitPointer) the offset of the DIE pointed at
  int64_t offset = 0;        // kImplicitPointer: bytes into it
  Bytes bytes;               // kBytes
  uint64_t bit_size = 0, bit_offset = 0;
  std::string why;           // kNowhere: "optimized out", "entry value of rdi is not known", …
};
using Location = std::vector<Piece>;

// A base type, as typed operations (DWARF 5, 2.5.1) refer to it.
struct ExpressionType {
  uint8_t size = 8;          // bytes, 1 to 8; larger ones and floats are kUnsupported
  bool is_signed = false;
  bool is_float = false;
};

// What an expression may ask. Each callback may be empty: then the opcodes that need it fail with kNotFound.
struct EvaluationContext {
  std::function<Result<uint64_t>(unsigned dwarf_register)> reg;
  std::function<Result<uint64_t>(VirtualAddress address, unsigned size)> memory;
  std::function<Result<uint64_t>()> cfa;                                // DW_OP_call_frame_cfa
  std::function<Result<uint64_t>()> frame_base;                         // DW_OP_fbreg
  std::function<Result<uint64_t>(Bytes expression)> entry_value;        // DW_OP_entry_value: the caller's view of this expression
  std::function<Result<uint64_t>(uint64_t die_offset)> parameter_ref;   // DW_OP_GNU_parameter_ref
  std::function<Result<uint64_t>(uint64_t index)> indexed_address;      // DW_OP_addrx
  std::function<uint64_t(uint64_t file_address)> to_runtime;            // DW_OP_addr: file address to where it was loaded
  // Typed operations: the base type DIE at this .debug_info offset. Without it, they fail unless they name no type.
  std::function<Result<ExpressionType>(uint64_t die_offset)> base_type;
  int depth = 0;  // a callback that evaluates in turn (entry values do) gives its context this one's depth + 1
};

inline constexpr int kMaxExpressionSteps = 10000, kMaxExpressionDepth = 16;

struct Expression {
  Bytes bytes;
  uint64_t unit_offset = 0;   // in .debug_info, to resolve DIE references of typed operations
  uint8_t address_size = 8;
  uint8_t offset_size = 4;
  uint8_t version = 5;
};

// What a callback cannot give (kNotFound, kUnreadable, kUnsupported) makes its piece kNowhere, with `why`, and spares the
// others. Errors are for the expression itself: kTruncated, kCorrupt (stack underflow, unknown opcode), kLimit.
Result<Location> evaluate(const Expression& expression, const EvaluationContext& context);
// For expressions that must give one number (CFA, val_expression, call-site values); `initial` is pushed first if given.
// Here every failure is an error. An expression that is a register gives the register's value.
Result<uint64_t> evaluate_value(const Expression& expression, const EvaluationContext& context, std::optional<uint64_t> initial = {});
// The register an expression *is* (DW_OP_regN), or is an offset from (DW_OP_bregN off, stack_value): for naming registers without values.
struct RegisterRelation {
  unsigned reg = 0;
  int64_t offset = 0;         // value of the variable = reg + offset
  bool in_memory = false;     // the variable lies in memory at reg + offset
};
std::optional<RegisterRelation> register_relation(const Expression& expression);

}  // namespace inquest::debuginfo
