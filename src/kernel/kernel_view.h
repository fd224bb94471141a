// KernelView: the kernel's own symbols and types, for readers that detect features.
//
// Program::symbol() and type() go on to the modules when the kernel has no such name, which opens their debuginfo; a reader that asks
// "does this kernel have X?" must not pay that. So this asks vmlinux (or BTF and kallsyms of memory) alone, then VMCOREINFO.
// Small, copied at will; refers to its Program. Thread-safe.
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "object/program.h"

namespace inquest::kernel {

// A member resolved once: where it lies in its struct and how wide it is.
struct Field {
  uint64_t offset = 0;
  unsigned size = 8;         // bytes; 0 = no integer (an array, a struct)
  uint64_t bytes = 0;        // its type's whole size
  uint64_t bit_offset = 0;   // from the start of the struct, of a bit-field
  uint32_t bit_size = 0;     // 0 = not a bit-field
};

class KernelView {
 public:
  explicit KernelView(const object::Program& program) : program_(&program) {}
  const object::Program& program() const { return *program_; }
  const target::AddressSpace& memory() const { return program_->memory(); }

  std::optional<VirtualAddress> symbol(std::string_view name) const;
  uint64_t symbol_size(std::string_view name) const;                     // 0 = not known
  std::optional<object::SymbolOffset> symbol_at(VirtualAddress address) const;  // also of per-CPU addresses
  const object::Type* type(std::string_view name) const;                 // a struct, union or typedef; null = none
  const object::Type* variable_type(std::string_view name) const;
  std::optional<int64_t> enumerator(std::string_view name) const;
  std::optional<uint64_t> size_of(std::string_view type) const;

  // A member by (dotted) path, or the first of several names it had in different kernels.
  std::optional<Field> field(std::string_view type, std::string_view path) const;
  std::optional<Field> field(std::string_view type, std::initializer_list<std::string_view> paths) const;
  std::optional<Field> variable_field(std::string_view variable, std::string_view path) const;
  std::optional<uint64_t> offset(std::string_view type, std::string_view path) const;

  // Integers, by the member's or variable's width (zero-extended).
  Result<uint64_t> read(VirtualAddress object, const Field& field) const;
  Result<uint64_t> read(VirtualAddress object, std::string_view type, std::string_view path) const;
  std::optional<uint64_t> variable(std::string_view name, unsigned size_if_untyped = 8) const;
  // A char array (or what `address` points at as one), of at most `limit` bytes; "" if it cannot be read.
  std::string text(VirtualAddress address, uint64_t limit) const;
  // What a `char *` at `address` points at; "" if it is null or cannot be read.
  std::string pointed_text(VirtualAddress address, uint64_t limit) const;
  bool is_kernel_address(VirtualAddress a) const { return memory().format().is_kernel_address(a); }

 private:
  const object::Program* program_;
};

// A `list_head` list, in order. Bounded, loops noticed. When the way forward breaks, the rest is fetched from behind, by `prev`.
struct ListNodes {
  std::vector<VirtualAddress> nodes;
  std::string problem;           // "" = whole
};
ListNodes read_list(const target::AddressSpace& memory, VirtualAddress head, uint64_t limit = 1 << 22);

}  // namespace inquest::kernel
