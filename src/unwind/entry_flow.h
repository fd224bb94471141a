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
#include <string>
#include <vector>

#include "arch/instruction.h"
#include "arch/registers.h"
#include "base/address.h"
#include "base/result.h"
#include "object/program.h"

namespace inquest::unwind {

// Stand for the CFA, and for nothing but the offset, where a register number is wanted.
inline constexpr uint8_t kConstantBase = 253;
inline constexpr uint8_t kCfaBase = 254;
inline constexpr uint8_t kNoBase = 255;

// The low `width` bytes are those of (entry value of `base`) + offset; if `loaded`, of the memory there when it was loaded.
struct EntryValue {
  uint8_t base = kNoBase;
  uint8_t width = 8;
  bool loaded = false;
  int64_t offset = 0;
  bool known() const { return base != kNoBase; }
  bool is(unsigned reg) const { return base == reg && !loaded; }
  friend bool operator==(const EntryValue&, const EntryValue&) = default;
};

struct FlowState {
  static constexpr unsigned kRegisters = 34;  // general registers of either architecture, sp and pc
  std::array<EntryValue, kRegisters> registers{};
  std::map<int64_t, EntryValue> slots;        // by offset from the CFA
  // Keeps what both know. True if something was lost.
  bool merge(const FlowState& other);
};

class EntryFlow {
 public:
  // The state just before the instruction that covers `at` (for a return address: pass the address of the call), in the
  // function [entry, entry + code.size()). Nothing: not reached by direct paths, or too big.
  static std::optional<EntryFlow> analyse(const arch::Arch& arch, Bytes code, VirtualAddress entry, VirtualAddress at);
  // The same for the function of a Program that covers `at`; nothing for a ".cold" part.
  static std::optional<EntryFlow> analyse(const object::Program& program, VirtualAddress at);

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
  // The entry value of a register.
  std::optional<Found> entry_value(unsigned reg, const arch::Registers& now, VirtualAddress cfa, const ReadWord& read) const;
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
