#include "cli/session.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace inquest::cli {

namespace {

double seconds_since(std::chrono::steady_clock::time_point t) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - t).count();
}

// What may be a log: without the NULs and control bytes of a binary in its beginning. Logs hold a stray byte now and then.
bool looks_like_text(std::string_view text) {
  // A serial line may turn to noise behind its first words.
  std::string_view line = text.substr(0, std::min<size_t>(text.find('\n'), 256));
  if (line.size() >= 16 && std::all_of(line.begin(), line.end(), [](char c) { return (c >= 0x20 && c < 0x7f) || c == '\t' || c == '\r'; })) return true;
  std::string_view head = text.substr(0, 65536);
  auto odd = std::count_if(head.begin(), head.end(), [](char c) {
    auto u = static_cast<unsigned char>(c);
    return u < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\x1b' && c != '\f';
  });
  return size_t(odd) * 100 <= head.size();
}

}  // namespace

void Progress::clear() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
  shown_ = false;
}

void Progress::show(const std::string& what, uint64_t done, uint64_t total, const char* unit) {
  if (!wanted_) return;
  auto now = std::chrono::steady_clock::now();
  if (what != what_) {
    what_ = what;
    start_ = last_ = now;
    return;
  }
  double spent = std::chrono::duration<double>(now - start_).count();
  if (spent < 1 || std::chrono::duration<double>(now - last_).count() < 0.1) return;
  last_ = now;
  shown_ = true;
  double share = total ? double(done) / double(total) : 0;
  std::string bar(size_t(share * 30), '#');
  std::string left = share > 0.01 ? fmt::format(", {:.0f} s left", spent / share - spent) : "";
  std::string rate = std::strcmp(unit, "bytes") == 0 ? fmt::format("{:.1f} MB/s", double(done) / 1e6 / spent) : fmt::format("{:.0f} {}/s", double(done) / spent, unit);
  std::fprintf(stderr, "\r\x1b[K%s [%-30s] %3.0f%%, %s%s", what.c_str(), bar.c_str(), share * 100, rate.c_str(), left.c_str());
}

Session::Session(const Options& options)
    : options_(options),
      cache_(CacheFolder::from_environment(std::getenv("INQUEST_CACHE"), std::getenv("XDG_CACHE_HOME"), std::getenv("HOME"))),
      progress_(::isatty(STDERR_FILENO) == 1) {}

Session::~Session() {
  if (options_.timings) print_timings();
}

void Session::stage(const std::string& name) {
  if (!current_.empty()) stages_.emplace_back(current_, seconds_since(started_));
  current_ = name;
  started_ = std::chrono::steady_clock::now();
}

void Session::print_timings() {
  stage("");
  double sum = 0;
  for (const auto& [name, seconds] : stages_) {
    std::fprintf(stderr, "%8.1f ms  %s\n", seconds * 1e3, name.c_str());
    sum += seconds;
  }
  std::fprintf(stderr, "%8.1f ms  in all\n", sum * 1e3);
}

void Session::leave(int status) {
  if (options_.timings) print_timings();
  progress_.clear();
  std::fflush(nullptr);
  std::_Exit(status);
}

debuginfo::OpenOptions Session::debuginfo_options() const {
  debuginfo::OpenOptions o;
  o.cache = cache_.path().empty() ? nullptr : &cache_;
  return o;
}

Result<bool> Session::open_dump() {
  const std::string& first = options_.inputs.front();
  bool single = options_.inputs.size() == 1;
  if (single && first == "-") return false;
  stage("open dump");
  auto opened = dump::Dump::open(options_.inputs, ledger_);
  if (opened.ok()) {
    dump_ = std::move(*opened);
    return true;
  }
  // A dump of a known format is one even if it is broken: its error stands. What no format takes may be a log.
  if (!single || opened.error().code() != ErrorCode::kNotMine) return std::move(opened).error();
  no_dump_ = opened.error();
  return false;
}

