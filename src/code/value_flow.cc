#include "code/value_flow.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "kernel/kernel_view.h"

namespace inquest::code {

namespace {

using arch::Operation;
using Kind = Expression::Kind;

// The offset from the entry stack pointer, if that is what an expression is.
std::optional<int64_t> stack_slot(const ExpressionRef& e, unsigned sp) {
  if (!e) return std::nullopt;
  if (e->kind == Kind::kEntry && e->reg == sp) return 0;
  if (e->kind == Kind::kOffset && e->left->kind == Kind::kEntry && e->left->reg == sp) return e->offset;
  return std::nullopt;
}

ExpressionRef entry_value(const arch::Arch& arch, unsigned reg) {
  auto e = std::make_shared<Expression>();
  e->kind = Kind::kEntry;
  e->reg = reg;
  e->name = std::string(arch.register_name(reg));
  return e;
}

constexpr int kMaxMergeDepth = 16;

// Of two that are the same value, what both paths agree on: a variable keeps its name, but not an origin that only one path gave it (the
// first round of a loop). Gives `a` itself where there is nothing to take away.
ExpressionRef agreed(const ExpressionRef& a, const ExpressionRef& b, int depth = 0) {
  if (!a || !b || a == b || depth > kMaxMergeDepth || a->kind != b->kind) return a;
  ExpressionRef left = a->left, right = a->right;
  if (a->kind == Kind::kVariable) left = known(a->left) && known(b->left) && same(a->left, b->left) ? agreed(a->left, b->left, depth + 1) : nullptr;
  else left = agreed(a->left, b->left, depth + 1), right = agreed(a->right, b->right, depth + 1);
  if (left == a->left && right == a->right) return a;
  auto e = std::make_shared<Expression>(*a);
  e->left = std::move(left);
  e->right = std::move(right);
  return e;
}

ExpressionRef merge(const ExpressionRef& a, const ExpressionRef& b) { return same(a, b) ? agreed(a, b) : nullptr; }

// Where paths meet at `block`. Of two pointers to one type the type is left. Each register goes from an expression to that to nothing, so it ends.
ExpressionRef merge_types(const ExpressionRef& a, const ExpressionRef& b, VirtualAddress block, unsigned reg) {
  if (same(a, b)) return agreed(a, b);
  if (!known(a) || !known(b)) return nullptr;
  const Type* object = a->type.pointed_aggregate();
  if (!object || object != b->type.pointed_aggregate()) return nullptr;
  if (a->kind == Kind::kMerged && a->at == block && a->reg == reg) return a;
  auto e = std::make_shared<Expression>();
  e->kind = Kind::kMerged;
  e->type = {object, 1};
  e->reg = reg;
  e->at = block;
  return e;
}

// Whether merging changed anything. `typed`: where no DWARF names what comes out of it, types are worth keeping.
bool merge_into(State& into, const State& from, VirtualAddress block, bool typed) {
  bool changed = false;
  for (size_t r = 0; r < into.registers.size(); r++) {
    if (!into.registers[r]) continue;
    auto m = typed ? merge_types(into.registers[r], from.registers[r], block, unsigned(r)) : merge(into.registers[r], from.registers[r]);
    if (m != into.registers[r]) {
      into.registers[r] = m;
      changed = true;
    }
  }
  for (auto it = into.slots.begin(); it != into.slots.end();) {
    auto other = from.slots.find(it->first);
    if (auto m = other == from.slots.end() ? nullptr : merge(it->second, other->second); !m) {
      it = into.slots.erase(it);
      changed = true;
    } else {
      if (m != it->second) changed = true;
      it->second = m;
      ++it;
    }
  }
  return changed;
}

ExpressionRef binary(std::string op, ExpressionRef left, ExpressionRef right, VirtualAddress at) {
  if (!known(left) || !known(right)) return nullptr;
  auto e = std::make_shared<Expression>();
  e->kind = Kind::kBinary;
  e->name = std::move(op);
  e->left = std::move(left);
  e->right = std::move(right);
  e->at = at;
  return e;
}

}  // namespace

ValueFlow::ValueFlow(std::shared_ptr<const FunctionCode> code) : code_(std::move(code)), entry_(code_->blocks().size()) { run(); }

State ValueFlow::initial() const {
  State state;
  const auto& arch = code_->program().arch();
  for (unsigned r : arch.parameters) state.registers[r] = entry_value(arch, r);
  for (unsigned r : arch.callee_saved) state.registers[r] = entry_value(arch, r);
  state.registers[arch.sp] = entry_value(arch, arch.sp);
  return state;
}

void ValueFlow::run() {
  const auto& blocks = code_->blocks();
  if (blocks.empty()) return;
  auto start = code_->index_of(code_->entry());
  size_t first = start ? code_->block_of(*start) : 0;
  entry_[first] = initial();
  std::deque<size_t> work = {first};
  std::vector<int> visits(blocks.size(), 0);
  while (!work.empty()) {
    size_t b = work.front();
    work.pop_front();
    // States only ever lose entries, so this settles; the bound is for our own mistakes, and gives up knowing, not soundness.
    if (++visits[b] > kMaxVisits) {
      if (visits[b] > kMaxVisits + 1) continue;
      entry_[b] = State{};
    }
    State state = *entry_[b];
    for (size_t i = blocks[b].first; i <= blocks[b].last; i++) {
      name_registers(state, i);
      apply(state, i);
    }
    for (size_t next : blocks[b].successors) {
      if (!entry_[next]) {
        entry_[next] = state;
        work.push_back(next);
      } else if (merge_into(*entry_[next], state, code_->instructions()[blocks[next].first].address, !code_->has_dwarf())) {
        work.push_back(next);
      }
    }
  }
}

State ValueFlow::before(size_t instruction) const {
  size_t b = code_->block_of(instruction);
  State state = entry_[b] ? *entry_[b] : State{};
  for (size_t i = code_->blocks()[b].first; i < instruction; i++) {
    name_registers(state, i);
    apply(state, i);
  }
  name_registers(state, instruction);
  return state;
}

// Of two variables of one scope in one register (a member at offset 0 and, by container_of(), its struct) the one that points at more.
static bool names_more(const std::vector<NamedRegister>& all, const NamedRegister& n) {
  auto pointed_size = [](const NamedRegister& named) {
    const Type* to = TypeRef{named.type, 0}.pointed_aggregate();
    return to ? to->size().value_or(0) : 0;
  };
  uint64_t own = pointed_size(n);
  if (!own) return false;
  for (const NamedRegister& other : all)
    if (&other != &n && other.reg == n.reg && other.offset == n.offset && other.depth == n.depth && pointed_size(other) > own) return true;
  return false;
}

// DWARF's word on a register is taken over the walk's, which becomes the variable's origin. Inner scopes come first, and the first
// name stays; an inlined callee's parameter that only renames the same value keeps the caller's variable as origin.
void ValueFlow::name_registers(State& state, size_t instruction) const {
  std::array<bool, arch::kRegisterCount> done{};
  // `owner` in a register is a better name for it than an inlined callee's `lock - 0x10`.
  std::array<bool, arch::kRegisterCount> whole{};
  for (const NamedRegister& n : code_->named_at(instruction))
    if (n.reg < arch::kRegisterCount && n.offset == 0) whole[n.reg] = true;
  for (const NamedRegister& n : code_->named_at(instruction)) {
    if (n.reg >= arch::kRegisterCount || done[n.reg] || n.reg == code_->program().arch().sp || (n.offset != 0 && whole[n.reg])) continue;
    bool pointer_like = n.type->is_pointer();
    if (n.offset != 0 && !pointer_like) continue;
    if (names_more(code_->named_at(instruction), n)) continue;
    done[n.reg] = true;
    const ExpressionRef before = state.registers[n.reg];
    ExpressionRef had = offset_of(before, n.offset, VirtualAddress());
    if (known(had) && had->kind == Kind::kVariable && had->name == n.name && had->function == n.function) continue;
    // A typed expression that says where in an object the value lies tells more than a callee's `list` or `head` does.
    bool tells_more = known(had) && had->type && had->kind == Kind::kOffset && n.parameter && code_->named_at(instruction).size() > 1;
    if (tells_more) continue;
    auto e = std::make_shared<Expression>();
    e->kind = Kind::kVariable;
    e->name = n.name;
    e->function = n.function;
    e->type = {n.type, 0};
    e->parameter = n.parameter;
    e->at = code_->instructions()[instruction].address;
    if (known(had) && had->kind != Kind::kEntry) e->left = had;
    ExpressionRef value = offset_of(e, -n.offset, e->at);
    forget_old(state, *e, had);
    for (auto& other : state.registers)
      if (known(before) && &other != &state.registers[n.reg] && same(other, before)) other = value;  // copies are the variable, too
    state.registers[n.reg] = value;
  }
}

// The variable was assigned: what still carries its name elsewhere is an old value, unless it is a copy of the new one.
void ValueFlow::forget_old(State& state, const Expression& variable, const ExpressionRef& now) {
  auto is_old = [&](const ExpressionRef& e) {
    ExpressionRef root = root_of(e);
    return root && root->kind == Kind::kVariable && root->name == variable.name && root->function == variable.function && !same(e, now);
  };
  for (auto& r : state.registers)
    if (is_old(r)) r = nullptr;
  std::erase_if(state.slots, [&](const auto& slot) { return is_old(slot.second); });
}

ExpressionRef ValueFlow::address(const State& state, size_t instruction, const arch::MemoryOperand& m) const {
  const auto& insn = code_->instructions()[instruction];
  const auto& program = code_->program();
  if (m.per_cpu) {
    uint64_t at = m.absolute ? *m.absolute : uint64_t(m.displacement);
    if (m.base != arch::kNoRegister && !m.absolute) return nullptr;
    auto e = std::make_shared<Expression>();
    e->kind = Kind::kPerCpu;
    e->number = at;
    e->at = insn.address;
    // Per-CPU symbols of x86_64 are offsets from the area's start, so they are looked up as they are.
    if (const auto* debug = program.vmlinux())
      if (auto s = debug->symbol_at(at); s && s->address == at) {
        e->name = std::string(s->name);
        if (auto v = debug->find_variable(s->name); v && v->type) e->type = {v->type, 1};
      }
    if (!program.vmlinux()) {
      kernel::KernelView view(program);
      if (auto s = view.symbol_at(VirtualAddress(at)); s && !s->offset) {
        e->name = s->symbol.name;
        if (const Type* t = view.variable_type(e->name)) e->type = {t, 1};
      }
    }
    if (e->name.empty()) return nullptr;
    for (const char* name : {"pcpu_hot", "current_task"})
      if (auto s = program.kernel_symbol(name); s && s->address.value == at) e->kind = Kind::kCurrent;
    if (e->kind == Kind::kCurrent) {
      if (const Type* t = program.type(TypeKind::kStruct, "task_struct")) e->type = {t, 2};
    }
    return e;
  }
  if (m.absolute) {
    auto s = program.symbol_at(VirtualAddress(*m.absolute));
    return s ? symbol_expression(*s, insn.address) : constant(*m.absolute, insn.address);
  }
  if (m.base == arch::kNoRegister || m.index != arch::kNoRegister) return nullptr;
  auto to = offset_of(state.registers[m.base], m.post_index ? 0 : m.displacement, insn.address);
  if (known(to) && to->kind == Kind::kOffset && to->left->kind == Kind::kSymbol) return named_constant(to, insn.address);
  if (known(to) && to->kind == Kind::kConstant)
    if (auto s = program.symbol_at(VirtualAddress(to->number))) return symbol_expression(*s, insn.address);
  return to;
}

ExpressionRef ValueFlow::load_from(const State& state, ExpressionRef from, unsigned size, VirtualAddress at) const {
  if (auto slot = stack_slot(from, code_->program().arch().sp)) {
    auto it = state.slots.find(*slot);
    return it == state.slots.end() ? nullptr : it->second;
  }
  if (known(from) && from->kind == Kind::kCurrent && size == 8) {
    auto e = std::make_shared<Expression>(*from);
    e->type.pointers = 1;
    return e;
  }
  return load(from, size, at);
}

ExpressionRef ValueFlow::operand(const State& state, size_t instruction, const arch::Operand& operand) const {
  VirtualAddress at = code_->instructions()[instruction].address;
  switch (operand.kind) {
    case arch::Operand::Kind::kRegister: return operand.reg < arch::kRegisterCount ? state.registers[operand.reg] : nullptr;
    case arch::Operand::Kind::kImmediate: return named_constant(constant(uint64_t(operand.immediate), at), at);
    case arch::Operand::Kind::kMemory: return load_from(state, address(state, instruction, operand.memory), operand.memory.size, at);
    case arch::Operand::Kind::kNone: return nullptr;
  }
  return nullptr;
}

void ValueFlow::set(State& state, const arch::Operand& destination, ExpressionRef value) {
  if (destination.is_register() && destination.reg < arch::kRegisterCount) state.registers[destination.reg] = known(value) ? value : nullptr;
}

void ValueFlow::apply_store(const State& old, State& state, size_t instruction) const {
  const auto& insn = code_->instructions()[instruction];
  auto slot = stack_slot(address(old, instruction, insn.destination.memory), code_->program().arch().sp);
  if (!slot) return;
  auto put = [&](int64_t at, const arch::Operand& source) {
    auto v = operand(old, instruction, source);
    if (known(v)) state.slots[at] = v;
    else state.slots.erase(at);
  };
  put(*slot, insn.left);
  if (insn.second.is_register()) put(*slot + insn.second.size, insn.second);
}

void ValueFlow::apply_arithmetic(const State& old, State& state, size_t instruction) const {
  const auto& insn = code_->instructions()[instruction];
  auto left = operand(old, instruction, insn.left), right = operand(old, instruction, insn.right);
  bool add = insn.operation == Operation::kAdd, subtract = insn.operation == Operation::kSubtract;
  ExpressionRef result;
  if ((add || subtract) && insn.right.is_immediate() && known(left)) {
    result = offset_of(left, add ? insn.right.immediate : -insn.right.immediate, insn.address);
  } else if (add && known(right) && right->kind == Kind::kConstant && known(left)) {
    result = offset_of(left, int64_t(right->number), insn.address);
  } else {
    const char* op = add ? "+" : subtract ? "-" : insn.operation == Operation::kAnd ? "&" : insn.operation == Operation::kOr ? "|"
                     : insn.operation == Operation::kXor ? "^" : insn.operation == Operation::kShiftLeft ? "<<"
                     : insn.operation == Operation::kShiftRight ? ">>" : insn.operation == Operation::kMultiply ? "*" : "/";
    result = binary(op, left, right, insn.address);
  }
  set(state, insn.destination, named_constant(result, insn.address));
}

// An address put together from pieces (adrp and add) that is the start of a function or variable is that symbol.
ExpressionRef ValueFlow::named_constant(ExpressionRef e, VirtualAddress at) const {
  // Half of an address may be the start of another symbol (adrp of a page that a function begins on): the sum decides.
  if (known(e) && e->kind == Kind::kOffset && e->left->kind == Kind::kSymbol) {
    auto sum = code_->program().symbol_at(VirtualAddress(e->left->number + uint64_t(e->offset)));
    return sum && sum->symbol.address.value != e->left->number ? symbol_expression(*sum, at) : e;
  }
  if (!known(e) || e->kind != Kind::kConstant || e->number < (uint64_t{1} << 47)) return e;
  auto s = code_->program().symbol_at(VirtualAddress(e->number));
  if (!s || s->offset) return e;
  return symbol_expression(*s, at);
}

ExpressionRef ValueFlow::symbol_expression(const object::SymbolOffset& s, VirtualAddress at) const {
  TypeRef type;
  const auto* debug = s.symbol.file->debug_file();
  if (auto v = debug && !s.symbol.is_function ? debug->find_variable(s.symbol.name) : std::nullopt; v && v->type) type = {v->type, 1};
  return offset_of(symbol(s.symbol.name, s.symbol.address.value, type, at), int64_t(s.offset), at);
}

void ValueFlow::apply_stack_move(const State& old, State& state, size_t instruction) const {
  const auto& insn = code_->instructions()[instruction];
  unsigned sp_register = code_->program().arch().sp;
  bool push = insn.operation == Operation::kPush;
  auto sp = offset_of(old.registers[sp_register], push ? -8 : 8, insn.address);
  auto slot = stack_slot(push ? sp : old.registers[sp_register], sp_register);
  if (push && slot) {
    auto v = operand(old, instruction, insn.left);
    if (known(v)) state.slots[*slot] = v;
    else state.slots.erase(*slot);
  } else if (!push && slot) {
    auto it = old.slots.find(*slot);
    set(state, insn.destination, it == old.slots.end() ? nullptr : it->second);
  }
  state.registers[sp_register] = sp;
}

void ValueFlow::apply_call(State& state, size_t instruction) const {
  const auto& insn = code_->instructions()[instruction];
  const auto& program = code_->program();
  const auto& arch = program.arch();
  std::optional<unsigned> thunk;
  std::string callee = code_->target_name(insn, &thunk);
  if (callee == "__fentry__" || callee == "mcount" || callee == "_mcount") return;
  std::array<bool, arch::kRegisterCount> kept{};
  for (unsigned r : arch.callee_saved) kept[r] = true;
  kept[arch.sp] = true;
  for (unsigned r = 0; r < arch::kRegisterCount; r++)
    if (!kept[r]) state.registers[r] = nullptr;
  if (callee.empty()) return;
  auto e = std::make_shared<Expression>();
  e->kind = Kind::kCall;
  e->name = callee;
  e->at = insn.address;
  if (auto s = program.symbol_at(*insn.target)) {
    const auto* debug = s->symbol.file->debug_file();
    auto at = debug ? s->symbol.file->to_file(s->symbol.address) : std::nullopt;
    if (at)
      if (auto f = debug->function_at(*at); f && f->result) e->type = {f->result, 0};
    if (const Type* prototype = program.prototype(s->symbol)) e->type = {prototype->target(), 0};
  }
  state.registers[arch.result] = e;
}

void ValueFlow::apply(State& state, size_t instruction) const {
  const auto& insn = code_->instructions()[instruction];
  const State old = state;
  for (unsigned r : insn.written)
    if (r < arch::kRegisterCount) state.registers[r] = nullptr;
  auto write_back = [&](const arch::MemoryOperand& m) {
    if ((m.pre_index || m.post_index) && m.base < arch::kRegisterCount)
      state.registers[m.base] = offset_of(old.registers[m.base], m.displacement, insn.address);
  };
  switch (insn.operation) {
    case Operation::kMove:
    case Operation::kAddress: {
      bool takes_address = insn.operation == Operation::kAddress && insn.left.is_memory();
      set(state, insn.destination, takes_address ? address(old, instruction, insn.left.memory) : operand(old, instruction, insn.left));
      break;
    }
    case Operation::kLoad: {
      auto from = address(old, instruction, insn.left.memory);
      set(state, insn.destination, load_from(old, from, insn.left.memory.size, insn.address));
      if (insn.second.is_register())
        set(state, insn.second, load_from(old, offset_of(from, insn.second.size, insn.address), insn.second.size, insn.address));
      write_back(insn.left.memory);
      break;
    }
    case Operation::kStore:
      apply_store(old, state, instruction);
      write_back(insn.destination.memory);
      break;
    case Operation::kAdd: case Operation::kSubtract: case Operation::kAnd: case Operation::kOr: case Operation::kXor:
    case Operation::kShiftLeft: case Operation::kShiftRight: case Operation::kMultiply: case Operation::kDivide:
      apply_arithmetic(old, state, instruction);
      break;
    case Operation::kPush:
    case Operation::kPop: apply_stack_move(old, state, instruction); break;
    case Operation::kCall: apply_call(state, instruction); break;
    default:
      // arm64 keeps `current` in sp_el0 (arch/arm64/include/asm/current.h, since 4.10).
      if (insn.mnemonic == "mrs" && insn.operands.find("sp_el0") != std::string::npos && !insn.written.empty()) {
        auto e = std::make_shared<Expression>();
        e->kind = Kind::kCurrent;
        e->at = insn.address;
        if (const Type* t = code_->program().type(TypeKind::kStruct, "task_struct")) e->type = {t, 1};
        state.registers[insn.written.front()] = e;
      }
      break;
  }
}

std::vector<StoreEffect> ValueFlow::stores() const {
  std::vector<StoreEffect> effects;
  const auto& instructions = code_->instructions();
  for (size_t b = 0; b < code_->blocks().size(); b++) {
    State state = entry_[b] ? *entry_[b] : State{};
    for (size_t i = code_->blocks()[b].first; i <= code_->blocks()[b].last; i++) {
      name_registers(state, i);
      const auto& insn = instructions[i];
      bool stores = insn.operation == Operation::kStore ||
                    (insn.destination.is_memory() && insn.operation != Operation::kCompare && insn.operation != Operation::kTest);
      if (stores && insn.destination.is_memory()) {
        auto to = address(state, i, insn.destination.memory);
        if (!stack_slot(to, code_->program().arch().sp)) {
          bool plain = insn.operation == Operation::kStore || insn.operation == Operation::kMove;
          effects.push_back({i, to, plain ? operand(state, i, insn.left) : nullptr, insn.destination.memory.size});
          if (plain && insn.second.is_register())
            effects.push_back({i, offset_of(to, insn.second.size, insn.address), operand(state, i, insn.second), insn.second.size});
        }
      }
      apply(state, i);
    }
  }
  return effects;
}

}  // namespace inquest::code
