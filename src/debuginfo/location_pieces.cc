// The typed operations of a LocationMachine, and what it found: pieces or a value.
#include <fmt/format.h>

#include <algorithm>

#include "debuginfo/location_machine.h"
#include "debuginfo/location_opcodes.h"

namespace inquest::debuginfo {

namespace {

Error not_found(std::string message) { return Error(ErrorCode::kNotFound, std::move(message)); }

}  // namespace

Result<ExpressionType> LocationMachine::type_at(uint64_t unit_relative) {
  if (!context_.base_type) return not_found("the type of a typed operation is not known");
  TRY(ExpressionType type, context_.base_type(expression_.unit_offset + unit_relative));
  if (type.is_float || type.size == 0 || type.size > 8)
    return Error(ErrorCode::kUnsupported, "a float or wide type in a location");
  return type;
}

Result<void> LocationMachine::typed(uint8_t op) {
  uint64_t number = op == op::kRegvalType || op == op::kGnuRegvalType ? in_.uleb() : 0;
  unsigned size = op == op::kDerefType || op == op::kGnuDerefType ? in_.u8() : 0;
  uint64_t reference = in_.uleb();
  bool to_generic = reference == 0 && (op == op::kConvert || op == op::kGnuConvert || op == op::kReinterpret ||
                                       op == op::kGnuReinterpret);
  Bytes bytes;
  if (op == op::kConstType || op == op::kGnuConstType) bytes = in_.take(in_.u8());
  if (!in_.ok()) return {};
  Value from;
  if (number == 0 && bytes.empty() && op != op::kRegvalType && op != op::kGnuRegvalType) from = pop();
  if (!spoiled_.empty()) return push(0), Result<void>();
  if (to_generic) return push(from.bits), Result<void>();
  Result<ExpressionType> type = type_at(reference);
  if (!type.ok()) return missing(std::move(type).error());
  switch (op) {
    case op::kConstType:
    case op::kGnuConstType: push_typed(Cursor(bytes).unsigned_of(std::min<size_t>(bytes.size(), 8)), *type); return {};
    case op::kRegvalType:
    case op::kGnuRegvalType: return push_register(number, 0, *type);
    case op::kDerefType:
    case op::kGnuDerefType: {
      if (!context_.memory) return missing(not_found("memory is not to be read here"));
      Result<uint64_t> read = context_.memory(VirtualAddress(from.bits), std::clamp(size, 1u, 8u));
      if (!read.ok()) return missing(std::move(read).error());
      push_typed(*read, *type);
      return {};
    }
    default: push_typed(from.bits, *type); return {};
  }
}

Piece LocationMachine::current_piece() const {
  Piece piece;
  if (!spoiled_.empty()) {
    piece.why = spoiled_;
    return piece;
  }
  piece.value = number_;
  switch (form_) {
    case Form::kRegister: piece.kind = Piece::Kind::kRegister; break;
    case Form::kBytes:
      piece.kind = Piece::Kind::kBytes;
      piece.bytes = bytes_;
      break;
    case Form::kImplicitPointer:
      piece.kind = Piece::Kind::kImplicitPointer;
      piece.offset = offset_;
      break;
    default:
      if (stack_.empty()) {
        piece.why = "optimized out";
      } else {
        piece.kind = form_ == Form::kValue ? Piece::Kind::kValue : Piece::Kind::kMemory;
        piece.value = stack_.back().bits;
      }
      break;
  }
  return piece;
}

void LocationMachine::end_piece(uint64_t bit_size, uint64_t bit_offset) {
  Piece piece = current_piece();
  piece.bit_size = bit_size;
  piece.bit_offset = bit_offset;
  location_.push_back(std::move(piece));
  split_ = true;
  stack_.clear();
  spoiled_.clear();
  set_form(Form::kStack, 0);
}

Location LocationMachine::take_location() {
  if (!split_) location_.push_back(current_piece());
  return std::move(location_);
}

Result<uint64_t> LocationMachine::value() {
  if (split_) return Error(ErrorCode::kUnsupported, "a value in pieces");
  switch (form_) {
    case Form::kRegister:
      if (!context_.reg) return not_found(fmt::format("register {} is not known", number_));
      return context_.reg(unsigned(std::min<uint64_t>(number_, ~0u)));
    case Form::kBytes:
      if (bytes_.empty() || bytes_.size() > 8)
        return Error(ErrorCode::kUnsupported, fmt::format("a value of {} bytes", bytes_.size()));
      return Cursor(bytes_).unsigned_of(bytes_.size());
    case Form::kImplicitPointer: return Error(ErrorCode::kUnsupported, "a pointer to something optimized out");
    default: break;
  }
  if (stack_.empty()) return not_found("optimized out");
  return stack_.back().bits;
}

}  // namespace inquest::debuginfo
