// ReferencesView: what points into a range of addresses, each place named and typed as far as it can be. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace inquest::scene {

struct ReferenceView {
  enum class Kind { kRegister, kStack, kGlobal, kPerCpu, kSlab, kOther } kind = Kind::kOther;
  uint64_t at = 0;               // where the pointer lies; 0 for registers
  uint64_t value = 0;            // what it points at
  std::string text;              // one line: what lies there
  std::string object, member;    // "struct list", "head.next", where the type is known
  uint64_t object_address = 0;
  std::string cache, symbol, module;
  std::optional<int> pid, cpu;   // of stacks and registers
  std::string comm, function;    // stack: in whose frame; register: its name
  std::optional<bool> free;      // slab: the object is free
  bool stale = false;            // stack: below the stack pointer, left over
};
const char* name_of(ReferenceView::Kind kind);

struct ReferencesView {
  std::vector<ReferenceView> found;
  uint64_t bytes_scanned = 0;
  bool limited = false;
};

}  // namespace inquest::scene
