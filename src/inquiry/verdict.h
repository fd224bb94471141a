// Evidence and Verdict: what a report says, each claim with its origin and the shell command that shows it again.
// Plain values. Ids are "F1", "F2", … in the order of finding; a verdict lists the ids in the order a reader needs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace inquest::inquiry {

enum class Origin { kLog, kRegister, kMemory, kType, kCode, kStack, kGraph };
const char* name_of(Origin origin);

struct Evidence {
  std::string id, claim;
  Origin origin = Origin::kLog;
  std::string command;                                       // for `inquest shell DUMP -c`
  std::vector<std::pair<std::string, std::string>> values;   // names and values a machine may want
};

struct Alternative {
  std::string cause, why_not;
};

struct ObjectRef {
  std::string type, address, member, cache;
  std::vector<std::string> members;                          // every union arm at the place
  std::vector<std::string> types;                            // the structs on the way to `member`, outermost first: "struct lane", "struct window"
};

struct Guilty {
  std::string function, file, module;
  int line = 0;
  std::string task;                                          // where a user's task is to blame
};

struct Verdict {
  std::string cause = "unknown";                             // a slug of docs/causes
  double confidence = 0;
  std::string summary;
  ObjectRef object;
  Guilty guilty;
  std::vector<std::string> evidence;
  std::vector<Alternative> alternatives;
  std::vector<std::string> would_settle;
};

std::string hex(uint64_t value);                             // "0xffff…"
// The lower-case hexadecimal digits as crash commands take addresses: without 0x, but for small numbers.
std::string bare_hex(uint64_t value);

}  // namespace inquest::inquiry
