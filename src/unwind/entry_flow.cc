#include "unwind/entry_flow.h"

#include <algorithm>

#include "unwind/code.h"
#include "unwind/flow_effect.h"

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

  void find_leaders();
  void arrive(size_t at, const FlowState& state);
  void run_block(size_t from);
  void successors(size_t last, const FlowState& state);
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

void Analysis::arrive(size_t at, const FlowState& state) {
  if (!in[at]) in[at] = state;
  else if (!in[at]->merge(state)) return;
  if (std::find(work.begin(), work.end(), at) == work.end()) work.push_back(at);
}

void Analysis::successors(size_t last, const FlowState& state) {
  const Instruction& one = code[last];
  if (one.target && one.operation != Operation::kCall) {
    auto found = index.find(one.target->value);
    if (found != index.end()) arrive(found->second, state);
  } else if (one.operation == Operation::kJump && !frame_is_gone(state)) {
    for (size_t orphan : orphans) arrive(orphan, state);  // a jump table
  }
  if (!one.ends_block() && last + 1 < code.size()) arrive(last + 1, state);
}

void Analysis::run_block(size_t from) {
  FlowState state = *in[from];
  for (size_t i = from; i < code.size(); i++) {
    if (i != from && leader[i]) {
      arrive(i, state);
      return;
    }
    FlowEffect(arch, state).apply(code[i], code[i].operation == Operation::kCall && is_entry_hook(i));
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
std::optional<Analysis> solve(const arch::Arch& arch, Bytes bytes, VirtualAddress entry) {
  if (bytes.empty() || bytes.size() > kMaxFunctionBytes) return std::nullopt;
  Analysis a{arch, entry, arch::Decoder(arch.id).decode_all(bytes, entry), {}, {}, {}, {}, {}};
  if (a.code.empty()) return std::nullopt;
  for (size_t i = 0; i < a.code.size(); i++) a.index[a.code[i].address.value] = i;
  a.find_leaders();
  a.in.resize(a.code.size());
  a.arrive(0, entry_state(arch));
  while (!a.work.empty()) {
    if (++a.visits > kMaxVisits) return std::nullopt;
    size_t next = a.work.back();
    a.work.pop_back();
    a.run_block(next);
  }
  return a;
}

using Visit = std::function<void(const Instruction&, const FlowState& before, std::optional<int64_t> gave_away)>;

// Visits what direct paths reach, in address order.
void for_each_reached(const Analysis& a, const Visit& visit) {
  std::optional<FlowState> state;
  for (size_t i = 0; i < a.code.size(); i++) {
    if (a.leader[i]) state = a.in[i];
    if (!state) continue;
    FlowState before = *state;
    FlowEffect effect(a.arch, *state);
    effect.apply(a.code[i], a.code[i].operation == Operation::kCall && a.is_entry_hook(i));
    visit(a.code[i], before, effect.exposed());
    if (a.code[i].ends_block()) state.reset();
  }
}

}  // namespace

bool FlowState::merge(const FlowState& other) {
  bool lost = false;
  auto meet = [&lost](EntryValue& mine, const EntryValue& theirs) {
    if (mine == theirs || !mine.known()) return;
    lost = true;
    if (mine.base == theirs.base && mine.offset == theirs.offset && mine.loaded == theirs.loaded) mine.width = std::min(mine.width, theirs.width);
    else mine = {};
  };
  auto fewer = [](const EntryValue& mine, const EntryValue& theirs) {
    return mine.base == theirs.base && mine.offset == theirs.offset && mine.loaded == theirs.loaded && mine.width <= theirs.width;
  };
  for (unsigned reg = 0; reg < kRegisters; reg++)
    if (!fewer(registers[reg], other.registers[reg])) meet(registers[reg], other.registers[reg]);
  for (auto it = slots.begin(); it != slots.end();) {
    auto theirs = other.slots.find(it->first);
    EntryValue value = theirs == other.slots.end() ? EntryValue{} : theirs->second;
    if (!fewer(it->second, value)) meet(it->second, value);
    it = it->second.known() ? std::next(it) : slots.erase(it);
  }
  return lost;
}

std::optional<EntryFlow> EntryFlow::analyse(const arch::Arch& arch, Bytes bytes, VirtualAddress entry, VirtualAddress at) {
  if (at < entry || at - entry >= bytes.size()) return std::nullopt;
  auto a = solve(arch, bytes, entry);
  if (!a) return std::nullopt;
  std::optional<int64_t> exposed;
  std::optional<FlowState> found;
  for_each_reached(*a, [&](const Instruction& one, const FlowState& before, std::optional<int64_t> gave_away) {
    if (at >= one.address && at - one.address < one.size) found = before;
    if (gave_away && (!exposed || *gave_away < *exposed)) exposed = gave_away;
  });
  if (!found) return std::nullopt;
  return EntryFlow(arch, std::move(*found), exposed);
}

std::optional<EntryFlow> EntryFlow::analyse(const object::Program& program, VirtualAddress at) {
  auto function = function_extent(program, at);
  if (!function || function->cold || function->size > kMaxFunctionBytes) return std::nullopt;
  auto bytes = program.code_bytes(function->entry, function->size);
  if (bytes.size() < function->size) return std::nullopt;
  return analyse(program.arch(), bytes, function->entry, at);
}

std::optional<EntryFlow::Exits> EntryFlow::exits(const object::Program& program, VirtualAddress start, VirtualAddress target) {
  auto function = function_extent(program, start);
  if (!function || function->entry != start || function->cold || function->size > kMaxFunctionBytes) return std::nullopt;
  auto bytes = program.code_bytes(start, function->size);
  auto a = solve(program.arch(), bytes, start);
  if (!a) return std::nullopt;
  Exits exits;
  for_each_reached(*a, [&](const Instruction& one, const FlowState& before, std::optional<int64_t>) {
    bool jumps = one.operation == Operation::kJump || one.operation == Operation::kBranch;
    if (!jumps) return;
    if (!one.target) {
      exits.jumps_anywhere |= one.operation == Operation::kJump && a->at_entry_level(before);
    } else if (*one.target == target) {
      if (exits.jumps_to_target) exits.at_target.merge(before);
      else exits.at_target = before;
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

std::optional<EntryFlow::Found> EntryFlow::entry_value(unsigned reg, const arch::Registers& now, VirtualAddress cfa, const ReadWord& read) const {
  std::optional<Found> best;
  for (unsigned holder = 0; holder < FlowState::kRegisters; holder++) {
    const EntryValue& value = state_.registers[holder];
    auto known = now.get(holder);
    if (!value.is(reg) || !known || (best && best->width >= value.width)) continue;
    best = Found{*known - uint64_t(value.offset), value.width, holder, {}};
  }
  for (const auto& [offset, value] : state_.slots) {
    if (!value.is(reg) || (best && best->width >= value.width) || !trusts_slot(offset, reg) || cfa.is_null()) continue;
    VirtualAddress slot = cfa + uint64_t(offset);
    if (auto word = read(slot); word.ok()) best = Found{*word - uint64_t(value.offset), value.width, 255, slot};
  }
  return best;
}

}  // namespace inquest::unwind
