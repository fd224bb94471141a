#include "inquiry/causes/hangs.h"

#include <fmt/format.h>

#include <algorithm>

namespace inquest::inquiry::causes {

using oops::EventKind;

const scene::EventView* first_of(const scene::CrashScene& scene, std::initializer_list<EventKind> kinds) {
  for (const auto& e : scene.events())
    if (std::find(kinds.begin(), kinds.end(), e.event.kind) != kinds.end()) return &e;
  return nullptr;
}

const scene::EventView* hang_event(const scene::CrashScene& scene) {
  return first_of(scene, {EventKind::kHungTask, EventKind::kSoftLockup, EventKind::kHardLockup, EventKind::kRcuStall, EventKind::kWorkqueueLockup});
}

bool died_otherwise(const Observations& seen) {
  if (!seen.fatal) return false;
  switch (seen.fatal->event.kind) {
    case EventKind::kSoftLockup: case EventKind::kHardLockup: case EventKind::kRcuStall: case EventKind::kHungTask: case EventKind::kWorkqueueLockup:
    case EventKind::kPanic: case EventKind::kSysrqCrash: case EventKind::kReboot: case EventKind::kSchedulingWhileAtomic: case EventKind::kSleepingInAtomic:
    case EventKind::kWarning: case EventKind::kTrace: case EventKind::kOther: return false;
    default: return true;
  }
}

std::vector<scene::FrameView> before_interrupt(const std::vector<scene::FrameView>& frames) {
  for (size_t i = frames.size(); i-- > 0;)
    if (frames[i].interrupted && !frames[i].user) {
      // The outermost interruption by the watchdog's own context; what it interrupted may be in a softirq that interrupted a task: the innermost
      // interrupted frame is where the CPU was.
      for (size_t k = 0; k <= i; k++)
        if (frames[k].interrupted && !frames[k].user) return {frames.begin() + std::ptrdiff_t(k), frames.end()};
    }
  return frames;
}

namespace {

bool starts_with_any(const std::string& name, std::initializer_list<const char*> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](const char* p) { return name.starts_with(p); });
}

bool is_idle(const std::vector<scene::FrameView>& frames) {
  return std::any_of(frames.begin(), frames.end(), [](const scene::FrameView& f) { return starts_with_any(f.symbol, {"do_idle", "cpu_startup_entry", "cpuidle_enter", "default_idle", "arch_cpu_idle"}); });
}

// The log's frames, with the pc's own in front where it is not among them.
std::vector<scene::FrameView> frames_of(const scene::EventView& event) {
  std::vector<scene::FrameView> frames;
  for (const auto& f : event.frames)
    if (f.reliable) frames.push_back(f);
  bool there = !frames.empty() && (frames.front().exact || frames.front().symbol == event.event.function);
  if (!event.event.function.empty() && !there) {
    scene::FrameView pc;
    pc.address = event.pc.value_or(0);
    pc.exact = true;
    pc.symbol = event.event.function;
    pc.module = event.event.function_module;
    pc.offset = event.event.function_offset.value_or(0);
    pc.source = event.source;
    frames.insert(frames.begin(), pc);
  }
  return frames;
}

void find_loop(const scene::CrashScene& scene, StuckCpu& stuck) {
  for (size_t i = 0; i < stuck.frames.size(); i++) {
    const auto& f = stuck.frames[i];
    if (f.user) break;
    auto loop = scene.loop_at(f);
    // Once the walk is past the first code that is nobody's machinery, loops farther out are only those of threads and system calls.
    if (loop) {
      stuck.loop = loop;
      stuck.loop_frame = i;
      return;
    }
  }
}

}  // namespace

StuckCpu stuck_cpu(const scene::CrashScene& scene, const scene::EventView& event, std::optional<int> cpu) {
  StuckCpu stuck;
  stuck.cpu = cpu ? cpu : event.event.cpu;
  bool own = stuck.cpu == event.event.cpu;
  stuck.command = "event " + event.id;
  if (own) {
    stuck.pid = event.event.pid;
    stuck.comm = event.event.comm;
    stuck.frames = frames_of(event);
  }
  auto thread = stuck.cpu ? scene.thread_on(*stuck.cpu) : std::nullopt;
  // A CPU named by the message itself is stuck now as it was then; who printed the message may be its neighbour.
  bool same = thread && (cpu || !own || !event.event.pid || thread->pid == event.event.pid);
  if (same) {
    auto frames = before_interrupt(thread->frames);
    if (!is_idle(frames) && !frames.empty()) {
      stuck.frames = std::move(frames);
      stuck.pid = thread->pid;
      stuck.comm = thread->comm;
      stuck.from_dump = true;
      if (thread->pid) stuck.command = fmt::format("bt -l {}", *thread->pid);
    }
  }
  find_loop(scene, stuck);
  return stuck;
}

