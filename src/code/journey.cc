#include "code/journey.h"

#include <fmt/format.h>

#include <algorithm>

#include "code/frame_values.h"

namespace inquest::code {

using arch::Operation;
using Kind = JourneyStep::Kind;

const char* name_of(JourneyStep::Kind kind) {
  switch (kind) {
    case Kind::kMove: return "move";
    case Kind::kArithmetic: return "arithmetic";
    case Kind::kLoad: return "load";
    case Kind::kReload: return "reload";
    case Kind::kConstant: return "constant";
    case Kind::kArgument: return "argument";
    case Kind::kResult: return "result";
    case Kind::kSeveral: return "several";
    case Kind::kUnknown: return "unknown";
  }
  return "unknown";
}

std::optional<bool> JourneyStep::unchanged() const {
  if (kind != Kind::kLoad || !value || !memory_now || address_leans_on_memory) return std::nullopt;
  uint64_t mask = size >= 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * size)) - 1;
  return (*value & mask) == (*memory_now & mask);
}

const JourneyStep* Journey::load() const {
  for (const auto& s : steps) {
    if (s.depth > 0) return nullptr;
    if (s.kind == Kind::kLoad) return &s;
    if (s.kind == Kind::kArithmetic) return nullptr;
  }
  return nullptr;
}

namespace {

class JourneyWalk {
 public:
  JourneyWalk(const object::Program& program, const FlowAt& flow_at, const unwind::Stack& stack) : values_(program, flow_at, stack) {}

  Journey run(size_t frame, unsigned reg) {
    auto at = values_.position(frame);
    if (!at) {
      journey_.end = "the code there could not be read";
      return std::move(journey_);
    }
    here_ = {frame, *at, reg, 0};
    for (int i = 0; i < kMaxJourneySteps && journey_.end.empty(); i++) step();
    if (journey_.end.empty()) journey_.end = "the way back is longer than is followed here";
    return std::move(journey_);
  }

 private:
  struct Position {
    size_t frame, instruction;
    unsigned reg;
    int depth;
  };

  void step() {
    flow_ = values_.flow(here_.frame);
    value_ = values_.before(here_.frame, here_.instruction, here_.reg);
    Definitions found = definitions_of(flow_->code(), here_.instruction, here_.reg);
    drop_contradicted(found);
    keep_what_memory_confirms(found);
    if (found.only_entry()) return enter();
    if (auto d = found.single()) return defined_at(*d);
    JourneyStep s = blank(Kind::kSeveral, here_.instruction);
    name_before(s, here_.instruction);
    for (size_t i : found.instructions) s.candidates.push_back(flow_->code().instructions()[i].address);
    if (found.entry) s.candidates.push_back(flow_->code().entry());
    finish(std::move(s), found.unknown ? "the code before is reached in a way not known here" : "more than one instruction can have set it");
  }

  JourneyStep blank(Kind kind, size_t instruction) {
    JourneyStep s;
    const auto& insn = flow_->code().instructions()[instruction];
    s.kind = kind;
    s.depth = here_.depth;
    s.frame = here_.frame;
    s.pc = insn.address;
    s.instruction = insn.mnemonic + (insn.operands.empty() ? "" : " " + insn.operands);
    s.function = flow_->code().name();
    s.reg = here_.reg;
    s.source = flow_->code().source_of(instruction);
    if (value_) s.value = value_->value;
    return s;
  }

  void name_by(JourneyStep& s, const ExpressionRef& e) {
    if (!known(e)) return;
    s.text = text(e);
    s.type = e->type.spell();
    if (e->kind == Expression::Kind::kVariable) s.variable = e->name;
  }
  void name_before(JourneyStep& s, size_t instruction) { name_by(s, flow_->before(instruction).registers[here_.reg]); }
  void name_after(JourneyStep& s, size_t instruction) {
    bool inside = instruction + 1 < flow_->code().instructions().size() && flow_->code().block_of(instruction) == flow_->code().block_of(instruction + 1);
    if (inside) name_by(s, flow_->before(instruction + 1).registers[here_.reg]);
  }

  void finish(JourneyStep s, std::string end) {
    journey_.steps.push_back(std::move(s));
    journey_.end = std::move(end);
  }

