#include "report/words.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

namespace inquest::report {

namespace {

std::string bytes_text(uint64_t bytes) {
  if (bytes >= (uint64_t{1} << 40)) return fmt::format("{:.1f} TB", double(bytes) / double(uint64_t{1} << 40));
  if (bytes >= (uint64_t{1} << 30)) return fmt::format("{:.1f} GB", double(bytes) / double(uint64_t{1} << 30));
  return fmt::format("{} MB", bytes >> 20);
}

std::string uptime_text(double seconds) {
  if (!(seconds >= 0) || seconds > 1e12) return "";
  auto s = uint64_t(seconds);
  std::string days = s >= 86400 ? fmt::format("{} days, ", s / 86400) : "";
  return days + fmt::format("{:02}:{:02}:{:02}", s / 3600 % 24, s / 60 % 60, s % 60);
}

std::string dump_text(const Report& r) {
  if (r.facts.format.empty()) return r.path;
  std::string more = r.facts.partial ? ", partial" : "";
  if (r.facts.incomplete) more += ", INCOMPLETE";
  return fmt::format("{}  [{}{}]", r.path, r.facts.format, more);
}

}  // namespace

namespace {

std::string chain(const std::vector<scene::SourceRef>& source, std::string_view said) {
  std::string text;
  for (size_t i = 0; i < source.size(); i++) {
    if (source.size() > 4 && i == 2) {
      text += fmt::format(" <- … {} more", source.size() - 3);
      i = source.size() - 1;
    }
    std::string line = source[i].line ? fmt::format("{}:{}", source[i].file, source[i].line) : "";
    bool known = i + 1 == source.size() && source[i].function == said;
    std::string name = known ? "" : source[i].function + (line.empty() ? "" : " ");
    if (name.empty() && line.empty()) continue;
    text += (text.empty() ? "" : " <- ") + name + line;
  }
  return text;
}

}  // namespace

std::string source_text(const std::vector<scene::SourceRef>& source) { return chain(source, ""); }

// "do_execveat_common.isra.0" is do_execveat_common, changed by the compiler.
std::string frame_source(const scene::FrameView& f) { return chain(f.source, std::string_view(f.symbol).substr(0, f.symbol.find('.'))); }

std::string frame_name(const scene::FrameView& f) {
  if (f.symbol.empty()) return fmt::format("0x{:x}", f.address);
  return fmt::format("{}+0x{:x}{}", f.symbol, f.offset, f.module.empty() ? "" : " [" + f.module + "]");
}

std::string frame_notes(const scene::FrameView& f) {
  std::string notes;
  if (f.garbage) notes += "  (no code: a wild jump)";
  if (f.user) notes += "  (user)";
  if (!f.reliable) notes += "  (?)";
  if (f.tail_calls_missing) notes += "  (tail calls in between are gone)";
  return notes;
}

std::vector<scene::FrameView> reliable(const std::vector<scene::FrameView>& frames) {
  std::vector<scene::FrameView> good;
  std::copy_if(frames.begin(), frames.end(), std::back_inserter(good), [](const scene::FrameView& f) { return f.reliable; });
  return good.empty() ? frames : good;
}

std::string headline(const scene::EventView& event) { return event.event.header.empty() ? event.event.title : event.event.header; }

std::string whereabouts(const scene::EventView& event) {
  const auto& e = event.event;
  std::string text;
  auto add = [&](const std::string& what) { text += (text.empty() ? "" : ", ") + what; };
  if (e.cpu) add(fmt::format("CPU {}", *e.cpu));
  if (e.pid) add(fmt::format("pid {}{}", *e.pid, e.comm.empty() ? "" : " " + e.comm));
  else if (!e.comm.empty()) add(e.comm);
  if (!e.context.empty() && e.context != "task") add(e.context);
  if (!e.workqueue.empty()) add("workqueue " + e.workqueue);
  return text;
}

std::vector<std::pair<std::string, std::string>> environment(const Report& r) {
  const auto& s = r.facts.system;
  std::vector<std::pair<std::string, std::string>> lines;
  auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) lines.push_back({name, value});
  };
  add("KERNEL", s.kernel);
  add("DUMPFILE", dump_text(r));
  if (s.cpus) add("CPUS", fmt::format("{}{}", *s.cpus, s.cpus_offline && *s.cpus_offline ? fmt::format(" [OFFLINE: {}]", *s.cpus_offline) : ""));
  constexpr int64_t kLastDate = 253402300799;  // 9999-12-31: memory may say anything
  if (s.date && *s.date >= 0 && *s.date <= kLastDate) add("DATE", fmt::format("{:%F %T} UTC", fmt::gmtime(std::time_t(*s.date))));
  if (s.uptime_seconds) add("UPTIME", uptime_text(*s.uptime_seconds));
  if (s.load_average) add("LOAD AVERAGE", fmt::format("{:.2f}, {:.2f}, {:.2f}", (*s.load_average)[0], (*s.load_average)[1], (*s.load_average)[2]));
  if (s.tasks) add("TASKS", fmt::format("{}", *s.tasks));
  add("NODENAME", s.nodename);
  add("RELEASE", s.release);
  add("VERSION", s.version);
  add("MACHINE", s.machine.empty() ? r.facts.arch : s.machine);
  if (s.memory_bytes) add("MEMORY", bytes_text(*s.memory_bytes));
  add("PANIC", s.panic.empty() ? "" : "\"" + s.panic + "\"");
  std::string taints;
  for (const auto& t : s.taints) taints += (taints.empty() ? "" : ", ") + t;
  add("TAINTS", taints);
  return lines;
}

bool matters(const Report& r, const scene::EventView& event) {
  if (event.id == r.fatal_event || event.event.primary) return true;
  if (r.inquiry.verdicts.empty()) return false;
  for (const auto& id : r.inquiry.verdicts.front().evidence)
    if (const auto* e = find_evidence(r, id))
      for (const auto& [name, value] : e->values)
        if (name == "event" && value == event.id) return true;
  return false;
}

const Quote* find_quote(const Report& report, const std::string& file, int line) {
  for (const auto& q : report.quotes)
    if (q.file == file && q.line == line) return &q;
  return nullptr;
}

const inquiry::Evidence* find_evidence(const Report& report, const std::string& id) {
  for (const auto& e : report.inquiry.dossier.evidence())
    if (e.id == id) return &e;
  return nullptr;
}

}  // namespace inquest::report
