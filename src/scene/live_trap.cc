// What the instruction at fault did, in the words of the source: the condition a BUG or WARN found true, the memory a faulting instruction reached
// for, the divisor of a division.
#include <utility>

#include "code/origin.h"
#include "scene/live_scene.h"

namespace inquest::scene {

namespace {

struct Side {
  std::optional<uint64_t> value;
  bool then = false;
};

Side side(const code::Evaluator& at, const code::ExpressionRef& e, const std::optional<unsigned>& reg, const arch::Registers& registers) {
  if (reg)
    if (auto v = registers.get(*reg)) return {v, true};
  auto v = at.value(e);
  return {v.number, v.then};
}

void name_object(ConditionView& view, const code::Evaluator& at, const code::ExpressionRef& e) {
  auto from = code::loaded_from(e);
  auto place = from ? code::place_of(from) : code::bit_field_of(e);
  if (!place || !place->object || !view.object.empty()) return;
  view.object = debuginfo::spell(place->object);
  view.object_address = at.value(place->base).number;
  for (const auto& m : place->members) view.members.push_back(m.path);
}

ConditionView condition_view(const code::Condition& c, const code::ValueFlow& flow, const arch::Registers& registers) {
  const auto& arch = flow.code().program().arch();
  ConditionView view;
  view.text = c.text;
  view.left = c.left;
  view.relation = c.relation;
  view.right = c.right;
  view.file = c.file;
  view.line = c.line;
  view.compare = c.compare.value;
  if (c.left_register) view.left_register = std::string(arch.register_name(*c.left_register));
  if (c.right_register) view.right_register = std::string(arch.register_name(*c.right_register));
  auto index = flow.code().index_of(c.compare);
  if (!index) return view;
  code::Evaluator at(flow, *index, registers);
  Side left = side(at, c.left_expression, c.left_register, registers), right = side(at, c.right_expression, c.right_register, registers);
  view.left_value = left.value;
  view.right_value = right.value;
  view.values_then = left.then && right.then;
  name_object(view, at, c.left_expression);
  name_object(view, at, c.right_expression);
  return view;
}

TouchView touch_view(const code::MemoryTouch& t, const arch::Registers& registers) {
  TouchView view;
  view.pc = t.pc.value;
  view.instruction = t.instruction;
  view.text = t.text;
  view.reads = t.reads;
  view.writes = t.writes;
  view.size = t.size;
  view.displacement = t.displacement;
  view.members = t.members;
  if (t.object) view.object = debuginfo::spell(t.object);
  const auto& base = t.base_meaning;
  view.base_register = base.reg_name;
  view.base_text = base.text;
  view.base_type = base.type;
  view.base_variable = base.variable;
  view.base_function = base.function;
  if (t.base) view.base_value = registers.get(*t.base);
  if (auto from = code::loaded_from(base.expression)) view.origin_text = code::text(code::load(from, 8, t.pc));
  return view;
}

std::optional<DivisorView> divisor_view(const code::ValueFlow& flow, size_t instruction, const arch::Registers& registers) {
  const auto& insn = flow.code().instructions()[instruction];
  if (insn.operation != arch::Operation::kDivide) return std::nullopt;
  const auto& arch = flow.code().program().arch();
  DivisorView view;
  view.pc = insn.address.value;
  view.instruction = insn.mnemonic + " " + insn.operands;
  code::Evaluator at(flow, instruction, registers);
  auto e = flow.operand(at.state(), instruction, insn.right);
  if (insn.right.is_register()) {
    view.reg = std::string(arch.register_name(insn.right.reg));
    view.value = registers.get(insn.right.reg);
  }
  if (!view.value) view.value = at.value(e).number;
  if (view.value && insn.right.size < 8) *view.value &= (uint64_t{1} << (8 * insn.right.size)) - 1;
  if (!code::known(e)) return view;
  view.text = code::text(e);
  if (e->type) view.type = e->type.spell();
  auto from = code::loaded_from(e);
  auto place = from ? code::place_of(from) : std::nullopt;
  if (place && place->object) {
    view.object = debuginfo::spell(place->object);
    for (const auto& m : place->members) view.members.push_back(m.path);
  }
  return view;
}

}  // namespace

std::optional<ConditionView> LiveScene::condition_of_call(uint64_t return_address) const {
  auto flow = flow_at(return_address - 1);
  auto call = flow ? flow->code().index_before(VirtualAddress(return_address)) : std::nullopt;
  if (!call) return std::nullopt;
  auto c = code::condition_of_trap(*flow, flow->code().instructions()[*call].address);
  if (!c) return std::nullopt;
  const auto& frames = crashed_stack_.frames;
  arch::Registers registers;
  for (size_t i = 0; i < frames.size(); i++)
    if (frames[i].pc_is_return && frames[i].pc.value == return_address) registers = unwind::registers_at_call(kernel_->program(), crashed_stack_, i).registers;
  return condition_view(*c, *flow, registers);
}

// WARN_ONCE()'s own flag: __already_done since 5.14 (include/linux/once_lite.h: a358f40600b3), __warned before. What was found wrong was asked before it.
static bool is_once_flag(const code::Condition& c) { return c.text.find("__already_done") != std::string::npos || c.text.find("__warned") != std::string::npos; }

void read_trap(EventView& view, const code::ValueFlow& flow, size_t instruction, const arch::Registers& registers) {
  VirtualAddress pc = flow.code().instructions()[instruction].address;
  auto c = code::condition_of_trap(flow, pc);
  if (c && is_once_flag(*c)) c = code::condition_of_trap(flow, c->compare);
  if (c && !is_once_flag(*c)) view.condition = condition_view(*c, flow, registers);
  if (auto t = code::touch_at(flow, pc, &registers)) view.touch = touch_view(*t, registers);
  view.divisor = divisor_view(flow, instruction, registers);
}

}  // namespace inquest::scene
