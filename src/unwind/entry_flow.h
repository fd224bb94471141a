// EntryFlow: where, at one instruction of a function, the values its registers had at entry are to be found.
//
// The function's instructions are followed from its entry along all direct paths; at each one every register and stack slot is
// either "what register R held at entry, plus a constant", "the CFA plus a constant", or unknown; where paths meet, what they do
// not agree on is unknown. From it come, without any debuginfo: the CFA, the return address, the callee-saved registers, and (what
// no CFI tells) the arguments, as long as some register or spill slot still has them.
//
// "CFA" is DWARF's: the stack pointer in the caller just before the call.
// Sound as long as no path comes in from outside that breaks the calling convention; a frame slot whose neighbourhood had its
// address taken is not believed for anything but callee-saved registers. Plain values; decode cost: about 0.1 us a byte.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "arch/instruction.h"
#include "arch/registers.h"
#include "base/address.h"
#include "base/result.h"
#include "object/program.h"

namespace inquest::unwind {

// Stand for the task that runs (`current`), for nothing but the offset, and for the CFA, where a register number is wanted.
// kBornBase: what an instruction gave, or a register held at the begin of a block, when it last ran; only of flows that tell such values
// apart (FlowOptions::births).
// kMaskedBase: that, or 0: an index that array_index_nospec() has passed. kMaskBase: 0 or all bits set.
inline constexpr uint8_t kMaskBase = 249;
inline constexpr uint8_t kMaskedBase = 250;
inline constexpr uint8_t kBornBase = 251;
inline constexpr uint8_t kCurrentBase = 252;
inline constexpr uint8_t kConstantBase = 253;
inline constexpr uint8_t kCfaBase = 254;
inline constexpr uint8_t kNoBase = 255;

// The low `width` bytes are those of (entry value of `base`) + offset; if `loaded`, of the memory there when it was loaded.
struct EntryValue {
  constexpr EntryValue(uint8_t of = kNoBase, uint8_t bytes = 8, bool from_memory = false, int64_t plus = 0, uint32_t birth = 0)
      : base(of), width(bytes), loaded(from_memory), born(birth), offset(plus) {}
  uint8_t base, width;
  bool loaded;
  uint32_t born;       // kBornBase and what was loaded: which instruction or block; 0: not known
  int64_t offset;
  bool known() const { return base != kNoBase; }
  bool is_born() const { return base == kBornBase || base == kMaskedBase; }
  bool is(unsigned reg) const { return base == reg && !loaded; }
  friend bool operator==(const EntryValue&, const EntryValue&) = default;
};
// Whether they differ by their offsets alone. What was loaded must have been loaded at once.
bool same_origin(const EntryValue& a, const EntryValue& b);

// What a FlowWatch carries along of one variable.
struct CarriedValue {
  EntryValue value;
  uint64_t until = 0;                         // where its last place ended (a file address)
  bool placed = false, destroyed = false;     // at the instruction before: it had a place; the instruction changed that place
};

// What a comparison and the way taken from it tell: the low `width` bytes of `value` are `constant`.
struct FlowFact {
  EntryValue value;
  uint64_t constant = 0;
  friend bool operator==(const FlowFact&, const FlowFact&) = default;
};

// What the flags say: a value, of whose low `size` bytes the bits of `mask` count, was compared with a constant.
struct FlowComparison {
  EntryValue value;
  uint64_t mask = ~uint64_t{0}, constant = 0;
  unsigned size = 8;
  friend bool operator==(const FlowComparison&, const FlowComparison&) = default;
};

struct FlowState {
  static constexpr unsigned kRegisters = 34;  // general registers of either architecture, sp and pc
  std::array<EntryValue, kRegisters> registers{};
  std::map<int64_t, EntryValue> slots;        // by offset from the CFA
  std::vector<CarriedValue> carried;          // of a FlowWatch
  // Only with births:
  std::vector<FlowFact> facts;
  std::optional<FlowComparison> compared;
  // Keeps what both know. True if something was lost. `block`: with births, the number of the block that begins here and of the 63
  // behind it, by which registers that differ are named; else 0.
  bool merge(const FlowState& other, uint32_t block);
  std::optional<EntryValue> constant_of(const EntryValue& value) const;
  // The low `size` bytes of a value, if comparisons on the way here tell them.
  std::optional<uint64_t> told(const EntryValue& value, unsigned size) const;
};

// Carries something more along with the state: told of each step on every path, more than once where paths come back.
class FlowWatch {
 public:
  virtual ~FlowWatch() = default;
  // A way to the begin of a block, before it joins others there.
  struct Way {
    VirtualAddress from, to;                    // the last instruction of the block before, null at the function's entry
    bool into_loop = false;                     // a loop comes back to `to`
    std::vector<VirtualAddress> others;         // where the other ways to it come from
  };
  virtual void arrive(const Way& way, FlowState& state) const = 0;
  // `code`: the instruction, and those behind it by address.
  virtual void before(std::span<const arch::Instruction> code, FlowState& state) const = 0;
  virtual void after(std::span<const arch::Instruction> code, bool keeps_registers, FlowState& state) const = 0;
};

struct FlowOptions {
  const FlowWatch* watch = nullptr;
  bool births = false;
  // What a value was in the run of the function that is asked about: ways that this excludes are not gone. With births only.
  std::function<std::optional<uint64_t>(const EntryValue& value, unsigned size)> given = {};
  std::optional<uint64_t> current_at = {};      // where among the per-CPU variables x86_64 keeps `current`
};

class EntryFlow {
 public:
  // The state just before the instruction that covers `at` (for a return address: pass the address of the call), in the
  // function [entry, entry + code.size()). Nothing: not reached by direct paths, or too big.
  static std::optional<EntryFlow> analyse(const arch::Arch& arch, Bytes code, VirtualAddress entry, VirtualAddress at, const FlowOptions& options = {});
  // The same for the function of a Program that covers `at`; nothing for a ".cold" part.
  static std::optional<EntryFlow> analyse(const object::Program& program, VirtualAddress at, FlowOptions options = {});

