// locks: who waits for which lock, who holds it, where everybody is.
#include <fmt/format.h>

#include "shell/shell.h"

namespace inquest::shell::commands_of {

namespace {

constexpr size_t kMaxShown = 16;

std::string task_text(const scene::TaskView& t) {
  std::string where = t.running_on ? fmt::format("running on CPU {}", *t.running_on) : t.state;
  return fmt::format("{} (pid {}, task {:x}, {})", t.comm, t.pid, t.address, where);
}

// From `first` on, as far as `count` frames, inlined functions as frames of their own.
std::string frames_text(const std::vector<scene::FrameView>& frames, size_t first, size_t count, const std::string& indent) {
  std::string out;
  for (size_t i = first; i < frames.size() && count; i++, count--) {
    const auto& f = frames[i];
    if (f.source.empty()) out += fmt::format("{}{}+{:#x}\n", indent, f.symbol.empty() ? fmt::format("{:x}", f.address) : f.symbol, f.offset);
    for (const auto& s : f.source) out += fmt::format("{}{} {}:{}{}\n", indent, s.function, s.file, s.line, f.module.empty() ? "" : " [" + f.module + "]");
  }
  return out;
}

std::string lock_text(const scene::LockView& lock) {
  std::string out = fmt::format("{} {:x}", lock.kind, lock.address);
  if (!lock.text.empty()) out += "  " + lock.text;
  if (!lock.object.empty()) out += fmt::format("  ({} of {} at {:x})", lock.member.empty() ? fmt::format("offset {:#x}", lock.offset) : lock.member, lock.object, lock.object_address);
  return out;
}

std::string holder_text(const scene::LockHolder& h, bool owned, bool all) {
  std::string out = fmt::format("  {} {}{}: {}{}\n", owned ? "held by" : "for", task_text(h.task), h.reader ? ", to read" : "", h.how, h.sure ? "" : " (likely)");
  if (!h.taken_at.empty()) {
    std::string at;
    for (const auto& s : h.taken_at) at += fmt::format("{}{} {}:{}", at.empty() ? "" : ", inlined in ", s.function, s.file, s.line);
    out += fmt::format("    took it by {}({}) in {}\n", h.taken_by, h.taken_text, at);
  }
  return out + frames_text(h.frames, 0, all ? h.frames.size() : 8, "      ");
}

std::string wait_text(const scene::WaitView& w, bool all) {
  std::string how = w.spins ? "spins" : w.writes ? (*w.writes ? "waits to write" : "waits to read") : "waits";
  std::string out = fmt::format("  {} {}{}\n", task_text(w.task), how, w.seconds ? fmt::format(", {:.1f} s", *w.seconds) : "");
  return out + frames_text(w.frames, all ? 0 : w.asker, all ? w.frames.size() : 3, "      ");
}

}  // namespace

Result<std::string> locks(const Context& context, const Words& words) {
  const auto* graph = context.scene->locks();
  if (!graph) return Error(ErrorCode::kUnsupported, "there is no memory to look at");
  std::optional<uint64_t> wanted;
  if (!words.words.empty()) {
    TRY(uint64_t address, parse_address(context, words.words.front()));
    wanted = address;
  }
  std::string out;
  for (const auto& cycle : graph->cycles) {
    if (wanted) break;
    out += fmt::format("DEADLOCK of {} task{}:\n", cycle.size(), cycle.size() == 1 ? "" : "s");
    for (size_t w : cycle) out += fmt::format("  {} waits for {}\n", task_text(graph->waits[w].task), lock_text(graph->locks[graph->waits[w].lock]));
  }
  for (const auto& lock : graph->locks) {
    if (wanted && lock.address != *wanted && lock.object_address != *wanted) continue;
    out += lock_text(lock) + "\n";
    if (!lock.identity.empty()) out += "  " + lock.identity + "\n";
    if (lock.held == false) out += "  nobody holds it now\n";
    if (lock.readers.value_or(0)) out += fmt::format("  {} reader{}\n", *lock.readers, *lock.readers == 1 ? "" : "s");
    if (!lock.problem.empty()) out += "  " + lock.problem + "\n";
    for (const auto& h : lock.holders) out += holder_text(h, lock.has_owner(), words.has('a'));
    if (lock.holders.empty() && lock.has_owner() && lock.held.value_or(true)) out += "  who holds it is not known\n";
    size_t shown = 0;
    for (size_t w : lock.waits) {
      if (++shown > kMaxShown && !words.has('a')) break;
      out += wait_text(graph->waits[w], words.has('a'));
    }
    if (shown > kMaxShown && !words.has('a')) out += fmt::format("  … {} wait in all; -a lists them\n", lock.waits.size());
  }
  if (!graph->note.empty()) out += graph->note + "\n";
  return out.empty() ? (wanted ? "nobody waits for it\n" : "nobody waits for a lock\n") : out;
}

}  // namespace inquest::shell::commands_of