  // An instruction that sets another constant than what the register held did not run last.
  void drop_contradicted(Definitions& found) {
    if (!value_ || value_->leans_on_memory || found.instructions.size() < 2) return;
    std::erase_if(found.instructions, [&](size_t i) {
      const auto& insn = flow_->code().instructions()[i];
      bool sets = insn.destination.is_register() && insn.destination.reg == here_.reg;
      bool zeroes = insn.operation == Operation::kXor && insn.left.is_register() && insn.right.is_register() && insn.left.reg == insn.right.reg;
      if (sets && zeroes) return value_->value != 0;
      bool constant = sets && insn.operation == Operation::kMove && insn.left.is_immediate();
      return constant && uint32_t(insn.left.immediate) != uint32_t(value_->value);
    });
  }

  // Of several loads the one whose memory holds just this value. Only for values that are not found everywhere: no small numbers, no fill bytes.
  void keep_what_memory_confirms(Definitions& found) {
    constexpr uint64_t kTelling = 0x10000;
    if (!value_ || found.single() || found.only_entry() || value_->value < kTelling || ~value_->value < kTelling) return;
    std::optional<size_t> match;
    for (size_t i : found.instructions) {
      const auto& insn = flow_->code().instructions()[i];
      bool loads = insn.operation == Operation::kLoad && insn.destination.is_register() && insn.destination.reg == here_.reg && insn.left.memory.size == 8;
      auto at = loads ? values_.address(here_.frame, i, insn.left.memory) : std::nullopt;
      auto now = at ? values_.program().memory().read_u64(VirtualAddress(at->value)).maybe() : std::nullopt;
      if (!now || *now != value_->value) continue;
      if (match) return;
      match = i;
    }
    if (!match) return;
    found = Definitions{};
    found.instructions.push_back(*match);
  }

  void enter() {
    JourneyStep s = blank(Kind::kArgument, *flow_->code().index_of(flow_->code().entry()));
    s.instruction.clear();
    size_t entry = *flow_->code().index_of(flow_->code().entry());
    for (const auto& n : flow_->code().named_at(entry))
      if (n.reg == here_.reg && n.offset == 0 && s.text.empty()) {
        s.text = s.variable = n.name;
        s.type = debuginfo::spell(n.type);
      }
    const unwind::TailPath* way = values_.calls().way_into(here_.frame);
    if (!way || !way->through.empty()) return finish(std::move(s), "it came from the caller, and how the call came here is not certain");
    auto call = values_.position(here_.frame + 1);
    if (!call) return finish(std::move(s), "it came from the caller, whose code could not be read");
    journey_.steps.push_back(std::move(s));
    here_ = {here_.frame + 1, *call, here_.reg, here_.depth};
  }

  void defined_at(size_t d) {
    const auto& insn = flow_->code().instructions()[d];
    bool whole = insn.destination.is_register() && insn.destination.reg == here_.reg;
    bool second = insn.operation == Operation::kLoad && insn.second.is_register() && insn.second.reg == here_.reg;
    if (insn.operation == Operation::kCall) return called(d);
    if (insn.operation == Operation::kPop) return reload(d, popped_slot(d));
    if (insn.operation == Operation::kLoad && (whole || second)) return loaded(d, second);
    JourneyStep s = blank(Kind::kUnknown, d);
    name_after(s, d);
    if (!whole) return finish(std::move(s), "this instruction changes it in a way not followed here");
    switch (insn.operation) {
      case Operation::kMove:
        if (insn.left.is_immediate()) {
          s.kind = Kind::kConstant;
          return finish(std::move(s), "a constant");
        }
        s.kind = Kind::kMove;
        return follow(std::move(s), d, insn.left);
      case Operation::kXor:
        if (insn.left.is_register() && insn.right.is_register() && insn.left.reg == insn.right.reg) {
          s.kind = Kind::kConstant;
          s.value = 0;
          return finish(std::move(s), "a constant: 0");
        }
        break;
      case Operation::kAddress: {
        s.kind = Kind::kArithmetic;
        const auto& m = insn.left.memory;
        if (!insn.left.is_memory() || m.absolute || m.base == arch::kNoRegister) return finish(std::move(s), "the address of a variable");
        arch::Operand base;
        base.kind = arch::Operand::Kind::kRegister;
        base.reg = m.base;
        return follow(std::move(s), d, base);
      }
      case Operation::kAdd: case Operation::kSubtract: case Operation::kAnd: case Operation::kOr:
        s.kind = Kind::kArithmetic;
        if (insn.right.is_immediate()) return follow(std::move(s), d, insn.left);
        break;
      default: break;
    }
    finish(std::move(s), "computed from more than one value");
  }

