// FlowState: what two ways agree on, and what comparisons tell of values.
#include <algorithm>

#include "unwind/entry_flow.h"

namespace inquest::unwind {

bool same_origin(const EntryValue& a, const EntryValue& b) {
  if (!a.known() || a.base == kMaskBase || a.base != b.base || a.loaded != b.loaded) return false;
  if (a.loaded) return a.born && a.born == b.born && a.offset == b.offset;
  return !a.is_born() || a.born == b.born;
}

std::optional<uint64_t> FlowState::told(const EntryValue& value, unsigned size) const {
  for (const FlowFact& fact : facts)
    if (same_origin(fact.value, value) && fact.value.width >= size) return fact.constant + uint64_t(value.offset) - uint64_t(fact.value.offset);
  return std::nullopt;
}

// As a constant of the same width, if it is one or comparisons tell.
std::optional<EntryValue> FlowState::constant_of(const EntryValue& value) const {
  if (value.base == kConstantBase) return value;
  auto number = told(value, value.width);
  return number ? std::optional(EntryValue{kConstantBase, value.width, false, int64_t(*number), 0}) : std::nullopt;
}

namespace {

// Two states becoming one at the begin of a block.
struct Meeting {
  FlowState& mine;
  const FlowState& theirs;
  uint32_t block;                              // what differs is named by it; 0: not known
  bool lost = false;
  struct Pair {
    EntryValue here, there;
    unsigned reg = 0;
  };
  std::vector<Pair> pairs = {};                // that met in registers

  bool is_named_here(const EntryValue& value) const { return block && value.is_born() && value.born >= block && value.born - block < 64; }
  void set(EntryValue& value, const EntryValue& now) {
    lost = lost || value != now;
    value = now;
  }
  // Both in one, if they agree. Those named here may be of the last time around.
  std::optional<EntryValue> common(const EntryValue& here, const EntryValue& there) const {
    if (here == there && !is_named_here(here)) return here.known() ? std::optional(here) : std::nullopt;
    auto told = here.known() ? mine.constant_of(here) : std::nullopt, also = told ? theirs.constant_of(there) : std::nullopt;
    if (here != there && also && *told == *also) return told;
    bool same = here.known() && here.base == there.base && here.offset == there.offset && here.loaded == there.loaded;
    if (!same || is_named_here(here) || (here.is_born() && here.born != there.born)) return std::nullopt;
    return EntryValue{here.base, std::min(here.width, there.width), here.loaded, here.offset, here.born == there.born ? here.born : 0};
  }
  const Pair* met(const EntryValue& here, const EntryValue& there) const {
    for (const Pair& pair : pairs)
      if (same_origin(pair.here, here) && pair.here.offset == here.offset && same_origin(pair.there, there) && pair.there.offset == there.offset) return &pair;
    return nullptr;
  }
  // Where others differ in the same way, it is still the same as they.
  EntryValue named(const EntryValue& here, const EntryValue& there) const {
    const Pair* pair = block ? met(here, there) : nullptr;
    return pair ? EntryValue{kBornBase, std::min(here.width, there.width), false, 0, block + pair->reg} : EntryValue{};
  }
  void join_register(unsigned reg) {
    EntryValue& here = mine.registers[reg];
    const EntryValue& there = theirs.registers[reg];
    if (!here.known()) return;
    if (auto both = common(here, there)) return set(here, *both);
    EntryValue name = named(here, there);
    if (!name.known() && block) {
      pairs.push_back({here, there, reg});
      name = {kBornBase, 8, false, 0, block + reg};
    }
    set(here, name);
  }
  void join(EntryValue& here, const EntryValue& there) {
    if (here.known()) set(here, common(here, there).value_or(named(here, there)));
  }
};

}  // namespace

bool FlowState::merge(const FlowState& other, uint32_t block) {
  Meeting meeting{*this, other, block};
  for (unsigned reg = 0; reg < kRegisters; reg++) meeting.join_register(reg);
  for (auto it = slots.begin(); it != slots.end();) {
    auto theirs = other.slots.find(it->first);
    meeting.join(it->second, theirs == other.slots.end() ? EntryValue{} : theirs->second);
    it = it->second.known() ? std::next(it) : slots.erase(it);
  }
  for (size_t i = 0; i < carried.size(); i++) {
    CarriedValue theirs = i < other.carried.size() ? other.carried[i] : CarriedValue{};
    meeting.join(carried[i].value, theirs.value);
    carried[i].until = std::min(carried[i].until, theirs.until);
  }
  auto only_here = [&](const FlowFact& fact) { return std::ranges::find(other.facts, fact) == other.facts.end(); };
  meeting.lost = std::erase_if(facts, only_here) || meeting.lost;
  if (compared && compared != other.compared) compared.reset(), meeting.lost = true;
  return meeting.lost;
}

}  // namespace inquest::unwind