Result<void> Session::check_log(std::string_view head) const {
  const std::string& first = options_.inputs.front();
  if (head.empty()) return Error(ErrorCode::kNotMine, first + ": empty: neither a dump nor a log");
  if (looks_like_text(head)) return {};
  return first == "-" ? Error(ErrorCode::kNotMine, "standard input: not a text log") : no_dump_;
}

Result<Session::Input> Session::open_input() {
  TRY(bool is_dump, open_dump());
  if (is_dump) return Input{true, {}, ""};
  oops::LogReader reader;
  Input input;
  bool whole = true;
  TRY_VOID(stream_log([&](std::string_view piece) {
    reader.feed(piece);
    if (whole) input.text += piece;
    if (input.text.size() > kMostText) whole = false, input.text = std::string();
  }));
  input.log = reader.finish();
  return input;
}

Result<void> Session::stream_log(const std::function<void(std::string_view)>& piece) {
  stage("read log");
  const std::string& path = options_.inputs.front();
  std::FILE* file = path == "-" ? stdin : std::fopen(path.c_str(), "rb");
  if (!file) return Error(ErrorCode::kNotFound, fmt::format("{}: cannot open: {}", path, std::strerror(errno)));
  std::vector<char> buffer(1 << 18);
  Result<void> result;
  bool begun = false, nuls = false;
  // read(2): what a pipe has now, not what fills the buffer.
  while (true) {
    ssize_t n = ::read(::fileno(file), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) result = Error(ErrorCode::kUnreadable, fmt::format("{}: {}", path, std::strerror(errno)));
    std::string_view text(buffer.data(), n > 0 ? size_t(n) : 0);
    if (!begun && result.ok()) {
      // A file that was grown before it was written to begins with NULs.
      size_t zeroes = std::min(text.find_first_not_of('\0'), text.size());
      text.remove_prefix(zeroes);
      nuls = nuls || zeroes;
      if (text.empty() && n > 0) continue;
      result = text.empty() && nuls ? Error(ErrorCode::kNotMine, path + ": nothing but NULs: neither a dump nor a log") : check_log(text);
      begun = true;
    }
    if (!result.ok() || n <= 0) break;
    piece(text);
  }
  if (file != stdin) std::fclose(file);
  return result;
}

Result<debuginfo::Finder> Session::finder() {
  return debuginfo::Finder::make(options_.debuginfo, !options_.no_usual_places, cache_.path().empty() ? nullptr : &cache_, ledger_,
                                 [this](const std::string& what, uint64_t done, uint64_t total) { progress_.show(what, done, total); });
}

Result<void> Session::open_kernel() {
  stage("find debuginfo");
  TRY(auto found, finder());
  stage("open kernel");
  kernel::OpenOptions o;
  o.debuginfo = debuginfo_options();
  TRY(kernel_, kernel::Kernel::open(*dump_, found, o, ledger_));
  // What was given and does not fit is said at once, not only in the report.
  for (const auto& entry : ledger_.entries())
    if (entry.loss == Loss::kDebuginfoMismatch && !options_.debuginfo.empty() && !entry.details.empty())
      std::fprintf(stderr, "inquest: refused: %s\n", entry.details.front().c_str());
  return {};
}

Result<std::string> Session::read_text(const std::string& path) {
  constexpr size_t kMost = size_t{1} << 30;
  std::FILE* file = path == "-" ? stdin : std::fopen(path.c_str(), "rb");
  if (!file) return Error(ErrorCode::kNotFound, fmt::format("{}: cannot open: {}", path, std::strerror(errno)));
  std::string text;
  std::vector<char> piece(1 << 20);
  for (size_t n; text.size() <= kMost && (n = std::fread(piece.data(), 1, piece.size(), file)) > 0;) text.append(piece.data(), n);
  if (file != stdin) std::fclose(file);
  if (text.size() > kMost) return Error(ErrorCode::kLimit, path + ": more than a GiB of text");
  return text;
}

int fail(const Error& error) {
  std::string message = error.message();
  for (char& c : message)
    if (c == '\n') c = ' ';
  std::fprintf(stderr, "inquest: %s\n", message.c_str());
  return 1;
}

}  // namespace inquest::cli
