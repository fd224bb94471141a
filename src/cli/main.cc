// The stages are in the commands; this picks one. Only this folder prints, reads the environment or exits.
#include <csignal>
#include <cstring>
#include <exception>
#include <unistd.h>

#include "cli/options.h"
#include "cli/session.h"

namespace {

// A mapped file that is cut short under us (or a disk that fails) ends in SIGBUS: say so in one line instead of dumping core.
void on_bus_error(int) {
  constexpr char kText[] = "inquest: a file could not be read while it was in use: was it cut short, or did the disk fail?\n";
  [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, kText, sizeof kText - 1);
  ::_exit(1);
}

int run(const inquest::cli::Options& options) {
  using namespace inquest::cli;
  switch (options.command) {
    case Command::kReport: return run_report(options);
    case Command::kShell: return run_shell(options);
    case Command::kLog: return run_log(options);
    case Command::kSymbolize: return run_symbolize(options);
    case Command::kIndex: return run_index(options);
    case Command::kArchiveAdd: return run_archive_add(options);
    case Command::kArchiveSearch: return run_archive_search(options);
    case Command::kTriage: return run_triage(options);
  }
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGBUS, on_bus_error);
  std::signal(SIGPIPE, SIG_DFL);
  auto parsed = inquest::cli::parse_options(argc, argv);
  if (!parsed.options) return parsed.status;
  try {
    return run(*parsed.options);
  } catch (const std::bad_alloc&) {
    return inquest::cli::fail(inquest::Error(inquest::ErrorCode::kLimit, "out of memory"));
  }
}
