// Instruction: what one machine instruction does, in a form the same for all architectures.
//
// The disassembler (capstone) stays inside this folder. Registers have arch.h's numbers; 32-bit and smaller
// views of a register (eax, w0) carry their width in `Operand::size`.
//
// Whatever the operation: if `destination` is memory, the instruction writes there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arch/arch.h"
#include "base/address.h"
#include "base/cursor.h"

namespace inquest::arch {

inline constexpr unsigned kNoRegister = 255;

enum class Operation {
  kOther,    // see `written` for what it destroys
  kMove,     // destination = source (register or immediate); also zero and sign extension, adr/adrp (an immediate)
  kLoad,     // destination = memory (ldp: two loads, see `second`)
  kStore,    // memory = source (stp: see `second`)
  kAddress,  // destination = address of the memory operand (lea)
  kAdd,
  kSubtract,
  kAnd,
  kOr,
  kXor,
  kShiftLeft,
  kShiftRight,
  kMultiply,
  kDivide,   // destination = left op right (right may be memory)
  kCompare,  // flags = left - right
  kTest,     // flags = left & right; bt: right is the mask of the bit if it is known, and the flag is carry
  kPush,
  kPop,
  kJump,    // unconditional
  kBranch,  // conditional: on flags, or on a register (cbz: `left` with 0; tbz: `left` with the mask `right`)
  kCall,
  kReturn,
  kTrap,      // ud2, int3, brk, hlt-like. May come back: a WARNING goes on behind its ud2 or brk
  kExchange,  // xchg, cmpxchg, stxr, cas, ldadd: memory (`destination`) and a register both change; left = what is
              // stored or combined, second (aarch64) = the register that gets the old value or is compared. ldxr is a
              // kLoad
  kNop,  // also endbr, bti, fences, prefetches; paciasp and autiasp, which change no more than x30's PAC bits
};

struct MemoryOperand {
  unsigned base = kNoRegister, index = kNoRegister;  // pc-relative: base = arch pc; `absolute` has the address
  unsigned scale = 1;
  bool index_is_32 = false, index_is_signed = false;  // aarch64 [x0, w1, sxtw #2]: the index is w1, extended
  int64_t displacement = 0;
  bool per_cpu = false;                        // x86 gs: prefix
  std::optional<uint64_t> absolute;            // when it is known without registers (rip-relative, absolute)
  bool pre_index = false, post_index = false;  // aarch64 write-back: base changes by displacement before/after
  unsigned size = 8;                           // bytes accessed
};

struct Operand {
  enum class Kind { kNone, kRegister, kImmediate, kMemory } kind = Kind::kNone;
  unsigned reg = kNoRegister;
  unsigned size = 8;  // bytes
  // aarch64 "w2, sxtw #3": of a register, the value is that of `size` bytes, extended, then shifted left by this.
  unsigned shift = 0;
  bool sign_extend = false;
  int64_t immediate = 0;  // the zero register as a source is the immediate 0
  MemoryOperand memory;
  bool is_register() const { return kind == Kind::kRegister; }
  bool is_memory() const { return kind == Kind::kMemory; }
  bool is_immediate() const { return kind == Kind::kImmediate; }
};

enum class Condition {
  kNone,
  kEqual,
  kNotEqual,
  kBelow,
  kBelowEqual,
  kAbove,
  kAboveEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kNegative,
  kPositive,
  kZero,
  kNotZero,
  kBitSet,
  kBitClear,
  kOther
};

struct Instruction {
  VirtualAddress address;
  unsigned size = 0;  // bytes
  Operation operation = Operation::kOther;
  Condition condition = Condition::kNone;  // of kBranch
  Operand destination, left, right;  // kMove/kLoad: destination, left; kStore: destination is memory, left the source;
                                     // arithmetic: destination, left, right; kCompare/kTest: left, right; kCall/kJump
                                     // by register or memory: left
  Operand second;                    // ldp/stp: the second register, at memory + size
                   // movk: the mask of the bits of `left` that `right` (in place) replaces; operation kOther
  std::optional<VirtualAddress> target;  // of a direct kJump, kBranch, kCall
  bool sign_extend = false, zero_extend = false;
  // Every register it changes, implicit ones too (not flags). Calls: not the stack pointer, which is back at the
  // return, and nothing of what the callee may change, which is the caller's (the calling convention's) business.
  std::vector<uint8_t> written;
  std::string mnemonic, operands;  // as a person reads them: AT&T for x86_64 (crash's habit), plain for aarch64

  bool ends_block() const;          // nothing falls through to the next instruction (jumps and returns; not traps)
  bool writes(unsigned reg) const;  // of `written`
  bool is_indirect() const { return !target && (operation == Operation::kCall || operation == Operation::kJump); }
};

// Decodes with one capstone handle; not thread-safe: one Decoder a thread.
class Decoder {
 public:
  explicit Decoder(ArchId arch);
  ~Decoder();
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;

  // The instruction at the start of `bytes`; nothing if they are no instruction.
  std::optional<Instruction> decode(Bytes bytes, VirtualAddress address);
  // All instructions of a function body, in address order. An undecodable byte (x86) or word (aarch64) is one kOther
  // instruction with mnemonic "(bad)", and decoding goes on behind it.
  std::vector<Instruction> decode_all(Bytes bytes, VirtualAddress address);

 private:
  struct State;
  State* state_;
};

// A call or jump through a register is, with retpolines (since 4.15), a direct one to __x86_indirect_thunk_rax (5.18+
// also ..._call_thunk_, ..._jump_thunk_): the register the thunk of that name goes through.
std::optional<unsigned> thunk_register(std::string_view symbol);
// Whether a jump to this symbol is a return (rethunks, since 5.19: kernel commit 0b53c374b9ef).
bool is_return_thunk(std::string_view symbol);

}  // namespace inquest::arch
