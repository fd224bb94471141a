// Makers: code that can have made a state found in memory: who stores to a member, who links an object into a list or counts its references, whose
// variable lay on a stack. Plain data. Only code of modules is looked at, and only what DWARF's types show: an empty answer proves nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "scene/frame_view.h"

namespace inquest::scene {

struct StoreSite {                     // code that stores to a member
  std::string function;                // concrete
  uint64_t pc = 0;
  std::vector<SourceRef> source;       // innermost inlined first
};

struct WriterView {
  StoreSite site;
  enum class What {
    kOther,
    kZero,
    kConstant,                         // `value` is its number
    kResult,                           // what a call returned: `value` is the callee's name
    kChange,                           // it is counted up or down, or bits of it are changed
  } what = What::kOther;
  std::string value;                   // in the words of the source, "" = not known
};

// A place where an inlined helper (list_add(), refcount_dec_and_test()) works on a member.
struct HelperSite {
  StoreSite site;                      // `site.source` begins with the function that uses the helper
  std::string helper;                  // the outermost one: "list_add_tail"
  std::vector<uint64_t> symbols;       // addresses of data that registers held there: the list's head
  std::vector<std::string> members;    // "spool.waiting": members of other objects whose address registers held there
};

// What a word of a task's stack belongs to now.
struct StackPlace {
  std::optional<int> pid;
  std::string comm;
  bool below = false;                  // under the stack pointer: left over from functions that have returned
  std::string function;                // whose frame it lies in; "" = none known
  bool frame_known = false;            // that frame's variables were looked at
  std::string variable, type;          // the variable there, where DWARF places one: "curr", "struct wait_queue_entry"
  uint64_t offset = 0;                 // … and how far into it
};

// A section of a module that was given back when its initialisation was over.
struct InitPlace {
  std::string module, section;         // "barometer", ".init.rodata"
  uint64_t offset = 0;                 // in the section
};

// A typed pointer to the start of an object, in a variable or in a living object of a known type.
struct OwnerView {
  std::string type;                    // what it is declared to point at: "struct vat"
  std::string text;                    // where it lies: "vats[3].content", "brew of struct vat at 0x…"
  uint64_t at = 0;
};

}  // namespace inquest::scene
