// The condition that a WARN or BUG found true: from its trap back over the branch that led there to the comparison.
#include <fmt/format.h>

#include "code/questions.h"

namespace inquest::code {

namespace {

using arch::Condition;
using arch::Operation;

std::string relation_of(Condition c, bool taken) {
  auto pick = [&](const char* yes, const char* no) { return std::string(taken ? yes : no); };
  switch (c) {
    case Condition::kEqual: case Condition::kZero: return pick("==", "!=");
    case Condition::kNotEqual: case Condition::kNotZero: return pick("!=", "==");
    case Condition::kBelow: case Condition::kLess: case Condition::kNegative: return pick("<", ">=");
    case Condition::kBelowEqual: case Condition::kLessEqual: return pick("<=", ">");
    case Condition::kAbove: case Condition::kGreater: return pick(">", "<=");
    case Condition::kAboveEqual: case Condition::kGreaterEqual: case Condition::kPositive: return pick(">=", "<");
    case Condition::kBitSet: return pick("has bit", "lacks bit");
    case Condition::kBitClear: return pick("lacks bit", "has bit");
    default: return "";
  }
}

// The instruction that set the flags for a branch: the last compare or test before it in its block, with no other flag setter between.
std::optional<size_t> flags_for(const FunctionCode& code, size_t branch) {
  size_t first = code.blocks()[code.block_of(branch)].first;
  for (size_t i = branch; i-- > first;) {
    auto op = code.instructions()[i].operation;
    if (op == Operation::kCompare || op == Operation::kTest) return i;
    bool keeps_flags = op == Operation::kMove || op == Operation::kLoad || op == Operation::kStore || op == Operation::kAddress || op == Operation::kNop;
    if (!keeps_flags) return op == Operation::kAdd || op == Operation::kSubtract || op == Operation::kAnd ? std::optional(i) : std::nullopt;
  }
  return std::nullopt;
}

std::string side_text(const ExpressionRef& e, const arch::Operand& operand, const arch::Arch& arch) {
  if (known(e) && !(root_of(e) && root_of(e)->kind == Expression::Kind::kEntry)) return text(e);
  if (operand.is_register()) return "%" + std::string(arch.register_name(operand.reg));
  if (operand.is_immediate()) return fmt::format("{}", operand.immediate);
  return "?";
}

std::optional<code::Condition> describe(const ValueFlow& flow, size_t branch, bool taken) {
  const FunctionCode& code = flow.code();
  const auto& arch = code.program().arch();
  const auto& jump = code.instructions()[branch];
  bool on_register = jump.left.is_register();  // cbz, tbz: compares by itself
  auto compare = on_register ? std::optional(branch) : flags_for(code, branch);
  if (!compare) return std::nullopt;
  const auto& insn = code.instructions()[*compare];
  State state = flow.before(*compare);
  code::Condition c;
  c.compare = insn.address;
  c.branch = jump.address;
  c.relation = relation_of(jump.condition, taken);
  c.left_expression = flow.operand(state, *compare, insn.left);
  c.left = side_text(c.left_expression, insn.left, arch);
  if (insn.left.is_register()) c.left_register = insn.left.reg;
  bool self_test = insn.operation == Operation::kTest && insn.left.is_register() && insn.right.is_register() && insn.left.reg == insn.right.reg;
  if (on_register || self_test) {
    c.right = jump.right.is_immediate() ? fmt::format("{}", jump.right.immediate) : "0";
  } else {
    c.right_expression = flow.operand(state, *compare, insn.right);
    c.right = side_text(c.right_expression, insn.right, arch);
    if (insn.right.is_register()) c.right_register = insn.right.reg;
    if (insn.operation == Operation::kTest || insn.operation == Operation::kAnd) {
      c.left = fmt::format("({} & {})", c.left, c.right);
      c.right = "0";
    } else if (insn.operation != Operation::kCompare) {
      return std::nullopt;
    }
  }
  c.text = fmt::format("{} {} {}", c.left, c.relation, c.right);
  auto source = code.source_of(*compare);
  if (!source.empty()) {
    c.file = source.back().file;
    c.line = source.back().line;
  }
  return c;
}

}  // namespace

std::optional<code::Condition> condition_of_branch(const ValueFlow& flow, size_t branch, bool taken) { return describe(flow, branch, taken); }

std::optional<code::Condition> condition_of_trap(const ValueFlow& flow, VirtualAddress trap) {
  const FunctionCode& code = flow.code();
  auto index = code.index_of(trap);
  if (!index) return std::nullopt;
  size_t block = code.block_of(*index);
  for (int hops = 0; hops < 4; hops++) {
    size_t first = code.blocks()[block].first;
    const auto& predecessors = code.blocks()[block].predecessors;
    for (size_t p : predecessors) {
      size_t last = code.blocks()[p].last;
      const auto& jump = code.instructions()[last];
      if (jump.operation != Operation::kBranch) continue;
      bool taken = jump.target && *jump.target == code.instructions()[first].address;
      if (auto c = describe(flow, last, taken)) return c;
    }
    // Moves before the trap may make a block of their own: go on through a single way in.
    if (predecessors.size() != 1) break;
    block = predecessors.front();
  }
  return std::nullopt;
}

}  // namespace inquest::code
