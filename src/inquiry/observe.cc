// What is seen before anybody concludes: the fatal event, the earlier one that touches the same object, equal values between them,
// a jump to what is no code and the call it came from.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "inquiry/inquest.h"

namespace inquest::inquiry {

namespace {

using oops::EventKind;

bool is_fatal(const oops::Event& e) {
  switch (e.kind) {
    case EventKind::kWarning: case EventKind::kLockdep: case EventKind::kUbsan: case EventKind::kRcuStall: case EventKind::kHungTask:
    case EventKind::kWorkqueueLockup: case EventKind::kNetdevWatchdog: case EventKind::kPageAllocationFailure: case EventKind::kTrace: case EventKind::kOther:
    case EventKind::kKasan: case EventKind::kKfence: case EventKind::kKcsan: case EventKind::kKmsan: case EventKind::kSlub: case EventKind::kRefcount:
    case EventKind::kMemoryLeak: case EventKind::kSleepingInAtomic: case EventKind::kOutOfMemory: return false;
    case EventKind::kPanic: return true;
    default: return true;
  }
}

// Values worth comparing between events: they look like addresses of kernel objects.
bool is_object_like(const scene::CrashScene& scene, uint64_t v) { return v >= 0xff00000000000000 && v < 0xfffffffffffff000 && !scene.is_text(v); }

const scene::RegisterMeaning* meaning_of(const scene::EventView& event, const std::string& reg) {
  for (const auto& m : event.registers)
    if (m.reg == reg) return &m;
  return nullptr;
}

// An earlier register that holds the start of an object tells of every place in it; without types, a place in the first kilobyte is taken
// as in it when nothing nearer is found.
constexpr uint64_t kReach = 1024, kNear = 128;

void link_events(const scene::CrashScene& scene, const scene::EventView& earlier, const scene::EventView& fatal, std::vector<Link>& links) {
  auto add = [&](const oops::Register& r, const std::string& what, uint64_t value, int64_t plus) {
    Link link{earlier.id, fatal.id, r.name, what, value, "", plus};
    if (const auto* m = meaning_of(earlier, r.name)) link.meaning = m->text;
    links.push_back(std::move(link));
  };
  auto target = fatal.event.fault_address;
  std::vector<oops::Register> near;
  bool exact = false;
  for (const auto& r : earlier.event.registers) {
    if (!is_object_like(scene, r.value) || r.name == "rsp" || r.name == "sp" || r.name == "gs" || r.name == "x29") continue;
    if (target && r.value == *target) {
      add(r, "fault address", r.value, 0);
      exact = true;
    } else if (target && *target > r.value && *target - r.value < kReach) {
      near.push_back(r);
    }
  }
  if (!target || near.empty()) return;
  // The nearest register below: likely the object that holds the place. With an exact match it only adds the object.
  auto nearest = std::max_element(near.begin(), near.end(), [](const oops::Register& a, const oops::Register& b) { return a.value < b.value; });
  if (!exact || *target - nearest->value <= kNear) add(*nearest, "fault address", *target, int64_t(*target - nearest->value));
}

// What a panic's own words name as its reason, among the events before it (each word list: the panic() calls of kernel/hung_task.c,
// kernel/watchdog.c, kernel/rcu/tree_stall.h, kernel/panic.c, mm/oom_kill.c).
const scene::EventView* panic_follows(const scene::CrashScene& scene, const scene::EventView& panic) {
  struct Words {
    const char* words;
    std::vector<EventKind> kinds;
  };
  static const Words kReasons[] = {
      {"hung_task: blocked tasks", {EventKind::kHungTask}},
      {"softlockup: hung tasks", {EventKind::kSoftLockup}},
      {"Hard LOCKUP", {EventKind::kHardLockup}},
      {"RCU Stall", {EventKind::kRcuStall}},
      {"panic_on_warn set", {EventKind::kWarning, EventKind::kRefcount, EventKind::kKasan, EventKind::kUbsan, EventKind::kKfence, EventKind::kKcsan, EventKind::kKmsan,
                             EventKind::kListCorruption, EventKind::kSleepingInAtomic, EventKind::kSchedulingWhileAtomic, EventKind::kLockdep}},
      {"scheduling while atomic", {EventKind::kSchedulingWhileAtomic}},
      {"Out of memory", {EventKind::kOutOfMemory}},
      {"System is deadlocked on memory", {EventKind::kOutOfMemory}},
      {"out of memory", {EventKind::kOutOfMemory}},
  };
  for (const Words& reason : kReasons) {
    if (panic.event.header.find(reason.words) == std::string::npos) continue;
    const scene::EventView* found = nullptr;
    for (const auto& e : scene.events()) {
      if (&e == &panic) break;
      if (std::find(reason.kinds.begin(), reason.kinds.end(), e.event.kind) != reason.kinds.end()) found = &e;
    }
    if (found) return found;
  }
  return &panic;
}

std::optional<uint64_t> program_counter(const scene::EventView& event) {
  if (event.pc) return event.pc;
  for (const char* name : {"rip", "pc", "eip", "epc", "nip"})
    if (auto v = event.event.reg(name)) return v;
  return std::nullopt;
}

}  // namespace

ListShape list_shape(const scene::CrashScene& scene, uint64_t address) {
  ListShape shape;
  auto reading = scene.read(address, 16);
  if (!reading.ok()) return shape;
  shape.readable = true;
  shape.next = load_unchecked<uint64_t>(reading.bytes.data());
  shape.prev = load_unchecked<uint64_t>(reading.bytes.data() + 8);
  shape.self_next = shape.next == address;
  shape.self_prev = shape.prev == address;
  // include/linux/poison.h: 0x100 and 0x122 (0x200 before 4.15) above POISON_POINTER_DELTA.
  shape.poison = (shape.next & 0xfff) == 0x100 && ((shape.prev & 0xfff) == 0x122 || (shape.prev & 0xfff) == 0x200) && (shape.next >> 32) == (shape.prev >> 32);
  return shape;
}

static void observe_jump(const scene::CrashScene& scene, Observations& seen) {
  auto pc = program_counter(*seen.fatal);
  if (!pc) return;
  bool no_code = scene.facts().has_dump ? !scene.is_text(*pc) : (seen.fatal->event.function.empty() || seen.fatal->event.function.starts_with("0x")) && seen.fatal->event.fault_address == pc;
  if (!no_code) return;
  seen.jumped_to = pc;
  if (scene.crashed()) {
    const auto& frames = scene.crashed()->frames;
    for (size_t i = 0; i + 1 < frames.size(); i++) {
      if (!frames[i].garbage) continue;
      seen.caller_frames.assign(frames.begin() + std::ptrdiff_t(i) + 1, frames.end());
      seen.caller_how = frames[i + 1].trust;
      break;
    }
  }
  if (seen.caller_frames.empty()) {
    if (auto lr = seen.fatal->link; lr && scene.is_text(*lr)) {
      scene::FrameView frame;
      frame.address = *lr;
      frame.symbol = seen.fatal->event.link.symbol;
      frame.offset = seen.fatal->event.link.offset.value_or(0);
      seen.caller_frames = {frame};
      seen.caller_how = "lr";
    }
  }
  if (!seen.caller_frames.empty()) {
    seen.caller = &seen.caller_frames.front();
    seen.call = scene.jump_below(seen.caller->address);
  }
}

// What the kernel said of an object before (its counter, its red zone, its list) explains what is read from that object later, however the fault
// address looks: of a NULL it is the offset of a member.
static void link_by_object(const scene::CrashScene& scene, Observations& seen) {
  using Kind = scene::Identity::Kind;
  std::vector<uint64_t> objects;
  auto keep = [&](const scene::Identity& id) {
    if (id.kind == Kind::kSlab) objects.push_back(id.object_start);
  };
  if (!seen.suspect) return;
  keep(seen.suspect->holder);
  if (!seen.suspect->executed) keep(seen.suspect->identity);
  if (objects.empty()) return;
  for (const auto& e : scene.events()) {
    if (&e == seen.fatal) break;
    bool tells = e.event.kind == EventKind::kRefcount || e.event.kind == EventKind::kKasan || e.event.kind == EventKind::kKfence || e.event.kind == EventKind::kSlub ||
                 e.event.kind == EventKind::kListCorruption;
    if (!tells || (seen.warning && seen.warning != &e)) continue;
    for (const auto& r : e.event.registers) {
      auto id = is_object_like(scene, r.value) ? scene.identify(r.value) : scene::Identity{};
      if (id.kind != Kind::kSlab || std::find(objects.begin(), objects.end(), id.object_start) == objects.end()) continue;
      const auto* m = meaning_of(e, r.name);
      seen.links.push_back({e.id, seen.fatal->id, r.name, "object", r.value, m ? m->text : "", 0});
      seen.warning = &e;
      break;
    }
  }
}

static void observe_suspect(const scene::CrashScene& scene, Observations& seen) {
  auto back = seen.caller ? std::optional(seen.caller->address) : std::nullopt;
  seen.suspect = find_suspect(scene, *seen.fatal, seen.jumped_to, back);
}

// Only its first line is left: another CPU's report was printed into it.
static bool bare(const scene::EventView& e) { return !e.pc && e.event.function.empty() && e.event.registers.empty() && e.frames.empty(); }

// The first event that kills by itself; else the one that a panic was told to follow (panic_on_warn, hung_task_panic and the like).
static const scene::EventView* fatal_event(const scene::CrashScene& scene) {
  const scene::EventView *oops = nullptr, *led_to_panic = nullptr, *panic = nullptr;
  for (const auto& e : scene.events()) {
    if (e.event.kind == EventKind::kPanic) panic = panic ? panic : &e;
    else if (is_fatal(e.event) && (!oops || (bare(*oops) && !bare(e)))) oops = &e;
    else if (e.event.panicked) led_to_panic = led_to_panic ? led_to_panic : &e;
  }
  if (oops) return oops;
  if (led_to_panic) return led_to_panic;
  if (!panic) return nullptr;
  return panic_follows(scene, *panic);
}

Observations observe(const scene::CrashScene& scene, Dossier& dossier) {
  Observations seen;
  seen.fatal = fatal_event(scene);
  if (!seen.fatal) return seen;
  for (const auto& e : scene.events()) {
    if (&e == seen.fatal) break;
    std::vector<Link> links;
    link_events(scene, e, *seen.fatal, links);
    if (links.empty()) continue;
    if (!seen.warning) seen.warning = &e;
    seen.links.insert(seen.links.end(), links.begin(), links.end());
  }
  observe_jump(scene, seen);
  observe_suspect(scene, seen);
  link_by_object(scene, seen);
  if (seen.warning && seen.warning->event.time && seen.fatal->event.time)
    seen.gap_milliseconds = std::round((*seen.fatal->event.time - *seen.warning->event.time) * 1e6) / 1e3;
  (void)dossier;
  return seen;
}

std::string add_identity(const scene::CrashScene& scene, Dossier& dossier, uint64_t address, const std::string& what) {
  scene::Identity id = scene.identify(address);
  if (id.kind == scene::Identity::Kind::kUnknown) return "";
  std::vector<std::pair<std::string, std::string>> values = {{"address", hex(address)}, {"kind", scene::name_of(id.kind)}};
  if (id.kind == scene::Identity::Kind::kSlab) {
    values.push_back({"cache", id.cache});
    values.push_back({"object_start", hex(id.object_start)});
    values.push_back({"offset", hex(id.offset)});
    values.push_back({"state", !id.free ? "unknown" : *id.free ? "free" : "allocated"});
  }
  return dossier.add(Origin::kMemory, fmt::format("{} {} is {}", what, hex(address), id.text),
                     (id.kind == scene::Identity::Kind::kSlab ? "kmem " : "whatis ") + bare_hex(address), std::move(values));
}

}  // namespace inquest::inquiry
