#include "oops/builder.h"

#include <fmt/format.h>

#include "oops/cpu_line.h"
#include "oops/frame_line.h"
#include "oops/pattern.h"
#include "oops/registers.h"
#include "oops/text.h"

namespace inquest::oops {
namespace {

constexpr size_t kMaxFrames = 1024, kMaxStacks = 64, kMaxRegisters = 128;

// Headings after which frames are not the event's own trace.
constexpr std::string_view kOtherStacks[] = {
    "Allocated by task", "Freed by task", "Allocated:", "Freed:", "Last potentially related work creation:", "Second to last potentially",
    "Last call_rcu():", "Uninit was stored to memory at:", "Uninit was created at:", "Local variable", "Last Breaking-Event-Address", "page last allocated via",
    "page last free", "allocated by task", "freed by task", "allocated in ", "freed in ", "which became", "to a ", "... key",
    "the existing dependency chain", "-> #", "hardirqs last", "softirqs last", "Showing all locks", "NMI backtrace for cpu",
    "Sending NMI from CPU", "read to 0x", "write to 0x", "Preemption disabled at", "Object information", "raw_event", "Memory state around",
    "Allocated in ", "Freed in ", "INFO: Allocated", "INFO: Freed", "Krnl Code", "Register r", "value changed"};

constexpr std::string_view kTraceStarts[] = {"Call Trace:", "Call trace:", "Call Trace", "Backtrace:", "stack backtrace:", "backtrace:", "backtrace (crc", "Trace:"};

struct Builder {
  Event event;
  RegisterState registers;
  bool in_modules = false;
  bool registers_done = false;  // the kernel's set is complete; a second one follows
  bool ended = false;           // "---[ end trace": what follows is printed again
  bool trace_done = false;
  bool user = false;
  bool in_trace = false;
  int stack = -1;               // index of the other stack being read, -1: the event's own
  FrameContext context = FrameContext::kUnknown;
  std::string context_name;
  uint64_t last_own = 0;

