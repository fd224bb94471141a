#include "oops/title_stack.h"

#include "oops/demangle.h"
#include "oops/pattern.h"
#include "oops/text.h"

namespace inquest::oops {
namespace {

// "[<ffff…>]" or "[ffff…]"
bool eat_address(Scan& s) {
  size_t start = s.at();
  if (s.eat('[')) {
    s.eat('<');
    if (s.take_hex()) {
      s.eat('>');
      if (s.eat(']')) return true;
    }
  }
  s.seek(start);
  return false;
}

// The name of "name+…" or "name.…".
bool eat_function(Scan& s, std::string& name) {
  size_t start = s.at();
  std::string_view ident = s.take_ident();
  if (!ident.empty() && (s.peek() == '+' || s.peek() == '.')) {
    name = std::string(ident);
    return true;
  }
  s.seek(start);
  return false;
}

// What follows "IP:", "pc :", "PC is at": a function, a bare address, or "(null)".
bool after_pc(Scan s, std::vector<std::string>& names) {
  size_t start = s.at();
  for (bool selector : {true, false}) {
    s.seek(start);
    if (selector && !(s.take_dec() && s.eat(':'))) continue;
    size_t here = s.at();
    for (int addresses = 2; addresses >= 0; addresses--) {
      s.seek(here);
      bool good = true;
      for (int i = 0; i < addresses && good; i++) {
        good = eat_address(s) && s.peek() == ' ';
        while (s.eat(' ')) {
        }
      }
      std::string name;
      if (good && eat_function(s, name)) {
        names.push_back(name);
        return true;
      }
    }
    s.seek(here);
    if (s.peek() == '0' && s.peek(1) == 'x' && is_hex(s.peek(2))) return true;
    if (selector) s.blanks();
    if (selector && s.eat("(null)")) return true;
    s.seek(here);
    if (eat_address(s) && has(s.rest(), "(null)")) return true;
  }
  return false;
}

bool program_counter(std::string_view line, std::vector<std::string>& names) {
  for (std::string_view label : {"IP", "pc ", "PC is at"})
    for (size_t at = line.find(label); at != line.npos; at = line.find(label, at + 1)) {
      Scan s(line);
      s.seek(at + label.size());
      s.eat(':');
      if (s.eat(' ') && after_pc(s, names)) return true;
    }
  return false;
}

// "     [<ffff…>] name+0x1/0x2", "name+0x1/0x2"; arm's "[<…>] (name) from [<…>] (caller+0x1/0x2)" gives two.
bool frame(std::string_view line, std::vector<std::string>& names) {
  Scan s(line);
  while (s.eat(' ')) {
  }
  size_t start = s.at();
  std::string name;
  for (int addresses = 2; addresses >= 0; addresses--) {
    s.seek(start);
    bool good = true;
    for (int i = 0; i < addresses && good; i++) good = eat_address(s) && s.eat(' ');
    if (good && eat_function(s, name)) {
      names.push_back(name);
      return true;
    }
  }
  s.seek(start);
  // arm since 5.13 (kernel commit 5489ab50c227): "name from caller+0x1/0x2".
  std::string_view callee = s.take_ident();
  if (!callee.empty() && s.eat(" from ") && eat_function(s, name)) {
    names.emplace_back(callee);
    names.push_back(name);
    return true;
  }
  s.seek(start);
  if (!eat_address(s) || !s.eat(" (")) return false;
  std::string first(s.take_until(')'));
  for (char c : first)
    if (!is_word(c) && c != '.') return false;
  if (first.empty() || !s.eat(" from ") || !eat_address(s) || !s.eat(" (") || !eat_function(s, name)) return false;
  names.push_back(first);
  names.push_back(name);
  return true;
}

bool is_backtrace(std::string_view line) { return matches("backtrace:", line) || matches("backtrace (crc <x>):", line); }

// Whether `line` is the part of a StackRule, and the functions it names.
bool is_part(std::string_view part, std::string_view line, std::vector<std::string>& names) {
  if (part == "@pc") return program_counter(line, names);
  if (part == "@pc|vector") {
    if (program_counter(line, names)) return true;
    auto m = match("--- interrupt: <n> at <f>", line);
    if (m) names.emplace_back(m->capture[0]);
    return m.has_value();
  }
  if (part == "@trace") return has(line, "Call Trace:") || has(line, "Call trace:") || has(line, "Backtrace:");
  if (part == "@backtrace") return is_backtrace(line);
  if (part == "@origin") return has(line, "Uninit was created at:") || matches("Local variable * created at:", line);
  if (part == "@interrupt") return has(line, "apic_timer_interrupt") || has(line, "Exception stack") || has(line, "el1h_64_irq");
  auto m = match(part, line);
  if (!m) return false;
  for (size_t i = 0; i < m->captures; i++) names.emplace_back(m->capture[i]);
  return true;
}

// Fault injection prints its own stack between; "[<…>] should_fail+0x1", "should_failslab.cold.2+0x3".
bool is_intruder(std::string_view line) {
  Scan s(line);
  bool indented = s.eat(' ');
  if (indented && eat_address(s) && !s.eat(' ')) return false;
  for (std::string_view name : {"should_failslab", "should_fail"})
    if (s.eat(name)) {
      if (s.peek() == '.')
        while (is_lower(s.peek()) || is_digit(s.peek()) || s.peek() == '.') s.eat(s.peek());
      return s.eat("+0x");
    }
  return false;
}

// Dispatchers and entry points: what they call is what loops.
constexpr WordList kAnchors =
    "process_one_work do_syscall_ do_fast_syscall_ sysenter_dispatch tracesys_phase2 el0_svc_handler invoke_syscall ret_fast_syscall "
    "netif_receive_skb do_softirq call_timer_fn _run_timers run_timer_softirq hrtimer_run run_ksoftirqd smpboot_thread_fn ^kthread$ "
    "start_secondary cpu_startup_entry ret_from_fork vfs_write vfs_read vfs_iter_read vfs_iter_write do_iter_read do_iter_write call_read_iter "
    "call_write_iter new_sync_read new_sync_write vfs_ioctl ksys_ioctl compat_ioctl compat_sys_ioctl blkdev_driver_ioctl blkdev_ioctl "
    "do_iter_readv_writev ^call_mmap mmap_region do_mmap do_dentry_open vfs_open ^sock_sendmsg ^sock_recvmsg ^sock_release ^__sock_release "
    "^setsockopt$ kernel_setsockopt sock_common_setsockopt ^listen$ kernel_listen sk_common_release ^sock_mmap ^accept$ kernel_accept "
    "^sock_do_ioctl ^sock_ioctl ^compat_sock_ioctl ^nfnetlink_rcv_msg ^rtnetlink_rcv_msg ^netlink_dump ^{socketpair|connect|ioctl} "
    "^sys_{socketpair|connect|ioctl} __do_fault do_page_fault ^page_fault$ __fput task_work_run exit_to_usermode smp_call_function "
    "tasklet_action tasklet_hi_action";

constexpr WordList kWaiting =
    "sched _lock _slowlock down rwsem completion kthread wait synchronize context_switch __switch_to cancel_delayed_work rcu_barrier";

constexpr std::string_view kPrefixes[] = {"SYSC_", "SyS_", "sys_", "__x64_", "__ia32_", "__arm64_", "____sys_", "___sys_", "__sys_", "__se_",
                                          "__se_sys_", "__do_sys_", "compat_SYSC_", "compat_SyS_", "ksys_"};

std::string without_prefix(const std::string& name) {
  size_t longest = 0;
  for (std::string_view prefix : kPrefixes)
    if (name.starts_with(prefix) && prefix.size() > longest) longest = prefix.size();
  return name.substr(longest);
}

TitleFunction stalled(const std::vector<std::string>& names) {
  TitleFunction before{without_prefix(names[0]), names[0]};
  for (const std::string& raw : names) {
    std::string name = without_prefix(raw);
    // Many callers wait for other CPUs in the same place; they belong together.
    if (has(name, "smp_call_function")) return {"smp_call_function", raw};
    if (kAnchors.holds(name)) return before;
    before = {name, raw};
  }
  return {};
}

TitleFunction hung(const std::vector<std::string>& names) {
  // The victim of a hang is random; these two waits tell more than who waits.
  for (const std::string& raw : names) {
    std::string name = without_prefix(raw);
    if (has(name, "rtnl_lock")) return {name, raw};
    for (std::string_view wait : {"synchronize_rcu", "synchronize_srcu", "synchronize_net", "synchronize_sched"})
      if (has(name, wait)) return {"synchronize_rcu", raw};
  }
  for (const std::string& raw : names) {
    std::string name = without_prefix(raw);
    if (!kWaiting.holds(name)) return {name, raw};
  }
  return {};
}

struct Walk {
  const StackRule& rule;
  const ReportLines& lines;
  size_t at;
  TitleStack out;
  std::vector<std::string> names;

