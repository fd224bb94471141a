#include "object/clones.h"

#include <algorithm>
#include <array>

namespace inquest::object {

namespace {

// gcc: ipa-sra, ipa-cp, ipa-split, hot/cold splitting, symbols made local or private (gcc/symtab-clones.cc and the passes that call it); clang: ".llvm.HASH"
// (ThinLTO), ".specialized.N" (function specialization).
constexpr std::array<std::string_view, 8> kSuffixes = {"isra", "constprop", "part", "cold", "localalias", "lto_priv", "llvm", "specialized"};

bool is_cold(const Symbol& s) { return s.name.ends_with(".cold") || s.name.find(".cold.") != std::string::npos; }

void add_clones(const LoadedFile& file, std::string_view function, std::vector<Symbol>& found) {
  size_t before = found.size();
  if (const auto* debug = file.debug_file())
    for (const auto& s : debug->symbols())
      if (is_clone_of(s.name, function))
        if (auto at = file.to_runtime(s.address)) found.push_back({std::string(s.name), *at, s.size, &file, s.type == elf::kSttFunc});
  if (found.size() > before) return;
  const auto& symbols = file.memory_symbols();
  for (size_t i = 0; i < symbols.size(); i++) {
    const MemorySymbol& s = symbols[i];
    if (!is_clone_of(s.name, function)) continue;
    uint64_t size = s.size || i + 1 == symbols.size() ? s.size : symbols[i + 1].address - s.address;
    found.push_back({s.name, s.address, size, &file, s.type == 't' || s.type == 'T'});
  }
}

}  // namespace

bool is_clone_of(std::string_view symbol, std::string_view function) {
  if (function.empty() || !symbol.starts_with(function)) return false;
  std::string_view rest = symbol.substr(function.size());
  bool any = false;
  while (!rest.empty()) {
    if (rest[0] != '.') return false;
    rest.remove_prefix(1);
    std::string_view word = rest.substr(0, rest.find('.'));
    bool number = !word.empty() && std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!number && std::find(kSuffixes.begin(), kSuffixes.end(), word) == kSuffixes.end()) return false;
    if (!any && number) return false;  // "__key.12": a static variable of a function, not a function
    any = true;
    rest.remove_prefix(word.size());
  }
  return any;
}

std::vector<Symbol> clones_of(const Program& program, std::string_view function) {
  size_t colon = function.find(':');
  std::string_view module = colon == std::string_view::npos ? std::string_view() : function.substr(0, colon);
  if (colon != std::string_view::npos) function.remove_prefix(colon + 1);
  std::vector<Symbol> found;
  for (const auto& file : program.files())
    if (module.empty() || file->name == module) add_clones(*file, function, found);
  if (std::any_of(found.begin(), found.end(), [](const Symbol& s) { return !is_cold(s); }))
    found.erase(std::remove_if(found.begin(), found.end(), is_cold), found.end());
  return found;
}

}  // namespace inquest::object
