// Whether a report is usable: it must hold a stack where its kind prints one, and each heading of a stack must be
// followed by a frame. Lost console output shows exactly there.
#include "oops/line.h"
#include "oops/pattern.h"
#include "oops/text.h"
#include "oops/title_stack.h"

namespace inquest::oops {
namespace {

constexpr size_t kFramesWithin = 15;  // a few lines may stand between a heading and its first frame

using Heading = bool (*)(std::string_view);

bool is_backtrace(std::string_view line) {
  size_t at = line.find(" backtrace");
  return at != line.npos && (at == 0 || line[at - 1] != 'k') && (matches("backtrace:", line) || matches("backtrace (crc <x>):", line));
}
// riscv's show_regs() dumps the stack after this line without a heading, and not always.
bool is_riscv_status(std::string_view line) { return matches("status: <x> badaddr: <x> cause: <x>", line); }

constexpr Heading kHeadings[] = {
    [](std::string_view l) { return has(l, "Call Trace") || has(l, "Call trace"); },
    [](std::string_view l) { return has(l, "Allocated:"); },
    [](std::string_view l) { return matches("Allocated by task <n>:", l); },
    [](std::string_view l) { return has(l, "Freed:"); },
    [](std::string_view l) { return matches("Freed by task <n>:", l); },
    is_backtrace,
    [](std::string_view l) { return has(l, "Backtrace:"); },
    [](std::string_view l) { return has(l, "Uninit was stored to memory at"); },
    is_riscv_status,
};

bool frame_follows(const ReportLines& report, size_t heading) {
  for (size_t i = heading + 1; i <= heading + kFramesWithin && i < report.size(); i++) {
    if (starts_stack(report[i])) return false;
    if (has(report[i], "(stack is not available)") || holds_frame(report[i])) return true;
  }
  return false;
}

}  // namespace

std::string why_corrupted(std::string_view title, const ReportLines& report, const TitleRule* rule) {
  for (size_t at = title.find('['); at != title.npos; at = title.find('[', at + 1)) {
    Scan s(title.substr(at + 1));
    s.blanks();
    if (s.take_dec() && s.eat('.') && s.take_dec() && s.eat(']')) return "a time inside the title";
  }
  if (!rule || rule->traceless) return "";
  bool any = false;
  for (Heading heading : kHeadings) {
    size_t at = 0;
    while (at < report.size() && !heading(report[at])) at++;
    if (at == report.size()) continue;
    if (report.size() - at < 3) return "the call trace is cut off";
    bool follows = frame_follows(report, at);
    any |= follows;
    if (!follows && heading != is_riscv_status) return "a call trace without frames";
  }
  return any ? "" : "no call trace";
}

}  // namespace inquest::oops
