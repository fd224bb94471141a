// Options: the command line as plain data. Parsing prints help by itself (through CLI11) and gives the exit status to end with.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace inquest::cli {

enum class Command { kReport, kShell, kLog, kSymbolize, kIndex, kArchiveAdd, kArchiveSearch, kTriage };

struct Options {
  Command command = Command::kReport;
  std::vector<std::string> inputs;       // dumps, logs, debuginfo files (index), addresses (symbolize), query words (archive search)
  std::vector<std::string> debuginfo;    // -d
  std::string format = "text", output;
  std::string source;                    // --source
  std::vector<std::string> archives, exclude_threads;
  std::vector<std::string> commands;     // shell -c
  bool json = false, events = false, exact = false, timings = false, no_usual_places = false;
  std::string release;                   // symbolize --release
  std::string strip;                     // symbolize --strip
  struct {
    bool functions = false, inlines = false, pretty = false, addresses = false, base_names = false;
  } answer;                              // symbolize -f -i -p -a -s, as addr2line has them
  std::string archive_folder, git, mail, catalogue;
  std::vector<std::string> notes;        // triage --note GROUP=TEXT
  bool all_groups = false;               // triage --all
  unsigned jobs = 0;
};

// Nothing to run: exit with `status`.
struct Parsed {
  std::optional<Options> options;
  int status = 0;
};
Parsed parse_options(int argc, char** argv);

}  // namespace inquest::cli
