// Registers and memory operands of one instruction, in the words of the source.
#include <fmt/format.h>

#include <algorithm>

#include "code/questions.h"

namespace inquest::code {

namespace {

RegisterMeaning meaning_of(const arch::Arch& arch, unsigned reg, const ExpressionRef& e, const arch::Registers* values) {
  RegisterMeaning m;
  m.reg = reg;
  m.reg_name = std::string(arch.register_name(reg));
  m.expression = e;
  m.text = text(e);
  if (e->type) m.type = e->type.spell();
  if (e->kind == Expression::Kind::kVariable) {
    m.variable = e->name;
    m.function = e->function;
  }
  if (auto place = place_of(e); place && place->object && place->offset >= 0) {
    m.object = place->object;
    m.offset = place->offset;
    m.member = place->offset ? place->member : "";
    for (const auto& f : place->members)
      if (f.member.offset() == uint64_t(place->offset)) m.members.push_back(f.path);
  }
  if (values) m.value = values->get(reg);
  return m;
}

bool tells(const ExpressionRef& e, const arch::Arch& arch) {
  if (!known(e)) return false;
  using Kind = Expression::Kind;
  ExpressionRef root = root_of(e);
  if (!root || root->kind == Kind::kUnknown) return false;
  if (root->kind == Kind::kEntry) return false;  // no name: tells nothing to a reader
  (void)arch;
  return e->kind != Kind::kConstant;
}

}  // namespace

std::vector<RegisterMeaning> meanings_at(const ValueFlow& flow, size_t instruction, const arch::Registers* values) {
  const auto& arch = flow.code().program().arch();
  State state = flow.before(instruction);
  std::vector<RegisterMeaning> all;
  for (unsigned r = 0; r < arch.register_count && r < arch::kRegisterCount; r++)
    if (r != arch.sp && r != arch.pc && tells(state.registers[r], arch)) all.push_back(meaning_of(arch, r, state.registers[r], values));
  return all;
}

// base + index * size + displacement: the array is what lies at base + displacement, the element is not known.
static void name_array(const ValueFlow& flow, const State& state, size_t instruction, arch::MemoryOperand memory, MemoryTouch& touch) {
  memory.index = arch::kNoRegister;
  auto first = flow.address(state, instruction, memory);
  auto place = place_of(first);
  if (!place || !place->object) return;
  touch.object = place->object;
  for (const auto& m : place->members) touch.members.push_back(m.path.ends_with(']') ? m.path.substr(0, m.path.rfind('[')) : m.path);
  touch.text = text(load(first, touch.size, touch.pc));
  if (touch.text.ends_with("[0]")) touch.text.erase(touch.text.size() - 3);
  touch.text += "[…]";
}

std::optional<MemoryTouch> touch_at(const ValueFlow& flow, VirtualAddress pc, const arch::Registers* values) {
  const FunctionCode& code = flow.code();
  auto index = code.index_of(pc);
  if (!index) return std::nullopt;
  const auto& insn = code.instructions()[*index];
  const arch::Operand* memory = nullptr;
  for (const arch::Operand* o : {&insn.destination, &insn.left, &insn.right})
    if (o->is_memory() && !memory) memory = o;
  if (!memory || insn.operation == arch::Operation::kAddress || insn.operation == arch::Operation::kNop) return std::nullopt;
  MemoryTouch touch;
  touch.pc = pc;
  touch.instruction = insn.mnemonic + " " + insn.operands;
  using arch::Operation;
  bool compares = insn.operation == Operation::kCompare || insn.operation == Operation::kTest;
  touch.writes = insn.destination.is_memory() && !compares;
  touch.reads = !touch.writes || (insn.operation != Operation::kStore && insn.operation != Operation::kMove);
  touch.size = memory->memory.size;
  touch.displacement = memory->memory.displacement;
  State state = flow.before(*index);
  touch.address = flow.address(state, *index, memory->memory);
  if (memory->memory.base != arch::kNoRegister && memory->memory.base < arch::kRegisterCount) {
    touch.base = memory->memory.base;
    const auto& e = state.registers[memory->memory.base];
    if (known(e)) touch.base_meaning = meaning_of(code.program().arch(), *touch.base, e, values);
    else if (values) touch.base_meaning.value = values->get(*touch.base);
    touch.base_meaning.reg = *touch.base;
    touch.base_meaning.reg_name = std::string(code.program().arch().register_name(*touch.base));
  }
  if (known(touch.address)) {
    touch.text = text(load(touch.address, touch.size, pc));
    if (auto place = place_of(touch.address); place && place->object) {
      touch.object = place->object;
      for (const auto& m : place->members) touch.members.push_back(m.path);
    }
  } else if (memory->memory.index != arch::kNoRegister) {
    name_array(flow, state, *index, memory->memory, touch);
  }
  return touch;
}

namespace {

// rcu_do_batch does this since 5.7 (kernel commit 77a40f97030b): the pointer is cleared, so memory no longer shows what was called.
bool was_cleared(const ValueFlow& flow, size_t call, const ExpressionRef& target) {
  auto from = loaded_from(target);
  if (!from) return false;
  for (const auto& store : flow.stores()) {
    if (store.instruction >= call || call - store.instruction > 32) continue;
    bool zero = known(store.value) ? store.value->kind == Expression::Kind::kConstant && store.value->number == 0 : false;
    if (zero && same(store.address, from)) return true;
  }
  return false;
}

}  // namespace

static CallMade describe_call(const ValueFlow& flow, size_t index, const arch::Registers* values) {
  const FunctionCode& code = flow.code();
  const auto& insn = code.instructions()[index];
  CallMade call;
  call.pc = insn.address;
  call.instruction = insn.mnemonic + " " + insn.operands;
  if (insn.target)
    if (auto s = code.program().symbol_at(*insn.target); s && !s->offset) call.instruction += " <" + s->symbol.name + ">";
  call.source = code.source_of(index);
  State state = flow.before(index);
  std::optional<unsigned> thunk;
  call.callee = code.target_name(insn, &thunk);
  call.indirect = insn.is_indirect() || thunk.has_value();
  if (call.indirect) {
    if (thunk) {
      call.through = *thunk;
      call.target = state.registers[*thunk];
    } else {
      call.target = flow.operand(state, index, insn.left);
      if (insn.left.is_register()) call.through = insn.left.reg;
    }
    call.target_text = known(call.target) ? text(call.target) : "";
    call.cleared = was_cleared(flow, index, call.target);
  }
  for (unsigned r : code.program().arch().parameters)
    if (known(state.registers[r]) && state.registers[r]->kind != Expression::Kind::kEntry)
      call.arguments.push_back(meaning_of(code.program().arch(), r, state.registers[r], values));
  return call;
}

std::optional<CallMade> call_before(const ValueFlow& flow, VirtualAddress return_address, const arch::Registers* values) {
  auto index = flow.code().index_before(return_address);
  if (!index || flow.code().instructions()[*index].operation != arch::Operation::kCall) return std::nullopt;
  return describe_call(flow, *index, values);
}

std::optional<CallMade> only_indirect_jump(const ValueFlow& flow) {
  const FunctionCode& code = flow.code();
  std::optional<size_t> found;
  for (size_t i = 0; i < code.instructions().size(); i++) {
    const auto& insn = code.instructions()[i];
    if (insn.operation != arch::Operation::kJump) continue;
    std::optional<unsigned> thunk;
    if (insn.target) (void)code.target_name(insn, &thunk);
    if (!thunk && !insn.is_indirect()) continue;
    if (found) return std::nullopt;
    found = i;
  }
  return found ? std::optional(describe_call(flow, *found, nullptr)) : std::nullopt;
}

std::vector<CallFound> calls_in(const ValueFlow& flow, const std::vector<std::string>& apis) {
  const FunctionCode& code = flow.code();
  std::vector<CallFound> found;
  for (size_t i = 0; i < code.instructions().size(); i++) {
    const auto& insn = code.instructions()[i];
    if (insn.operation != arch::Operation::kCall && insn.operation != arch::Operation::kJump) continue;
    std::string callee = code.target_name(insn);
    if (callee.empty() || std::find(apis.begin(), apis.end(), callee) == apis.end()) continue;
    CallFound call{code.name(), insn.address, code.source_of(i), {}};
    State state = flow.before(i);
    for (unsigned r : code.program().arch().parameters)
      if (known(state.registers[r])) call.arguments.push_back(meaning_of(code.program().arch(), r, state.registers[r], nullptr));
    found.push_back(std::move(call));
  }
  return found;
}

std::vector<ParameterStore> stores_through_parameter(const ValueFlow& flow) {
  const FunctionCode& code = flow.code();
  const auto& arch = code.program().arch();
  std::vector<ParameterStore> all;
  if (arch.parameters.empty()) return all;
  auto start = code.index_of(code.entry());
  if (!start) return all;
  // The first parameter may be named by DWARF or be the bare entry register; both are followed down through origins.
  auto from_parameter = [&](ExpressionRef e) -> std::optional<int64_t> {
    int64_t offset = 0;
    for (int i = 0; e && i < 16; i++) {
      if (e->kind == Expression::Kind::kOffset) {
        offset += e->offset;
        e = e->left;
      } else if (e->kind == Expression::Kind::kEntry) {
        return e->reg == arch.parameters[0] ? std::optional(offset) : std::nullopt;
      } else if (e->kind == Expression::Kind::kVariable && e->parameter && e->function == code.name() && !e->left) {
        for (const auto& n : code.named_at(*start))
          if (n.name == e->name && n.reg == arch.parameters[0]) return offset;
        return std::nullopt;
      } else if (e->kind == Expression::Kind::kVariable) {
        e = e->left;
      } else {
        return std::nullopt;
      }
    }
    return std::nullopt;
  };
  for (const auto& store : flow.stores()) {
    auto to = from_parameter(store.address);
    if (!to) continue;
    ParameterStore p;
    p.offset = *to;
    p.size = store.size;
    p.pc = code.instructions()[store.instruction].address;
    p.value_offset = from_parameter(store.value);
    if (known(store.value) && store.value->kind == Expression::Kind::kConstant) p.value = store.value->number;
    auto source = code.source_of(store.instruction);
    if (!source.empty()) {
      p.by = source.front().function;
      p.file = source.front().file;
      p.line = source.front().line;
      // WRITE_ONCE and the like are macros or one-line helpers: the list helper around them is what a reader knows.
    }
    all.push_back(std::move(p));
  }
  return all;
}

}  // namespace inquest::code