  void take(std::vector<std::string>& found) {
    for (std::string& name : found) {
      // Only the first counts there, so the rest need no look-up.
      if (rule.choose == Choose::kFirst && !names.empty()) break;
      name = demangle(name);
      if (!is_machinery(name) && !is_listed(rule.skip, name)) names.push_back(std::move(name));
    }
    found.clear();
  }

  void close() {
    TitleFunction best;
    if (!names.empty())
      best = rule.choose == Choose::kStall ? stalled(names)
             : rule.choose == Choose::kHang ? hung(names)
                                            : TitleFunction{without_prefix(names[0]), names[0]};
    if (best.canonical.empty()) {
      best = {"corrupted", "corrupted"};
      out.whole = false;
    }
    out.functions.push_back(std::move(best));
    names.clear();
  }

  // Frames up to the next heading; true if that was the next part itself.
  bool frames(std::string_view next) {
    std::vector<std::string> found;
    while (at < lines.size()) {
      std::string_view line = lines[at++];
      if (is_intruder(line)) return out.whole = false;
      if (starts_stack(line)) return false;
      if (!next.empty() && next != "@frames" && is_part(next, line, found)) {
        take(found);
        return true;
      }
      frame(line, found);
      take(found);
    }
    return false;
  }

  void find(std::string_view part) {
    std::vector<std::string> found;
    while (at < lines.size()) {
      std::string_view line = lines[at++];
      if (is_intruder(line)) {
        out.whole = false;
        return;
      }
      if (!is_part(part, line, found)) continue;
      take(found);
      return;
    }
  }

