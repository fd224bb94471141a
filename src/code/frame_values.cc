#include "code/frame_values.h"

#include "code/held_locks.h"

namespace inquest::code {

namespace {

using arch::Operation;
constexpr int kMaxDepth = 12;

uint64_t cut(uint64_t value, unsigned size) { return size >= 8 ? value : value & ((uint64_t{1} << (8 * size)) - 1); }

std::optional<Number> plus(std::optional<Number> n, int64_t offset) {
  if (n) n->value += uint64_t(offset);
  return n;
}

}  // namespace

std::shared_ptr<const ValueFlow> FrameValues::flow(size_t frame) {
  if (frame >= stack_->frames.size() || stack_->frames[frame].garbage_pc) return nullptr;
  return flow_at_(stack_->frames[frame].lookup());
}

std::optional<size_t> FrameValues::position(size_t frame) {
  auto f = flow(frame);
  if (!f) return std::nullopt;
  const auto& at = stack_->frames[frame];
  return at.pc_is_return ? f->code().index_before(at.pc) : f->code().index_of(at.pc);
}

std::optional<Number> FrameValues::now(size_t frame, unsigned reg) {
  if (frame >= stack_->frames.size()) return std::nullopt;
  auto kept = calls_.at_call(frame, reg);
  if (!kept || kept->width < 8) return std::nullopt;
  return Number{kept->value, false};
}

const RegisterSet& FrameValues::written_since(size_t frame, size_t instruction) {
  auto [it, fresh] = written_.try_emplace({frame, instruction});
  if (fresh) it->second = written_between(flow(frame)->code(), instruction, *position(frame));
  return it->second;
}

std::optional<uint64_t> FrameValues::own_slot_address(size_t frame, int64_t slot) const {
  const auto& f = stack_->frames[frame];
  if (f.cfa.is_null()) return std::nullopt;
  // At entry the stack pointer is the CFA less the return address that a call pushed (x86_64), or the CFA (aarch64).
  return f.cfa.value - (program_->arch().link ? 0 : 8) + uint64_t(slot);
}

std::optional<Number> FrameValues::before(size_t frame, size_t instruction, unsigned reg, int depth) {
  if (depth > kMaxDepth || reg >= arch::kRegisterCount) return std::nullopt;
  auto here = position(frame);
  if (!here) return std::nullopt;
  if (*here == instruction) {
    if (auto n = now(frame, reg)) return n;
    return defined(frame, instruction, reg, depth);
  }
  auto f = flow(frame);
  const RegisterSet& written = written_since(frame, instruction);
  if (!written[reg])
    if (auto n = now(frame, reg)) return n;
  // A copy that was left alone: names agree at one and the same instruction, so they mean the same value.
  State state = f->before(instruction);
  if (known(state.registers[reg]))
    for (unsigned r = 0; r < arch::kRegisterCount; r++) {
      if (r == reg || written[r] || !known(state.registers[r]) || !same(state.registers[r], state.registers[reg])) continue;
      if (auto n = now(frame, r)) return n;
    }
  return defined(frame, instruction, reg, depth);
}

// By what gave it: one instruction, or the caller.
std::optional<Number> FrameValues::defined(size_t frame, size_t instruction, unsigned reg, int depth) {
  auto f = flow(frame);
  if (!f) return std::nullopt;
  const FunctionCode& code = f->code();
  Definitions found = definitions_of(code, instruction, reg);
  if (found.only_entry()) {
    auto kept = calls_.at_entry(frame, reg);
    if (kept && kept->width == 8) return Number{kept->value, false};
    const unwind::TailPath* way = calls_.way_into(frame);
    if (way && way->through.empty() && frame + 1 < stack_->frames.size())
      if (auto at = position(frame + 1)) return before(frame + 1, *at, reg, depth + 1);
    return std::nullopt;
  }
  auto d = found.single();
  if (!d) return std::nullopt;
  const auto& insn = code.instructions()[*d];
  bool whole = insn.destination.is_register() && insn.destination.reg == reg;
  if (!whole) return std::nullopt;
  switch (insn.operation) {
    case Operation::kMove: {
      if (insn.left.is_immediate()) return Number{cut(uint64_t(insn.left.immediate), insn.destination.size), false};
      if (!insn.left.is_register() || insn.sign_extend || insn.left.shift || insn.left.sign_extend) return std::nullopt;
      auto n = before(frame, *d, insn.left.reg, depth + 1);
      if (n) n->value = cut(n->value, std::min(insn.left.size, insn.destination.size));
      return n;
    }
    case Operation::kAddress: return insn.left.is_memory() ? address(frame, *d, insn.left.memory, depth + 1) : std::nullopt;
    case Operation::kAdd:
    case Operation::kSubtract: {
      if (!insn.left.is_register() || !insn.right.is_immediate() || insn.destination.size < 8) return std::nullopt;
      return plus(before(frame, *d, insn.left.reg, depth + 1), insn.operation == Operation::kAdd ? insn.right.immediate : -insn.right.immediate);
    }
    case Operation::kLoad: {
      if (insn.left.memory.size != 8 || insn.left.memory.per_cpu) return std::nullopt;
      if (auto slot = own_slot(*f, f->before(*d), *d, insn.left.memory)) {
        auto here = position(frame);
        auto then = slot_definitions(*f, *d, *slot), later = here ? slot_definitions(*f, *here, *slot) : Definitions{};
        auto at = own_slot_address(frame, *slot);
        if (!at || !then.single() || then.single() != later.single()) return std::nullopt;
        auto word = program_->memory().read_u64(VirtualAddress(*at));
        return word.ok() ? std::optional(Number{*word, false}) : std::nullopt;
      }
      auto at = address(frame, *d, insn.left.memory, depth + 1);
      auto word = at ? std::optional(program_->memory().read_u64(VirtualAddress(at->value))) : std::nullopt;
      return word && word->ok() ? std::optional(Number{**word, true}) : std::nullopt;
    }
    default: return std::nullopt;
  }
}

std::optional<Number> FrameValues::address(size_t frame, size_t instruction, const arch::MemoryOperand& m, int depth) {
  if (m.per_cpu) return std::nullopt;
  if (m.absolute) return Number{*m.absolute, false};
  if (m.base == arch::kNoRegister || depth > kMaxDepth) return std::nullopt;
  auto base = before(frame, instruction, m.base, depth + 1);
  if (!base) return std::nullopt;
  if (m.index != arch::kNoRegister) {
    if (m.index_is_32) return std::nullopt;
    auto index = before(frame, instruction, m.index, depth + 1);
    if (!index) return std::nullopt;
    base->value += index->value * m.scale;
    base->leans_on_memory |= index->leans_on_memory;
  }
  return m.post_index ? base : plus(base, m.displacement);
}

std::optional<Number> FrameValues::expression(size_t frame, size_t instruction, const ExpressionRef& e, int depth) {
  using Kind = Expression::Kind;
  if (!known(e) || depth > kMaxDepth) return std::nullopt;
  if (e->kind == Kind::kConstant || e->kind == Kind::kSymbol) return Number{e->number, false};
  auto f = flow(frame);
  if (!f) return std::nullopt;
  State state = f->before(instruction);
  for (unsigned r = 0; r < arch::kRegisterCount; r++)
    if (known(state.registers[r]) && same(state.registers[r], e))
      if (auto n = before(frame, instruction, r, depth + 1)) return n;
  if (e->kind == Kind::kOffset) return plus(expression(frame, instruction, e->left, depth + 1), e->offset);
  return std::nullopt;
}

std::optional<FrameValues::Near> FrameValues::near(size_t frame, size_t instruction, uint64_t address) {
  auto f = flow(frame);
  if (!f) return std::nullopt;
  struct Pointer {
    unsigned reg;
    int64_t plus;
    std::string text;
    const Type* object;
  };
  std::vector<Pointer> pointers;
  State state = f->before(instruction);
  for (unsigned r = 0; r < arch::kRegisterCount; r++) {
    const auto& e = state.registers[r];
    if (known(e) && e->kind != Expression::Kind::kOffset) pointers.push_back({r, 0, text(e), e->type.pointed_aggregate()});
  }
  // Every variable that DWARF places there, too: of `owner` and an inlined callee's `lock` in one register, the walk keeps the inner name.
  for (const NamedRegister& n : f->code().named_at(instruction)) pointers.push_back({n.reg, n.offset, n.name, TypeRef{n.type, 0}.pointed_aggregate()});
  std::optional<Near> best;
  for (const Pointer& p : pointers) {
    if (!p.object || !p.object->size() || is_lock_type(p.object) || p.reg >= arch::kRegisterCount) continue;
    auto n = before(frame, instruction, p.reg);
    if (!n || n->leans_on_memory) continue;
    uint64_t start = n->value + uint64_t(p.plus);
    if (address < start || address - start >= *p.object->size()) continue;
    auto offset = int64_t(address - start);
    if (best && offset >= best->offset) continue;
    std::string member;
    for (const auto& m : p.object->members())
      if (!m.name.empty() && m.offset() <= uint64_t(offset) && uint64_t(offset) < m.offset() + std::max<uint64_t>(m.type->size().value_or(1), 1)) member = std::string(m.name);
    if (member.empty())
      if (auto all = debuginfo::members_at(p.object, uint64_t(offset)); !all.empty()) member = all.front().path;
    if (!member.empty()) best = Near{"&" + p.text + "->" + member, p.object, offset, member};
  }
  return best;
}

}  // namespace inquest::code
