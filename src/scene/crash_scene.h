// CrashScene: everything reasoning may ask about a crash, in plain data.
//
// Three kinds: LiveScene over a dump, TextScene over a log alone, RecordedScene over answers written down before (a test fixture of a few lines).
// Every answer may be "unknown"; unknown is never empty: a Reading says why it has no bytes, optional<> is absent when nothing is known.
// Const, thread-safe only where a scene says so. Addresses are the dead kernel's, run-time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/loss_ledger.h"
#include "kernel/system.h"
#include "oops/event.h"
#include "scene/frame_view.h"
#include "scene/lock_graph.h"
#include "scene/makers.h"
#include "scene/references.h"

namespace inquest::oops {
struct Log;
}

namespace inquest::scene {

// A register at an event in the words of the source.
struct RegisterMeaning {
  std::string reg;                     // "x3", "rsi"
  std::optional<uint64_t> value;
  std::string text, type;              // "&node->private_list", "struct list_head *"
  std::string variable, function;      // if it is a variable as a whole: its name and whose
  std::string object;                  // spelled struct it points into: "struct xa_node"; "" = unknown
  int64_t offset = 0;                  // … at this offset
  std::string member;
  std::vector<std::string> members;    // every union arm there
};

struct ConditionView {                 // what a WARN or BUG found true
  std::string text, left, relation, right, left_register, right_register, file;
  int line = 0;
  uint64_t compare = 0;
  std::optional<uint64_t> left_value, right_value;  // as compared
  bool values_then = false;            // from registers; false: memory as the dump has it took part
  std::string object;                  // the struct that one side was loaded from …
  std::vector<std::string> members;    // … and where
  std::optional<uint64_t> object_address;
};

struct TouchView {                     // what the faulting instruction reached for
  uint64_t pc = 0;
  std::string instruction, text;       // "mov 0x18(%rdi),%rax", "h->peer->ops"
  bool reads = false, writes = false;
  unsigned size = 0;
  std::string base_register, base_text, base_type, base_variable, base_function, object;
  std::optional<uint64_t> base_value;
  int64_t displacement = 0;
  std::vector<std::string> members;    // of `object` at the displacement
  // Where the base's value was loaded from, if it was: "h->peer" read at `origin_address` (if computable).
  std::string origin_text;
  std::optional<uint64_t> origin_address;
  // The address the operand makes of the registers; with an index: base + index * scale + displacement.
  std::optional<uint64_t> address;
  std::string index_register;
  std::optional<uint64_t> index_value;
  unsigned scale = 1;
};

struct CodeLine {                      // one instruction of the log's "Code:" line
  int64_t offset = 0;                  // from the faulting one
  std::string bytes, text;             // "48 8b 47 18", "mov 0x18(%rdi),%rax"
  bool faulting = false;
};

struct ValueNote {                     // a value that says something by itself
  std::string where;                   // a register, or "fault address"
  uint64_t value = 0;
  std::string text;                    // "LIST_POISON1 + 0x8: …", "equals rsi of E1 + 0x18"
};

struct DivisorView {                   // what a division divided by
  std::string instruction, text, type, reg;
  uint64_t pc = 0;
  std::optional<uint64_t> value;
  std::string object;                  // the struct it was loaded from …
  std::vector<std::string> members;    // … and where
};

struct CallView {                      // the call a return address belongs to
  uint64_t pc = 0;
  bool indirect = false;
  std::string tail_of;                 // the call was direct, to this function, which left by the jump that is told here; "": it is the call itself
  std::string callee, instruction, through, target_text;  // through: the register
  std::string object, member;          // the target was loaded from this member of this struct
  int64_t member_offset = 0;
  std::string base_variable;           // `rhp` of `rhp->func`
  bool cleared = false;                // that member was set to 0 between its load and the call
  std::vector<SourceRef> source;       // innermost inlined first
  std::vector<RegisterMeaning> arguments;
};

// One step of a value's way back from where it did harm to where it was born (code/origin.h has the meaning of each field).
struct OriginView {
  std::string text, type;              // "h->peer->ops", "struct peer *"
  std::string variable, function;
  std::string birth;                   // "loaded", "parameter", "call", "symbol", "constant", "current", "computed", "unknown"
  std::optional<uint64_t> value;       // what it was …
  bool value_then = false;             // … as of the event; false: computed from memory as the dump has it
  std::string value_how;
  std::optional<uint64_t> address;     // of the memory it was loaded from
  std::optional<uint64_t> now;         // what that memory holds in the dump
  std::string why_not_now;
  unsigned size = 8;
  std::string object;                  // the struct it was a member of …
  int64_t offset = 0;                  // … there
  std::vector<std::string> members;
  bool on_stack = false;               // from the function's own stack frame
  bool searched = false;               // nothing says that it was loaded there: that memory holds the very value, and nothing else that is known does
  std::string callee;                  // what returned it
  std::string passed_in;               // the register a parameter came in
  uint64_t at = 0;                     // the instruction that made it, 0: none
  std::vector<SourceRef> source;
  bool changed() const { return value_then && value && now && *value != *now; }
};

struct EventView {
  std::string id;                      // "E1"
  oops::Event event;
  std::optional<uint64_t> pc;          // run-time address of RIP/pc
  std::optional<uint64_t> link;        // of lr, where the architecture has one
  std::vector<FrameView> frames;       // resolved
  std::vector<SourceRef> source;       // of the pc, innermost first
  std::vector<RegisterMeaning> registers;  // those whose meaning is known
  std::optional<ConditionView> condition;
  std::optional<TouchView> touch;
  std::vector<CodeLine> code;              // the log's "Code:" bytes as instructions
  std::vector<ValueNote> notes;            // poison, error pointers, text, values of earlier events
  std::optional<DivisorView> divisor;  // of a divide error
};

struct ThreadView {
  std::optional<int> cpu, pid;
  std::string comm, how;               // how its registers were found
  std::vector<FrameView> frames;
  bool complete = false;               // the walk reached the root
  std::string why_incomplete;
};

struct Reading {
  std::vector<std::byte> bytes;        // empty: see `why_not`
  std::string origin;                  // "stored", "zero page"
  std::string why_not;
  bool ok() const { return why_not.empty(); }
};

struct Identity {
  enum class Kind { kUnknown, kNull, kUser, kNonCanonical, kErrno, kSymbol, kText, kPerCpu, kStack, kSlab, kModule, kVmalloc, kMapped, kUnmapped } kind = Kind::kUnknown;
  std::string text;                    // one line for people
  std::string symbol, module;          // kSymbol, kText, kPerCpu
  uint64_t offset = 0;                 // in whatever it is
  std::string task_comm;               // kStack
  std::optional<int> task_pid;
  std::string stack;
  std::string cache;                   // kSlab
  uint64_t object_start = 0, object_size = 0;
  std::optional<bool> free;
  std::string free_how;
  // kSlab, where the cache keeps tracks (slub_debug=U): who freed and who allocated it last.
  bool tracked = false;
  std::vector<SourceRef> freed_at, allocated_at;   // innermost first; empty: not known
  std::string freed_by, allocated_by;              // "retire_work+0x66 [beaconset]"
  std::optional<int> freed_pid;
};
const char* name_of(Identity::Kind kind);

struct MemberView {
  std::string path, type;
  uint64_t offset = 0, size = 0;       // offset of the member itself
  bool pointer = false, function_pointer = false;
  unsigned bit_size = 0, bit_shift = 0;  // of a bit-field: its width, and its first bit in the byte at `offset`
};

// A place where code hands a callback over: call_rcu(&node->rcu_head, radix_tree_node_rcu_free).
struct Registration {
  std::string api, callback;           // "call_rcu", "radix_tree_node_rcu_free"
  std::string argument;                // "&node->callback_head"
  std::string function;                // concrete function the call is in
  std::vector<SourceRef> source;       // innermost inlined first
  uint64_t pc = 0;
  std::string object;                  // the struct whose place it is
};

struct StoreView {                     // what a function stores through its first parameter
  int64_t offset = 0;
  unsigned size = 8;
  std::optional<int64_t> value_offset; // = parameter + this
  std::optional<uint64_t> value;
  std::string by, file;
  int line = 0;
};

// One instruction on the way of a value, backward from an event (code/journey.h).
struct JourneyStep {
  std::string kind;                    // "move", "arithmetic", "load", "reload", "constant", "argument", "result", "several", "unknown"
  int depth = 0;                       // 0: the value itself; 1: the pointer that it was loaded through; …
  uint64_t pc = 0;
  std::string instruction, reg, text, type, variable;  // text: "h->peer"; variable: of the source, that it became
  std::string function;                // concrete
  std::vector<SourceRef> source;       // innermost inlined first
  std::optional<uint64_t> value;       // that the register got
  // Of a load: where it read, and what is there now.
  std::optional<uint64_t> address;
  std::string object;                  // struct read from, "" = unknown; at `offset`
  int64_t offset = 0;
  std::vector<std::string> members;    // every union arm there
  bool address_leans_on_memory = false;  // the address was found by reading memory as it is now
  std::optional<uint64_t> memory_now;
  std::string memory_why_not;
  std::optional<bool> unchanged;       // whether memory still holds what was loaded; nothing: not known
  std::vector<SourceRef> candidates;   // of "several": the lines that may have set it
};

struct JourneyView {
  std::string reg;
  std::optional<uint64_t> value;
  std::vector<JourneyStep> steps;       // from the register back
  std::string end;                     // why the way ends: a sentence
  // The load that brought the value itself, copied about since at most; null: it was not loaded, or changed on the way.
  const JourneyStep* load() const;
};

struct CheckView {                     // a test of the same memory before it was loaded again
  uint64_t pc = 0;
  std::string text;                    // "dev->buffer != 0"
  std::vector<SourceRef> source;
  std::string call_between;            // a call between the test and the load that may run anything (indirect, or into a module): its callee, or "a function pointer"
};

struct CacheUse {                      // what a slab cache holds
  std::string cache;
  uint64_t object_size = 0, objects = 0, slabs = 0, bytes = 0;  // objects: room for, used or free
  std::optional<bool> reclaimable;
};

struct Facts {
  kernel::SystemFacts system;
  bool has_dump = false, has_debuginfo = false;
  std::string arch, format;
  uint64_t page_size = 0;
  unsigned virtual_bits = 0;           // of a virtual address; 0: not known
  bool partial = false, incomplete = false;
  std::optional<int> dump_level;
  std::optional<uint64_t> pages_stored, pages_filtered;
  std::vector<std::string> layout_how;
};

class CrashScene {
 public:
  virtual ~CrashScene() = default;

