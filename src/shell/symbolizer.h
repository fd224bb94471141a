// Symbolizer: FUNCTION+OFFSET/SIZE [module] and addresses to source lines, from debuginfo alone, without a dump.
//
// An offset behind a call is a return address: it is resolved at the call, which is what the stack means by it, unless `exact` is asked for.
// Not thread-safe. Files are opened when first needed and kept.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "debuginfo/debug_file.h"
#include "debuginfo/finder.h"
#include "object/program.h"

namespace inquest::shell {

struct Symbolized {
  std::string name;                         // "delete_node+0x98/0x250"
  std::vector<object::SourceFrame> source;  // innermost first
  bool at_call = false;                     // resolved at the call before the address
};

class Symbolizer {
 public:
  Symbolizer(debuginfo::Finder finder, debuginfo::OpenOptions options, std::string release, LossLedger& ledger);

  // "0xffff…", "func+0x1/0x2", "func+0x1", "func"; `module` "" = the kernel.
  Result<Symbolized> resolve(std::string_view what, const std::string& module, bool exact);
  // A line of a log with what it names resolved in place; a line that names nothing known comes back as it is. `line` has no line end.
  std::string annotate(std::string_view line);
  // As faddr2line prints it.
  static std::string text(const Symbolized& symbolized);

 private:
  Result<std::shared_ptr<const debuginfo::DebugFile>> file(const std::string& module);
  debuginfo::Finder finder_;
  debuginfo::OpenOptions options_;
  std::string release_;
  LossLedger* ledger_;
  std::map<std::string, std::shared_ptr<const debuginfo::DebugFile>> files_;  // null: looked for in vain
};

}  // namespace inquest::shell
