// Accesses: which functions store to or read a member of a type, found in the code of the kernel and its modules.
//
// A function is looked at if some instruction of it has the member's offset as a displacement or adds it; then ValueFlow says through which type each
// memory operand goes. So an access counts only where the type of the pointer is known from DWARF and followed there; accesses through a pointer
// to the member itself (`p = &x->member; *p = 1` in another function) are not seen. Bounded in time: `complete` says whether all was looked at.
#pragma once

#include <string>
#include <vector>

#include "code/questions.h"

namespace inquest::code {

struct AccessQuery {
  const Type* object = nullptr;      // a struct or union
  uint64_t offset = 0, size = 8;     // of the member
  bool writes = true, reads = false; // which are wanted
  std::string module;                // only this one's code; "" = everywhere
  double seconds = 20;
};

struct Access {
  VirtualAddress pc;
  bool writes = false;
  std::string function, module;
  std::vector<object::SourceFrame> source;  // innermost first
  std::string text;                  // "node->count"
  std::string value;                 // what is stored, if known: "0", "&list->head"
};

struct Accesses {
  std::vector<Access> found;         // by address
  size_t functions = 0, followed = 0;  // all, and those that were worth following
  size_t unread = 0;                 // whose code is not at hand, or too large to follow
  bool complete = true;
};

Accesses find_accesses(const object::Program& program, const AccessQuery& query);

}  // namespace inquest::code
