// Where an indirect call went to, or may have gone to: its operand followed backwards inside its basic block to memory or kept registers.
#include <algorithm>

#include "arch/instruction.h"
#include "unwind/call_values.h"

namespace inquest::unwind {

namespace {

using arch::Instruction;
using arch::Operand;
using arch::Operation;

struct Walk {
  const object::Program& program;
  const Frame& caller;
  std::vector<Instruction> code;
  std::vector<char> targeted;       // a jump comes in here
  size_t call = 0;
  const EntryRegister* entry_register = nullptr;

  // What `operand` is just before code[at], which runs straight on to the call.
  std::optional<uint64_t> value(const Operand& operand, size_t at, int depth) const;
  std::optional<uint64_t> of_register(unsigned reg, size_t at, int depth) const;
  std::optional<uint64_t> of_memory(const arch::MemoryOperand& memory, size_t at, int depth) const;
  std::optional<uint64_t> of_what_was_given(unsigned reg, size_t at) const;
};

std::optional<uint64_t> Walk::of_memory(const arch::MemoryOperand& m, size_t at, int depth) const {
  if (m.per_cpu || m.index != arch::kNoRegister || m.pre_index || m.post_index) return std::nullopt;
  std::optional<uint64_t> address = m.absolute;
  if (!address) {
    auto base = of_register(m.base, at, depth + 1);
    if (!base) return std::nullopt;
    address = *base + uint64_t(m.displacement);
  }
  return program.memory().read_unsigned(VirtualAddress(*address), 8).maybe();
}

// By the whole function's flow: the register is still what the function was given in one.
std::optional<uint64_t> Walk::of_what_was_given(unsigned reg, size_t at) const {
  auto flow = entry_register && *entry_register && reg < FlowState::kRegisters ? EntryFlow::analyse(program, code[at].address) : std::nullopt;
  const EntryValue value = flow ? flow->state().registers[reg] : EntryValue{};
  if (!value.known() || value.loaded || value.width < 8 || value.base >= FlowState::kRegisters) return std::nullopt;
  auto given = (*entry_register)(value.base);
  return given ? std::optional(*given + uint64_t(value.offset)) : std::nullopt;
}

std::optional<uint64_t> Walk::of_register(unsigned reg, size_t at, int depth) const {
  if (depth > 6 || reg >= arch::kRegisterCount) return std::nullopt;
  bool rewritten = false;
  for (size_t i = at; i < call && !rewritten; i++) rewritten = code[i].writes(reg);
  if (auto now = caller.registers.get(reg); now && !rewritten) return now;
  for (size_t i = at; i-- > 0;) {
    if (targeted[i + 1] || code[i].ends_block() || code[i].operation == Operation::kCall) break;
    if (!code[i].writes(reg)) continue;
    bool whole = code[i].destination.is_register() && code[i].destination.reg == reg && code[i].destination.size == 8;
    bool plain = code[i].operation == Operation::kMove || code[i].operation == Operation::kLoad;
    return whole && plain ? value(code[i].left, i, depth + 1) : std::nullopt;
  }
  return of_what_was_given(reg, at);
}

std::optional<uint64_t> Walk::value(const Operand& operand, size_t at, int depth) const {
  if (operand.is_immediate()) return uint64_t(operand.immediate);
  if (operand.is_register() && operand.size == 8) return of_register(operand.reg, at, depth);
  if (operand.is_memory()) return of_memory(operand.memory, at, depth);
  return std::nullopt;
}

constexpr uint64_t kMaxFunctionBytes = 64 << 10, kMaxTableBytes = 64 << 10;

std::optional<Walk> walk_to(const object::Program& program, const Frame& caller, VirtualAddress call) {
  auto function = function_extent(program, call);
  if (!function || function->size > kMaxFunctionBytes) return std::nullopt;
  auto bytes = program.code_bytes(function->entry, function->size);
  Walk walk{program, caller, arch::Decoder(program.arch().id).decode_all(bytes, function->entry), {}, 0, nullptr};
  auto place = [&walk](VirtualAddress at) {
    auto before = [](const Instruction& i, VirtualAddress a) { return i.address < a; };
    return size_t(std::lower_bound(walk.code.begin(), walk.code.end(), at, before) - walk.code.begin());
  };
  walk.call = place(call);
  if (walk.call == walk.code.size() || walk.code[walk.call].address != call) return std::nullopt;
  walk.targeted.assign(walk.code.size() + 1, 0);
  for (const Instruction& one : walk.code)
    if (one.target && one.operation != Operation::kCall) walk.targeted[place(*one.target)] = 1;
  return walk;
}

// What the call goes through: its operand, or, of a retpoline, the thunk's register.
std::optional<Operand> call_operand(const object::Program& program, const Instruction& call) {
  if (!call.target) return call.left;
  auto symbol = program.symbol_at(*call.target);
  auto reg = symbol ? arch::thunk_register(symbol->symbol.name) : std::nullopt;
  if (!reg) return std::nullopt;
  Operand operand;
  operand.kind = Operand::Kind::kRegister;
  operand.reg = *reg;
  operand.size = 8;
  return operand;
}

// The instruction that loaded `reg` for the call, in its block.
const Instruction* defining_load(const Walk& walk, unsigned reg) {
  for (size_t i = walk.call; i-- > 0;) {
    const Instruction& one = walk.code[i];
    if (walk.targeted[i + 1] || one.ends_block() || one.operation == Operation::kCall) return nullptr;
    if (one.writes(reg)) return one.operation == Operation::kLoad && one.destination.reg == reg ? &one : nullptr;
  }
  return nullptr;
}

}  // namespace

std::optional<VirtualAddress> indirect_target(const object::Program& program, const Frame& caller, VirtualAddress call, const EntryRegister& entry_register) {
  auto walk = walk_to(program, caller, call);
  if (walk) walk->entry_register = &entry_register;
  auto operand = walk ? call_operand(program, walk->code[walk->call]) : std::nullopt;
  auto value = operand ? walk->value(*operand, walk->call, 0) : std::nullopt;
  if (!value) return std::nullopt;
  VirtualAddress target(arch::strip_pac(*value, program.layout().pac_mask));
  if (!is_code(program, target)) return std::nullopt;
  return target;
}

std::optional<unsigned> call_register(const object::Program& program, VirtualAddress call) {
  constexpr uint64_t kLongest = 15;
  auto one = arch::Decoder(program.arch().id).decode(program.code_bytes(call, kLongest), call);
  auto operand = one && one->operation == Operation::kCall ? call_operand(program, *one) : std::nullopt;
  return operand && operand->is_register() ? std::optional(operand->reg) : std::nullopt;
}

bool calls_through_table_of(const object::Program& program, VirtualAddress call, VirtualAddress function, const EntryRegister& entry_register) {
  Frame nothing;
  auto walk = walk_to(program, nothing, call);
  auto operand = walk ? call_operand(program, walk->code[walk->call]) : std::nullopt;
  if (!operand) return false;
  VirtualAddress at = call;
  if (operand->is_register()) {
    const Instruction* load = defining_load(*walk, operand->reg);
    if (!load) return false;
    at = load->address;
    operand = load->left;
  }
  const arch::MemoryOperand& m = operand->memory;
  if (!operand->is_memory() || m.index == arch::kNoRegister || m.per_cpu) return false;
  uint64_t table = uint64_t(m.displacement);
  if (m.base != arch::kNoRegister) {
    auto flow = EntryFlow::analyse(program, at);
    if (!flow || m.base >= FlowState::kRegisters) return false;
    const EntryValue& base = flow->state().registers[m.base];
    if (base.loaded || base.width < 8 || (base.base != kConstantBase && base.base >= FlowState::kRegisters)) return false;
    auto start = base.base == kConstantBase ? std::optional<uint64_t>(0) : entry_register(base.base);
    if (!start) return false;
    table += *start + uint64_t(base.offset);
  }
  auto symbol = program.symbol_at(VirtualAddress(table));
  if (!symbol || symbol->offset >= symbol->symbol.size) return false;
  auto bytes = program.memory().read_prefix(VirtualAddress(table), std::min(symbol->symbol.size - symbol->offset, kMaxTableBytes));
  for (size_t i = 0; i + 8 <= bytes.size(); i += 8)
    if (load_unchecked<uint64_t>(bytes.data() + i) == function.value) return true;
  return false;
}

}  // namespace inquest::unwind
