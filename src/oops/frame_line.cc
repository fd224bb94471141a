#include "oops/frame_line.h"

namespace inquest::oops {
namespace {

bool all_hex(std::string_view text) {
  for (char c : text)
    if (!is_hex(c)) return false;
  return !text.empty();
}

// "[nfsd]", "[nfsd 5f2a…]" (build id, CONFIG_STACKTRACE_BUILD_ID, 5.14), "[nfsd(OE)]", "[inline]".
bool bracket(Scan& s, Frame& frame) {
  size_t start = s.at();
  s.blanks();
  if (!s.eat('[')) return s.seek(start), false;
  std::string_view inside = s.take_until(']');
  Scan in(inside);
  std::string_view name = in.take_word();
  in.blanks();
  std::string_view id = in.rest();
  if (name == "inline" || name == "inlined") {
    frame.inlined = true;
    return true;
  }
  size_t flags = name.find('(');
  name = name.substr(0, flags);
  bool good = !name.empty() && name.size() < 64 && (id.empty() || all_hex(id) || id.size() < 16);
  for (char c : name) good = good && (is_word(c) || c == '-');
  if (!good) return s.seek(start), false;
  frame.module = std::string(name);
  if (id.size() >= 16 && all_hex(id)) frame.build_id = std::string(id);
  return true;
}

// "net/core/dev.c:12", "./include/linux/x.h:3", "file.c:12:34".
bool source(std::string_view word, Frame& frame) {
  size_t colon = word.find(':');
  if (colon == word.npos || colon == 0) return false;
  auto line = to_dec(word.substr(colon + 1, word.find_first_not_of("0123456789", colon + 1) - colon - 1));
  std::string_view path = word.substr(0, colon);
  if (!line || *line > 10000000 || path.rfind('.') == path.npos || path.find_first_of("()[]<>,") != path.npos) return false;
  std::string_view extension = path.substr(path.rfind('.') + 1);
  if (extension != "c" && extension != "h" && extension != "S" && extension != "rs" && extension != "cc" &&
      extension != "cpp")
    return false;
  frame.file = std::string(path);
  frame.source_line = int(*line);
  return true;
}

// What may stand after the location. False: this is no frame line.
bool tail(Scan& s, Frame& frame) {
  while (true) {
    s.blanks();
    if (s.done()) return true;
    if (s.eat(')')) continue;
    if (s.eat("(unreliable)")) {
      frame.reliable = false;
      continue;
    }
    if (s.peek() == '(' && s.peek(2) == ')') {  // (P), (F), (L), (U), (K): arm64 trace flags
      s.seek(s.at() + 3);
      continue;
    }
    if (s.peek() == '[' && bracket(s, frame)) continue;
    if (s.eat("(discriminator") || s.eat("discriminator")) {
      s.blanks();
      s.take_dec();
      s.eat(')');
      continue;
    }
    size_t start = s.at();
    s.eat('(');
    std::string_view word = s.take_word();
    while (word.ends_with(')')) word.remove_suffix(1);
    if (source(word, frame)) continue;
    if (word == "from") return s.seek(start), true;
    // decode_stacktrace.sh leaves the module's name bare after "(file.c:12)".
    if (!frame.file.empty() && s.done()) {
      frame.module = std::string(word);
      return true;
    }
    return false;
  }
}

bool printed_address(Scan& s, std::optional<uint64_t>& address) {
  size_t start = s.at();
  if (!s.eat('[')) return false;
  bool angle = s.eat('<');
  s.blanks();
  if (!s.eat("(ptrval)") && !s.eat("(null)") && !s.eat("(____ptrval____)")) {
    auto value = s.take_hex();
    size_t digits = s.at() - start;
    if (!value || (!angle && digits < 9)) return s.seek(start), false;
    address = value;
  }
  if (angle && !s.eat('>')) return s.seek(start), false;
  if (!s.eat(']')) return s.seek(start), false;
  s.blanks();
  return true;
}

// arm: "(func) from [<addr>] (caller+0x1/0x2)" or "func from caller+0x1/0x2".
void arm_caller(Scan& s, FrameLine& out) {
  s.blanks();
  if (!s.eat("from ")) return;
  Frame caller;
  s.blanks();
  printed_address(s, caller.address);
  s.eat('(');
  if (read_location(s, caller, true) && tail(s, caller)) out.caller = caller;
}

}  // namespace

bool read_location(Scan& s, Frame& frame, bool bare) {
  size_t start = s.at();
  if (s.peek() == '0' && s.peek(1) == 'x') {
    auto value = s.take_hex();
    if (!value || (!s.done() && !is_blank(s.peek()) && s.peek() != ')' && s.peek() != '/')) return s.seek(start), false;
    if (s.eat('/')) s.take_hex();  // "0xffff…/0x1234": kallsyms found no name
    frame.address = value;
    return true;
  }
  s.eat('.');  // big-endian powerpc's function entry (ELFv1) next to its descriptor
  std::string_view name = s.take_symbol();
  while (name.ends_with(':')) name.remove_suffix(1);
  if (name.empty() || name.size() > 512 || is_digit(name.front())) return s.seek(start), false;
  if (s.eat("+0x")) {
    auto offset = s.take_hex();
    if (!offset) return s.seek(start), false;
    frame.offset = offset;
    if (s.eat('/')) frame.size = s.take_hex();
  } else if (!bare) {
    return s.seek(start), false;
  }
  frame.symbol = std::string(name);
  bracket(s, frame);
  return true;
}

std::optional<FrameLine> read_frame(std::string_view text) {
  FrameLine out;
  Frame& f = out.frame;
  Scan s(text);
  s.blanks();
  if (s.eat("--- interrupt: ") || s.eat("--- Exception: ")) {  // powerpc: the vector, then where it hit
    s.take_word();
    s.blanks();
    if (!s.eat("at ")) return std::nullopt;
    out.certain = true;
    f.context = FrameContext::kException;
    if (!read_location(s, f, true)) return std::nullopt;
    return out;
  }
  bool parenthesis = s.eat('(');
  std::optional<uint64_t> first;
  bool bracketed = printed_address(s, first);
  f.address = first;
  if (bracketed && s.peek() == '[') {  // powerpc: stack pointer, then instruction pointer
    printed_address(s, f.address);
  }
  if (s.eat("? ")) f.reliable = false;
  s.blanks();
  if (bracketed && s.eat('(')) parenthesis = true;
  if (s.done()) {
    out.certain = has(text, "[<");  // "[ffff…]" alone begins arm64's page-table line, too
    return bracketed ? std::optional(out) : std::nullopt;
  }
  size_t start = s.at();
  if (!read_location(s, f, bracketed || parenthesis || text.find(" from ") != text.npos || has(text, ".c:") ||
                               has(text, ".h:") || has(text, ".S:") || has(text, ".rs:")))
    return std::nullopt;
  bool named = f.offset.has_value() || (start < s.at() && f.symbol.empty());
  if (f.address && f.symbol.empty() && !bracketed) named = true;
  if (!tail(s, f)) return std::nullopt;
  if (!f.offset && !bracketed && !named && f.file.empty() && !s.rest().starts_with("from ")) return std::nullopt;
  arm_caller(s, out);
  if (!f.offset && !bracketed && !named && f.file.empty() && !out.caller) return std::nullopt;
  out.certain = bracketed || f.offset.has_value() || f.inlined || out.caller.has_value();
  return out;
}

}  // namespace inquest::oops
