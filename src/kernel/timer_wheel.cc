#include "kernel/timer_wheel.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

namespace inquest::kernel {

namespace {

constexpr uint64_t kMaxBases = 8, kMaxBuckets = 4096;
constexpr size_t kMaxTimers = 1 << 20;

struct WheelReader {
  explicit WheelReader(const object::Program& program) : view(program) {
    vectors = view.field("timer_base", "vectors");
    clock = view.field("timer_base", "clk");
    running = view.field("timer_base", "running_timer");
    base_size = view.size_of("timer_base");
    entry = view.offset("timer_list", "entry");
    expires = view.field("timer_list", "expires");
    function = view.field("timer_list", "function");
  }
  bool complete() const { return vectors && clock && base_size && *base_size && entry && expires && function; }

  // A bucket is an hlist. A timer that is met twice ends it: a cycle, or two chains run into one.
  void read_bucket(uint64_t first, TimerBase& base) {
    for (uint64_t node = first; node;) {
      if (base.timers.size() >= kMaxTimers || !met.insert(node).second) return say(base, fmt::format("the chain at {:x} leads to a timer that was met before", first));
      PendingTimer t;
      t.timer = VirtualAddress(node) - *entry;
      auto when = view.read(t.timer, *expires), call = view.read(t.timer, *function);
      auto next = view.memory().read_u64(VirtualAddress(node));
      if (!when.ok() || !call.ok() || !next.ok()) return say(base, fmt::format("the timer at {:x} cannot be read", t.timer.value));
      t.expires = *when;
      t.function = VirtualAddress(*call);
      base.timers.push_back(t);
      node = *next;
    }
  }

  static void say(TimerBase& base, const std::string& what) {
    if (base.problem.size() < 200) base.problem += (base.problem.empty() ? "" : "; ") + what;
  }

  TimerBase read_base(VirtualAddress at) {
    TimerBase base;
    base.address = at;
    base.clock = view.read(at, *clock).value_or(0);
    if (running) base.running = VirtualAddress(view.read(at, *running).value_or(0));
    std::vector<std::byte> heads(std::min(vectors->bytes / 8, kMaxBuckets) * 8);
    if (auto done = view.memory().read(at + vectors->offset, heads); !done.ok()) {
      base.problem = done.error().message();
      return base;
    }
    for (size_t i = 0; i < heads.size(); i += 8) read_bucket(load_unchecked<uint64_t>(heads.data() + i), base);
    std::stable_sort(base.timers.begin(), base.timers.end(), [](const auto& a, const auto& b) { return int64_t(a.expires - b.expires) < 0; });
    return base;
  }

  KernelView view;
  std::optional<Field> vectors, clock, running, expires, function;
  std::optional<uint64_t> base_size, entry;
  std::unordered_set<uint64_t> met;
};

}  // namespace

TimerWheels read_timer_wheels(const object::Program& program, const PerCpu& per_cpu) {
  TimerWheels wheels;
  WheelReader reader(program);
  wheels.jiffies = reader.view.variable("jiffies_64");
  auto size = reader.view.variable_type("timer_bases");
  if (!reader.complete() || !size || !size->size()) {
    wheels.problem = "this kernel's timer wheels (timer_bases, timer_base.vectors) are not known";
    return wheels;
  }
  uint64_t count = std::min(*size->size() / *reader.base_size, kMaxBases);
  for (int cpu : per_cpu.possible()) {
    auto at = per_cpu.address("timer_bases", cpu);
    for (uint64_t i = 0; at && i < count; i++) {
      wheels.bases.push_back(reader.read_base(*at + i * *reader.base_size));
      wheels.bases.back().cpu = cpu;
      wheels.bases.back().number = unsigned(i);
    }
  }
  return wheels;
}

}  // namespace inquest::kernel
