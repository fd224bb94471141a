#include <charconv>

#include "kernel/system.h"

namespace inquest::kernel {

namespace {

// "[    1.234567] text" or "[    1.234567][   T12] text" -> "text"
std::string_view without_prefix(std::string_view line) {
  while (line.starts_with("[") || line.starts_with("<")) {
    size_t close = line.find(line[0] == '[' ? ']' : '>');
    if (close == std::string_view::npos || close > 24) break;
    if (line[0] == '[' && line.substr(1, close - 1).find_first_not_of(" 0123456789.TC") != std::string_view::npos) break;
    line.remove_prefix(close + 1);
  }
  if (line.starts_with(" ")) line.remove_prefix(1);
  return line;
}

// What crash shows as PANIC: for an oops the part from "Oops:" or its like on, which also carries the error code and the configuration.
struct Mark {
  std::string_view text;
  bool from_mark;  // show the line from the mark on
};
// In the order die() and its callers print them: a later one of the same death says more than an earlier.
constexpr Mark kDeaths[] = {
    {"Internal error: ", false},           // arm64 die()
    {"general protection fault", false},   // x86: die_addr(), 5.5+ "general protection fault, probably for …: 0000 [#1]"
    {"double fault: ", false},
    {"divide error: ", false},
    {"stack segment: ", false},
    {"invalid opcode: ", false},
    {"kernel stack overflow", false},
    {"Oops: ", true},
};
constexpr std::string_view kOopses[] = {
    "BUG: unable to handle ", "BUG: kernel NULL pointer dereference", "Unable to handle kernel ", "kernel BUG at ", "Kernel BUG at ",
    "BUG: stack guard page was hit", "BUG: TASK stack guard page was hit", "BUG: IRQ stack guard page was hit", "Kernel stack overflow",
    "general protection fault", "divide error: ", "double fault: ", "Internal error: ",
    "invalid opcode: ", "Oops: ",
};
constexpr std::string_view kPanics[] = {"Kernel panic - not syncing: ", "Kernel panic: "};
constexpr std::string_view kSysrq[] = {"sysrq: Trigger a crash", "SysRq : Trigger a crash", "sysrq: SysRq : Trigger a crash"};

std::optional<int> cpu_of(std::string_view line) {
  size_t at = line.find("CPU: ");
  if (at == std::string_view::npos || line.find(" PID: ") == std::string_view::npos) return std::nullopt;
  std::string_view digits = line.substr(line.find_first_not_of(' ', at + 4));
  int cpu = 0;
  if (std::from_chars(digits.data(), digits.data() + digits.size(), cpu).ec != std::errc()) return std::nullopt;
  return cpu;
}

class LineReader {
 public:
  void take(std::string_view line) {
    if (line.starts_with("Modules linked in:")) return;
    for (std::string_view p : kPanics)
      if (line.starts_with(p) && found_.panic_line.empty()) found_.panic_line = line;
    for (std::string_view p : kSysrq)
      if (line.starts_with(p)) sysrq_ = line;
    for (std::string_view p : kOopses)
      if (line.starts_with(p) && !in_oops_) {
        found_.oops_line = line;  // the last oops is the one that killed it
        in_oops_ = true;
        found_.cpu.reset();
        death_.clear();
      }
    for (const Mark& m : kDeaths) {
      size_t at = line.find(m.text);
      // A line of words that merely mentions an oops is none: die() puts "[#1]" behind it.
      if (at == std::string_view::npos || line.find("[#") == std::string_view::npos || line.find("Kernel panic") != std::string_view::npos) continue;
      death_ = m.from_mark ? line.substr(at) : line;
      in_oops_ = true;
      break;
    }
    if (in_oops_ && !found_.cpu) found_.cpu = cpu_of(line);
    if (line.starts_with("---[ end trace")) in_oops_ = false;
  }
  FatalLines done() && {
    found_.panic = !sysrq_.empty() ? sysrq_ : !death_.empty() ? death_ : !found_.oops_line.empty() ? found_.oops_line : found_.panic_line;
    return std::move(found_);
  }

 private:
  FatalLines found_;
  std::string death_, sysrq_;
  bool in_oops_ = false;
};

}  // namespace

FatalLines fatal_lines(const std::string& log) {
  LineReader reader;
  std::string_view rest = log;
  while (!rest.empty()) {
    size_t end = rest.find('\n');
    reader.take(without_prefix(rest.substr(0, end)));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return std::move(reader).done();
}

}  // namespace inquest::kernel
