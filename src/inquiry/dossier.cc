#include <fmt/format.h>

#include "inquiry/inquest.h"

namespace inquest::inquiry {

const char* name_of(Origin origin) {
  switch (origin) {
    case Origin::kLog: return "log";
    case Origin::kRegister: return "register";
    case Origin::kMemory: return "memory";
    case Origin::kType: return "type";
    case Origin::kCode: return "code";
    case Origin::kStack: return "stack";
    case Origin::kGraph: return "graph";
  }
  return "log";
}

std::string hex(uint64_t value) { return fmt::format("0x{:x}", value); }
// A short one might be the name of a variable: "e", "b".
std::string bare_hex(uint64_t value) { return value >> 32 ? fmt::format("{:x}", value) : fmt::format("{:#x}", value); }

std::string Dossier::add(Origin origin, std::string claim, std::string command, std::vector<std::pair<std::string, std::string>> values) {
  for (const Evidence& e : evidence_)
    if (e.claim == claim) return e.id;
  std::string id = fmt::format("F{}", evidence_.size() + 1);
  evidence_.push_back({id, std::move(claim), origin, std::move(command), std::move(values)});
  return id;
}

}  // namespace inquest::inquiry