  void record(const Record& r);
  bool marker(std::string_view text);
  bool context_marker(std::string_view text);
  bool own_line(std::string_view text);
  bool registers_line(std::string_view text);
  bool frame_line(const Record& r);
  void first_frame(std::string_view text);
  void add_frame(Frame frame, uint64_t line);
  void take_pc(const RegisterLine& line);
  bool stalls() const;
  bool end_of_report(std::string_view text);
};

FrameContext context_of(std::string_view name) {
  if (name == "TASK") return FrameContext::kTask;
  if (name == "IRQ") return FrameContext::kIrq;
  if (name == "SOFTIRQ") return FrameContext::kSoftirq;
  if (name.starts_with("NMI")) return FrameContext::kNmi;
  if (name.starts_with("#")) return FrameContext::kException;
  return FrameContext::kOther;
}

// "<IRQ>", "</TASK>", "<EOI>", "<#DF>": arch/x86/kernel/dumpstack.c; "</IRQ>" until 4.9 was "<EOI>", on the frame's line.
bool Builder::context_marker(std::string_view text) {
  if (text.starts_with("<<EOE>>")) text.remove_prefix(1);  // how 3.x left an NMI stack
  if (text.size() < 4 || text[0] != '<') return false;
  size_t end = text.find('>');
  if (end == text.npos || end > 12 || is_digit(text[1])) return false;
  std::string_view name = text.substr(1, end - 1);
  if (name.starts_with('/') || name == "EOI" || name == "EOE") {
    context = FrameContext::kUnknown;
    context_name.clear();
  } else {
    for (char c : name)
      if (!is_word(c) && c != '#' && c != '-') return false;
    context = context_of(name);
    context_name = std::string(name);
    if (event.context.empty() && context != FrameContext::kOther)
      event.context = context == FrameContext::kException ? "" : lower(name);
  }
  return true;
}

bool starts_any(std::string_view text, const std::string_view* list, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (text.starts_with(list[i])) return true;
  return false;
}

bool Builder::end_of_report(std::string_view text) {
  // arch/x86/kernel/setup.c and arch/arm64/kernel/setup.c: dump_kernel_offset(); "disabled" without KASLR.
  if (auto m = match("^Kernel Offset: 0x<x> from 0x", text); m && !event.kernel_offset) event.kernel_offset = to_hex(m->capture[0]);
  if (text.starts_with("Kernel Offset: disabled")) event.kernel_offset = 0;
  if (text.starts_with("---[ end trace")) {
    ended = true;
    registers_done = true;
    trace_done = !event.frames.empty();
    return true;
  }
  return text.starts_with("---[ end Kernel panic") || text.starts_with("Kernel panic - not syncing") ||
         text.starts_with("SMP: stopping secondary CPUs") || text.starts_with("Starting crashdump kernel") || text == "Bye!" ||
         text.starts_with("Kernel Offset:") || text.starts_with("Rebooting in");
}

void Builder::first_frame(std::string_view text) {
  if (auto found = read_frame(text)) add_frame(found->frame, last_own);
}

bool Builder::marker(std::string_view text) {
  if (starts_any(text, kTraceStarts, std::size(kTraceStarts)) || text.starts_with("Krnl Code") == false) {
    if (starts_any(text, kTraceStarts, std::size(kTraceStarts))) {
      in_trace = true;
      if (stack >= 0 && event.stacks[size_t(stack)].frames.empty() && !event.stacks[size_t(stack)].name.starts_with("NMI") &&
          event.frames.empty())
        stack = -1;
      // A second trace of the same report ("end trace" passed, or the panic's own) is not the event's.
      if (stack < 0 && (trace_done || !event.frames.empty()) && event.stacks.size() < kMaxStacks) {
        event.stacks.push_back({"trace", {}});
        stack = int(event.stacks.size()) - 1;
      }
      context = FrameContext::kUnknown;
      context_name.clear();
      // m68k and sh go on in the same line: "Call Trace: [<00123458>] f+0x1/0x2"
      size_t colon = text.find(": [<");
      if (colon != text.npos && colon < 16 && text.size() < 512) first_frame(trim(text.substr(colon + 1)));
      return true;
    }
  }
  if (!starts_any(text, kOtherStacks, std::size(kOtherStacks))) return false;
  // "Sending NMI from CPU 3 to CPUs 5" is followed by the other CPUs' traces.
  if (event.stacks.size() < kMaxStacks) {
    event.stacks.push_back({std::string(text.substr(0, 120)), {}});
    stack = int(event.stacks.size()) - 1;
    in_trace = true;
  }
  return true;
}

// A stall is told by one CPU and shown by the registers of another.
bool Builder::stalls() const { return event.kind == EventKind::kRcuStall || event.kind == EventKind::kHardLockup; }

void Builder::take_pc(const RegisterLine& line) {
  const Frame& pc = *line.pc;
  // i386 and arm print the address first, and the name on a line of its own.
  if (event.function.empty() || (!event.function_offset && is_digit(event.function[0]) && !pc.symbol.empty())) {
    event.function = !pc.symbol.empty() ? pc.symbol : !line.pc_text.empty() ? line.pc_text : pc.address ? fmt::format("0x{:x}", *pc.address) : "";
    event.function_offset = pc.offset;
    event.function_size = pc.size;
    event.function_module = pc.module;
  }
}

bool Builder::registers_line(std::string_view text) {
  RegisterLine line = read_registers(text, registers);
  if (!line) return false;
  if (line.user_mode) {
    user = true;
    registers_done = true;
    return true;
  }
  if (event.arch == Arch::kUnknown) event.arch = line.arch;
  if (line.pc && !user && stalls()) take_pc(line);
  // An exception frame inside the trace brings a second set; so does the repeat after "end trace".
  if (line.pc && (registers_done || user || !event.frames.empty())) {
    registers_done = true;
    return true;
  }
  if (registers_done || stack >= 0) return true;
  if (line.pc) take_pc(line);
  if (line.lr && event.link.symbol.empty() && !event.link.address) event.link = *line.lr;
  for (Register& r : line.values) {
    if (event.registers.size() >= kMaxRegisters) break;
    if (event.reg(r.name)) continue;
    event.registers.push_back(std::move(r));
  }
  return true;
}

void Builder::add_frame(Frame frame, uint64_t line) {
  frame.line = int(line);
  if (frame.context == FrameContext::kUnknown) {
    frame.context = context;
    frame.context_name = context_name;
  }
  if (stack >= 0 && event.stacks[size_t(stack)].name.starts_with("Last Breaking")) return;  // one address, no stack
  std::vector<Frame>& list = stack >= 0 ? event.stacks[size_t(stack)].frames : event.frames;
  if (list.size() < kMaxFrames) list.push_back(std::move(frame));
}

bool Builder::frame_line(const Record& r) {
  std::string_view text = r.text;
  while (context_marker(text)) {  // "<IRQ>  [<…>] f+0x1/0x2" of 3.x and 4.x
    text = text.substr(text.find('>') + 1);
    if (text.starts_with(">")) text.remove_prefix(1);
    text = trim(text);
    if (text.empty()) return true;
  }
  bool eoi = text.find("<EOI>") == 0;
  if (eoi) text = trim(text.substr(5));
  auto found = read_frame(text);
  if (!found) return false;
  if (!found->certain && !in_trace) return false;
  if (stack < 0 && trace_done) return true;
  add_frame(found->frame, r.first);
  // arm prints "f from g", then "g from h": the caller is a frame of its own only on the last line.
  return true;
}

bool Builder::own_line(std::string_view text) {
  if (read_cpu_line(text, event)) {
    // The CPU line of a report comes before its trace; on other stacks it names somebody else.
    if (stack >= 0 && event.frames.empty() && !event.stacks[size_t(stack)].name.starts_with("NMI")) stack = -1;
    return true;
  }
  if (text.starts_with("Hardware name:")) {
    if (event.hardware.empty()) event.hardware = std::string(trim(text.substr(14)).substr(0, 256));
    return true;
  }
  if (text.starts_with("Workqueue: ")) {
    if (event.workqueue.empty()) event.workqueue = std::string(text.substr(11, 128));
    return true;
  }
  if (read_code(text, event)) return true;
  if (event.kind == EventKind::kOutOfMemory && read_memory(text, event)) return true;
  if (read_modules(text, event)) {
    in_modules = true;
    return true;
  }
  return false;
}

void Builder::record(const Record& r) {
  std::string_view text = r.text;
  if (text.empty()) return;
  if (in_modules && continue_modules(text, event)) {
    last_own = r.last;
    return;
  }
  in_modules = false;
  bool own = end_of_report(text) || own_line(text) || marker(text) || registers_line(text) || frame_line(r);
  bool fault = !ended && read_fault(text, event);
  bool tells_task = text.starts_with("Process ") || text.starts_with("EIP: ") || text.starts_with("comm \"") || has(text, "): Oops ") || has(text, " by task ");
  if ((!own && fault) || tells_task)
    read_task_from_header(text, event), own = true;
  if (own) last_own = r.last;
}

Arch arch_of_release(const Event& e) {
  for (const auto& [suffix, arch] : {std::pair<std::string_view, Arch>{"aarch64", Arch::kArm64}, {"x86_64", Arch::kX86_64}, {"amd64", Arch::kX86_64},
                                     {"arm64", Arch::kArm64}, {"s390x", Arch::kS390}, {"ppc64", Arch::kPpc64}, {"armv7", Arch::kArm}})
    if (has(e.release, suffix)) return arch;
  return Arch::kUnknown;
}

}  // namespace

bool has_body(const Event& event) {
  return !event.registers.empty() || !event.taint.empty() || !event.release.empty() || !event.code.empty() || !event.modules.empty();
}

Event build_event(const std::vector<const Line*>& lines, const Header& header) {
  std::vector<Record> records = mend(lines);
  Builder b;
  if (records.empty()) return b.event;
  Event& e = b.event;
  e.kind = header.kind;
  e.vague = header.generic;
  // Several messages on one line: the header is one of them, not always the first.
  size_t first = 0;
  for (size_t i = 0; i < records.size() && records[i].first == lines.front()->number; i++)
    if (classify(records[i].text)) {
      first = i;
      break;
    }
  const Record& opening = records[first];
  if (auto again = classify(opening.text)) {
    // Only the mended header says "NULL pointer dereference" when a mailer folded it.
    if (again->role == header.role && (!again->generic || header.generic)) e.kind = again->kind;
    e.header = opening.text.substr(again->at < opening.text.size() ? 0 : 0);
  } else {
    e.header = opening.text;
  }
  e.first_line = int(opening.first);
  b.last_own = opening.last;
  if (opening.time >= 0) e.time = opening.time;
  e.wall_time = lines.front()->wall_time;
  e.caller_id = lines.front()->caller;
  read_task_from_header(e.header, e);
  read_header(e.header, e);
  read_fault(e.header, e);
  for (size_t i = first + 1; i < records.size(); i++) {
    if (!e.panicked && has(records[i].text, "Kernel panic - not syncing")) e.panicked = true;
    if (e.file.empty() || e.function.empty())
      if (auto joined = classify(records[i].text); joined && i < first + 6) {
        read_task_from_header(records[i].text, e);
        EventKind kind = e.kind;
        e.kind = joined->kind;
        read_header(records[i].text, e);
        e.kind = kind;
      }
    // Among lines that a logger stamped, a bare one that mend() left alone is somebody else's text, unless it is
    // plainly the kernel's: one printk of several lines is stamped once by syslog.
    bool follows = records[i].first == records[i - 1].last + 1 && starts_known(records[i].text);
    if (records[i].prefixed || !opening.prefixed || follows) b.record(records[i]);
  }
  e.last_line = int(b.last_own);
  if (e.arch == Arch::kUnknown) e.arch = arch_of_release(e);
  return std::move(b.event);
}

}  // namespace inquest::oops
