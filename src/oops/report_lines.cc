#include "oops/report_lines.h"

#include <algorithm>
#include <iterator>

#include "oops/text.h"
#include "oops/title_rules.h"

namespace inquest::oops {
namespace {

// Messages that carry a stack and yet report no bug; inside a report they mean two were printed at once.
constexpr std::string_view kInformation[] = {"vmalloc: allocation failure:", "FAULT_INJECTION: forcing a failure", "FAULT_FLAG_ALLOW_RETRY missing"};
// Headers that go on with the report before them.
constexpr std::string_view kContinues[] = {"invalid opcode: 0000", "Kernel panic - not syncing", "unregister_netdevice: waiting for", "PANIC: double fault",
                                           "Internal error:"};

template <size_t N>
bool has_any(std::string_view text, const std::string_view (&words)[N]) {
  return std::any_of(std::begin(words), std::end(words), [&](std::string_view word) { return has(text, word); });
}

bool is_unreliable(const Line& line) {
  std::string_view text = line.text();
  if (line.stream == Stream::kBare || has(text, "<EOI>")) return false;
  return has(text, " ? ") || text.ends_with(" (unreliable)");
}

bool replayed(const std::vector<const Line*>& lines, size_t i) {
  return i + 1 < lines.size() && has(lines[i + 1]->text(), "** replaying previous printk message **");
}

}  // namespace

Report report_lines(const std::vector<const Line*>& lines, size_t start) {
  Report out;
  const Line& first = *lines[start];
  // A panic or a lockdep splat after a full report is its consequence. KMSAN's are shorter.
  size_t full = has(first.text(), "BUG: KMSAN:") ? 16 : 22;
  size_t seen = 0;
  bool second = false, skipping = false, other_cpus = false;
  for (size_t i = start; i < lines.size(); i++) {
    const Line& line = *lines[i];
    std::string_view text = line.text();
    out.disconnected |= has(text, "serialport: VM disconnected.");
    out.panicked |= has(text, "Kernel panic - not syncing");
    if (i > start && !second) {
      bool header = line.suspect && title_group(text) && !replayed(lines, i);
      second = (header && !has_any(text, kContinues)) || has_any(text, kInformation);
    }
    bool mine = line.stream == first.stream && line.caller == first.caller;
    if (i > start && (is_unreliable(line) || (!mine && !(other_cpus && line.caller.starts_with('C'))))) continue;
    seen++;
    bool skip = skipping;
    if (has(text, "Disabling lock debugging due to kernel taint")) {
      skip = true;
    } else if (has(text, "Sending NMI from CPU")) {
      other_cpus = true;
    } else if (seen > full && (has(text, "Kernel panic - not syncing") || has(text, "WARNING: possible circular locking dependency detected"))) {
      skip = skipping = true;
    }
    if (i > start && skip) continue;
    out.lines.push_back(text);
    if (!second || first.stream == Stream::kCaller) out.own = out.lines.size();
  }
  return out;
}

size_t title_line(const std::vector<const Line*>& lines, uint64_t last) {
  for (size_t i = 0; i < lines.size() && lines[i]->number <= last; i++) {
    if (lines[i]->stream != lines[0]->stream || lines[i]->caller != lines[0]->caller) continue;
    if (lines[i]->suspect && title_group(lines[i]->text()) && !replayed(lines, i)) return i;
  }
  return lines.size();
}

}  // namespace inquest::oops
