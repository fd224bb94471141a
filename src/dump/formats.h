// Formats: every dump format, in one visible list (formats.cc).
//
// To add one: write <format>.cc with its two functions, declare them here, add a row to formats(). The first row
// whose probe says "mine" opens the file; a probe that answers kUnsupported ends the search with its reason.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/loss_ledger.h"
#include "base/result.h"
#include "dump/dump.h"
#include "dump/file_view.h"
#include "dump/physical_memory.h"

namespace inquest::dump {

// One file of a dump; `view` has flattening undone.
struct Source {
  std::string path;
  std::shared_ptr<const FileView> view;
  bool flattened = false;
  bool complete = true;  // a flattened file whose end mark was seen
};

struct Opened {
  std::shared_ptr<const PhysicalMemory> memory;
  DumpFacts facts;
  std::vector<std::string> paths;  // of all the files that are used
};

struct OpenRequest {
  std::vector<Source> sources;  // at least one
  bool look_beside = false;     // other parts of a split set may be looked for in the first file's folder
};

struct Format {
  std::string_view name;
  // Mine (ok), another format (kNotMine, with what it saw), or known but not readable (any other error). No side
  // effects.
  Result<void> (*probe)(const FileView& file);
  Result<Opened> (*open)(const OpenRequest& request, LossLedger& ledger);
};
std::span<const Format> formats();

// A file with flattening undone, if it is flattened.
Result<Source> open_source(std::string path, std::shared_ptr<const FileView> file);

// elf_core.cc
Result<void> probe_elf_core(const FileView& file);
Result<Opened> open_elf_core(const OpenRequest& request, LossLedger& ledger);
// kdump.cc
Result<void> probe_kdump(const FileView& file);
Result<Opened> open_kdump(const OpenRequest& request, LossLedger& ledger);
// unread_formats.cc: formats that are known by their first bytes and not read. Its probe never says "mine".
Result<void> probe_unread(const FileView& file);
Result<Opened> open_unread(const OpenRequest& request, LossLedger& ledger);

}  // namespace inquest::dump
