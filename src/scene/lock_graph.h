// LockGraphView: who waits for which lock, who holds it, and where everybody is. Plain data, from kernel/locks.h and code/held_locks.h.
//
// Indices are into the vectors here. Holders are told with how they are known: a lock's own owner word is a fact; that a frame's code took a
// lock and has not given it back is one if the lock's address was computed (`sure`), else a likelihood.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "scene/frame_view.h"

namespace inquest::scene {

struct TaskView {
  uint64_t address = 0;
  int pid = 0;
  std::string comm, state;             // ps letters: "UN"
  std::optional<int> running_on;       // CPU
};

struct LockHolder {
  TaskView task;
  std::string how;                     // "the lock's owner word", "its code took it and has not given it back", "the last reader"
  bool sure = false;
  bool reader = false;
  std::vector<FrameView> frames;       // where it is now
  std::optional<size_t> waits;         // in `waits`, if it waits itself
  // Where it took the lock, if its frames tell: frames[taken_frame], the call and its line.
  std::optional<size_t> taken_frame;
  std::vector<SourceRef> taken_at;
  std::string taken_by, taken_text;    // "mutex_lock", "&berth->gate"
};

struct LockView {
  uint64_t address = 0;
  std::string kind;                    // "mutex", "rw_semaphore", "semaphore", "rt_mutex", "completion", "wait queue", "folio", "spinlock"
  std::string identity;                // what lies there, for people
  std::string text;                    // in the words of who asks for it: "&berth->gate"
  std::string object, member;          // "struct berth", "gate"; "" = not known
  int64_t offset = 0;
  uint64_t object_address = 0;         // 0 = not known
  std::optional<bool> held;
  std::optional<uint64_t> readers;     // rw_semaphore
  std::vector<LockHolder> holders;
  std::optional<TaskView> exited;      // who took it has exited and never gave it back; `comm` and `pid` by what is left of its task_struct
  std::vector<size_t> waits;
  std::string problem;                 // "" or what could not be read
  bool has_owner() const { return kind != "completion" && kind != "wait queue"; }
};

struct WaitView {
  TaskView task;
  size_t lock = 0;
  std::optional<bool> writes;          // rw_semaphore
  bool spins = false;                  // on its CPU, for a spinlock
  std::optional<double> seconds;       // since it last ran
  std::vector<FrameView> frames;
  size_t asker = 0;                    // in `frames`: the innermost function that is no locking machinery
};

struct LockGraphView {
  std::vector<LockView> locks;
  std::vector<WaitView> waits;
  std::vector<std::vector<size_t>> cycles;  // of waits: each waits for a lock that the next one's task holds, the last for the first's
  std::string note;                    // "" or what was not looked at
};

// A lock that a frame's code has taken and not given back.
struct HeldLockView {
  size_t frame = 0;                    // of the stack asked about
  std::string kind, api, text;         // "spinlock", "_raw_spin_lock", "&own->lock"
  std::string object, member;          // "struct car", "lock"
  std::optional<uint64_t> address, object_address;
  std::vector<SourceRef> source;       // where it was taken, innermost first, header functions left out
  bool certain = false;                // on every way through the code
};

// The cycle that a frame's code is in, and what keeps it there.
struct LoopView {
  std::string function, file;
  int first_line = 0, last_line = 0;
  std::vector<std::string> stays;      // "reel->read != reel->write": goes on while one of these holds
  int condition_line = 0;              // of the first
  std::string object, pointer;         // "struct reel", "reel"
  std::vector<std::string> members;
  bool leaves = false;                 // something inside leaves it, though `stays` may not be able to say when
};

}  // namespace inquest::scene
