// LocationMachine: the stack machine of DWARF expressions (DWARF 5, 2.5), one evaluation of it.
//
// Integers only: values carry a size and a sign, floats are kUnsupported. Not part of the room's interface.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "debuginfo/location.h"

namespace inquest::debuginfo {

class LocationMachine {
 public:
  LocationMachine(const Expression& expression, const EvaluationContext& context)
      : expression_(expression), context_(context), in_(expression.bytes) {}

  void push(uint64_t value) { stack_.push_back({value, 8, true, false}); }
  // Runs to the end. With `pieces`, what is missing spoils one piece only; without, it is the answer.
  Result<void> run(bool pieces);
  Location take_location();
  Result<uint64_t> value();

 private:
  struct Value {
    uint64_t bits = 0;  // zero-extended, or sign-extended if signed
    uint8_t size = 8;
    bool generic = true;  // untyped: address-sized, signedness given by the operation
    bool is_signed = false;
  };
  enum class Form { kStack, kRegister, kValue, kBytes, kImplicitPointer };

  Result<void> step();
  Result<void> constant(uint8_t op);
  Result<void> stack_operation(uint8_t op);
  Result<void> arithmetic(uint8_t op);
  Result<void> unary(uint8_t op);
  Result<void> compare(uint8_t op);
  Result<void> control(uint8_t op);
  Result<void> memory(uint8_t op);
  Result<void> registers(uint8_t op);
  Result<void> form(uint8_t op);
  Result<void> context_value(uint8_t op);
  Result<void> typed(uint8_t op);
  Result<void> missing(Error error);

  Result<ExpressionType> type_at(uint64_t unit_relative);
  Result<void> push_register(uint64_t number, int64_t offset, std::optional<ExpressionType> type);
  Result<void> push_entry_value(Bytes block);
  void push_typed(uint64_t bits, const ExpressionType& type);
  static uint64_t fitted(uint64_t bits, unsigned size, bool is_signed);
  Value pop();
  void set_form(Form form, uint64_t number) { form_ = form, number_ = number; }
  Piece current_piece() const;
  void end_piece(uint64_t bit_size, uint64_t bit_offset);

  const Expression& expression_;
  const EvaluationContext& context_;
  Cursor in_;
  std::vector<Value> stack_;
  Form form_ = Form::kStack;
  uint64_t number_ = 0;  // of the form: register, DIE offset
  int64_t offset_ = 0;
  Bytes bytes_;
  Location location_;
  bool pieces_ = false, underflow_ = false, split_ = false;
  std::string spoiled_;  // why the current piece cannot be known; operations are only skipped while it is set
};

}  // namespace inquest::debuginfo
