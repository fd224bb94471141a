// LogFilter: a log in, the same log out, with the source lines of every place it names. What `dmesg | inquest symbolize` runs.
//
// Fed pieces of any size; each line is given out as soon as it is whole. A line that names nothing known passes byte for byte, and so does
// one longer than kMaxLine. Learns release and build IDs from the log itself ("Linux version", the CPU line, "[mod 40hex]").
// Memory: one line, and what is known of kMaxKept places. Not thread-safe.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "shell/symbolizer.h"

namespace inquest::shell {

class LogFilter {
 public:
  static constexpr size_t kMaxLine = 1 << 16, kMaxKept = 1 << 16;
  using Sink = std::function<void(std::string_view)>;

  // `warn` is told once why places of a file stay as they are. `exact`: no address is taken for a return address.
  LogFilter(Symbolizer& symbolizer, bool exact, Sink out, Sink warn);

  void feed(std::string_view piece);
  void finish();

 private:
  void line(std::string_view text, std::string_view end);
  void learn(std::string_view text);
  const std::string& note(std::string_view place, const ModuleName& module, bool exact);
  void complain(const ModuleName& module, const std::string& what);

  Symbolizer& symbolizer_;
  bool exact_;
  Sink out_, warn_;
  std::string carry_;
  bool passing_ = false;  // the rest of an overlong line
  std::unordered_map<std::string, std::string> notes_;
  std::unordered_set<std::string> complaints_;  // modules
};

}  // namespace inquest::shell
