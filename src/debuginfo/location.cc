#include "debuginfo/location.h"

#include "debuginfo/location_machine.h"
#include "debuginfo/location_opcodes.h"

namespace inquest::debuginfo {

Result<Location> evaluate(const Expression& expression, const EvaluationContext& context) {
  LocationMachine machine(expression, context);
  TRY_VOID(machine.run(true));
  return machine.take_location();
}

Result<uint64_t> evaluate_value(const Expression& expression, const EvaluationContext& context,
                                std::optional<uint64_t> initial) {
  LocationMachine machine(expression, context);
  if (initial) machine.push(*initial);
  TRY_VOID(machine.run(false));
  return machine.value();
}

std::optional<RegisterRelation> register_relation(const Expression& expression) {
  Cursor in(expression.bytes);
  RegisterRelation relation;
  uint8_t first = in.u8();
  if ((first >= op::kReg0 && first <= op::kReg31) || first == op::kRegx) {
    relation.reg = first == op::kRegx ? unsigned(in.uleb()) : first - op::kReg0;
    return in.ok() && in.at_end() ? std::optional(relation) : std::nullopt;
  }
  if (!(first >= op::kBreg0 && first <= op::kBreg31) && first != op::kBregx) return std::nullopt;
  relation.reg = first == op::kBregx ? unsigned(in.uleb()) : first - op::kBreg0;
  relation.offset = in.sleb();
  relation.in_memory = true;
  // What compilers append: plus_uconst N, or a small constant added or taken away, then stack_value.
  while (in.ok() && !in.at_end() && relation.in_memory) {
    uint8_t opcode = in.u8();
    int64_t constant = 0;
    if (opcode == op::kPlusUconst) {
      relation.offset = int64_t(uint64_t(relation.offset) + in.uleb());
      continue;
    }
    if (opcode == op::kStackValue) {
      relation.in_memory = false;
      continue;
    }
    if (opcode >= op::kLit0 && opcode <= op::kLit31)
      constant = opcode - op::kLit0;
    else if (opcode == op::kConst1u)
      constant = in.u8();
    else if (opcode == op::kConst2u)
      constant = in.u16();
    else if (opcode == op::kConst4u)
      constant = in.u32();
    else if (opcode == op::kConstu)
      constant = int64_t(in.uleb());
    else if (opcode == op::kConsts)
      constant = in.sleb();
    else
      return std::nullopt;
    uint8_t operation = in.u8();
    if (operation != op::kPlus && operation != op::kMinus) return std::nullopt;
    uint64_t offset = uint64_t(relation.offset);
    relation.offset = int64_t(operation == op::kPlus ? offset + uint64_t(constant) : offset - uint64_t(constant));
  }
  return in.ok() && in.at_end() ? std::optional(relation) : std::nullopt;
}

}  // namespace inquest::debuginfo
