// Trace: what an oops-like log inside a text says, read by a small scanner of this room's own.
//
// It knows just enough to match stacks: frame tokens ("func+0x12/0x34", "func fs/nfs/dir.c:12 [inline]"), RIP and
// pc lines, titles (WARNING at file:line, BUG, Oops, KASAN, hung task, leak …), the work function, the release
// and the register values that make one crash that very crash. src/oops reads logs in earnest; this one must
// only be quick and never wrong about a name. Pure; total; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace inquest::records {

// What kind of crash words speak of; a set, because "NULL pointer dereference after use-after-free" is both.
enum CrashKind : uint32_t {
  kUseAfterFree = 1u << 0,
  kNullPointer = 1u << 1,
  kOutOfBounds = 1u << 2,
  kLeak = 1u << 3,
  kRefcount = 1u << 4,
  kDoubleFree = 1u << 5,
  kDeadlock = 1u << 6,   // lockdep, circular, recursive
  kHang = 1u << 7,       // hung task, soft lockup, stall
  kListCorruption = 1u << 8,
  kAssertion = 1u << 9,  // BUG_ON, kernel BUG
  kWarning = 1u << 10,
  kSleeping = 1u << 11,  // sleeping in atomic, scheduling while atomic
  kUninitialized = 1u << 12,
  kRace = 1u << 13,
  kShift = 1u << 14,     // UBSAN arithmetic
  kStack = 1u << 15,     // stack overflow or corruption
  kOops = 1u << 16,      // crash words of no certain kind: oops, panic, crash, fault
  kDivide = 1u << 17,
};

// False when both kinds are known and one is of another family than the other: a leak, a lock order, a hang and a sum out of range are
// different crashes even in the same function; all that goes wrong in memory is one family, for one mistake shows in many ways.
bool may_be_same_crash(uint32_t kinds, uint32_t others);

// The kinds that `text` speaks of.
uint32_t crash_kinds(std::string_view text);
std::string kinds_text(uint32_t kinds);  // "use-after-free, race"

struct TraceFrame {
  std::string function;  // plain name
  std::string file;      // "fs/nfs/dir.c" where the log is symbolized; else empty
  bool doubtful = false; // "? func": found on the stack, maybe stale; kept only where nothing better is
  uint32_t line = 0;     // in `file`, from 1; 0 if unknown
};

struct Trace {
  std::string title;     // the line that says what happened, without time stamps; may be empty
  uint32_t kinds = 0;    // CrashKind bits of the title
  std::string function;  // of the title, or RIP/pc; may be empty
  std::string file;      // "lib/radix-tree.c" of "WARNING … at lib/radix-tree.c:784"; may be empty
  uint32_t line = 0;     // from 1; 0 if unknown
  std::string workqueue_function;
  std::string release;              // "4.19.90-24.4.v2101.ky10.aarch64"
  std::vector<TraceFrame> frames;   // innermost first; RIP/pc first
  std::vector<TraceFrame> others;   // further stacks of this event: where allocated, where freed
  std::vector<std::string> values;  // register values and time stamps: these very digits, lower case
  uint32_t offset = 0;              // of its first line in the text, in bytes
};

// All traces of the text, in its order; at most 32, each of at most 200 frames. Lines quoted with ">" are
// left out unless `quoted`.
std::vector<Trace> read_traces(std::string_view text, bool quoted = false);

// True if the line belongs to a log rather than to prose: a frame, a register line, a printk time stamp.
bool is_log_line(std::string_view line);

}  // namespace inquest::records
