// HeldLocks: which locks a frame has taken and not given back, as its code tells.
//
// A call of a locking function (or its inlined form) holds at an instruction if some way leads there from it without the call that gives the
// same lock back. `certain` if every way does. Wrappers of the code's own (`port_lock(port)`) are looked into one level deep.
// A lock whose address can be told in numbers is worth more: who asks can hold it against the lock's own words.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "code/frame_values.h"

namespace inquest::code {

enum class LockFamily { kMutex, kRwsemRead, kRwsemWrite, kSemaphore, kRtMutex, kSpin };
const char* name_of(LockFamily family);

// A place in a function where a lock is taken or given back.
struct LockCall {
  size_t instruction = 0;
  bool takes = false;
  LockFamily family = LockFamily::kMutex;
  std::string api;                 // "mutex_lock"; the inlined function's name
  ExpressionRef lock;              // its address; may be unknown
  bool inlined = false;
  std::optional<int64_t> behind_parameter;  // taken by a wrapper: the lock is at the wrapper's first argument + this
};
std::vector<LockCall> lock_calls(const ValueFlow& flow, const FlowAt& flow_at);

struct HeldLock {
  size_t frame = 0;
  VirtualAddress at;               // the call
  std::string api, text;           // "mutex_lock", "&berth->gate"
  LockFamily family = LockFamily::kMutex;
  const Type* object = nullptr;    // the struct the lock is in …
  int64_t offset = 0;
  std::string member;              // … as this member
  std::vector<object::SourceFrame> source;
  std::optional<uint64_t> address;
  bool certain = false, inlined = false;
};

// Types that are locks or parts of such, or have no name: their members name nothing.
bool is_lock_type(const Type* type);

// A lock's address in the words of the source: looked at behind the parameters of inlined locking functions, which call everything `lock`.
struct LockName {
  std::string text;                // "&berth->gate"; "" if nothing is known that means something
  const Type* object = nullptr;
  int64_t offset = 0;
  std::string member;
};
LockName name_lock(ExpressionRef address);

class HeldLocks {
 public:
  // `values` must outlive it.
  HeldLocks(FrameValues& values, FlowAt flow_at) : values_(&values), flow_at_(std::move(flow_at)) {}
  std::vector<HeldLock> in_frame(size_t frame);
  std::vector<HeldLock> in_stack();   // innermost frame first; at most kMaxHeldFrames frames

 private:
  void describe(HeldLock& lock, const LockCall& call, const ValueFlow& flow);
  FrameValues* values_;
  FlowAt flow_at_;
};

inline constexpr size_t kMaxHeldFrames = 48;

}  // namespace inquest::code
