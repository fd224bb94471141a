#include "records/trace.h"

#include <algorithm>
#include <cstddef>

#include "records/machinery.h"
#include "records/text.h"

namespace inquest::records {
namespace {

constexpr size_t kMaxTraces = 32, kMaxFrames = 200, kMaxValues = 96;

// Takes "<4>", "[   51.807] [  T123]", "Jan  1 00:00:00 host kernel:" and kin off the front of a line.
std::string_view strip_prefix(std::string_view line, std::string_view* stamp) {
  size_t kernel = line.find("kernel: ");
  if (kernel != std::string_view::npos && kernel < 60) line.remove_prefix(kernel + 8);
  for (int i = 0; i < 4; i++) {
    while (!line.empty() && (line[0] == ' ' || line[0] == '\t' || line[0] == '|')) line.remove_prefix(1);
    if (line.empty() || (line[0] != '[' && line[0] != '<')) break;
    size_t close = line.find(line[0] == '[' ? ']' : '>');
    if (close == std::string_view::npos || close > 40) break;
    std::string_view inside = trim(line.substr(1, close - 1));
    bool number = !inside.empty() && std::all_of(inside.begin(), inside.end(), [](char c) { return is_digit(c) || c == '.' || c == '-' || c == ':' || c == ' '; });
    bool caller = inside.size() > 1 && (inside[0] == 'T' || inside[0] == 'C' || inside[0] == 'M' || inside[0] == 'W') && is_digit(inside.back());
    bool address = line[0] == '[' && inside.size() > 10 && inside[0] == '<';  // [<ffffffff81000000>]
    if (!number && !caller && !address) break;
    if (number && stamp && inside.find('.') != std::string_view::npos) *stamp = inside;
    line.remove_prefix(close + 1);
    if (address && !line.empty() && line[0] == ']') line.remove_prefix(1);
  }
  return trim(line);
}

struct Frame {
  std::string_view name;
  std::string_view place;  // "fs/nfs/dir.c:12:3", or empty
  bool doubtful = false;   // "? func": found on the stack, maybe stale
};

bool plausible_function(std::string_view name) {
  return name.size() >= 2 && name.size() <= 100 && !is_digit(name[0]) && !name.starts_with("0x");
}

bool is_source_place(std::string_view token) {
  size_t colon = token.rfind(':');
  if (colon == std::string_view::npos || colon < 3 || colon + 1 >= token.size() || !is_digit(token[colon + 1])) return false;
  std::string_view path = token.substr(0, colon);
  size_t inner = path.rfind(':');  // file:line:column
  if (inner != std::string_view::npos && inner + 1 < path.size() && is_digit(path[inner + 1])) path = path.substr(0, inner);
  return path.ends_with(".c") || path.ends_with(".h") || path.ends_with(".S") || path.ends_with(".rs");
}

// "name+0x12/0x34" anywhere in the line.
bool find_offset_frame(std::string_view line, Frame& frame) {
  size_t from = 0;
  while (true) {
    size_t plus = line.find("+0x", from);
    if (plus == std::string_view::npos) return false;
    size_t end = plus + 3;
    while (end < line.size() && is_hex(line[end])) end++;
    bool sized = end + 2 < line.size() && line[end] == '/' && line[end + 1] == '0' && line[end + 2] == 'x';
    if (sized) {
      end += 3;
      while (end < line.size() && is_hex(line[end])) end++;
      size_t start = plus;
      while (start > 0 && (is_word(line[start - 1]) || line[start - 1] == '.' || line[start - 1] == '$')) start--;
      frame.name = plain_function(line.substr(start, plus - start));
      frame.doubtful = start >= 2 && line[start - 1] == ' ' && line[start - 2] == '?';
      std::string_view rest = line.substr(end);
      std::string_view place = cut_token(rest);
      frame.place = is_source_place(place) ? place : std::string_view();
      if (plausible_function(frame.name)) return true;
    }
    from = end;
  }
}

// " nfs_get_client fs/nfs/client.c:123 [inline]": a symbolized line without offsets.
bool find_place_frame(std::string_view line, Frame& frame) {
  std::string_view rest = line;
  std::string_view name = cut_token(rest);
  frame.doubtful = name == "?";
  if (frame.doubtful) name = cut_token(rest);
  std::string_view place = cut_token(rest);
  if (!is_source_place(place) || name.find_first_of("(:[") != std::string_view::npos) return false;
  frame.name = plain_function(name);
  frame.place = place;
  if (!plausible_function(frame.name)) return false;
  return std::all_of(frame.name.begin(), frame.name.end(), [](char c) { return is_word(c); });
}

bool is_title(std::string_view line) {
  static constexpr std::string_view kStarts[] = {
      "WARNING: ",          "BUG: ",      "kernel BUG at",  "Unable to handle", "general protection fault", "Oops:",         "Internal error",
      "UBSAN: ",            "INFO: ",     "divide error",   "unreferenced object", "Kernel panic",          "refcount_t: ",  "list_add corruption",
      "list_del corruption", "watchdog: ", "rcu: INFO",     "invalid opcode",   "stack segment",            "double fault",  "PANIC",
      "Kernel BUG",         "Fixing recursive fault", "KASAN: ", "KMSAN: ", "KCSAN: ", "NMI watchdog", "Kernel access of bad area", "BUG kmalloc", "memory leak in"};
  for (std::string_view start : kStarts) {
    if (line.starts_with(start)) return true;
  }
  return line.starts_with("BUG ") && line.find("(") != std::string_view::npos;
}

// The follow-on titles of an event that began a few lines above: not a new event.
bool continues_event(std::string_view line) {
  return line.starts_with("Oops") || line.starts_with("Internal error") || line.starts_with("Kernel panic") || line.starts_with("invalid opcode") ||
         line.starts_with("WARNING: CPU") || line.starts_with("INFO: lockdep") || line.starts_with("kernel BUG at");
}

struct Scanner {
  std::vector<Trace> traces;
  size_t quiet = 0;     // lines since the last one that belonged to a log
  bool aside = false;   // inside "Allocated by task", "Freed by task"
  bool open = false;

