#include "shell/log_filter.h"

#include <fmt/format.h>

#include <cctype>
#include <optional>

#include "oops/cpu_line.h"
#include "oops/line.h"

namespace inquest::shell {

namespace {

bool is_hex(char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; }
// kallsyms names; a demangled Rust one ("core::ptr::drop") is not looked up, but must not be cut in two.
bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '$'; }

struct Place {
  size_t start = 0, end = 0;
  ModuleName module;
};

// " [nfsd]", " [nfsd(OE)]", " [nfsd 5f2a…]" (CONFIG_STACKTRACE_BUILD_ID, 5.14).
ModuleName module_behind(std::string_view rest) {
  ModuleName module;
  if (!rest.starts_with(" [")) return module;
  size_t close = rest.find(']');
  if (close == rest.npos || close > 160) return module;
  std::string_view inside = rest.substr(2, close - 2);
  std::string_view name = inside.substr(0, inside.find_first_of(" ("));
  for (char c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '-') return module;
  module.name = std::string(name);
  size_t blank = inside.find(' ');
  std::string_view id = blank == inside.npos ? std::string_view() : inside.substr(blank + 1);
  if (id.size() < 16) return module;
  for (char c : id)
    if (!is_hex(c)) return module;
  module.build_id = std::string(id);
  return module;
}

// The next "name+0xoff/0xsize".
std::optional<Place> next_place(std::string_view line, size_t from) {
  for (size_t plus = line.find("+0x", from); plus != line.npos; plus = line.find("+0x", plus + 1)) {
    size_t start = plus, end = plus + 3;
    while (start > from && is_name(line[start - 1])) start--;
    while (start < plus && line[start] == '.') start++;  // big-endian powerpc's function entries
    while (end < line.size() && is_hex(line[end])) end++;
    if (start == plus || end == plus + 3 || !line.substr(end).starts_with("/0x")) continue;
    if (start > from && line[start - 1] == ':' && start > from + 1 && line[start - 2] == ':') continue;
    size_t size = end += 3;
    while (end < line.size() && is_hex(line[end])) end++;
    if (end == size || end - start > 512) continue;
    return Place{start, end, module_behind(line.substr(end))};
  }
  return std::nullopt;
}

// Lines whose address is the program counter itself.
bool names_pc(std::string_view line) {
  for (std::string_view mark : {"RIP: ", "EIP: ", "EIP is at ", " IP: ", "pc : ", "PC is at ", "NIP ", "NIP: ", "epc : ", "epc: ", "ERA: ", "WARNING: ", "Krnl PSW", "IAOQ[0]: ", "TPC: "})
    if (line.find(mark) != line.npos) return true;
  return line.starts_with("IP: ");
}

std::string words_for(const Symbolized& resolved) {
  std::string out = " (";
  for (size_t i = 0; i < resolved.source.size(); i++) {
    const auto& s = resolved.source[i];
    out += fmt::format("{}{}:{}{}", i ? " <- " : "", s.file, s.line, resolved.source.size() > 1 ? " " + s.function : "");
  }
  return out + ")";
}

}  // namespace

LogFilter::LogFilter(Symbolizer& symbolizer, bool exact, Sink out, Sink warn)
    : symbolizer_(symbolizer), exact_(exact), out_(std::move(out)), warn_(std::move(warn)) {}

void LogFilter::feed(std::string_view piece) {
  while (!piece.empty()) {
    size_t newline = piece.find('\n');
    std::string_view head = piece.substr(0, newline == piece.npos ? piece.npos : newline + 1);
    piece.remove_prefix(head.size());
    bool whole = newline != std::string_view::npos;
    if (passing_) {
      out_(head);
      passing_ = !whole;
    } else if (carry_.size() + head.size() > kMaxLine) {
      if (!carry_.empty()) out_(carry_);
      carry_.clear();
      out_(head);
      passing_ = !whole;
    } else if (!whole) {
      carry_ += head;
    } else if (carry_.empty()) {
      line(head.substr(0, head.size() - 1), "\n");
    } else {
      carry_ += head;
      std::string text = std::move(carry_);
      carry_.clear();
      line(std::string_view(text).substr(0, text.size() - 1), "\n");
    }
  }
}

void LogFilter::finish() {
  if (!carry_.empty()) line(carry_, "");
  carry_.clear();
}

void LogFilter::learn(std::string_view text) {
  bool banner = text.find("Linux version ") != text.npos, cpu = text.find(" Comm: ") != text.npos;
  if (!banner && !cpu) return;
  oops::Line line = oops::read_line(text, 1);
  oops::Event event;
  std::string_view body = line.text();
  if (size_t at = body.find("Linux version "); at != body.npos) {
    body.remove_prefix(at + 14);
    event.release = std::string(body.substr(0, body.find(' ')));
  } else if (!oops::read_cpu_line(body, event)) {
    return;
  }
  if (event.release.empty() || event.release.size() > 128) return;
  // lib/dump_stack.c since 5.14 (CONFIG_STACKTRACE_BUILD_ID): the kernel's build ID ends the line.
  std::string_view last = body.substr(body.find_last_of(' ') + 1);
  bool id = !banner && last.size() == 40;
  for (char c : last) id = id && is_hex(c);
  if (symbolizer_.expect(event.release, id ? std::string(last) : "")) notes_.clear();
}

void LogFilter::complain(const ModuleName& module, const std::string& what) {
  if (complaints_.size() < 256 && complaints_.insert(module.name).second) warn_(what + "; such places stay as they are");
}

const std::string& LogFilter::note(std::string_view place, const ModuleName& module, bool exact) {
  std::string key = fmt::format("{}{}\n{}\n{}", exact ? "=" : "", place, module.name, module.build_id);
  auto found = notes_.find(key);
  if (found != notes_.end()) return found->second;
  if (notes_.size() >= kMaxKept) notes_.clear();
  auto resolved = symbolizer_.resolve(place, module, exact);
  // A symbol that is not there or a line that is not known is nobody's fault; no file, or the wrong one, is.
  if (!resolved.ok() && (resolved.error().code() == ErrorCode::kMismatch || !symbolizer_.has_file(module)))
    complain(module, resolved.error().message());
  return notes_.emplace(std::move(key), resolved.ok() ? words_for(*resolved) : "").first->second;
}

void LogFilter::line(std::string_view text, std::string_view end) {
  learn(text);
  auto place = next_place(text, 0);
  if (!place) {
    out_(text);
    out_(end);
    return;
  }
  bool exact = exact_ || names_pc(text);
  size_t done = 0;
  std::string made;
  for (; place; place = next_place(text, done)) {
    made += text.substr(done, place->end - done);
    done = place->end;
    made += note(text.substr(place->start, place->end - place->start), place->module, exact);
  }
  made += text.substr(done);
  out_(made);
  out_(end);
}

}  // namespace inquest::shell
