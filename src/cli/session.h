// Session: the stages of opening an input, in order and timed: file, dump, kernel. What every command starts with.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/options.h"
#include "debuginfo/finder.h"
#include "kernel/kernel.h"
#include "oops/parse.h"

namespace inquest::cli {

// Progress on standard error, on a terminal only, and only for work that takes over a second.
class Progress {
 public:
  explicit Progress(bool wanted) : wanted_(wanted) {}
  ~Progress() { clear(); }
  void clear();
  // `unit`: what is counted; bytes are told as MB.
  void show(const std::string& what, uint64_t done, uint64_t total, const char* unit = "bytes");

 private:
  bool wanted_;
  bool shown_ = false;
  std::string what_;
  std::chrono::steady_clock::time_point start_, last_;
};

class Session {
 public:
  explicit Session(const Options& options);
  ~Session();

  const Options& options() const { return options_; }
  LossLedger& ledger() { return ledger_; }
  const CacheFolder& cache() const { return cache_; }
  Progress& progress() { return progress_; }
  // The inputs as a dump; or, if no dump format knows them, as a log ("-": standard input).
  struct Input {
    bool is_dump = false;
    oops::Log log;           // of a log: its events
    std::string text;        // and itself, unless it is longer than kMostText
  };
  static constexpr uint64_t kMostText = 64 << 20;
  Result<Input> open_input();
  // Whether the input is a dump, which is then open; a log is left unread.
  Result<bool> open_dump();
  Result<void> open_kernel();
  const dump::Dump& dump() const { return *dump_; }
  const kernel::Kernel& kernel() const { return *kernel_; }
  const kernel::Kernel* opened_kernel() const { return kernel_.get(); }  // null: the input is a log
  Result<debuginfo::Finder> finder();
  debuginfo::OpenOptions debuginfo_options() const;

  // A log's pieces as they are read, none kept; an error before the first piece if it is no text.
  Result<void> stream_log(const std::function<void(std::string_view)>& piece);
  // The whole of a text ("-" = standard input). kLimit: longer than a GiB.
  static Result<std::string> read_text(const std::string& path);

  void stage(const std::string& name);            // ends the last one and starts this
  void print_timings();
  // Ends the process at once, everything written: taking apart caches that end with it costs a tenth of a warm report.
  [[noreturn]] void leave(int status);

 private:
  Result<void> check_log(std::string_view head) const;
  const Options& options_;
  CacheFolder cache_;
  LossLedger ledger_;
  Progress progress_;
  std::optional<dump::Dump> dump_;
  Error no_dump_{ErrorCode::kNotMine, ""};        // why no format took the input
  std::unique_ptr<kernel::Kernel> kernel_;
  std::vector<std::pair<std::string, double>> stages_;
  std::string current_;
  std::chrono::steady_clock::time_point started_;
};

// "error: …" on standard error; gives the exit status 1.
int fail(const Error& error);

int run_report(const Options& options);
int run_log(const Options& options);
int run_shell(const Options& options);
int run_symbolize(const Options& options);
int run_index(const Options& options);
int run_archive_add(const Options& options);
int run_archive_search(const Options& options);
int run_triage(const Options& options);

}  // namespace inquest::cli
