#include "kernel/log_buffer.h"

#include <fmt/format.h>

#include "kernel/kernel_view.h"
#include "kernel/log_formats.h"

namespace inquest::kernel {

namespace {

// print_time() and print_caller() of kernel/printk/printk.c.
std::string prefix_of(const LogRecord& r, bool with_caller, bool with_level) {
  std::string prefix;
  if (with_level && r.level >= 0) prefix = fmt::format("<{}>", r.facility * 8 + r.level);
  prefix += fmt::format("[{:5}.{:06}]", r.nanoseconds / 1000000000, r.nanoseconds % 1000000000 / 1000);
  if (with_caller && r.caller)
    prefix += fmt::format("[{:>6}]", fmt::format("{}{}", *r.caller & 0x80000000u ? 'C' : 'T', *r.caller & ~0x80000000u));
  return prefix + " ";
}

std::pair<std::string_view, std::string_view> split_member(std::string_view dotted) {
  size_t dot = dotted.find('.');
  if (dot == std::string_view::npos) return {dotted, {}};
  return {dotted.substr(0, dot), dotted.substr(dot + 1)};
}

}  // namespace

std::string LogText::text(bool with_levels) const {
  std::string all;
  for (const LogRecord& r : records) {
    std::string prefix = prefix_of(r, callers_shown, with_levels);
    if (r.continues && !all.empty()) {
      all.pop_back();  // the newline
      all += r.text + "\n";
      continue;
    }
    std::string_view rest = r.text;
    while (true) {
      size_t end = rest.find('\n');
      all += prefix;
      all += rest.substr(0, end);
      all += '\n';
      if (end == std::string_view::npos || end + 1 == rest.size()) break;
      rest.remove_prefix(end + 1);
    }
  }
  return all;
}

LogLayoutSource log_layout(const target::Vmcoreinfo& vmcoreinfo) {
  LogLayoutSource source;
  source.symbol = [&vmcoreinfo](std::string_view name) { return vmcoreinfo.symbol(name); };
  source.offset = [&vmcoreinfo](std::string_view name) { return vmcoreinfo.offset(name); };
  source.size = [&vmcoreinfo](std::string_view name) { return vmcoreinfo.size(name); };
  return source;
}

LogLayoutSource log_layout(const object::Program& program) {
  const target::Vmcoreinfo& note = program.layout().identity.vmcoreinfo;
  KernelView view(program);
  LogLayoutSource source;
  source.symbol = [&note, view](std::string_view name) -> std::optional<uint64_t> {
    if (auto v = note.symbol(name)) return v;
    auto at = view.symbol(name);
    return at ? std::optional(at->value) : std::nullopt;
  };
  source.offset = [&note, view](std::string_view name) -> std::optional<uint64_t> {
    if (auto v = note.offset(name)) return v;
    auto [type, member] = split_member(name);
    return view.offset(type, member);
  };
  source.size = [&note, view](std::string_view name) -> std::optional<uint64_t> {
    if (auto v = note.size(name)) return v;
    return view.size_of(name);
  };
  return source;
}

Result<uint64_t> need(const std::optional<uint64_t>& value, std::string_view what) {
  if (value) return *value;
  return Error(ErrorCode::kNotFound, fmt::format("{} is not known", what));
}

Result<LogText> read_log(const target::AddressSpace& memory, const LogLayoutSource& layout) {
  if (layout.symbol("prb")) return read_log_ring(memory, layout).in("the log's ring buffer");
  if (layout.symbol("log_buf") && layout.symbol("log_next_idx")) return read_log_records(memory, layout).in("the log's records");
  return Error(ErrorCode::kNotFound, "the kernel's log: neither `prb` (5.10+) nor `log_buf` with `log_next_idx` (3.5 to 5.9) is known");
}

}  // namespace inquest::kernel
