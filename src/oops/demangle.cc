#include "oops/demangle.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

#include "oops/text.h"

namespace inquest::oops {
namespace {

constexpr int kMaxDepth = 64;
constexpr size_t kMaxLength = 1024;

struct RustName {
  std::string_view in;  // after "_R"
  size_t at = 0;
  int depth = 0;
  bool bad = false;
  std::string out;

  char take() {
    if (at >= in.size()) return bad = true, '\0';
    return in[at++];
  }
  bool eat(char c) { return at < in.size() && in[at] == c ? (at++, true) : false; }
  void put(std::string_view text) {
    if (out.size() + text.size() > kMaxLength) bad = true;
    else out += text;
  }
  uint64_t base62();
  void disambiguator() {
    if (eat('s')) base62();
  }
  std::string_view identifier();
  template <typename What>
  void backref(What what);
  void path();
  void nested();
  void type();
  void generic_argument();
};

constexpr std::string_view kBasic[26] = {"i8", "bool", "char", "f64", "str", "f32", "", "u8", "isize", "usize", "", "i32", "u32",
                                         "i128", "u128", "_", "", "", "i16", "u16", "()", "...", "", "i64", "u64", "!"};

// "_" is 0; otherwise digits of base 62, ended by '_', stand for their value plus one.
uint64_t RustName::base62() {
  if (eat('_')) return 0;
  uint64_t value = 0;
  for (char c = take(); !bad && c != '_'; c = take()) {
    unsigned digit = is_digit(c) ? unsigned(c - '0') : is_lower(c) ? unsigned(c - 'a' + 10) : is_upper(c) ? unsigned(c - 'A' + 36) : 62;
    if (digit == 62 || value > UINT64_MAX / 63) bad = true;
    else value = value * 62 + digit;
  }
  return value + 1;
}

std::string_view RustName::identifier() {
  disambiguator();
  eat('u');  // punycode: rare in kernels, shown as it is
  size_t length = 0;
  if (at >= in.size() || !is_digit(in[at])) return bad = true, std::string_view();
  while (at < in.size() && is_digit(in[at]) && length < kMaxLength) length = length * 10 + size_t(in[at++] - '0');
  eat('_');
  if (length > in.size() - at) return bad = true, std::string_view();
  at += length;
  return in.substr(at - length, length);
}

// What was spelled out at an earlier position is spelled there again.
template <typename What>
void RustName::backref(What what) {
  size_t start = at - 1;
  uint64_t target = base62();
  if (bad || target >= start) return void(bad = true);
  size_t back = at;
  at = size_t(target);
  what();
  at = back;
}

void RustName::nested() {
  char space = take();
  path();
  std::string_view name = identifier();
  if (is_upper(space)) return put(space == 'C' ? "::{closure}" : "::{shim}");
  if (name.empty()) return;
  put("::");
  put(name);
}

void RustName::generic_argument() {
  if (eat('L')) base62();  // a lifetime
  else if (eat('K')) {
    take();
    while (!bad && take() != '_') {
    }
    put("_");
  } else {
    type();
  }
}

void RustName::path() {
  if (bad || ++depth > kMaxDepth) return void(bad = true);
  switch (take()) {
    case 'C': put(identifier()); break;
    case 'N': nested(); break;
    case 'B': backref([&] { path(); }); break;
    case 'M': case 'X': {
      bool trait = in[at - 1] == 'X';
      disambiguator();
      size_t before = out.size();
      path();  // where the impl stands
      if (out.size() > before) out.resize(before);
      put("<");
      type();
      if (trait) put(" as "), path();
      put(">");
      break;
    }
    case 'Y':
      put("<");
      type();
      put(" as ");
      path();
      put(">");
      break;
    case 'I':
      path();
      put("::<");
      for (bool first = true; !bad && !eat('E'); first = false) {
        if (!first) put(", ");
        generic_argument();
      }
      put(">");
      break;
    default: bad = true;
  }
  depth--;
}

void RustName::type() {
  if (bad || ++depth > kMaxDepth) return void(bad = true);
  char c = take();
  if (is_lower(c)) {
    put(kBasic[c - 'a']);
  } else if (c == 'B') {
    backref([&] { type(); });
  } else if (c == 'R' || c == 'Q') {
    if (eat('L')) base62();
    put(c == 'R' ? "&" : "&mut ");
    type();
  } else if (c == 'P' || c == 'O') {
    put(c == 'P' ? "*const " : "*mut ");
    type();
  } else if (c == 'S') {
    put("[");
    type();
    put("]");
  } else if (c == 'T') {
    put("(");
    for (bool first = true; !bad && !eat('E'); first = false) {
      if (!first) put(", ");
      type();
    }
    put(")");
  } else if (c == 'A' || c == 'F' || c == 'D') {
    bad = true;  // arrays, function pointers and dyn types: the mangled name stays
  } else {
    at--;
    path();
  }
  depth--;
}

std::string itanium(std::string_view name) {
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(std::string(name).c_str(), nullptr, nullptr, &status), std::free);
  if (status != 0 || !text) return std::string(name);
  std::string out(text.get());
  if (out.size() > kMaxLength) return std::string(name);
  if (size_t parameters = out.find('('); parameters != std::string::npos && parameters > 0) out.resize(parameters);
  // Rust's legacy scheme ends in a hash of its own: "::h" and 16 hex digits.
  if (out.size() > 19 && out.compare(out.size() - 19, 3, "::h") == 0 && to_hex(std::string_view(out).substr(out.size() - 16))) out.resize(out.size() - 19);
  return out;
}

}  // namespace

std::string demangle(std::string_view name) {
  if (name.size() > kMaxLength) return std::string(name);
  if (name.starts_with("_Z")) return itanium(name);
  if (!name.starts_with("_R") || name.size() < 4 || !is_upper(name[2])) return std::string(name);
  RustName rust{name.substr(2), 0, 0, false, {}};
  rust.path();
  return rust.bad || rust.out.empty() ? std::string(name) : rust.out;
}

}  // namespace inquest::oops
