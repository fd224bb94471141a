// CExpression: what a person types behind `p`: C over globals and addresses of a dead kernel, evaluated.
//
//   lift->cabins[2].state   *lift   &lift->member   ((struct lift *)0xff1100…)->top + 1   runqueues:0.nr_running   sizeof(struct page)
//
// Names: variables ("module:name" of one module, "name:2" the copy of CPU 2), constants of enums, symbols. Operators: . -> [] unary * & - ~, casts, sizeof,
// * / % + - << >> & ^ | with C's precedence, on 64 bits. "." and "->" mean the same, as in gdb. No assignment, no calls, no comparisons; registers and locals
// of frames are not names here. Errors are one line and say where: kUsage what cannot be understood, kNotFound a name, kUnreadable memory, kLimit nesting.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "kernel/per_cpu.h"
#include "object/value.h"

namespace inquest::shell {

class DerivedTypes;

// Pointer and integer types that no debuginfo spells out live as long as one of these.
struct CValue {
  object::Value value;
  std::shared_ptr<const DerivedTypes> types;
};

// `per_cpu` may be null: then no name has a copy of a CPU's.
Result<CValue> evaluate(const object::Program& program, const kernel::PerCpu* per_cpu, std::string_view text);
// kUnreadable: it lies in memory that cannot be read, neither at its first byte nor at its last.
Result<void> check_readable(const CValue& value);
// Where it lies if it is a struct, a union or an array, else what it holds: what a command takes as an address.
Result<uint64_t> address_of(const CValue& value);
// "$1 = …" as gdb prints it, pointers with their type.
std::string print(const CValue& value, const object::PrintOptions& options);

}  // namespace inquest::shell