  void follow(JourneyStep s, size_t d, const arch::Operand& from) {
    if (!from.is_register() || from.reg >= arch::kRegisterCount) return finish(std::move(s), "its source is not followed here");
    if (from.reg == values_.program().arch().sp) return finish(std::move(s), "the address of something on the function's own stack");
    journey_.steps.push_back(std::move(s));
    here_.instruction = d;
    here_.reg = from.reg;
  }

  void called(size_t d) {
    JourneyStep s = blank(Kind::kResult, d);
    const auto& insn = flow_->code().instructions()[d];
    std::string callee = flow_->code().target_name(insn);
    name_after(s, d);
    if (here_.reg != values_.program().arch().result) {
      s.kind = Kind::kUnknown;
      return finish(std::move(s), "left behind by a call, which may destroy it");
    }
    if (s.text.empty()) s.text = callee.empty() ? "what an indirect call returned" : callee + "()";
    finish(std::move(s), callee.empty() ? "returned by an indirect call" : "returned by " + callee);
  }

  std::optional<int64_t> popped_slot(size_t d) {
    auto sp = flow_->register_before(d, values_.program().arch().sp);
    if (!known(sp)) return std::nullopt;
    return sp->kind == Expression::Kind::kOffset ? sp->offset : 0;
  }

  void reload(size_t d, std::optional<int64_t> slot) {
    JourneyStep s = blank(Kind::kReload, d);
    name_after(s, d);
    if (slot) s.address = values_.own_slot_address(here_.frame, *slot);
    auto store = slot ? slot_definitions(*flow_, d, *slot).single() : std::nullopt;
    if (!store) return finish(std::move(s), "read back from the stack, where more than one instruction can have put it");
    const auto& insn = flow_->code().instructions()[*store];
    bool second = insn.operation == Operation::kStore && insn.second.is_register() && own_slot(*flow_, flow_->before(*store), *store, insn.destination.memory) != slot;
    bool plain = insn.operation == Operation::kStore || insn.operation == Operation::kPush || insn.operation == Operation::kMove;
    const arch::Operand& from = second ? insn.second : insn.left;
    if (plain && from.is_immediate()) {
      journey_.steps.push_back(std::move(s));
      return finish(blank(Kind::kConstant, *store), "a constant");
    }
    if (!plain) return finish(std::move(s), "read back from the stack, where an instruction not followed here put it");
    follow(std::move(s), *store, from);
  }

  void loaded(size_t d, bool second) {
    const auto& insn = flow_->code().instructions()[d];
    arch::MemoryOperand m = insn.left.memory;
    if (second) m.displacement += insn.second.size;
    State state = flow_->before(d);
    if (auto slot = own_slot(*flow_, state, d, m)) return reload(d, slot);
    JourneyStep s = blank(Kind::kLoad, d);
    s.size = second ? insn.second.size : m.size;
    name_after(s, d);
    auto address = flow_->address(state, d, m);
    if (known(address)) {
      auto e = load(address, s.size, insn.address);
      s.text = text(e);
      if (e->type) s.type = e->type.spell();
      if (auto place = place_of(address); place && place->object) {
        s.object = place->object;
        s.offset = place->offset;
        for (const auto& member : place->members) s.members.push_back(member.path);
      }
    }
    if (auto at = values_.address(here_.frame, d, m)) {
      s.address = at->value;
      s.address_leans_on_memory = at->leans_on_memory;
      std::byte bytes[8] = {};
      auto read = values_.program().memory().read(VirtualAddress(at->value), std::span(bytes, std::min(s.size, 8u)));
      if (read.ok()) s.memory_now = load_unchecked<uint64_t>(bytes);
      else s.memory_why_not = read.error().message();
    }
    if (m.per_cpu || m.absolute || m.base == arch::kNoRegister || m.base >= arch::kRegisterCount) return finish(std::move(s), "read from a fixed place");
    journey_.steps.push_back(std::move(s));
    here_.instruction = d;
    here_.reg = m.base;
    here_.depth++;
  }

  FrameValues values_;
  Journey journey_;
  Position here_{};
  std::shared_ptr<const ValueFlow> flow_;
  std::optional<Number> value_;
};

}  // namespace

Journey journey_of(const object::Program& program, const FlowAt& flow_at, const unwind::Stack& stack, size_t frame, unsigned reg) {
  if (frame >= stack.frames.size() || reg >= arch::kRegisterCount) return {{}, "no such frame or register"};
  return JourneyWalk(program, flow_at, stack).run(frame, reg);
}

}  // namespace inquest::code
