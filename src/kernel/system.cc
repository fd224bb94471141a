#include "kernel/system.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "kernel/kernel_view.h"
#include "kernel/modules.h"

namespace inquest::kernel {

namespace {

constexpr uint64_t kUtsLength = 65;        // __NEW_UTS_LEN + 1, include/uapi/linux/utsname.h
constexpr uint64_t kMaxNodes = 1024;       // NODES_SHIFT is 10 at most
constexpr double kLoadUnit = 2048;         // FIXED_1, include/linux/sched/loadavg.h

class SystemReader {
 public:
  SystemReader(const object::Program& program, const PerCpu& per_cpu) : view_(program), per_cpu_(&per_cpu) {}

  SystemFacts read(const std::string& log) {
    const dump::Dump& dump = view_.program().dump();
    if (const auto* vmlinux = view_.program().kernel().debug_file()) facts_.kernel = vmlinux->path();
    facts_.dumpfiles = dump.paths();
    facts_.partial = dump.facts().partial;
    read_names();
    read_cpus();
    read_clock();
    read_load();
    read_memory();
    read_taints();
    FatalLines fatal = fatal_lines(log);
    facts_.panic = fatal.panic;
    facts_.oops_line = fatal.oops_line;
    facts_.panic_line = fatal.panic_line;
    read_crashing_cpu(fatal.cpu);
    return std::move(facts_);
  }

 private:
  // struct new_utsname is six arrays of 65; it was behind a counter in struct uts_namespace until 9a56493f6942.
  void read_names() {
    facts_.release = view_.program().layout().identity.release;
    facts_.machine = view_.program().arch().name;
    auto space = view_.symbol("init_uts_ns");
    if (!space) return;
    auto name = view_.offset("uts_namespace", "name");
    for (uint64_t at = 0; !name && at <= 64; at += 4)
      if (view_.text(*space + at, kUtsLength) == "Linux") name = at;
    if (!name || view_.text(*space + *name, kUtsLength) != "Linux") return;
    auto field = [&](uint64_t i) { return view_.text(*space + *name + i * kUtsLength, kUtsLength); };
    facts_.nodename = field(1);
    if (std::string release = field(2); !release.empty()) facts_.release = release;
    facts_.version = field(3);
    if (std::string machine = field(4); !machine.empty()) facts_.machine = machine;
  }

  // A CPU that finished its bring-up has cpuhp_state.state == CPUHP_ONLINE (4.6+, cff7d378d3fd); panic() and reboot clear the online mask
  // alone, an operator's hotplug moves the state.
  void read_cpus() {
    auto online_state = view_.enumerator("CPUHP_ONLINE");
    auto state = view_.field("cpuhp_cpu_state", "state");
    if (online_state && state) {
      for (int cpu : per_cpu_->possible())
        if (auto at = per_cpu_->address("cpuhp_state", cpu))
          if (auto v = view_.read(*at, *state); v.ok() && int64_t(int32_t(*v)) == *online_state) facts_.cpus_present.push_back(cpu);
    }
    if (facts_.cpus_present.empty()) facts_.cpus_present = read_cpu_mask(view_.program(), "present");
    if (facts_.cpus_present.empty()) facts_.cpus_present = per_cpu_->online();
    if (facts_.cpus_present.empty()) return;
    facts_.cpus = int(facts_.cpus_present.size());
    if (per_cpu_->online().empty()) return;
    int offline = 0;
    for (int cpu : facts_.cpus_present)
      if (!std::binary_search(per_cpu_->online().begin(), per_cpu_->online().end(), cpu)) offline++;
    facts_.cpus_offline = offline;
  }

  // static struct { seqcount; struct timekeeper timekeeper; } tk_core since 3.17 (3fdb14fd1df7), a struct tk_data in 6.13, an array of them from 6.17 on;
  // struct timekeeper timekeeper before.
  std::optional<VirtualAddress> timekeeper() const {
    for (const char* name : {"tk_core", "timekeeper_data"}) {
      auto at = view_.symbol(name);
      if (!at) continue;
      std::optional<Field> inside = view_.variable_field(name, "timekeeper");
      if (!inside) inside = view_.variable_field(name, "[0].timekeeper");
      if (!inside) inside = view_.field("tk_data", "timekeeper");
      return *at + (inside ? inside->offset : 8);  // the sequence counter alone is in front
    }
    return view_.symbol("timekeeper");
  }