  // Where a function leaves by jumps to others, as far as direct paths show.
  struct Exits {
    FlowState at_target;                    // what all jumps to the function asked for agree on, at the jump
    bool jumps_to_target = false;
    bool jumps_anywhere = false;            // an indirect jump with the frame already gone
    std::vector<VirtualAddress> others;     // other functions jumped to
  };
  static std::optional<Exits> exits(const object::Program& program, VirtualAddress function, VirtualAddress target);

  using ReadWord = std::function<Result<uint64_t>(VirtualAddress)>;

  // From the registers as they are at that instruction.
  std::optional<VirtualAddress> cfa(const arch::Registers& now) const;
  struct Found {
    uint64_t value = 0;
    unsigned width = 8;          // bytes that are right, the low ones
    unsigned reg = 255;          // kept in this register, or
    VirtualAddress slot;         // in this stack slot
  };
  // A value that some register or stack slot still has. `safe`: slots that nobody writes, whatever pointers there are to them; may be empty.
  using SafeSlot = std::function<bool(VirtualAddress)>;
  std::optional<Found> find(const EntryValue& wanted, const arch::Registers& now, VirtualAddress cfa, const ReadWord& read, const SafeSlot& safe = {}) const;
  // The entry value of a register.
  std::optional<Found> entry_value(unsigned reg, const arch::Registers& now, VirtualAddress cfa, const ReadWord& read, const SafeSlot& safe = {}) const;
  // Where the entry value of a register lies relative to the CFA, if in memory in full.
  std::optional<int64_t> slot_of(unsigned reg) const;
  const FlowState& state() const { return state_; }
  bool is_callee_saved(unsigned reg) const;

 private:
  EntryFlow(const arch::Arch& arch, FlowState state, std::optional<int64_t> exposed)
      : arch_(&arch), state_(std::move(state)), exposed_from_(exposed) {}
  bool trusts_slot(int64_t offset, unsigned reg) const;
  const arch::Arch* arch_;
  FlowState state_;
  std::optional<int64_t> exposed_from_;  // lowest CFA offset whose address was taken anywhere in the function
};

}  // namespace inquest::unwind
