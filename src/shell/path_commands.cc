// paths: how control gets to a function: direct callers upwards; where nobody calls it, the tables that hold its address and the code that hands it over.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "code/questions.h"
#include "shell/shell.h"

namespace inquest::shell::commands_of {

namespace {

constexpr int kMaxDepth = 14;
constexpr size_t kMaxLines = 160, kMaxCallers = 10, kMaxHolders = 8;

struct Climb {
  const Context& context;
  std::string out;
  size_t lines = 0;
  std::set<uint64_t> met;

  bool line(int depth, const std::string& text) {
    if (++lines > kMaxLines) return false;
    out += std::string(size_t(depth) * 2, ' ') + text + "\n";
    return true;
  }

  std::string name_of(const object::SymbolOffset& s) const {
    return s.symbol.name + (s.symbol.file && !s.symbol.file->name.empty() ? " [" + s.symbol.file->name + "]" : "");
  }

  static const char* entry_kind(const std::string& name) {
    for (const char* prefix : {"__x64_sys_", "__arm64_sys_", "__ia32_sys_", "__se_sys_", "__do_sys_", "SyS_", "sys_"})
      if (name.starts_with(prefix)) return "a system call";
    return nullptr;
  }

  // Functions that call `entry`, each with the place of its first call.
  std::map<uint64_t, std::pair<object::SymbolOffset, VirtualAddress>> callers(VirtualAddress entry) const {
    std::map<uint64_t, std::pair<object::SymbolOffset, VirtualAddress>> found;
    for (VirtualAddress at : code::callers_of(context.program(), entry))
      if (auto s = context.program().symbol_at(at); s && s->symbol.address != entry) found.try_emplace(s->symbol.address.value, *s, at);
    return found;
  }

  void holders(VirtualAddress entry, int depth) {
    size_t shown = 0;
    std::map<std::string, size_t> caches;
    if (auto view = context.scene->references(entry.value, entry.value + 1))
      for (const auto& r : view->found) {
        bool slab = r.kind == scene::ReferenceView::Kind::kSlab, table = slab || r.kind == scene::ReferenceView::Kind::kGlobal;
        if (slab && caches[r.cache]++) continue;  // one of each cache; the count is told below
        if (!table || shown >= kMaxHolders) continue;
        shown++;
        std::string member = r.member.empty() ? "" : fmt::format(" ({} of {})", r.member, r.object);
        line(depth, fmt::format("<- held at {:x}: {}{}", r.at, r.text, member));
      }
    for (const auto& [cache, count] : caches)
      if (count > 1) line(depth, fmt::format("   (and in {} more objects of {})", count - 1, cache));
    for (VirtualAddress at : code::takers_of(context.program(), entry)) {
      auto s = context.program().symbol_at(at);
      if (!s || shown++ >= kMaxHolders) continue;
      auto source = context.program().source_at(at);
      line(depth, fmt::format("<- handed over by {}{}", name_of(*s), source.empty() || !source.front().line ? "" : fmt::format(" ({}:{})", source.front().file, source.front().line)));
    }
    if (!shown) line(depth, "<- nobody calls it, and no table or code holds its address (code that ran at load time is gone and was not looked at)");
  }

  void up(VirtualAddress entry, const std::string& name, int depth) {
    if (const char* kind = entry_kind(name)) {
      line(depth, fmt::format("<- {}", kind));
      return;
    }
    if (depth >= kMaxDepth) {
      line(depth, "<- …");
      return;
    }
    auto found = callers(entry);
    if (found.empty()) return holders(entry, depth);
    size_t shown = 0;
    for (const auto& [address, caller] : found) {
      if (shown++ >= kMaxCallers) {
        line(depth, fmt::format("<- … and {} more callers", found.size() - kMaxCallers));
        break;
      }
      auto source = context.program().source_at(caller.second);
      bool again = !met.insert(address).second;
      std::string inlined;
      for (const auto& f : source)
        if (f.inlined) inlined += (inlined.empty() ? " through " : ", ") + f.function;
      std::string where = source.empty() || !source.front().line ? "" : fmt::format(" ({}:{})", source.front().file, source.front().line);
      if (!line(depth, fmt::format("<- {}{}{}{}", name_of(caller.first), where, inlined, again ? "  (see above)" : ""))) return;
      if (!again) up(VirtualAddress(address), caller.first.symbol.name, depth + 1);
    }
  }
};

}  // namespace

Result<std::string> paths(const Context& context, const Words& words) {
  if (words.words.empty()) return Error(ErrorCode::kUsage, "which function?");
  TRY(Place place, parse_place(context, words.words.front()));
  uint64_t address = place.address;
  auto symbol = context.program().symbol_at(VirtualAddress(address));
  if (!symbol || !context.program().is_text(symbol->symbol.address)) return Error(ErrorCode::kNotFound, words.words.front() + ": no function there");
  Climb climb{context, place.note, 0, {}};
  climb.met.insert(symbol->symbol.address.value);
  climb.line(0, climb.name_of(*symbol));
  climb.up(symbol->symbol.address, symbol->symbol.name, 1);
  if (climb.lines > kMaxLines) climb.out += "… more than can be shown: ask for one of the callers\n";
  return climb.out;
}

}  // namespace inquest::shell::commands_of
