// Line: one line of input, cleaned, with what its prefixes said; and the reader of all prefix styles.
//
// A kernel message reaches us behind any of: printk's own "[   12.345678]" (CONFIG_PRINTK_TIME), a caller id
// "[ T123]"/"[ C0]" (CONFIG_PRINTK_CALLER, 5.1), a raw level "<4>", `dmesg -T`'s "[Wed Jan 29 10:11:17 2025]",
// syslog's or journald's "Nov  1 12:00:00 host kernel:" or ISO time, PREEMPT_RT's per-line CPU column "000:"
// (printk of the 4.19–5.x -rt series), and mail quoting. `text()` is what the kernel printed after them.
// Plain data, bounded by kMaxLineBytes. Thread rule: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace inquest::oops {

// Longer lines are cut: the kernel's own limit is about 1 KiB (LOG_LINE_MAX), joins and modules lists a few more.
constexpr size_t kMaxLineBytes = 16384;

// Who printed the line, as far as the prefix tells: lines of one report have equal streams.
enum class Stream { kBare, kStamped, kCaller };

struct Line {
  uint64_t number = 0;      // in the input, from 1
  uint64_t last = 0;        // of the last line joined to it
  std::string raw;          // cleaned: no CR, no ANSI colours, NBSP as blank
  uint32_t body = 0;        // where the text begins in `raw`
  Stream stream = Stream::kBare;
  bool prefixed = false;    // by a logger of any kind
  bool fused = false;       // something else was printed before the time on the same line
  bool foreign = false;     // syslog says another program wrote it
  bool suspect = true;      // holds a word of some header line; others need no look-up in the tables
  double time = -1;         // seconds since boot; < 0: not told
  std::string wall_time;
  std::string caller;       // "T123", "C0", or the RT column "000"

  std::string_view text() const { return std::string_view(raw).substr(body); }
};

Line read_line(std::string_view raw, uint64_t number);

// Where in `text` (from `from` on) a printk time "[   12.345678]" begins, or npos. `end` is the position after it.
size_t find_time(std::string_view text, size_t from, size_t& end, double& time);

}  // namespace inquest::oops
