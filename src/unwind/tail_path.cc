#include "unwind/tail_path.h"

#include <algorithm>

#include "unwind/code.h"

namespace inquest::unwind {

namespace {

constexpr size_t kMaxExits = 1024;

// Whether any bytes of a function look like a direct jump to `target`: quick, and wrong only on the safe side.
bool may_jump_to(const object::Program& program, VirtualAddress function, VirtualAddress target) {
  auto extent = function_extent(program, function);
  if (!extent || extent->entry != function) return false;
  auto bytes = program.code_bytes(function, std::min<uint64_t>(extent->size, 64 << 10));
  bool a64 = program.arch().link.has_value();
  for (size_t i = 0; i + 4 <= bytes.size(); i += a64 ? 4 : 1) {
    auto word = load_unchecked<uint32_t>(bytes.data() + i);
    VirtualAddress at = function + i;
    // x86_64: the last 4 bytes of jmp and jcc are relative to their end. aarch64 b: 26 bits, in words.
    VirtualAddress to = a64 ? at + uint64_t(int64_t(uint64_t(word) << 38) >> 36) : at + 4 + uint64_t(int64_t(int32_t(word)));
    if (to == target && (!a64 || word >> 26 == 0x05)) return true;
  }
  return false;
}

TailPath identity() {
  TailPath path;
  for (unsigned reg = 0; reg < FlowState::kRegisters; reg++) path.registers[reg] = {uint8_t(reg), 8, false, 0};
  return path;
}

TailPath of_state(const FlowState& state, std::string through) {
  TailPath path{state.registers, state.facts, {}, std::move(through)};
  for (EntryValue& value : path.registers)
    if (value.base == kCfaBase) value = {};
  return path;
}

TailPath joined(const TailPath& first, const TailPath& second) {
  TailPath path;
  for (unsigned reg = 0; reg < FlowState::kRegisters; reg++) {
    const EntryValue& value = second.registers[reg];
    if (value.base == kConstantBase || value.base == kCurrentBase) path.registers[reg] = value;
    if (value.base >= FlowState::kRegisters) continue;
    EntryValue whole = first.registers[value.base];
    if (!whole.known() || (whole.loaded && (value.loaded || value.offset)) || (value.loaded && whole.width < 8)) continue;
    whole.loaded = whole.loaded || value.loaded;
    whole.width = std::min(whole.width, value.width);
    whole.offset = int64_t(uint64_t(whole.offset) + uint64_t(value.offset));
    path.registers[reg] = whole;
  }
  path.through = first.through + " and " + second.through;
  return path;
}

std::string name_at(const object::Program& program, VirtualAddress function) {
  auto symbol = program.symbol_at(function);
  return symbol ? symbol->symbol.name : "?";
}

}  // namespace

std::optional<TailPath> tail_path(const object::Program& program, VirtualAddress called, VirtualAddress function) {
  if (called == function) return identity();
  auto exits = EntryFlow::exits(program, called, function);
  if (!exits || exits->jumps_anywhere) return std::nullopt;
  std::sort(exits->others.begin(), exits->others.end());
  exits->others.erase(std::unique(exits->others.begin(), exits->others.end()), exits->others.end());
  std::vector<VirtualAddress> middles;
  for (VirtualAddress other : exits->others)
    if (other != called && may_jump_to(program, other, function)) middles.push_back(other);
  if (exits->jumps_to_target) {
    if (!middles.empty()) return std::nullopt;
    return of_state(exits->at_target, name_at(program, called));
  }
  if (middles.size() != 1 || exits->others.size() > kMaxExits) return std::nullopt;
  auto first = EntryFlow::exits(program, called, middles[0]), second = EntryFlow::exits(program, middles[0], function);
  if (!first || !second || !first->jumps_to_target || !second->jumps_to_target || second->jumps_anywhere) return std::nullopt;
  return joined(of_state(first->at_target, name_at(program, called)), of_state(second->at_target, name_at(program, middles[0])));
}

}  // namespace inquest::unwind
