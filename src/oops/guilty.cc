#include "oops/guilty.h"

#include <iterator>

#include "oops/pattern.h"
#include "oops/text.h"

namespace inquest::oops {
namespace {

struct Innocent {
  std::string_view why, files;  // files: patterns from the path's start, separated by blanks
};

constexpr Innocent kInnocent[] = {
    {"helpers everybody calls", "lib/* virt/lib/* mm/sl{a|u|o}b* mm/filemap.c$ mm/folio-compat.c$ mm/truncate.c$ mm/memory.c$ mm/percpu* mm/vmalloc.c$ "
                                "mm/page_alloc.c$ mm/mempool.c$ mm/util.c$ fs/proc/generic.c$ net/core/dev.c$ net/core/sock.c$ net/core/skbuff.c$"},
    {"checkers", "mm/kasan/* mm/kmsan/* kernel/kcov.c$"},
    {"reporting and unwinding", "arch/*/kernel/traps.c$ arch/*/kernel/unwind*.c$ arch/*/mm/fault.c$ arch/*/mm/physaddr.c$ arch/*/kernel/stacktrace.c$ "
                                "kernel/panic.c$ kernel/printk/printk*.c$ kernel/stacktrace.c$"},
    {"entry, scheduling, waiting", "arch/*/kernel/apic/apic.c$ arch/arm64/kernel/entry*.c$ arch/arm64/kernel/process.c$ kernel/rcu/* kernel/locking/* "
                                   "kernel/softirq.c$ kernel/kthread.c$ kernel/sched/*.c$ kernel/time/timer.c$ kernel/workqueue.c$"},
    {"callers are at fault there", "drivers/usb/core/urb.c$ arch/*/lib/crc* trusty/*"},
};

bool is_path(char c) { return is_word(c) || c == '-' || c == '.' || c == '/'; }

// "./net/core/../ipv4/ip.c" to "net/ipv4/ip.c".
std::string normal(std::string_view path) {
  std::vector<std::string_view> parts;
  bool absolute = path.starts_with('/');
  while (!path.empty()) {
    size_t slash = path.find('/');
    std::string_view part = path.substr(0, slash);
    path.remove_prefix(slash == path.npos ? path.size() : slash + 1);
    if (part.empty() || part == ".") continue;
    if (part == ".." && !parts.empty() && parts.back() != "..") parts.pop_back();
    else parts.push_back(part);
  }
  std::string out = absolute ? "/" : "";
  for (size_t i = 0; i < parts.size(); i++) out += std::string(i ? "/" : "") + std::string(parts[i]);
  return out;
}

// The first "path/file.c:12" or ".h:12" of a line, without the number.
std::string_view file_in(std::string_view line) {
  for (size_t colon = line.find(':'); colon != line.npos; colon = line.find(':', colon + 1)) {
    if (colon < 3 || colon + 1 >= line.size() || !is_digit(line[colon + 1])) continue;
    if (line[colon - 2] != '.' || (line[colon - 1] != 'c' && line[colon - 1] != 'h')) continue;
    char before = line[colon - 3];
    if (!is_word(before) && before != '-') continue;
    size_t start = colon - 3;
    while (start > 0 && is_path(line[start - 1])) start--;
    return line.substr(start, colon - start);
  }
  return {};
}

bool is_innocent(std::string_view file) {
  if (file.ends_with(".h")) return true;
  for (const Innocent& group : kInnocent) {
    Scan s(group.files);
    while (!s.done()) {
      std::string pattern = "^" + std::string(s.take_word());
      s.blanks();
      if (matches(pattern, file)) return true;
    }
  }
  return false;
}

// Lines that name a place without being on the path to the fault: lock statistics, held locks, register contents.
bool is_aside(std::string_view line) {
  if (has(line, "irqs") && has(line, "last") && (has(line, "enabled") || has(line, "disabled"))) return true;
  size_t at = line.find(", at:");
  if (at != line.npos && at + 5 < line.size() && is_blank(line[at + 5])) return true;
  std::string_view start = trim(line);
  return matches("^#<n>:", start) || matches("^Register r<n> information", start);
}

// A file of the same folder, or of one below it, further down the stack is nearer to the user of the first one.
bool is_deeper(std::string_view file, std::string_view folder) {
  if (!file.starts_with(folder)) return false;
  std::string_view rest = file.substr(folder.size());
  return rest.size() > 1 && rest[0] == '/' && rest.find('/', 1) != rest.npos;
}

std::string folder_of(const std::string& file) {
  size_t slash = file.rfind('/');
  return slash == std::string::npos ? "." : file.substr(0, slash);
}

std::string guilty_from(const ReportLines& lines, size_t from) {
  std::string guilty;
  size_t i = from;
  for (bool found = false; i < lines.size() && !found; i++) {
    std::string_view file = file_in(lines[i]);
    if (file.empty()) continue;
    if (guilty.empty()) guilty = std::string(file);  // better an unlikely one than none
    if (is_innocent(file) || is_aside(lines[i])) continue;
    guilty = normal(file);
    found = true;
  }
  std::string folder = folder_of(guilty);
  for (; i < lines.size(); i++) {
    std::string_view file = file_in(lines[i]);
    if (file.empty() || is_innocent(file) || is_aside(lines[i])) continue;
    std::string clean = normal(file);
    if (!is_deeper(clean, folder)) continue;
    guilty = clean;
    folder = folder_of(guilty);
  }
  return guilty;
}

}  // namespace

void give_guilty(Event& event, const ReportLines& lines) {
  if (event.title.starts_with("INFO: rcu detected stall")) {
    // The interrupt that noticed the stall has many frames of its own: begin at what it interrupted.
    for (std::string_view entry : {"apic_timer_interrupt+0x", "el1h_64_irq+0x", "Exception stack"})
      for (size_t i = 0; i < lines.size(); i++)
        if (has(lines[i], entry)) {
          event.guilty_file = guilty_from(lines, i);
          if (!event.guilty_file.empty()) return;
          break;
        }
  }
  event.guilty_file = guilty_from(lines, 0);
}

}  // namespace inquest::oops
