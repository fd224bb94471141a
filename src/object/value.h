// Value: a typed thing in a dead kernel, lazy, with its address, so that it can always say the command that reads it.
//
// A Value lies in memory, or (from a register, a location expression) is a number. Copyable and small; refers to its Program,
// which must outlive it. Reading gives a Result; nothing is cached.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "object/program.h"

namespace inquest::object {

class Value {
 public:
  Value(const Program& program, const Type* type, VirtualAddress address) : program_(&program), type_(type), address_(address) {}
  static Value of_number(const Program& program, const Type* type, uint64_t number);
  // What lies in registers, in pieces, some of which may not be known.
  struct Pieces {
    std::vector<std::byte> bytes;
    std::vector<bool> known;                              // of each byte
  };
  static Value of_pieces(const Program& program, const Type* type, Pieces pieces);
  // A global variable, or a type laid over an address.
  static Result<Value> variable(const Program& program, std::string_view name);
  static Result<Value> at(const Program& program, std::string_view type_spelling, VirtualAddress address);

  const Program& program() const { return *program_; }
  const Type* type() const { return type_; }
  std::optional<VirtualAddress> address() const { return address_; }
  std::optional<uint32_t> bit_size() const { return bit_size_ ? std::optional(bit_size_) : std::nullopt; }

  Result<Value> member(std::string_view path) const;     // of a struct, or of what a pointer points at: "a.b[2].c"
  bool in_pieces() const { return pieces_ != nullptr; }
  std::optional<Value> unnamed(const debuginfo::Member& member) const;  // an anonymous struct or union inside; nothing: a number
  Result<Value> index(uint64_t i) const;                 // of an array or pointer
  Result<Value> pointee() const;                         // what a pointer points at
  Result<uint64_t> as_unsigned() const;                  // zero-extended
  Result<int64_t> as_signed() const;                     // by its type's sign and size
  Result<VirtualAddress> as_pointer() const;
  Result<std::string> as_string(uint64_t limit = 256) const;  // char array, or through a char pointer
  Result<std::vector<std::byte>> bytes() const;

 private:
  const Program* program_;
  Result<uint64_t> number_of_pieces(unsigned bytes) const;
  Value part(const Type* type, uint64_t offset) const;    // of one in memory or in pieces
  const Type* type_;
  std::optional<VirtualAddress> address_;
  std::shared_ptr<const Pieces> pieces_;
  uint64_t piece_offset_ = 0;
  uint64_t number_ = 0;
  uint32_t bit_size_ = 0, bit_shift_ = 0;
};

struct PrintOptions {
  bool hex = false;          // integers in hexadecimal
  bool offsets = false;      // crash's -o
  int depth = 8;
  uint64_t max_elements = 200;
  std::string indent = "  ";
};
// A value in crash's (gdb's) form: "{\n  next = 0xffff…, \n  prev = 0x…\n}"; unreadable parts say so in place.
std::string print(const Value& value, const PrintOptions& options = {});
// One line: "0xffff… <symbol+0x10>", "\"swapper/0\"", "3", "{…}".
std::string print_short(const Value& value);
// "struct xa_node {\n   [0x0] unsigned char shift;\n …}\nSIZE: 0x240" as crash prints `struct T -o`.
std::string print_layout(const Type* type, bool hex, std::optional<VirtualAddress> at = {});

}  // namespace inquest::object