std::optional<StuckCpu> looping_cpu(const scene::CrashScene& scene, std::optional<int> not_this) {
  std::optional<StuckCpu> best;
  for (int cpu : scene.facts().system.cpus_present) {
    auto thread = cpu == not_this ? std::nullopt : scene.thread_on(cpu);
    if (!thread) continue;
    StuckCpu stuck;
    stuck.cpu = cpu;
    stuck.pid = thread->pid;
    stuck.comm = thread->comm;
    stuck.frames = before_interrupt(thread->frames);
    stuck.from_dump = true;
    stuck.command = thread->pid ? fmt::format("bt -l {}", *thread->pid) : "bt -a -l";
    if (stuck.frames.empty() || stuck.frames.front().user || is_idle(stuck.frames)) continue;
    find_loop(scene, stuck);
    bool own = stuck.loop && !is_machinery(stuck.loop->function, stuck.loop->file);
    if (own) return stuck;
    if (!best) best = std::move(stuck);
  }
  return best;
}

Guilty guilty_of_loop(const StuckCpu& stuck) {
  if (stuck.loop && stuck.loop_frame < stuck.frames.size()) {
    const auto& frame = stuck.frames[stuck.loop_frame];
    bool shared = frame.module.empty() && is_machinery(stuck.loop->function, stuck.loop->file);
    if (!shared && !stuck.loop->function.empty()) {
      Guilty g{stuck.loop->function, stuck.loop->file, frame.module, stuck.loop->condition_line};
      for (const auto& s : frame.source)
        if (s.function == stuck.loop->function && s.line) g.line = s.line;
      return g;
    }
    return guilty_of({stuck.frames.begin() + std::ptrdiff_t(stuck.loop_frame), stuck.frames.end()});
  }
  return guilty_of(stuck.frames);
}

void tell_loop(Verdict& v, const StuckCpu& stuck, Dossier& dossier) {
  v.guilty = guilty_of_loop(stuck);
  std::string who = stuck.comm.empty() ? "" : fmt::format("{} (pid {})", stuck.comm, stuck.pid.value_or(-1));
  std::string on = stuck.cpu ? fmt::format("CPU {}", *stuck.cpu) : "the CPU";
  if (!stuck.frames.empty())
    v.evidence.push_back(dossier.add(Origin::kStack, fmt::format("{}, running {}, was in {}", on, who.empty() ? "a task" : who, where(stuck.frames, 0)), stuck.command,
                                     {{"function", v.guilty.function}, {"file", v.guilty.file}, {"line", fmt::format("{}", v.guilty.line)}}));
  v.summary += fmt::format("{}{} does not leave {}", on, who.empty() ? "" : ", running " + who + ",", where(v.guilty));
  if (stuck.loop && stuck.loop->function == v.guilty.function) {
    const auto& loop = *stuck.loop;
    std::string stays;
    for (size_t i = 0; i < loop.stays.size() && i < 2; i++)
      if (!i || loop.stays[i] != loop.stays[0]) stays += (i ? " or " : "") + loop.stays[i];
    std::string lines = fmt::format("{}:{}-{}", loop.file, loop.first_line, loop.last_line);
    std::string claim = fmt::format("its code there is a loop ({}){}", lines, !stays.empty() ? ", which goes on while " + stays : loop.leaves ? "" : " that nothing in it leaves");
    const auto& frame = stuck.frames[stuck.loop_frame];
    v.evidence.push_back(dossier.add(Origin::kCode, claim, "dis -l " + (frame.symbol.empty() ? bare_hex(frame.address) : frame.symbol), {{"loop", lines}, {"while", stays}}));
    v.summary += !stays.empty() ? ": it loops while " + stays : loop.leaves ? "" : ": an endless loop";
    v.object.type = loop.object;
    if (!loop.members.empty()) v.object.member = loop.members.front();
    v.object.members = loop.members;
  }
  v.summary += ".";
}

