#include "code/origin.h"

#include <fmt/format.h>

namespace inquest::code {

namespace {

using Kind = Expression::Kind;
constexpr int kMaxDepth = 16;

bool in_own_frame(const ExpressionRef& address, unsigned sp) {
  ExpressionRef base = known(address) && address->kind == Kind::kOffset ? address->left : address;
  return known(base) && base->kind == Kind::kEntry && base->reg == sp;
}

std::optional<uint64_t> low_bytes(std::optional<uint64_t> value, unsigned size) {
  if (!value || size >= 8 || size == 0) return value;
  return *value & ((uint64_t{1} << (8 * size)) - 1);
}

// The value behind the names that inlined functions give it.
ExpressionRef behind_names(ExpressionRef e) {
  for (int i = 0; known(e) && e->kind == Kind::kVariable && known(e->left) && i < kMaxDepth; i++) e = e->left;
  return e;
}

}  // namespace

const char* name_of(Birth birth) {
  switch (birth) {
    case Birth::kUnknown: return "unknown";
    case Birth::kLoaded: return "loaded";
    case Birth::kParameter: return "parameter";
    case Birth::kCall: return "call";
    case Birth::kSymbol: return "symbol";
    case Birth::kConstant: return "constant";
    case Birth::kCurrent: return "current";
    case Birth::kComputed: return "computed";
  }
  return "unknown";
}

Evaluator::Evaluator(const ValueFlow& flow, size_t instruction, const arch::Registers& registers)
    : flow_(&flow), state_(flow.before(instruction)), registers_(&registers) {}

Evaluator::Value Evaluator::in_register(const ExpressionRef& e) const {
  const auto& arch = flow_->code().program().arch();
  for (unsigned r = 0; r < state_.registers.size(); r++) {
    const auto& held = state_.registers[r];
    auto number = registers_->get(r);
    if (!number || !known(held)) continue;
    if (same(held, e)) return {number, true, "in " + std::string(arch.register_name(r))};
    if (held->kind == Kind::kOffset && same(held->left, e)) return {*number - uint64_t(held->offset), true, "from " + std::string(arch.register_name(r))};
  }
  return {};
}

// Spilled registers: the stack of a thread that stopped here is as it was.
Evaluator::Value Evaluator::on_stack(const ExpressionRef& e) const {
  const auto& program = flow_->code().program();
  unsigned sp = program.arch().sp;
  const auto& held = state_.registers[sp];
  auto now = registers_->get(sp);
  if (!now || !known(held)) return {};
  int64_t below = held->kind == Kind::kOffset ? held->offset : 0;
  uint64_t at_entry = *now - uint64_t(below);
  for (const auto& [offset, value] : state_.slots) {
    if (!same(value, e)) continue;
    auto number = program.memory().read_unsigned(VirtualAddress(at_entry + uint64_t(offset)), 8);
    if (number.ok()) return {*number, true, "on the stack"};
  }
  return {};
}

Evaluator::Value Evaluator::value(const ExpressionRef& e, int depth) const {
  if (!known(e) || depth > kMaxDepth) return {};
  if (e->kind == Kind::kConstant || e->kind == Kind::kSymbol) return {e->number, true, "constant"};
  if (auto v = in_register(e); v.number) return v;
  if (auto v = on_stack(e); v.number) return v;
  switch (e->kind) {
    case Kind::kVariable: return value(e->left, depth + 1);
    case Kind::kOffset: {
      auto v = value(e->left, depth + 1);
      if (v.number) *v.number += uint64_t(e->offset);
      return v;
    }
    case Kind::kLoad: {
      auto at = value(e->left, depth + 1);
      if (!at.number || e->size > 8 || e->size == 0) return {};
      auto number = flow_->code().program().memory().read_unsigned(VirtualAddress(*at.number), e->size);
      return number.ok() ? Value{*number, false, "in memory now"} : Value{};
    }
    default: return {};
  }
}

namespace {

struct Walk {
  const ValueFlow& flow;
  const Evaluator& evaluator;
  std::vector<OriginStep> steps;

