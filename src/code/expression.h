// Expression: a machine value in the words of the source: `node`, `&node->private_list`, `h->peer->ops`.
//
// Built by ValueFlow out of instructions and DWARF; a shared immutable tree. Text is for people; the tree is for reasoning.
// Types are a TypeRef: a debuginfo Type and how many pointers were put on top of it here (an address of a member has no Type
// of its own in DWARF).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "debuginfo/type.h"

namespace inquest::code {

using debuginfo::Type;
using debuginfo::TypeKind;

struct TypeRef {
  const Type* type = nullptr;  // null: not known
  int pointers = 0;

  explicit operator bool() const { return type != nullptr; }
  bool is_pointer() const { return type && (pointers > 0 || type->is_pointer()); }
  // What it points at; unknown if it is no pointer or points at void.
  TypeRef pointee() const;
  // The struct or union pointed at, stripped; null if none.
  const Type* pointed_aggregate() const;
  std::string spell() const;
};

struct Expression;
using ExpressionRef = std::shared_ptr<const Expression>;

struct Expression {
  enum class Kind {
    kUnknown,
    kConstant,  // number
    kSymbol,    // the address of a symbol: name, number
    kVariable,  // a parameter or local, by DWARF: name, function; `left` = where its value came from, if seen
    kEntry,     // what register `reg` held when the function was entered, unnamed
    kLoad,      // `size` bytes at the address `left`
    kOffset,    // left + offset
    kCall,      // the result of calling `name`
    kCurrent,   // the current task
    kPerCpu,    // a per-CPU variable's address on this CPU: name
    kBinary,    // left `name` right
    kMerged,    // a pointer to the type, one or another: paths met at `at`, in register `reg`
  } kind = Kind::kUnknown;
  TypeRef type;                // of the value
  uint64_t number = 0;
  int64_t offset = 0;
  unsigned reg = 0, size = 8;
  std::string name, function;
  bool parameter = false;
  ExpressionRef left, right;
  VirtualAddress at;           // the instruction that made it
};

ExpressionRef constant(uint64_t number, VirtualAddress at);
ExpressionRef symbol(std::string name, uint64_t address, TypeRef type, VirtualAddress at);
ExpressionRef offset_of(ExpressionRef base, int64_t offset, VirtualAddress at);  // folds nested offsets; knows constants
ExpressionRef load(ExpressionRef address, unsigned size, VirtualAddress at);     // types itself from the address

bool same(const ExpressionRef& a, const ExpressionRef& b);
std::string text(const ExpressionRef& e);
inline bool known(const ExpressionRef& e) { return e && e->kind != Expression::Kind::kUnknown; }

// An address seen as a place in an object: which object, which type, how far in, and every member path there.
struct Place {
  ExpressionRef base;                 // the pointer to the object: `node`
  const Type* object = nullptr;       // struct xa_node; null: not known
  int64_t offset = 0;
  std::vector<debuginfo::FoundMember> members;  // deepest, one a union arm
  std::string member;                 // the outermost member that starts exactly there ("private_list"), "" if none
};
std::optional<Place> place_of(const ExpressionRef& address);
// Of `load & mask`: the bit-field of which just these bits are, as the only member; nothing else.
std::optional<Place> bit_field_of(const ExpressionRef& e);
// The address that a load read; nothing if `e` is no load (variables are looked through).
ExpressionRef loaded_from(const ExpressionRef& e);
// The variable at the bottom of a chain of offsets and loads: `node` of `node->private_list.next`.
ExpressionRef root_of(const ExpressionRef& e);

}  // namespace inquest::code