  void run(const std::string_view* parts, size_t count) {
    int stacks = 0;
    for (size_t i = 0; i <= count; i++) {
      bool ends = i == count || parts[i].empty();
      if (ends || (parts[i] == "@frames" && stacks > 0)) close();
      if (ends) return;
      if (parts[i] != "@frames") {
        find(parts[i]);
        continue;
      }
      stacks++;
      std::string_view next = i + 1 < count ? parts[i + 1] : std::string_view();
      if (frames(next)) i++;
    }
  }
};

}  // namespace

bool starts_stack(std::string_view line) {
  if (has(line, "Call Trace") || has(line, "Call trace") || has(line, "Allocated:") || has(line, "Freed:") || has(line, "Backtrace:") ||
      has(line, "Uninit was stored to memory at"))
    return true;
  if (matches("Allocated by task <n>:", line) || matches("Freed by task <n>:", line)) return true;
  size_t at = line.find(" backtrace");
  if (at != line.npos && (at == 0 || line[at - 1] != 'k') && is_backtrace(line)) return true;
  return matches("status: <x> badaddr: <x> cause: <x>", line);
}

bool holds_frame(std::string_view line) {
  std::vector<std::string> names;
  return frame(line, names);
}

TitleStack title_stack(const StackRule& rule, const ReportLines& lines, size_t from) {
  Walk walk{rule, lines, from, {}, {}};
  walk.run(rule.parts.data(), rule.parts.size());
  if (walk.out.whole || rule.otherwise[0].empty()) return std::move(walk.out);
  Walk second{rule, lines, from, {}, {}};
  second.run(rule.otherwise.data(), rule.otherwise.size());
  return std::move(second.out);
}

std::vector<std::string> spellings(const std::string& raw) {
  std::vector<std::string> out{raw};
  for (std::string_view prefix : kPrefixes)
    if (raw.starts_with(prefix)) out.push_back(raw.substr(prefix.size()));
  return out;
}

}  // namespace inquest::oops