  // Adds the step of `e`; gives what to go on with, null at the end.
  ExpressionRef step(const ExpressionRef& e, std::optional<uint64_t> given) {
    const auto& program = flow.code().program();
    OriginStep s;
    s.text = text(e);
    if (e->type) s.type = e->type.spell();
    if (e->kind == Kind::kVariable) {
      s.variable = e->name;
      s.function = e->function;
    }
    auto v = evaluator.value(e);
    s.value = given ? given : v.number;
    s.value_how = given ? "the register" : v.how;
    s.value_then = given || v.then;
    ExpressionRef body = behind_names(e);
    s.at = body->at;
    if (auto i = s.at.value ? flow.code().index_of(s.at) : std::nullopt) s.source = flow.code().source_of(*i);
    ExpressionRef next = birth(s, body, program);
    steps.push_back(std::move(s));
    return next;
  }

  ExpressionRef birth(OriginStep& s, const ExpressionRef& body, const object::Program& program) {
    switch (body->kind) {
      case Kind::kLoad: return loaded(s, body, program);
      case Kind::kCall:
        s.birth = Birth::kCall;
        s.callee = body->name;
        return nullptr;
      case Kind::kSymbol: s.birth = Birth::kSymbol; return nullptr;
      case Kind::kConstant: s.birth = Birth::kConstant; return nullptr;
      case Kind::kCurrent: s.birth = Birth::kCurrent; return nullptr;
      case Kind::kPerCpu: s.birth = Birth::kSymbol; return nullptr;
      case Kind::kBinary: s.birth = Birth::kComputed; return nullptr;
      case Kind::kOffset: s.birth = Birth::kComputed; return body->left;
      case Kind::kEntry:
        s.birth = Birth::kParameter;
        s.parameter_register = body->reg;
        return nullptr;
      case Kind::kVariable:
        if (body->parameter && body->function == flow.code().name()) {
          s.birth = Birth::kParameter;
          s.parameter_register = parameter_register(*body);
        }
        return nullptr;
      case Kind::kMerged:
      case Kind::kUnknown: return nullptr;
    }
    return nullptr;
  }

  // The register a named parameter came in.
  std::optional<unsigned> parameter_register(const Expression& variable) const {
    auto start = flow.code().index_of(flow.code().entry());
    if (!start) return std::nullopt;
    for (const auto& n : flow.code().named_at(*start))
      if (n.name == variable.name && n.offset == 0) return n.reg;
    return std::nullopt;
  }

  ExpressionRef loaded(OriginStep& s, const ExpressionRef& body, const object::Program& program) {
    s.birth = Birth::kLoaded;
    s.size = body->size;
    s.on_stack = in_own_frame(body->left, program.arch().sp);
    auto at = evaluator.value(body->left);
    s.address = at.number;
    auto place = place_of(body->left);
    if (place && place->object) {
      s.object = place->object;
      s.offset = place->offset;
      for (const auto& m : place->members) s.members.push_back(m.path);
    }
    if (s.address && s.size && s.size <= 8) {
      auto now = program.memory().read_unsigned(VirtualAddress(*s.address), s.size);
      if (now.ok()) s.now = *now;
      else s.why_not_now = now.error().message();
    } else {
      s.why_not_now = "the address it was read from is not known any more";
    }
    s.value = low_bytes(s.value, s.size);
    return place ? place->base : nullptr;
  }
};

}  // namespace

std::vector<OriginStep> origin_of(const ValueFlow& flow, size_t instruction, const ExpressionRef& e, const arch::Registers& values) {
  Evaluator evaluator(flow, instruction, values);
  Walk walk{flow, evaluator, {}};
  ExpressionRef at = e;
  while (known(at) && walk.steps.size() < kMaxOriginSteps) at = walk.step(at, std::nullopt);
  return std::move(walk.steps);
}

std::vector<OriginStep> origin_of(const ValueFlow& flow, size_t instruction, unsigned reg, const arch::Registers& values) {
  Evaluator evaluator(flow, instruction, values);
  Walk walk{flow, evaluator, {}};
  if (reg >= arch::kRegisterCount) return {};
  ExpressionRef at = evaluator.state().registers[reg];
  std::optional<uint64_t> given = values.get(reg);
  while (known(at) && walk.steps.size() < kMaxOriginSteps) {
    at = walk.step(at, given);
    given.reset();
  }
  return std::move(walk.steps);
}

}  // namespace inquest::code
