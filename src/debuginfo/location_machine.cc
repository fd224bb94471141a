#include "debuginfo/location_machine.h"

#include <fmt/format.h>

#include <algorithm>

#include "debuginfo/location_opcodes.h"

namespace inquest::debuginfo {

namespace {

Error corrupt(std::string message) { return Error(ErrorCode::kCorrupt, "expression: " + std::move(message)); }
Error not_found(std::string message) { return Error(ErrorCode::kNotFound, std::move(message)); }
bool is_missing(ErrorCode code) {
  return code == ErrorCode::kNotFound || code == ErrorCode::kUnreadable || code == ErrorCode::kUnsupported;
}

}  // namespace

uint64_t LocationMachine::fitted(uint64_t bits, unsigned size, bool is_signed) {
  if (size == 0 || size >= 8) return bits;
  unsigned shift = 64 - 8 * size;
  return is_signed ? uint64_t(int64_t(bits << shift) >> shift) : bits << shift >> shift;
}

LocationMachine::Value LocationMachine::pop() {
  if (stack_.empty()) {
    underflow_ = spoiled_.empty();
    return {};
  }
  Value v = stack_.back();
  stack_.pop_back();
  return v;
}

void LocationMachine::push_typed(uint64_t bits, const ExpressionType& type) {
  stack_.push_back({fitted(bits, type.size, type.is_signed), type.size, false, type.is_signed});
}

// Something the context does not have: fatal, or the end of this piece.
Result<void> LocationMachine::missing(Error error) {
  if (!pieces_ || !is_missing(error.code())) return error;
  if (spoiled_.empty()) spoiled_ = error.message();
  push(0);
  return {};
}

Result<void> LocationMachine::run(bool pieces) {
  pieces_ = pieces;
  if (context_.depth > kMaxExpressionDepth) return Error(ErrorCode::kLimit, "expressions nested too deeply");
  int steps = 0;
  while (!in_.at_end()) {
    if (++steps > kMaxExpressionSteps)
      return Error(ErrorCode::kLimit, fmt::format("expression of more than {} steps", kMaxExpressionSteps));
    TRY_VOID(step());
    if (!in_.ok()) return in_.error().in("expression");
    if (underflow_) return corrupt(fmt::format("stack empty before offset {:#x}", in_.offset()));
  }
  return {};
}

Result<void> LocationMachine::step() {
  uint8_t op = in_.u8();
  if (op >= op::kLit0 && op <= op::kLit31) {
    push(op - op::kLit0);
    return {};
  }
  if ((op >= op::kReg0 && op <= op::kBreg31) || op == op::kRegx || op == op::kBregx || op == op::kFbreg)
    return registers(op);
  if (op >= op::kConst1u && op <= op::kConsts) return constant(op);
  if (op >= op::kDup && op <= op::kRot) return stack_operation(op);
  if (op == op::kAbs || op == op::kNeg || op == op::kNot || op == op::kPlusUconst) return unary(op);
  if (op >= op::kAnd && op <= op::kXor) return arithmetic(op);
  if (op >= op::kEq && op <= op::kNe) return compare(op);
  switch (op) {
    case op::kBra:
    case op::kSkip:
    case op::kNop:
    case op::kGnuUninit: return control(op);
    case op::kDeref:
    case op::kDerefSize: return memory(op);
    case op::kPiece:
    case op::kBitPiece:
    case op::kImplicitValue:
    case op::kStackValue:
    case op::kImplicitPointer:
    case op::kGnuImplicitPointer: return form(op);
    case op::kConstType:
    case op::kRegvalType:
    case op::kDerefType:
    case op::kConvert:
    case op::kReinterpret:
    case op::kGnuConstType:
    case op::kGnuRegvalType:
    case op::kGnuDerefType:
    case op::kGnuConvert:
    case op::kGnuReinterpret: return typed(op);
    default: return context_value(op);
  }
}

Result<void> LocationMachine::constant(uint8_t op) {
  switch (op) {
    case op::kConst1u: push(in_.u8()); break;
    case op::kConst1s: push(uint64_t(in_.signed_of(1))); break;
    case op::kConst2u: push(in_.u16()); break;
    case op::kConst2s: push(uint64_t(in_.signed_of(2))); break;
    case op::kConst4u: push(in_.u32()); break;
    case op::kConst4s: push(uint64_t(in_.signed_of(4))); break;
    case op::kConst8u:
    case op::kConst8s: push(in_.u64()); break;
    case op::kConstu: push(in_.uleb()); break;
    default: push(uint64_t(in_.sleb())); break;
  }
  return {};
}

Result<void> LocationMachine::stack_operation(uint8_t op) {
  size_t wanted = op == op::kDup || op == op::kDrop    ? 1
                  : op == op::kOver || op == op::kSwap ? 2
                  : op == op::kRot                     ? 3
                                                       : 0;
  size_t picked = op == op::kPick ? in_.u8() : op == op::kOver ? 1 : 0;
  if (op == op::kPick) wanted = picked + 1;
  if (stack_.size() < wanted) {
    if (!spoiled_.empty()) return {};
    underflow_ = true;
    return {};
  }
  switch (op) {
    case op::kDrop: stack_.pop_back(); break;
    case op::kSwap: std::swap(stack_.end()[-1], stack_.end()[-2]); break;
    case op::kRot: std::rotate(stack_.end() - 3, stack_.end() - 1, stack_.end()); break;
    default: {
      Value v = stack_.end()[-1 - std::ptrdiff_t(picked)];
      stack_.push_back(v);
      break;
    }
  }
  return {};
}

// Untyped division and right arithmetic shift are signed, modulus and logical shift are not (DWARF 5, 2.5.1.4).
Result<void> LocationMachine::arithmetic(uint8_t op) {
  Value b = pop(), a = pop(), r = a;
  bool is_signed = a.generic || a.is_signed;
  uint64_t x = a.bits, y = b.bits;
  switch (op) {
    case op::kAnd: r.bits = x & y; break;
    case op::kOr: r.bits = x | y; break;
    case op::kXor: r.bits = x ^ y; break;
    case op::kPlus: r.bits = x + y; break;
    case op::kMinus: r.bits = x - y; break;
    case op::kMul: r.bits = x * y; break;
    case op::kDiv:
    case op::kMod:
      if (y == 0) {
        if (spoiled_.empty()) return corrupt("division by zero");
        r.bits = 0;
      } else if (op == op::kDiv) {
        bool overflow = is_signed && y == ~uint64_t{0};  // also keeps INT64_MIN / -1 from trapping
        r.bits = overflow ? 0 - x : is_signed ? uint64_t(int64_t(x) / int64_t(y)) : x / y;
      } else {
        bool typed_signed = !a.generic && a.is_signed;
        r.bits = typed_signed && y == ~uint64_t{0} ? 0 : typed_signed ? uint64_t(int64_t(x) % int64_t(y)) : x % y;
      }
      break;
    case op::kShl: r.bits = y > 63 ? 0 : x << y; break;
    case op::kShr: r.bits = y > 63 ? 0 : fitted(x, a.size, false) >> y; break;
    case op::kShra: r.bits = uint64_t(int64_t(fitted(x, a.size, true)) >> std::min<uint64_t>(y, 63)); break;
    default: return corrupt(fmt::format("opcode {:#x}", op));
  }
  r.bits = fitted(r.bits, r.size, r.is_signed);
  stack_.push_back(r);
  return {};
}

Result<void> LocationMachine::unary(uint8_t op) {
  uint64_t addend = op == op::kPlusUconst ? in_.uleb() : 0;
  Value v = pop();
  switch (op) {
    case op::kAbs:
      if (int64_t(v.bits) < 0 && (v.generic || v.is_signed)) v.bits = 0 - v.bits;
      break;
    case op::kNeg: v.bits = 0 - v.bits; break;
    case op::kNot: v.bits = ~v.bits; break;
    default: v.bits += addend; break;
  }
  v.bits = fitted(v.bits, v.size, v.is_signed);
  stack_.push_back(v);
  return {};
}

Result<void> LocationMachine::compare(uint8_t op) {
  Value b = pop(), a = pop();
  bool is_signed = a.generic || a.is_signed;
  bool less = is_signed ? int64_t(a.bits) < int64_t(b.bits) : a.bits < b.bits;
  bool equal = a.bits == b.bits, result = false;
  switch (op) {
    case op::kEq: result = equal; break;
    case op::kNe: result = !equal; break;
    case op::kLt: result = less; break;
    case op::kLe: result = less || equal; break;
    case op::kGt: result = !less && !equal; break;
    default: result = !less; break;
  }
  push(result);
  return {};
}

Result<void> LocationMachine::control(uint8_t op) {
  if (op != op::kBra && op != op::kSkip) return {};
  int64_t distance = in_.signed_of(2);
  if (op == op::kBra && (pop().bits == 0 || !spoiled_.empty())) return {};
  int64_t to = int64_t(in_.offset()) + distance;
  if (to < 0 || uint64_t(to) > in_.size()) return corrupt(fmt::format("jump to offset {}", to));
  in_.seek(uint64_t(to));
  return {};
}

Result<void> LocationMachine::memory(uint8_t op) {
  unsigned size = op == op::kDerefSize ? in_.u8() : expression_.address_size;
  uint64_t address = pop().bits;
  if (!spoiled_.empty()) return push(0), Result<void>();
  if (size == 0 || size > 8) return corrupt(fmt::format("read of {} bytes", size));
  if (!context_.memory) return missing(not_found("memory is not to be read here"));
  Result<uint64_t> read = context_.memory(VirtualAddress(address), size);
  if (!read.ok()) return missing(std::move(read).error());
  push(fitted(*read, size, false));
  return {};
}

Result<void> LocationMachine::push_register(uint64_t number, int64_t offset, std::optional<ExpressionType> type) {
  if (!spoiled_.empty()) return push(0), Result<void>();
  Result<uint64_t> value = context_.reg ? context_.reg(unsigned(std::min<uint64_t>(number, ~0u)))
                                        : Result<uint64_t>(not_found(fmt::format("register {} is not known", number)));
  if (!value.ok()) return missing(std::move(value).error());
  if (type)
    push_typed(*value, *type);
  else
    push(*value + uint64_t(offset));
  return {};
}

Result<void> LocationMachine::registers(uint8_t op) {
  if (op >= op::kReg0 && op <= op::kReg31) return set_form(Form::kRegister, op - op::kReg0), Result<void>();
  if (op == op::kRegx) return set_form(Form::kRegister, in_.uleb()), Result<void>();
  if (op != op::kFbreg) {
    uint64_t number = op == op::kBregx ? in_.uleb() : op - op::kBreg0;
    int64_t offset = in_.sleb();
    return push_register(number, offset, std::nullopt);
  }
  int64_t offset = in_.sleb();
  if (!spoiled_.empty()) return push(0), Result<void>();
  Result<uint64_t> base =
      context_.frame_base ? context_.frame_base() : Result<uint64_t>(not_found("the frame base is not known"));
  if (!base.ok()) return missing(std::move(base).error());
  push(*base + uint64_t(offset));
  return {};
}

Result<void> LocationMachine::form(uint8_t op) {
  switch (op) {
    case op::kPiece: {
      uint64_t bytes = in_.uleb();
      if (bytes > UINT64_MAX / 8) return corrupt("piece too large");
      end_piece(bytes * 8, 0);
      return {};
    }
    case op::kBitPiece: {
      uint64_t size = in_.uleb();
      end_piece(size, in_.uleb());
      return {};
    }
    case op::kImplicitValue: bytes_ = in_.take(in_.uleb()); return set_form(Form::kBytes, 0), Result<void>();
    case op::kStackValue:
      if (stack_.empty() && spoiled_.empty()) underflow_ = true;
      return set_form(Form::kValue, 0), Result<void>();
    default: {
      // DWARF 2's DW_FORM_ref_addr had the size of an address.
      uint64_t die = in_.unsigned_of(expression_.version <= 2 ? expression_.address_size : expression_.offset_size);
      offset_ = in_.sleb();
      return set_form(Form::kImplicitPointer, die), Result<void>();
    }
  }
}

Result<void> LocationMachine::push_entry_value(Bytes block) {
  if (!spoiled_.empty()) return push(0), Result<void>();
  if (!context_.entry_value) {
    Expression inner = expression_;
    inner.bytes = block;
    std::optional<RegisterRelation> relation = register_relation(inner);
    return missing(not_found(relation ? fmt::format("the entry value of register {} is not known", relation->reg)
                                      : "an entry value is not known"));
  }
  Result<uint64_t> value = context_.entry_value(block);
  if (!value.ok()) return missing(std::move(value).error());
  push(*value);
  return {};
}

// What only the context can say.
Result<void> LocationMachine::context_value(uint8_t op) {
  auto push_or_miss = [this](const std::function<Result<uint64_t>()>& ask) -> Result<void> {
    if (!spoiled_.empty()) return push(0), Result<void>();
    Result<uint64_t> value = ask();
    if (!value.ok()) return missing(std::move(value).error());
    push(*value);
    return {};
  };
  auto runtime = [this](uint64_t address) { return context_.to_runtime ? context_.to_runtime(address) : address; };
  switch (op) {
    case op::kAddr: push(runtime(in_.unsigned_of(expression_.address_size))); return {};
    case op::kCallFrameCfa:
      return push_or_miss([&]() -> Result<uint64_t> {
        return context_.cfa ? context_.cfa() : Result<uint64_t>(not_found("the CFA is not known"));
      });
    case op::kEntryValue:
    case op::kGnuEntryValue: return push_entry_value(in_.take(in_.uleb()));
    case op::kAddrx:
    case op::kGnuAddrIndex:
    case op::kConstx:
    case op::kGnuConstIndex: {
      uint64_t index = in_.uleb();
      bool address = op == op::kAddrx || op == op::kGnuAddrIndex;
      return push_or_miss([&]() -> Result<uint64_t> {
        if (!context_.indexed_address) return not_found(fmt::format("indexed address {} is not known", index));
        TRY(uint64_t value, context_.indexed_address(index));
        return address ? runtime(value) : value;
      });
    }
    case op::kGnuParameterRef: {
      uint64_t die = expression_.unit_offset + in_.u32();
      return push_or_miss([&]() -> Result<uint64_t> {
        return context_.parameter_ref ? context_.parameter_ref(die)
                                      : Result<uint64_t>(not_found("the caller's parameter is not known"));
      });
    }
    case op::kCall2: in_.skip(2); break;
    case op::kCall4: in_.skip(4); break;
    case op::kCallRef:
    case op::kGnuVariableValue: in_.skip(expression_.offset_size); break;
    case op::kXderefSize: in_.skip(1); break;
    case op::kXderef:
    case op::kPushObjectAddress:
    case op::kFormTlsAddress:
    case op::kGnuPushTlsAddress: break;
    default: return corrupt(fmt::format("unknown opcode {:#x} at offset {:#x}", op, in_.offset() - 1));
  }
  return missing(Error(ErrorCode::kUnsupported, fmt::format("DWARF operation {:#x} is not supported", op)));
}

}  // namespace inquest::debuginfo
