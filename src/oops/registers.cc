#include "oops/registers.h"

#include "oops/text.h"

namespace inquest::oops {

int read_pairs(std::string_view text, bool (*known)(std::string_view), RegisterLine& out, std::string* dangling) {
  Scan s(text);
  int count = 0;
  while (true) {
    s.blanks();
    if (s.done()) return count;
    std::string_view name = s.take_ident();
    if (name.empty() || !known(name)) return count;
    s.blanks();
    if (!s.eat(':')) return count;
    s.blanks();
    if (s.done()) {
      if (dangling) *dangling = lower(name);
      return count;
    }
    // "RSP: 0018:ffff…" carries the segment selector, "FS:  00007f..(0000)" the selector after the base.
    auto value = s.take_hex();
    if (!value) return count;
    if (s.eat(':')) value = s.take_hex();
    if (!value) return count;
    if (s.eat('(')) s.take_until(')');
    if (!s.done() && !is_blank(s.peek()) && s.peek() != ',') return count;
    s.eat(',');
    out.values.push_back({lower(name), *value});
    count++;
  }
}

RegisterLine read_registers(std::string_view text, RegisterState& state) {
  RegisterLine out;
  text = trim(text);
  if (!state.dangling.empty()) {
    std::string name = std::move(state.dangling);
    state.dangling.clear();
    Scan s(text);
    auto value = s.take_hex();
    if (value && (s.done() || is_blank(s.peek()))) {
      out.values.push_back({name, *value});
      text = trim(s.rest());
      if (text.empty()) return out;
    }
  }
  std::vector<Register> carried = std::move(out.values);
  out.values.clear();
  if (read_x86(text, out) || read_ppc(text, state, out) || read_s390(text, state, out) || read_arm(text, out) ||
      read_mips_like(text, out)) {
    // A layout was recognised.
  }
  if (out.arch == Arch::kX86_64)  // printed R08, written r8 everywhere else
    for (Register& r : out.values)
      if (r.name == "r08" || r.name == "r09") r.name.erase(1, 1);
  out.values.insert(out.values.begin(), carried.begin(), carried.end());
  // "CR2: ffff… CR3:" at the end of a folded line: the value comes on the next.
  size_t colon = text.rfind(':');
  if (!out.values.empty() && colon + 1 == text.size()) {
    size_t start = colon;
    while (start > 0 && is_word(text[start - 1])) start--;
    if (start < colon) state.dangling = lower(text.substr(start, colon - start));
    if (state.dangling == "r08" || state.dangling == "r09") state.dangling.erase(1, 1);
  }
  return out;
}

}  // namespace inquest::oops
