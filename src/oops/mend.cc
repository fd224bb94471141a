#include "oops/mend.h"

#include "oops/frame_line.h"
#include "oops/kinds.h"
#include "oops/pattern.h"
#include "oops/registers.h"
#include "oops/text.h"

namespace inquest::oops {
namespace {

// RFC 5322 asks for 78 columns; programs fold from about 66 on, never earlier unless a word is long.
constexpr size_t kShortestFolded = 48;
// What is joined stays a line: lists of modules are the longest, about 4 KiB.
constexpr size_t kMaxJoined = 8192;
constexpr size_t kLongestPrefix = 192;
// Headers end early; looking further would cost a joined line's length for each line joined to it.
constexpr size_t kLongestHeader = 512;

// How known lines of a report begin: such a line never continues the one before it.
constexpr std::string_view kStarts[] = {
    "CPU:", "Modules linked in", "Hardware name", "RIP:", "RSP:", "RAX:", "RDX:", "RBP:", "R10:", "R13:", "FS:", "CS:", "CR2:",
    "DR0:", "DR3:", "EIP:", "EAX:", "ESI:", "DS:", "Call ", "Code:", "---", "pc :", "lr :", "sp :", "pstate", "PC is at",
    "LR is at", "Workqueue:", "Internal error", "Mem abort", "Data abort", "Process ", "Exception", "Stack:", "task:", "PGD ",
    "#PF", "NIP", "GPR", "MSR", "CFAR", "Krnl", "epc", "Backtrace", "Tainted:", "BUG", "WARNING", "INFO", "Oops", "Kernel ",
    "====", "swapper pgtable", "user pgtable", "Last ", "note:", "Rebooting", "irq event", "hardirqs", "softirqs", "The ", "Comm:", "REGS:"};

bool version_missing(std::string_view text) {
  return text.size() <= kLongestHeader && (has(text, " Comm: ") || text.starts_with("Comm: ")) && has(text, "PID:") && !matches("#<n>", text) && !text.ends_with("#");
}

// "WARNING: CPU: 5 PID: 3 at", "…paging request at virtual", "INFO: task x blocked for more than", "KASAN: x in".
bool header_wants_more(std::string_view text) {
  constexpr std::string_view kEnds[] = {" at", " in", " on", " address", " address:", " virtual", "kernel", " kernel paging", "request",
                                        " than", " pointer", " dereference", ",", " for", "Not", " from", " memory", " stuck", "to", "unreadable", "paging", " @", "LOCKUP", "INFO:", "WARNING:", "BUG:"};
  if (text.size() < 12 || text.size() > kLongestHeader) return false;
  bool ends = matches("WARNING: CPU: <n> PID: <n> at *.{c|h|S|rs}:<n>$", text);
  for (std::string_view end : kEnds) ends = ends || text.ends_with(end);
  return ends && classify(text).has_value();
}

bool certain_frame(std::string_view text) {
  auto frame = read_frame(text);
  return frame && frame->certain;
}

// The address of a program counter without its name: "RIP: 0010:[<ffff…>]  [<ffff…>]", "NIP [c000…]", "Krnl PSW : 0704… 0000…".
bool pc_wants_name(std::string_view text) {
  if (text.size() > 128 || has(text, "+0x")) return false;
  for (std::string_view start : {"RIP:", "RIP ", "IP:", "EIP", "NIP [", "LR [", "Krnl PSW", "epc ", "ra ", "ERA:", "PC:", "TPC:", "RPC:", "IAOQ[", "RP(r2)", "pc :", "lr :"})
    if (text.starts_with(start)) return text.ends_with("]") || text.ends_with(":") || is_hex(text.back());
  return false;
}

// Whether `next`, which no logger prefixed, is the rest of `text`.
bool continues(std::string_view text, size_t raw_size, bool prefixed, std::string_view next, bool next_indented) {
  if (next.empty() || next == "...") return false;
  if (next.starts_with("Tainted: ") && version_missing(text)) return true;
  if (starts_known(next)) return false;
  if (next[0] == '<' && next.size() > 1 && !is_digit(next[1]) && !(is_hex(next[1]) && is_hex(next[2 % next.size()]))) return false;
  if (text == "pc :" || text == "lr :" || text == "RIP:" || text == "PC is at") return true;
  if (prefixed && raw_size >= kShortestFolded && pc_wants_name(text) && next.size() < 160 && (certain_frame(next) || next.starts_with("(") || (is_hex(next[0]) && has(next, "+0x")))) return true;
  if (version_missing(text) || header_wants_more(text)) return !certain_frame(next) || header_wants_more(text);
  if (next.starts_with("[") && next.ends_with("]") && next.find('[', 1) == next.npos && next.find('<') == next.npos && certain_frame(text) && next.size() < 100) return true;
  if (text.starts_with("Modules linked in") || text.starts_with("Code:") || text.starts_with("Hardware name:"))
    return prefixed && raw_size >= kShortestFolded && !certain_frame(next);
  if (!prefixed || raw_size < kShortestFolded || next_indented) return false;
  if (certain_frame(text) || certain_frame(next)) return false;
  RegisterState state;
  if (read_registers(text, state) || text.ends_with(":")) return true;
  bool tail = has(next, "[#") && !has(text, "[#");  // "Internal error: Oops - undefined" | "instruction: 0 [#1]"
  return text.size() <= kLongestHeader && classify(text).has_value() && (tail || !classify(next).has_value());
}

void split_joined(const Line& line, std::vector<Record>& out) {
  std::string_view text = line.text();
  double time = line.time;
  size_t from = 0, end = 0;
  while (true) {
    double next_time = -1;
    size_t at = find_time(text, from, end, next_time);
    if (at == text.npos || !line.prefixed) break;
    out.push_back({line.number, line.last, time, line.prefixed, std::string(trim(text.substr(from, at - from)))});
    Line rest = read_line(text.substr(at, kLongestPrefix), line.number);
    time = next_time;
    from = at + rest.body;
  }
  out.push_back({line.number, line.last, time, line.prefixed, std::string(trim(text.substr(from)))});
}

}  // namespace

bool starts_known(std::string_view text) {
  for (std::string_view start : kStarts)
    if (text.starts_with(start)) return true;
  return false;
}

std::vector<Line> unfold(const std::vector<const Line*>& lines, bool& folded) {
  std::vector<Line> out;
  out.reserve(lines.size());
  size_t raw_size = 0;
  folded = false;
  for (const Line* line : lines) {
    std::string_view text = trim(line->text());
    bool indented = !line->text().empty() && is_blank(line->text()[0]);
    if (!line->prefixed && !out.empty() && out.back().last == line->number - 1 && out.back().raw.size() < kMaxJoined &&
        continues(trim(out.back().text()), raw_size, out.back().prefixed, text, indented)) {
      Line& whole = out.back();
      while (whole.raw.size() > whole.body && is_blank(whole.raw.back())) whole.raw.pop_back();
      whole.raw += ' ';
      whole.raw += text;
      whole.last = line->number;
      folded = true;
    } else {
      out.push_back(*line);
    }
    raw_size = line->raw.size();
  }
  return out;
}

std::vector<Record> mend(const std::vector<const Line*>& lines) {
  bool folded = false;
  std::vector<Record> out;
  out.reserve(lines.size());
  for (const Line& line : unfold(lines, folded)) split_joined(line, out);
  return out;
}

}  // namespace inquest::oops
