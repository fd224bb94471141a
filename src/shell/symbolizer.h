// Symbolizer: FUNCTION+OFFSET/SIZE [module] and addresses to source lines, from debuginfo alone, without a dump.
//
// An offset behind a call is a return address: it is resolved at the call, which is what the stack means by it, unless `exact` is asked for.
// Another build is refused: by build ID and release where they are known, and by the sizes of functions.
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
  uint64_t address = 0;                     // in the file
  std::vector<object::SourceFrame> source;  // innermost first
  bool at_call = false;                     // resolved at the call before the address
};

struct ModuleName {
  std::string name, build_id;               // "" = the kernel; "" = not known
};

// How an answer is written: faddr2line's and decode_stacktrace.sh's users know the first form, addr2line's the second.
struct AnswerStyle {
  bool addr2line = false;                   // FILE:LINE alone, unless:
  bool functions = false, inlines = false, pretty = false, addresses = false;  // -f, -i, -p, -a
  bool base_names = false;                  // -s
};

class Symbolizer {
 public:
  Symbolizer(debuginfo::Finder finder, debuginfo::OpenOptions options, std::string release, LossLedger& ledger);

  // "0xffff…", "func+0x1/0x2", "func+0x1", "func".
  Result<Symbolized> resolve(std::string_view what, const ModuleName& module, bool exact);
  // What a log says of its kernel, unless the caller named a release; whether that changes what is looked for.
  bool expect(const std::string& release, const std::string& build_id);
  bool has_file(const ModuleName& module);
  // Cut from the front of file names (the build folder).
  void strip(std::string prefix) { strip_ = std::move(prefix); }
  static std::string text(const Symbolized& symbolized, const AnswerStyle& style);

 private:
  using File = std::shared_ptr<const debuginfo::DebugFile>;
  Result<File> file(const ModuleName& module);
  Result<debuginfo::FoundFile> find(const ModuleName& module);
  debuginfo::Finder finder_;
  debuginfo::OpenOptions options_;
  std::string release_, build_id_, strip_;
  bool release_given_;
  LossLedger* ledger_;
  std::map<std::string, Result<File>> files_;  // an error: looked for in vain
};

}  // namespace inquest::shell
