// "Modules linked in: nfsd(OE) lockd [last unloaded: x]": kernel/module/main.c:print_modules(). A list longer than
// a printk record continues on further lines, each with a blank first; mailers fold it anywhere.
#include "oops/builder.h"
#include "oops/text.h"

namespace inquest::oops {
namespace {

constexpr size_t kMaxModules = 1024;

bool module_name(std::string_view word, Module& out) {
  size_t paren = word.find('(');
  out.name = std::string(word.substr(0, paren));
  if (paren != word.npos) {
    std::string_view flags = word.substr(paren + 1);
    if (flags.ends_with(')')) flags.remove_suffix(1);
    out.flags = std::string(flags.substr(0, 16));
  }
  if (out.name.empty() || out.name.size() > 64) return false;
  for (char c : out.name)
    if (!is_word(c) && c != '-') return false;
  return true;
}

// "[last unloaded: x]", with flags behind the name since 5.19 ("x(OE)"; 6f1dae1d8438).
void last_unloaded(std::string_view list, Event& event) {
  constexpr std::string_view kWords = "[last unloaded: ";
  size_t at = list.find(kWords);
  if (at == list.npos) return;
  Module module;
  std::string_view word = list.substr(at + kWords.size());
  word = word.substr(0, word.find_first_of("] "));
  if (module_name(word, module)) event.last_unloaded = module.name;
}

void add(std::string_view list, Event& event) {
  Scan s(list);
  while (!s.done() && event.modules.size() < kMaxModules) {
    s.blanks();
    if (s.peek() == '[') return last_unloaded(list, event);
    Module module;
    std::string_view word = s.take_word();
    if (word.empty()) return;
    if (module_name(word, module)) event.modules.push_back(std::move(module));
  }
}

}  // namespace

bool read_modules(std::string_view text, Event& event) {
  constexpr std::string_view kLabel = "Modules linked in:";
  if (!text.starts_with(kLabel)) return false;
  if (event.modules.empty()) add(text.substr(kLabel.size()), event);
  return true;
}

bool continue_modules(std::string_view text, Event& event) {
  if (text.empty() || has(text, ": ") || has(text, "=")) return text.starts_with("[last unloaded");
  Scan s(text);
  while (!s.done()) {
    s.blanks();
    Module module;
    std::string_view word = s.take_word();
    if (word.starts_with("[last")) break;
    if (word.empty() || (!module_name(word, module) && !has(word, "]"))) return false;
    // A word with none but hex digits or a sentence's capital is no module.
    if (is_upper(word[0]) && module.flags.empty()) return false;
  }
  add(text, event);
  return true;
}

}  // namespace inquest::oops