  Trace& current(size_t offset) {
    if (!open) {
      traces.emplace_back();
      traces.back().offset = uint32_t(offset);
      open = true;
      aside = false;
    }
    return traces.back();
  }

  void title(std::string_view line, size_t offset);
  void frame(const Frame& found, size_t offset, bool first);
  void values(std::string_view line);
  void details(std::string_view line);
  void line(std::string_view text, size_t offset);
};

void set_place(Trace& trace, std::string_view place) {
  size_t colon = place.find(':');
  std::string_view path = place.substr(0, colon);
  if (path.starts_with("./")) path.remove_prefix(2);
  trace.file = shorten(path, 200);
  trace.line = uint32_t(leading_number(place.substr(colon + 1)));
}

void Scanner::title(std::string_view line, size_t offset) {
  bool fresh = !open || !(continues_event(line) && traces.back().frames.empty());
  if (fresh && open && line.starts_with("Kernel panic")) fresh = traces.back().frames.empty();
  if (fresh) {
    open = false;
    if (traces.size() >= kMaxTraces) return;
  }
  Trace& trace = current(offset);
  if (trace.title.empty()) trace.title = shorten(line, 300);
  trace.kinds |= crash_kinds(line);
  std::string_view rest = line;
  for (std::string_view token = cut_token(rest); !token.empty(); token = cut_token(rest)) {
    if (!token.empty() && (token.back() == '!' || token.back() == ',')) token.remove_suffix(1);
    if (trace.file.empty() && is_source_place(token)) set_place(trace, token);
  }
  Frame frame_found;
  size_t in = line.rfind(" in ");
  if (find_offset_frame(line, frame_found)) {
    trace.function = frame_found.name;
    frame(frame_found, offset, true);
  } else if (in != std::string_view::npos) {
    std::string_view name = plain_function(word_at(line, in + 4));
    if (plausible_function(name) && name != "atomic" && name != "the") trace.function = name;
  }
}

void Scanner::frame(const Frame& found, size_t offset, bool first) {
  Trace& trace = current(offset);
  std::vector<TraceFrame>& list = aside ? trace.others : trace.frames;
  if (list.size() >= kMaxFrames) return;
  std::string_view path = found.place.substr(0, found.place.find(':'));
  uint32_t line = path.size() < found.place.size() ? uint32_t(leading_number(found.place.substr(path.size() + 1))) : 0;
  if (path.starts_with("./")) path.remove_prefix(2);
  if (!list.empty() && list.back().function == found.name) {
    if (list.back().file.empty()) list.back().file = shorten(path, 200), list.back().line = line;
    list.back().doubtful = list.back().doubtful && found.doubtful;
    return;
  }
  bool known = std::any_of(list.begin(), list.end(), [&](const TraceFrame& f) { return f.function == found.name; });
  if (first && known) return;
  list.insert(first && !aside ? list.begin() : list.end(), TraceFrame{std::string(found.name), shorten(path, 200), found.doubtful, line});
}

// Hex digits of 8 or more that are neither all zero nor all f: addresses and registers.
void Scanner::values(std::string_view line) {
  if (!open) return;
  Trace& trace = traces.back();
  for (size_t i = 0; i < line.size() && trace.values.size() < kMaxValues;) {
    if (!is_hex(line[i]) || (i > 0 && is_word(line[i - 1]) && line[i - 1] != 'x')) {
      i++;
      continue;
    }
    size_t start = i;
    while (i < line.size() && is_hex(line[i])) i++;
    std::string_view hex = line.substr(start, i - start);
    if (hex.size() < 8 || hex.size() > 16 || (i < line.size() && is_word(line[i]))) continue;
    size_t varied = size_t(std::count_if(hex.begin(), hex.end(), [](char c) { return c != '0' && lower(c) != 'f'; }));
    if (varied >= 4) trace.values.push_back(lower(hex));
  }
}

void Scanner::details(std::string_view line) {
  Trace& trace = traces.back();
  if (line.starts_with("Workqueue: ")) {
    std::string_view rest = line.substr(11);
    cut_token(rest);
    std::string_view token = cut_token(rest);
    if (token.starts_with("(")) token = {};
    trace.workqueue_function = plain_function(token);
  }
  size_t tainted = line.find("ainted");
  if (line.starts_with("CPU: ") && tainted != std::string_view::npos && trace.release.empty()) {
    std::string_view rest = line.substr(tainted);
    for (std::string_view token = cut_token(rest); !token.empty(); token = cut_token(rest)) {
      if (is_digit(token[0]) && token.find('.') != std::string_view::npos) {
        trace.release = shorten(token, 100);
        break;
      }
    }
  }
}

void Scanner::line(std::string_view text, size_t offset) {
  std::string_view stamp;
  std::string_view line = strip_prefix(text, &stamp);
  if (line.size() < 4 || line.size() > 2000) {
    quiet++;
    return;
  }
  if (open && ++quiet > 60) open = false;
  if (is_title(line)) {
    title(line, offset);
    quiet = 0;
  }
  if (line.starts_with("Allocated by") || line.starts_with("Freed by") || line.starts_with("Last potentially related") || line.starts_with("Uninit was created")) aside = true;
  if (line.starts_with("Call Trace:") || line.starts_with("Call trace:") || line.starts_with("CPU: ")) {
    if (aside && line.starts_with("CPU: ")) aside = false;
  }
  bool first = line.starts_with("RIP: ") || line.starts_with("pc : ") || line.starts_with("EIP: ") || line.starts_with("PC is at ") || line.starts_with("NIP [") || line.starts_with("epc : ");
  bool link = line.starts_with("lr : ") || line.starts_with("LR [") || line.starts_with("LR is at ") || line.starts_with("ra : ");
  bool user = line.starts_with("RIP: 0033") || line.starts_with("PC:");
  bool lock = line[0] == '#' || line.find("}, at: ") != std::string_view::npos;  // "3 locks held by …": not the stack
  Frame found;
  bool is_frame = !is_title(line) && !link && !lock && !user && (find_offset_frame(line, found) || find_place_frame(line, found));
  if (is_frame && (open || line.size() < 200)) {
    frame(found, offset, first);
    if (first && traces.back().function.empty()) traces.back().function = found.name;
    quiet = 0;
  }
  if (open) {
    details(line);
    values(line);
    if (!stamp.empty() && stamp.size() < 20 && traces.back().values.size() < kMaxValues && traces.back().values.size() % 8 == 0) {
      std::string digits;
      for (char c : stamp) {
        if (is_digit(c)) digits += c;
      }
      if (digits.size() >= 8) traces.back().values.push_back(digits);
    }
  }
}

// RIP stands first; the call trace then tells how the fault was handled before it comes to RIP again.
void drop_fault_entry(std::vector<TraceFrame>& frames) {
  for (size_t i = 1; i < frames.size() && i < 30; i++) {
    if (frames[i].function != frames[0].function) continue;
    if (frames[0].file.empty()) frames[0].file = frames[i].file, frames[0].line = frames[i].line;
    frames.erase(frames.begin() + 1, frames.begin() + std::ptrdiff_t(i) + 1);
    return;
  }
}

// Stale frames say nothing beside sure ones; an unwinder that is sure of none has only them.
void drop_doubtful(std::vector<TraceFrame>& frames) {
  bool sure = std::any_of(frames.begin(), frames.end(), [](const TraceFrame& f) { return !f.doubtful && weight_of_function(f.function) > 0; });
  if (sure) std::erase_if(frames, [](const TraceFrame& f) { return f.doubtful; });
}

struct KindWord { std::string_view word; uint32_t kinds; };
constexpr KindWord kKindWords[] = {
    {"use-after-free", kUseAfterFree}, {"use after free", kUseAfterFree}, {"uaf", kUseAfterFree}, {"after it is freed", kUseAfterFree}, {"already freed", kUseAfterFree},
    {"null pointer", kNullPointer}, {"null-ptr-deref", kNullPointer}, {"null ptr", kNullPointer}, {"null deref", kNullPointer}, {"is null", kNullPointer},
    {"general protection fault", kNullPointer | kUseAfterFree}, {"out-of-bounds", kOutOfBounds}, {"out of bounds", kOutOfBounds}, {"overflow", kOutOfBounds},
    {"overrun", kOutOfBounds}, {"leak", kLeak}, {"unreferenced object", kLeak}, {"refcount", kRefcount}, {"reference count", kRefcount}, {"underflow", kRefcount},
    {"double free", kDoubleFree}, {"double-free", kDoubleFree}, {"freed twice", kDoubleFree}, {"deadlock", kDeadlock}, {"circular lock", kDeadlock},
    {"lockdep", kDeadlock}, {"recursive lock", kDeadlock}, {"inconsistent lock", kDeadlock}, {"lock held when", kDeadlock}, {"suspicious rcu", kDeadlock},
    {"hung", kHang}, {"hang", kHang}, {"blocked for more", kHang}, {"lockup", kHang}, {"stall", kHang}, {"livelock", kHang}, {"stuck", kHang},
    {"list_add corruption", kListCorruption}, {"list_del corruption", kListCorruption}, {"list corruption", kListCorruption}, {"corrupt", kListCorruption},
    {"bug_on", kAssertion}, {"kernel bug at", kAssertion}, {"bug()", kAssertion}, {"assertion", kAssertion}, {"warning:", kWarning}, {"warn_on", kWarning},
    {"warning", kWarning}, {"sleeping function", kSleeping}, {"scheduling while atomic", kSleeping}, {"atomic context", kSleeping}, {"might_sleep", kSleeping},
    {"uninit", kUninitialized}, {"infoleak", kUninitialized | kLeak}, {"race", kRace}, {"data-race", kRace}, {"racing", kRace}, {"shift-out-of-bounds", kShift},
    {"shift exponent", kShift}, {"integer overflow", kShift}, {"stack overflow", kStack}, {"stack guard", kStack}, {"stack-protector", kStack}, {"divide error", kDivide},
    {"division by zero", kDivide}, {"divide by zero", kDivide}, {"oops", kOops}, {"panic", kOops}, {"crash", kOops}, {"page fault", kOops},
    {"unable to handle", kOops}, {"paging request", kOops}, {"splat", kWarning | kDeadlock}};

}  // namespace

uint32_t crash_kinds(std::string_view text) {
  std::string low = lower(text);
  uint32_t kinds = 0;
  for (const KindWord& k : kKindWords) {
    if ((kinds & k.kinds) != k.kinds && low.find(k.word) != std::string::npos) kinds |= k.kinds;
  }
  if (low.find("shift-out-of-bounds") != std::string::npos) kinds &= ~uint32_t(kOutOfBounds);
  return kinds;
}

std::string kinds_text(uint32_t kinds) {
  static constexpr std::string_view kWords[] = {"use-after-free", "NULL pointer", "out of bounds", "leak", "reference count", "double free", "locking", "hang", "list corruption",
                                                "assertion", "warning", "sleeping in atomic", "uninitialized memory", "race", "arithmetic", "stack", "crash", "division"};
  std::string out;
  for (size_t i = 0; i < std::size(kWords); i++) {
    if (kinds >> i & 1) out += (out.empty() ? "" : ", ") + std::string(kWords[i]);
  }
  return out;
}

std::vector<Trace> read_traces(std::string_view text, bool quoted) {
  Scanner scanner;
  std::string_view rest = text;
  while (!rest.empty()) {
    size_t offset = text.size() - rest.size();
    std::string_view line = cut_line(rest);
    if (!line.empty() && line[0] == '>') {
      if (!quoted) continue;
      while (!line.empty() && (line[0] == '>' || line[0] == ' ')) line.remove_prefix(1);
    }
    if (!line.empty() && (line[0] == '+' || line[0] == '-' || line.starts_with("@@"))) continue;  // a diff's lines
    scanner.line(line, offset);
  }
  for (Trace& trace : scanner.traces) {
    drop_doubtful(trace.frames);
    drop_doubtful(trace.others);
    if (!trace.frames.empty() && trace.frames[0].function == trace.function) drop_fault_entry(trace.frames);
  }
  std::erase_if(scanner.traces, [](const Trace& t) { return t.frames.empty() && (t.file.empty() || t.title.empty()) && !t.title.starts_with("BUG: "); });
  return std::move(scanner.traces);
}

bool is_log_line(std::string_view line) {
  std::string_view stamp;
  std::string_view bare = strip_prefix(line, &stamp);
  if (!stamp.empty()) return true;
  Frame frame;
  if (find_offset_frame(bare, frame) || find_place_frame(bare, frame) || is_title(bare)) return true;
  static constexpr std::string_view kStarts[] = {"RAX:", "RDX:", "RBP:", "R10:", "R13:", "RSP:", "RIP:", "Code:", "FS: ", "CS: ", "CR2:", "DR0:", "DR3:", "PKRU:",
                                                 "CPU:", "Hardware name:", "Modules linked in", "Call Trace:", "Call trace:", "Workqueue:", "pstate:", "pc :", "lr :", "sp :", "---[ "};
  for (std::string_view start : kStarts) {
    if (bare.starts_with(start)) return true;
  }
  if (bare.size() > 5 && bare[0] == 'x' && is_digit(bare[1]) && bare.substr(0, 5).find(':') != std::string_view::npos) return true;
  return false;
}

bool may_be_same_crash(uint32_t kinds, uint32_t others) {
  auto families = [](uint32_t k) {
    uint32_t out = k & (kLeak | kDeadlock | kHang);
    if (k & (kShift | kDivide)) out |= kShift;
    if (k & (kUseAfterFree | kNullPointer | kOutOfBounds | kRefcount | kDoubleFree | kListCorruption | kUninitialized)) out |= kUseAfterFree;
    return out;
  };
  uint32_t a = families(kinds), b = families(others);
  return a == 0 || b == 0 || (a & b) != 0;
}

}  // namespace inquest::records