  const Facts& facts() const { return facts_; }
  const std::vector<EventView>& events() const { return events_; }
  const EventView* event(std::string_view id) const;
  const std::optional<ThreadView>& crashed() const { return crashed_; }

  // What follows answers "unknown" unless a scene knows better.
  virtual Reading read(uint64_t address, uint64_t size) const;
  virtual Identity identify(uint64_t address) const;
  virtual bool is_text(uint64_t) const { return false; }
  virtual std::optional<uint64_t> size_of(const std::string&) const { return std::nullopt; }
  virtual std::vector<MemberView> members_at(const std::string&, uint64_t) const { return {}; }
  // The test that sent the code to the call that a return address of the crashed thread belongs to.
  virtual std::optional<ConditionView> condition_of_call(uint64_t) const { return std::nullopt; }
  // The structs that a dotted member path leads through, the type itself first.
  virtual std::vector<std::string> types_along(const std::string& type, const std::string&) const { return {type}; }
  // Code of the modules that know `type` which frees one: calls of kfree(), kmem_cache_free() and the like.
  virtual std::vector<StoreSite> freers_of(const std::string&) const { return {}; }
  // Code that allocates from a slab cache: kmem_cache_alloc() and the like, of the very cache.
  virtual std::vector<StoreSite> allocators_of(const std::string&) const { return {}; }
  // Code of the modules that know `type` which fills a member of it (an array; "" = any array): stores to it, or passes its address to a copying
  // function. No type: of any other struct, in the modules that know the struct `beside`.
  virtual std::vector<StoreSite> fillers_of(const std::string&, const std::string&, const std::string&) const { return {}; }
  // Code of the modules that know `type` (a struct) which stores to its member at an offset, or changes it.
  virtual std::vector<WriterView> writers_of(const std::string&, uint64_t) const { return {}; }
  // … in which an inlined helper, whose name starts with one of these, works on the address of that member, or on the member itself.
  virtual std::vector<HelperSite> helper_sites(const std::vector<std::string>&, const std::string&, uint64_t) const { return {}; }
  // … that keeps a variable of the type in its stack frame; the crashed thread's modules alone.
  virtual std::vector<StoreSite> locals_of(const std::string&) const { return {}; }
  // Whose a place on a task's stack is now; nothing: it is on no stack of a task, or the stack could not be walked.
  virtual std::optional<StackPlace> stack_place(uint64_t) const { return std::nullopt; }
  // The struct that an object of a general cache (kmalloc-64) is, by the typed pointers to its start; "" if they do not tell, or disagree. One scan of what is stored.
  virtual std::string type_by_references(uint64_t) const { return ""; }
  // The typed pointers to an object's start; one scan of what is stored.
  virtual std::vector<OwnerView> owners_of(uint64_t) const { return {}; }
  // Whether two structs are one, or one begins with the other (or with one that does).
  virtual bool related(const std::string& a, const std::string& b) const { return a == b; }
  // Whether an address of user space lies where some task's program, heap, mappings or stack are; nothing: it lies where a process that is gone
  // may have had them, or no task's memory could be looked at.
  virtual std::optional<bool> in_user_memory(uint64_t) const { return std::nullopt; }
  // Whether the value is the offset of a per-CPU object: every CPU's area holds memory there.
  virtual bool is_per_cpu_offset(uint64_t) const { return false; }
  // The freed area of vmalloc()'s range that an address lies in: its bounds, as the kernel's list of areas not yet unmapped has them.
  virtual std::optional<std::pair<uint64_t, uint64_t>> freed_vmalloc_area(uint64_t) const { return std::nullopt; }
  // The section of a loaded module's initialisation code or data, given back since, that an address lies in.
  virtual std::optional<InitPlace> init_place(uint64_t) const { return std::nullopt; }
  // The slab object before (-1) or behind (1) the one at an address, in the same slab; kUnknown if there is none.
  virtual Identity neighbour(uint64_t, int) const { return {}; }
  // The slab caches that hold most memory, largest first.
  virtual std::vector<CacheUse> largest_caches(size_t) const { return {}; }
  virtual std::optional<CallView> call_before(uint64_t) const { return std::nullopt; }
  // What jumped to a place that is no code, below a return address: the call there if it is indirect, else the only indirect jump of the function called.
  // Nothing where that cannot be told.
  virtual std::optional<CallView> jump_below(uint64_t return_address) const { return call_before(return_address); }
  // Back from a register at an event, through the function and its callers: step 0 is the register's own value.
  virtual std::vector<OriginView> origin_of(const std::string&, const std::string&) const { return {}; }
  // The same of what an indirect call called, by its return address in the crashed thread's stack.
  virtual std::vector<OriginView> origin_of_target(uint64_t) const { return {}; }
  // … and of what the call that a return address belongs to passed in this register.
  virtual std::vector<OriginView> origin_of_argument(uint64_t, const std::string&) const { return {}; }
  // Where the function at an event tested, against 0, the memory that the register was then loaded from (again).
  virtual std::optional<CheckView> checked_before(const std::string&, const std::string&) const { return std::nullopt; }
  // Code of the modules that know `type` which takes a lock, its member at an offset, and can return without having given it back.
  virtual std::vector<StoreSite> leakers_of(const std::string&, uint64_t) const { return {}; }
  // Code of the crashed thread's modules that sets, clears or tests just this bit of a word: it is kept as a mark.
  virtual std::vector<StoreSite> users_of_bit(unsigned) const { return {}; }
  // Code of the crashed thread's modules that stores 0 to a type's place.
  virtual std::vector<StoreSite> clearers_of(const std::string&, uint64_t) const { return {}; }
  virtual std::vector<StoreView> stores_of(const std::string&) const { return {}; }
  // Calls of an API whose name starts with one of `apis` that pass the address of `object`'s place at `offset`; looked for in the functions named first. No type:
  // any struct's place at that offset, in modules.
  virtual std::vector<Registration> registrations(const std::vector<std::string>&, const std::string&, uint64_t, const std::vector<std::string>&) const { return {}; }
  // The struct of which a slab cache's objects are, "" if it cannot be told.
  virtual std::string type_of_cache(const std::string&, uint64_t) const { return ""; }
  // Who waits for which lock and who holds it; null: there is no memory to tell. Kept; the scene owns it.
  virtual const LockGraphView* locks() const { return nullptr; }
  // What points into [low, high): one scan of everything stored. Costs seconds for each 10 GB.
  virtual std::optional<ReferencesView> references(uint64_t, uint64_t) const { return std::nullopt; }
  // The thread that runs on a CPU; and which locks the code of a thread's frames holds (frames of a log do, too).
  virtual std::optional<ThreadView> thread_on(int) const { return std::nullopt; }
  virtual std::vector<HeldLockView> held_by(const ThreadView&) const { return {}; }
  // The loop around a frame's place in its code; nothing: it is in none, or the code is not known.
  virtual std::optional<LoopView> loop_at(const FrameView&) const { return std::nullopt; }
  // Where a register's value at an event was born, and whether memory still holds it.
  virtual std::optional<JourneyView> journey_of(const EventView&, const std::string&) const { return std::nullopt; }

 protected:
  Facts facts_;
  std::vector<EventView> events_;
  std::optional<ThreadView> crashed_;
};

// Only what the text says: events with frames by name, the instructions of their "Code:" lines, values that speak for themselves.
class TextScene : public CrashScene {
 public:
  explicit TextScene(std::string_view log);
  explicit TextScene(oops::Log log);
  Identity identify(uint64_t address) const override;
};

// What a value's shape alone tells: NULL, error pointers, poison, text.
Identity identify_by_shape(uint64_t value, bool wide);
// An event's frames as printed.
void copy_frames(const oops::Event& event, std::vector<FrameView>& frames);

}  // namespace inquest::scene
