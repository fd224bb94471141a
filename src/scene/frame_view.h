// SourceRef and FrameView: a source line, and a frame of a stack, as plain data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace inquest::scene {

struct SourceRef {
  std::string function, file;
  int line = 0;
  bool inlined = false;
};

struct FrameView {
  uint64_t address = 0;                // as on the stack (a return address, or the pc)
  bool exact = false;                  // address is a pc, not a return address
  std::string symbol, module;
  uint64_t offset = 0, size = 0;
  bool reliable = true;
  std::optional<uint64_t> bytes;       // of stack it takes; unwound stacks
  std::string trust, stack;            // unwound stacks: how it was found, which stack it is on
  bool garbage = false, user = false, interrupted = false, tail_calls_missing = false;
  std::vector<SourceRef> source;       // innermost inlined first; the last is the concrete function; may be empty
  struct Local {
    std::string name, type, value, why_not, function;
    std::string how;         // "in rbx", "at 0x…", "entry value through the caller", "rdi kept by schedule in rbx"
    bool parameter = false;
    bool recovered = false;  // beyond what DWARF and the unwinder give: by what the instructions of this or the called function keep
    bool earlier = false;    // recovered, as it was when last known (`how` says where): not certainly what it is now
  };
  std::vector<Local> locals;
};

}  // namespace inquest::scene
