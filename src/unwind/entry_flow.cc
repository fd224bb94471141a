#include "unwind/entry_flow.h"

#include <algorithm>

#include "unwind/branch_outcome.h"
#include "unwind/code.h"
#include "unwind/flow_effect.h"
#include "unwind/flow_graph.h"

namespace inquest::unwind {

using arch::Instruction;
using arch::Operation;

namespace {

constexpr uint64_t kMaxFunctionBytes = 64 << 10;
constexpr size_t kMaxVisits = 20000;  // of basic blocks, until the states stop changing

struct Analysis {
  const arch::Arch& arch;
  VirtualAddress entry;
  std::vector<Instruction> code;
  std::map<uint64_t, size_t> index;                    // address to instruction
  std::vector<char> leader;                            // begins a block
  std::vector<std::optional<FlowState>> in;            // of leaders
  std::vector<size_t> work;
  std::vector<size_t> orphans;                         // leaders that only an indirect jump can reach
  size_t visits = 0;
  FlowOptions options;
  std::optional<FlowGraph> graph;                      // with a watch

  void find_leaders();
  std::optional<size_t> place_of(const Instruction& jump) const;
  void arrive(size_t at, const FlowState& state, std::optional<size_t> from, bool taken = false);
  void watch_way(size_t at, std::optional<size_t> from, FlowState& state) const;
  std::optional<int64_t> run_one(size_t at, FlowState& state) const;
  // Above the numbers of instructions: a function has at most 64 KB, an architecture fewer than 64 registers.
  uint32_t block_name(size_t at) const { return 0x80000000 | uint32_t(code[at].address - entry) << 6; }
  void begin_block(size_t at, FlowState& state) const;
  void run_block(size_t from);
  void successors(size_t last, const FlowState& state);
  std::optional<bool> outcome(const Instruction& branch, const FlowState& state) const;
  FlowState along(const Instruction& branch, const FlowState& state, bool taken) const;
  bool is_entry_hook(size_t at) const;
  bool at_entry_level(const FlowState& state) const;
  bool frame_is_gone(const FlowState& state) const;
};

void Analysis::find_leaders() {
  leader.assign(code.size(), 0);
  leader[0] = 1;
  std::vector<char> targeted(code.size(), 0);
  for (size_t i = 0; i < code.size(); i++) {
    const Instruction& one = code[i];
    bool flows = one.operation == Operation::kBranch || one.ends_block();
    if (flows && i + 1 < code.size()) leader[i + 1] = 1;
    if (!flows || !one.target) continue;
    if (auto found = index.find(one.target->value); found != index.end()) leader[found->second] = targeted[found->second] = 1;
  }
  for (size_t i = 1; i < code.size(); i++)
    if (code[i - 1].ends_block() && !targeted[i]) orphans.push_back(i);
}

// -pg with -mfentry: "call __fentry__" is the first instruction, patched to a nop or to a ftrace trampoline (x86_64); arm64:
// "mov x9, x30; bl ftrace_caller" in two patchable nops (-fpatchable-function-entry=2, 5.5). Both keep every argument.
bool Analysis::is_entry_hook(size_t at) const {
  uint64_t offset = code[at].address - entry;
  return arch.link ? at > 0 && offset <= 12 && code[at - 1].operation == Operation::kMove && code[at - 1].destination.reg == 9 : offset <= 4;
}

bool Analysis::frame_is_gone(const FlowState& state) const {
  return at_entry_level(state) && state.slots.size() > (arch.link ? 0 : 1);
}

std::optional<size_t> Analysis::place_of(const Instruction& jump) const {
  auto found = jump.target ? index.find(jump.target->value) : index.end();
  return found == index.end() ? std::nullopt : std::optional(found->second);
}

void Analysis::watch_way(size_t at, std::optional<size_t> from, FlowState& state) const {
  FlowWatch::Way way{{}, code[at].address, graph->is_loop(at), {}};
  if (from) way.from = code[*from].address;
  for (size_t other : graph->predecessors(at))
    if (other != from) way.others.push_back(code[other].address);
  options.watch->arrive(way, state);
}

// From the instruction `from`, which, if it is a branch, was taken or not.
void Analysis::arrive(size_t at, const FlowState& state, std::optional<size_t> from, bool taken) {
  std::optional<FlowState> changed;
  if (options.births && from && code[*from].operation == Operation::kBranch) changed = along(code[*from], state, taken);
  if (options.watch) {
    if (!changed) changed = state;
    watch_way(at, from, *changed);
  }
  const FlowState& here = changed ? *changed : state;
  if (!in[at]) in[at] = here;
  else if (!in[at]->merge(here, options.births ? block_name(at) : 0)) return;
  if (std::find(work.begin(), work.end(), at) == work.end()) work.push_back(at);
}

void Analysis::successors(size_t last, const FlowState& state) {
  const Instruction& one = code[last];
  auto taken = outcome(one, state);
  if (one.target && one.operation != Operation::kCall && taken != false) {
    if (auto to = place_of(one)) arrive(*to, state, last, true);
  } else if (one.operation == Operation::kJump && !frame_is_gone(state)) {
    for (size_t orphan : orphans) arrive(orphan, state, last);  // a jump table
  }
  if (!one.ends_block() && last + 1 < code.size() && taken != true) arrive(last + 1, state, last);
}

// Whether a branch is taken, as far as what was given tells.
std::optional<bool> Analysis::outcome(const Instruction& branch, const FlowState& state) const {
  if (!options.given || branch.operation != Operation::kBranch) return std::nullopt;
  auto compared = comparison_of(state, branch);
  if (!compared || compared->value.width < compared->size) return std::nullopt;
  auto value = options.given(compared->value, compared->size);
  return value ? is_taken(branch.condition, *compared, *value) : std::nullopt;
}

// With what the way that a branch goes tells.
FlowState Analysis::along(const Instruction& branch, const FlowState& state, bool taken) const {
  FlowState result = state;
  if (branch.operation != Operation::kBranch) return result;
  if (auto fact = fact_of(state, branch, taken)) {
    std::erase_if(result.facts, [&](const FlowFact& old) { return old.value == fact->value; });
    result.facts.push_back(*fact);
  }
  return result;
}

// Gives the lowest CFA offset whose address the instruction gave away.
std::optional<int64_t> Analysis::run_one(size_t at, FlowState& state) const {
  bool keeps_registers = code[at].operation == Operation::kCall && is_entry_hook(at);
  if (options.watch) options.watch->before(std::span(code).subspan(at), state);
  FlowEffect effect(arch, state, options.current_at);
  if (options.births) effect.follow_births(uint32_t(code[at].address - entry) + 1);
  effect.apply(code[at], keeps_registers);
  if (options.watch) options.watch->after(std::span(code).subspan(at), keeps_registers, state);
  return effect.exposed();
}

void Analysis::begin_block(size_t at, FlowState& state) const {
  if (options.births) FlowEffect(arch, state, {}).name_unknown(block_name(at));
}

void Analysis::run_block(size_t from) {
  FlowState state = *in[from];
  begin_block(from, state);
  for (size_t i = from; i < code.size(); i++) {
    if (i != from && leader[i]) {
      arrive(i, state, i - 1);
      return;
    }
    run_one(i, state);
    if (code[i].operation == Operation::kBranch || code[i].ends_block()) {
      successors(i, state);
      return;
    }
  }
}

bool Analysis::at_entry_level(const FlowState& state) const {
  const EntryValue& sp = state.registers[arch.sp];
  return sp.base == kCfaBase && sp.offset == (arch.link ? 0 : -8);
}

FlowState entry_state(const arch::Arch& arch) {
  FlowState state;
  for (unsigned reg = 0; reg < FlowState::kRegisters; reg++)
    if (reg != arch.pc) state.registers[reg] = {uint8_t(reg), 8, false, 0};
  int64_t sp = arch.link ? 0 : -8;  // x86_64: the call pushed the return address
  state.registers[arch.sp] = {kCfaBase, 8, false, sp};
  if (!arch.link) state.slots[-8] = {uint8_t(arch.pc), 8, false, 0};
  return state;
}

// The state before every instruction; nothing if they do not settle.
std::optional<Analysis> solve(const arch::Arch& arch, Bytes bytes, VirtualAddress entry, const FlowOptions& options) {
  if (bytes.empty() || bytes.size() > kMaxFunctionBytes) return std::nullopt;
  Analysis a{arch, entry, arch::Decoder(arch.id).decode_all(bytes, entry), {}, {}, {}, {}, {}, 0, options, {}};
  if (a.code.empty()) return std::nullopt;
  for (size_t i = 0; i < a.code.size(); i++) a.index[a.code[i].address.value] = i;
  a.find_leaders();
  a.in.resize(a.code.size());
  if (options.watch) a.graph.emplace(a.code, a.leader, a.orphans, [&a](const Instruction& jump) { return a.place_of(jump); });
  a.arrive(0, entry_state(arch), {});
  while (!a.work.empty()) {
    if (++a.visits > kMaxVisits) return std::nullopt;
    size_t next = a.work.back();
    a.work.pop_back();
    a.run_block(next);
  }
  return a;
}

// x86_64: `current_task`, in pcpu_hot, as its first member, from 6.2 (e57ef2ed97c1) to 6.14. Per-CPU symbols there are offsets from the area's start.
std::optional<uint64_t> current_at(const object::Program& program) {
  for (const char* name : {"pcpu_hot", "current_task"})
    if (auto symbol = program.arch().link ? std::nullopt : program.kernel_symbol(name)) return symbol->address.value;
  return std::nullopt;
}

using Visit = std::function<void(const Instruction&, const FlowState& before)>;

// Visits what direct paths reach, in address order. Gives the lowest CFA offset whose address is given away anywhere.
std::optional<int64_t> for_each_reached(const Analysis& a, const Visit& visit) {
  std::optional<int64_t> exposed;
  std::optional<FlowState> state;
  for (size_t i = 0; i < a.code.size(); i++) {
    if (a.leader[i]) {
      state = a.in[i];
      if (state) a.begin_block(i, *state);
    }
    if (!state) continue;
    if (a.options.watch) a.options.watch->before(std::span(a.code).subspan(i), *state);
    visit(a.code[i], *state);
    auto gave_away = a.run_one(i, *state);
    if (gave_away && (!exposed || *gave_away < *exposed)) exposed = gave_away;
    if (a.code[i].ends_block()) state.reset();
  }
  return exposed;
}

}  // namespace

std::optional<EntryFlow> EntryFlow::analyse(const arch::Arch& arch, Bytes bytes, VirtualAddress entry, VirtualAddress at, const FlowOptions& options) {
  if (at < entry || at - entry >= bytes.size()) return std::nullopt;
  auto a = solve(arch, bytes, entry, options);
  if (!a) return std::nullopt;
  std::optional<FlowState> found;
  auto exposed = for_each_reached(*a, [&](const Instruction& one, const FlowState& before) {
    if (at >= one.address && at - one.address < one.size) found = before;
  });
  if (!found) return std::nullopt;
  return EntryFlow(arch, std::move(*found), exposed);
}

std::optional<EntryFlow> EntryFlow::analyse(const object::Program& program, VirtualAddress at, FlowOptions options) {
  auto function = function_extent(program, at);
  if (!function || function->cold || function->size > kMaxFunctionBytes) return std::nullopt;
  auto bytes = program.code_bytes(function->entry, function->size);
  if (bytes.size() < function->size) return std::nullopt;
  options.current_at = current_at(program);
  return analyse(program.arch(), bytes, function->entry, at, options);
}

std::optional<EntryFlow::Exits> EntryFlow::exits(const object::Program& program, VirtualAddress start, VirtualAddress target) {
  auto function = function_extent(program, start);
  if (!function || function->entry != start || function->cold || function->size > kMaxFunctionBytes) return std::nullopt;
  auto bytes = program.code_bytes(start, function->size);
  auto a = solve(program.arch(), bytes, start, {nullptr, true, {}, current_at(program)});
  if (!a) return std::nullopt;
  Exits exits;
  for_each_reached(*a, [&](const Instruction& one, const FlowState& before) {
    bool jumps = one.operation == Operation::kJump || one.operation == Operation::kBranch;
    if (!jumps) return;
    if (!one.target) {
      exits.jumps_anywhere |= one.operation == Operation::kJump && a->at_entry_level(before);
    } else if (*one.target == target) {
      FlowState there = a->along(one, before, true);
      if (exits.jumps_to_target) exits.at_target.merge(there, 0);
      else exits.at_target = std::move(there);
      exits.jumps_to_target = true;
    } else if (*one.target < start || *one.target - start >= function->size) {
      exits.others.push_back(*one.target);
    }
  });
  return exits;
}

bool EntryFlow::is_callee_saved(unsigned reg) const {
  return std::find(arch_->callee_saved.begin(), arch_->callee_saved.end(), reg) != arch_->callee_saved.end();
}

// Nothing but the prologue stores the entry value of a callee-saved register or the return address, and only the epilogue reads it.
// An argument's slot may be the argument's own home, to which a pointer was given away.
bool EntryFlow::trusts_slot(int64_t offset, unsigned reg) const {
  return is_callee_saved(reg) || reg == arch_->pc || reg == arch_->link || !exposed_from_ || offset < *exposed_from_;
}

std::optional<VirtualAddress> EntryFlow::cfa(const arch::Registers& now) const {
  for (unsigned reg : {arch_->sp, arch_->frame_pointer}) {
    const EntryValue& value = state_.registers[reg];
    if (value.base != kCfaBase) continue;
    if (auto known = now.get(reg)) return VirtualAddress(*known - uint64_t(value.offset));
  }
  return std::nullopt;
}

std::optional<int64_t> EntryFlow::slot_of(unsigned reg) const {
  for (const auto& [offset, value] : state_.slots)
    if (value.is(reg) && value.offset == 0 && value.width == 8 && trusts_slot(offset, reg)) return offset;
  return std::nullopt;
}

std::optional<EntryFlow::Found> EntryFlow::entry_value(unsigned reg, const arch::Registers& now, VirtualAddress cfa, const ReadWord& read, const SafeSlot& safe) const {
  return find({uint8_t(reg), 8, false, 0, 0}, now, cfa, read, safe);
}

std::optional<EntryFlow::Found> EntryFlow::find(const EntryValue& wanted, const arch::Registers& now, VirtualAddress cfa, const ReadWord& read,
                                                const SafeSlot& safe) const {
  std::optional<Found> best;
  for (unsigned holder = 0; holder < FlowState::kRegisters; holder++) {
    const EntryValue& value = state_.registers[holder];
    auto known = now.get(holder);
    if (!same_origin(value, wanted) || !known || (best && best->width >= value.width)) continue;
    best = Found{*known - uint64_t(value.offset) + uint64_t(wanted.offset), value.width, holder, {}};
  }
  for (const auto& [offset, value] : state_.slots) {
    if (!same_origin(value, wanted) || (best && best->width >= value.width) || cfa.is_null()) continue;
    VirtualAddress slot = cfa + uint64_t(offset);
    if (!trusts_slot(offset, wanted.loaded ? kNoBase : wanted.base) && !(safe && safe(slot))) continue;
    if (auto word = read(slot); word.ok()) best = Found{*word - uint64_t(value.offset) + uint64_t(wanted.offset), value.width, 255, slot};
  }
  return best;
}

}  // namespace inquest::unwind
