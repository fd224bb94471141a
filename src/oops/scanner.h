// Scanner: a kernel log, fed in pieces of any size, to events, given out as they are complete.
//
// Where nothing is wrong the input is only searched for the words of header lines; from a header on, lines are
// read one by one until the report is over. Memory is bounded: one line (kMaxLineBytes), a window of lines
// (kMaxEventLines, kMaxWindowBytes), and what the sink keeps. Not thread-safe; one scanner a log.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "oops/event.h"
#include "oops/kinds.h"
#include "oops/line.h"
#include "oops/word_search.h"

namespace inquest::oops {

constexpr size_t kMaxEventLines = 2048;        // of one report; an RCU stall on many CPUs is the longest seen
constexpr size_t kMaxWindowBytes = 4 << 20;

class Scanner {
 public:
  // Called with each event in the order of completion, which is the order of first lines.
  using Sink = std::function<void(Event&&)>;

  explicit Scanner(Sink sink);
  ~Scanner();
  Scanner(const Scanner&) = delete;
  Scanner& operator=(const Scanner&) = delete;

  void feed(std::string_view piece);
  void finish();

  const std::string& release() const { return release_; }
  uint64_t lines() const { return number_; }

 private:
  // A report whose end is still to come, or that still waits for its turn.
  struct Open {
    Header header;
    uint64_t first = 0, last_header = 0, end = 0;  // line numbers; end: the line after the report, 0 while it is open
    bool died = false, panicked = false, has_stack = false, other_cpus = false;
    Stream stream = Stream::kBare;
    std::string caller;
  };

  void bulk(std::string_view text);
  void one_line(std::string_view raw);
  void header(const Header& header);
  bool folded_header(const Line& rest);
  bool join_open(const Header& header, const Line& line);
  void settle(bool all);
  void emit(Open& open);
  bool same_stream(const Open& open, const Line& line) const;

  Sink sink_;
  WordSearch search_;
  std::string carry_;          // a line whose end is still to come
  bool overlong_ = false;      // its middle is being dropped
  uint64_t number_ = 0;        // of the last line seen
  std::deque<Line> window_;
  size_t window_bytes_ = 0;
  std::deque<Open> open_;      // reports not given out yet, by first line
  uint64_t emitted_ = 0;
  std::optional<Line> half_;   // the line before, if it may be the first half of a header that a mailer folded
  std::string release_;
};

}  // namespace inquest::oops