std::string words(const scene::TaskView& t) { return fmt::format("{} (pid {})", t.comm, t.pid); }

std::string words(const scene::LockView& lock) {
  std::string text = fmt::format("the {}{}", lock.kind, lock.text.empty() ? " at " + hex(lock.address) : " " + lock.text);
  if (!lock.object.empty()) return text + fmt::format(" ({} of {} at {})", lock.member, lock.object, hex(lock.object_address));
  return lock.text.empty() ? text : text + " at " + hex(lock.address);
}

std::string where(const Guilty& g) {
  if (g.function.empty()) return "code not known";
  return g.line ? fmt::format("{} ({}:{})", g.function, g.file, g.line) : g.function;
}

std::string where(const std::vector<scene::FrameView>& frames, size_t from) {
  if (from >= frames.size()) return "code not known";
  return where(guilty_of({frames.begin() + std::ptrdiff_t(from), frames.end()}));
}

ObjectRef object_of(const scene::LockView& lock) {
  ObjectRef ref;
  ref.type = lock.object;
  ref.member = lock.member;
  if (lock.object_address) ref.address = hex(lock.object_address);
  else ref.address = hex(lock.address);
  if (!lock.member.empty()) ref.members.push_back(lock.member);
  return ref;
}

std::string lock_command(const scene::LockView& lock) { return "locks " + bare_hex(lock.address); }

std::string add_wait(Dossier& dossier, const scene::LockGraphView& graph, const scene::WaitView& wait) {
  const auto& lock = graph.locks[wait.lock];
  std::string claim = fmt::format("{} {} {}, in {}", words(wait.task), wait.spins ? "spins for" : "waits for", words(lock), where(wait.frames, wait.asker));
  if (wait.seconds) claim += fmt::format(", for {:.1f} s", *wait.seconds);
  return dossier.add(Origin::kGraph, claim, lock_command(lock), {{"task", hex(wait.task.address)}, {"pid", fmt::format("{}", wait.task.pid)}, {"lock", hex(lock.address)}});
}

std::string add_holder(Dossier& dossier, const scene::LockView& lock, const scene::LockHolder& holder) {
  std::string claim = fmt::format("{} {} {}{} ({})", words(lock), lock.has_owner() ? "is held by" : "is for", words(holder.task), holder.reader ? ", to read" : lock.has_owner() ? "" : " to complete", holder.how);
  claim = capital(claim);
  if (!holder.taken_at.empty()) claim += fmt::format("; it took it in {}", source_text(holder.taken_at));
  return dossier.add(Origin::kGraph, claim, lock_command(lock), {{"lock", hex(lock.address)}, {"owner", hex(holder.task.address)}, {"pid", fmt::format("{}", holder.task.pid)}});
}

Guilty guilty_between(const scene::LockHolder& holder, const scene::WaitView& wait) {
  Guilty innermost = wait.asker < wait.frames.size() ? guilty_of({wait.frames.begin() + std::ptrdiff_t(wait.asker), wait.frames.end()}) : Guilty{};
  if (!holder.taken_frame || *holder.taken_frame < wait.asker || *holder.taken_frame >= wait.frames.size()) return innermost;
  const auto& frame = wait.frames[*holder.taken_frame];
  // From the concrete function inward, as long as both are in the same inlined copy: told by the line of the call into it.
  size_t common = 0;
  while (common < frame.source.size() && common < holder.taken_at.size()) {
    const auto& now = frame.source[frame.source.size() - 1 - common];
    const auto& then = holder.taken_at[holder.taken_at.size() - 1 - common];
    if (now.function != then.function) break;
    common++;
    if (now.line != then.line) break;
  }
  if (!common) return innermost;
  const auto& at = frame.source[frame.source.size() - common];
  return {at.function, at.file, frame.module, at.line};
}

void doubt_if_it_spins(Verdict& v, const scene::CrashScene& scene, const StuckCpu& stuck, Dossier& dossier) {
  const auto* graph = scene.locks();
  for (size_t w = 0; graph && w < graph->waits.size(); w++)
    if (graph->waits[w].spins && graph->waits[w].task.running_on == stuck.cpu) {
      v.evidence.push_back(add_wait(dossier, *graph, graph->waits[w]));
      v.confidence = 0.4;
    }
}

}  // namespace inquest::inquiry::causes
