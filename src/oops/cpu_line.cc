#include "oops/cpu_line.h"

#include <algorithm>

#include "oops/pattern.h"
#include "oops/text.h"

namespace inquest::oops {
namespace {

void set(std::optional<int>& field, std::optional<uint64_t> value) {
  if (!field && value && *value < (1u << 30)) field = int(*value);
}

// After the comm: "Not tainted", "Tainted: G        W  OE", with "Kdump: loaded" before or RHEL's "------- ---" behind.
void taint_and_release(std::string_view rest, Event& event) {
  Scan s(rest);
  s.blanks();
  if (s.eat("Kdump: loaded")) s.blanks();
  std::string letters;
  if (s.eat("Not tainted")) {
    s.blanks();
  } else if (s.eat("Tainted: ")) {
    // Flags are single capitals at fixed columns; the first longer word ends them.
    while (!s.done()) {
      s.blanks();
      size_t start = s.at();
      std::string_view word = s.take_word();
      size_t flags = 0;
      while (flags < word.size() && is_upper(word[flags])) flags++;
      // RHEL and Fedora pad the columns with '-': "O--------------", "N------- ---".
      if (flags == 0 || flags > 20 || word.find_first_not_of('-', flags) != word.npos) {
        s.seek(start);
        break;
      }
      letters += word.substr(0, flags);
    }
  } else {
    return;
  }
  if (event.taint.empty()) event.taint = letters;
  s.blanks();
  while (s.peek() == '-') {  // vendor padding: "--------- ---"
    s.take_word();
    s.blanks();
  }
  if (s.peek() == '(') s.eat('(');  // "(3.2.0 #1)"
  std::string_view release = s.take_word();
  if (event.release.empty() && !release.empty() && is_digit(release[0])) event.release = std::string(release);
}

// The comm may hold blanks ("Isolated Web Co"): it ends where the taint begins.
void comm_and_rest(std::string_view rest, Event& event) {
  size_t end = rest.npos;
  for (std::string_view mark : {" Kdump: ", " Not tainted", " Tainted: "}) end = std::min(end, rest.find(mark));
  if (end == rest.npos) {
    // Cut or folded: the comm is at most 15 characters (TASK_COMM_LEN) and one word as a rule.
    Scan s(rest);
    std::string_view comm = s.take_word();
    if (event.comm.empty()) event.comm = std::string(comm.substr(0, 64));
    return;
  }
  if (event.comm.empty()) event.comm = std::string(trim(rest.substr(0, end)).substr(0, 64));
  taint_and_release(rest.substr(end), event);
}

// kernel/locking/lockdep.c:print_kernel_ident(): "5.10.0-rc1 #3 Not tainted", "3.6.0-rc1-wl+ #296 Tainted: G        W".
bool lockdep_ident(std::string_view text, Event& event) {
  if (text.empty() || !is_digit(text[0]) || !(text.ends_with("ainted") || has(text, " Tainted: "))) return false;
  Scan s(text);
  std::string_view release = s.take_word();
  s.blanks();
  if (s.peek() != '#') return false;
  if (event.release.empty()) event.release = std::string(release.substr(0, 128));
  if (size_t at = text.find("Tainted: "); at != text.npos) taint_and_release(text.substr(at), event);
  return true;
}

bool old_form(std::string_view text, Event& event) {
  Scan s(text);
  if (!s.eat("Pid: ")) return false;
  set(event.pid, s.take_dec());
  if (!s.eat(", comm: ")) return event.pid.has_value();
  s.blanks();
  comm_and_rest(s.rest(), event);
  return true;
}

}  // namespace

bool read_cpu_line(std::string_view text, Event& event) {
  if (text.starts_with("Pid: ")) return old_form(text, event);
  // x86_64 until 3.9 and alpha: a line of its own before the registers.
  if (text.size() < 10 && text.starts_with("CPU ")) {
    std::string_view number = text.ends_with(':') ? text.substr(4, text.size() - 5) : text.substr(4);
    if (auto cpu = to_dec(trim(number))) return set(event.cpu, cpu), true;
  }
  if (lockdep_ident(text, event)) return true;
  size_t comm = text.find("Comm: ");
  size_t pid = text.find("PID: ");
  if (comm == text.npos || (pid == text.npos && !has(text, "CPU: "))) return false;
  if (comm > 80) return false;
  std::string_view before = text.substr(0, comm);
  Event read;
  if (auto at = match("CPU: <d>", before)) set(read.cpu, to_dec(at->capture[0]));
  if (auto at = match("PID: <d>", before)) set(read.pid, to_dec(at->capture[0]));
  comm_and_rest(text.substr(comm + 6), read);
  // ppc prints "CPU: 0 PID: 1 Comm: x" and again "CPU: … " for interrupt frames: the first one counts.
  if (!event.cpu) event.cpu = read.cpu;
  if (!event.pid) event.pid = read.pid;
  if (event.comm.empty()) event.comm = read.comm;
  if (event.taint.empty()) event.taint = read.taint;
  if (event.release.empty()) event.release = read.release;
  return true;
}

void read_task_from_header(std::string_view text, Event& event) {
  if (auto m = match("WARNING: CPU: <d> PID: <d>", text)) {
    set(event.cpu, to_dec(m->capture[0]));
    set(event.pid, to_dec(m->capture[1]));
  }
  if (auto m = match(", CPU#<d>: ", text)) set(event.cpu, to_dec(m->capture[0]));
  for (std::string_view pattern : {"CPU#<d> stuck for", "LOCKUP on cpu <d>", "CPU <d> self-detected hard LOCKUP", "Interrupt on CPU<d>",
                                   "detected on CPU<d>", "detected stall on CPU <d>", "^CPU <d> Unable", "[Hardware Error]: CPU <d>: Machine"})
    if (auto m = match(pattern, text)) set(event.cpu, to_dec(m->capture[0]));
  if (auto m = match("EFLAGS: <x> CPU: <d>", text)) set(event.cpu, to_dec(m->capture[1]));  // i386 until 3.9
  // "[comm:pid]" of a soft lockup, "task comm:pid blocked": the comm may hold ':' and blanks itself.
  size_t from = text.npos, end = text.npos;
  if (size_t at = text.find("s! ["); at != text.npos) {
    from = at + 4;
    end = text.find(']', from);
  } else if (at = text.find("INFO: task "); at != text.npos) {
    from = at + 11;
    end = std::min({text.find(" blocked ", from), text.find(" can't die", from), text.find(" is blocked", from)});
  } else if (auto m = match(", CPU#<n>: ", text)) {
    from = m->end;
    end = text.size();
    size_t slash = text.rfind('/');
    if (slash != text.npos && slash > from && to_dec(text.substr(slash + 1))) {
      set(event.pid, to_dec(text.substr(slash + 1)));
      if (event.comm.empty()) event.comm = std::string(text.substr(from, slash - from));
    }
    return;
  }
  if (from != text.npos && end != text.npos && end > from) {
    std::string_view who = text.substr(from, end - from);
    size_t colon = who.rfind(':');
    if (colon != who.npos && to_dec(who.substr(colon + 1))) {
      set(event.pid, to_dec(who.substr(colon + 1)));
      if (event.comm.empty()) event.comm = std::string(who.substr(0, colon).substr(0, 64));
    }
  }
  // mm/kasan: "Read of size 8 at addr ffff… by task nfsd/45920"
  if (size_t at = text.find(" by task "); at != text.npos) {
    std::string_view who = text.substr(at + 9);
    size_t slash = who.rfind('/');
    if (slash != who.npos && to_dec(who.substr(slash + 1))) {
      set(event.pid, to_dec(who.substr(slash + 1)));
      if (event.comm.empty()) event.comm = std::string(who.substr(0, slash).substr(0, 64));
    }
  }
  if (auto m = match("^Process ", text)) {
    size_t paren = text.find(" (pid: ");
    if (paren != text.npos && paren > 8 && paren < 80) {
      Scan s(text.substr(paren + 7));
      set(event.pid, s.take_dec());
      if (event.comm.empty()) event.comm = std::string(text.substr(8, paren - 8));
    }
  }
  // mm/kmemleak.c: "comm \"insmod\", pid 77, jiffies 4294901234"
  if (auto m = match("comm \"*\", pid <d>, jiffies", text)) {
    set(event.pid, to_dec(m->capture[0]));
    size_t open = text.find('"', m->begin), close = text.find("\", pid", m->begin);
    if (event.comm.empty() && close > open) event.comm = std::string(text.substr(open + 1, close - open - 1).substr(0, 64));
  }
  // alpha and sparc: "comm(pid): Oops 0", "comm(pid): Oops [#1]"
  if (size_t at = text.find("): Oops "); at != text.npos && at < 64) {
    size_t paren = text.rfind('(', at);
    if (paren != text.npos && paren > 0 && to_dec(text.substr(paren + 1, at - paren - 1))) {
      set(event.pid, to_dec(text.substr(paren + 1, at - paren - 1)));
      if (event.comm.empty()) event.comm = std::string(trim(text.substr(0, paren)));
    }
  }
  if (size_t at = text.find(" invoked oom-killer"); at != text.npos && event.comm.empty() && at < 64)
    event.comm = std::string(text.substr(0, at));
  if (size_t at = text.find(": page allocation"); at != text.npos && event.comm.empty() && at < 64)
    event.comm = std::string(text.substr(0, at));
}

}  // namespace inquest::oops