  void read_clock() {
    auto at = timekeeper();
    auto get = [&](std::string_view member) -> std::optional<uint64_t> {
      auto f = view_.field("timekeeper", member);
      return at && f ? view_.read(*at, *f).maybe() : std::nullopt;
    };
    auto seconds = get("xtime_sec"), fine = get("tkr_mono.xtime_nsec");
    // A clock that nobody set begins at 0 and runs all the same: an uptime, and no date. Nothing but zeroes: not read, or before the clock was there.
    if (seconds && *seconds < (uint64_t{1} << 40) && (*seconds > 0 || fine.value_or(0) > 0)) {
      if (*seconds > 0) facts_.date = int64_t(*seconds);
      auto offset_seconds = get("wall_to_monotonic.tv_sec"), offset_ns = get("wall_to_monotonic.tv_nsec"), sleep = get("offs_boot");
      auto shift = get("tkr_mono.shift");
      if (offset_seconds && offset_ns) {
        double up = double(int64_t(*seconds + *offset_seconds)) + double(int64_t(*offset_ns)) / 1e9;
        if (fine && shift && *shift < 64) up += double(*fine >> *shift) / 1e9;
        if (sleep) up += double(int64_t(*sleep)) / 1e9;  // suspended time counts, as in /proc/uptime
        if (up >= 0) facts_.uptime_seconds = up;
      }
    }
    if (facts_.date) return;
    if (auto time = view_.program().layout().identity.vmcoreinfo.text("CRASHTIME")) {
      int64_t v = 0;
      if (std::from_chars(time->data(), time->data() + time->size(), v).ec == std::errc() && v > 0) facts_.date = v;
    }
  }

  void read_load() {
    auto at = view_.symbol("avenrun");
    if (!at) return;
    std::array<double, 3> load{};
    for (size_t i = 0; i < 3; i++) {
      auto v = view_.memory().read_u64(*at + 8 * i);
      if (!v.ok()) return;
      load[i] = double(*v) / kLoadUnit;
    }
    facts_.load_average = load;
  }

  // node_present_pages of every node: what crash calls MEMORY. contig_page_data without NUMA.
  void read_memory() {
    auto present = view_.field("pglist_data", "node_present_pages");
    if (!present) return;
    uint64_t pages = 0;
    bool any = false;
    auto add = [&](VirtualAddress node) {
      auto v = view_.read(node, *present);
      if (v.ok() && *v < (uint64_t{1} << 40)) pages += *v, any = true;
    };
    if (auto table = view_.symbol("node_data")) {
      uint64_t count = std::clamp<uint64_t>(view_.symbol_size("node_data") / 8, 1, kMaxNodes);
      for (uint64_t i = 0; i < count; i++)
        if (auto node = view_.memory().read_pointer(*table + 8 * i); node.ok() && view_.is_kernel_address(*node)) add(*node);
    } else if (auto node_at = view_.symbol("contig_page_data")) {
      add(*node_at);
    }
    if (any) facts_.memory_bytes = pages * view_.memory().format().page_size();
  }

  void read_taints() {
    auto mask = view_.variable("tainted_mask");
    if (!mask) mask = view_.variable("tainted", 4);  // before 2.6.28
    if (!mask) return;
    facts_.taint_mask = *mask;
    for (char letter : taint_letters(*mask, true)) facts_.taints.emplace_back(1, letter);
  }

  // panic_cpu since 4.5 (1717f2096b54), -1 while none; crashing_cpu: set by crash_kexec's way out on x86.
  void read_crashing_cpu(std::optional<int> by_log) {
    auto is_cpu = [&](int cpu) { return per_cpu_->offset(cpu).has_value(); };
    for (const char* name : {"panic_cpu", "crashing_cpu"}) {
      auto v = view_.variable(name, 4);
      if (!v || int32_t(*v) < 0 || !is_cpu(int32_t(*v))) continue;
      // A crashing_cpu that was never set is -1 on x86; other architectures have 0 there, which says nothing.
      if (std::string_view(name) == "crashing_cpu" && *v == 0 && by_log && *by_log != 0) continue;
      facts_.crashing_cpu = int32_t(*v);
      facts_.crashing_cpu_how = name;
      return;
    }
    if (!by_log) return;
    facts_.crashing_cpu = by_log;
    facts_.crashing_cpu_how = "the log's oops";
  }

  KernelView view_;
  const PerCpu* per_cpu_;
  SystemFacts facts_;
};

}  // namespace

SystemFacts read_system(const object::Program& program, const PerCpu& per_cpu, const std::string& log) {
  return SystemReader(program, per_cpu).read(log);
}

}  // namespace inquest::kernel
