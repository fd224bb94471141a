// Values and layouts as text, in the form that crash (gdb) users read: "{\n  next = 0x…, \n  prev = 0x…\n}".
#include <fmt/format.h>

#include <algorithm>

#include "object/value.h"

namespace inquest::object {

namespace {

constexpr int kMaxDepth = 24;
constexpr uint64_t kRepeats = 10;  // gdb's `print repeats` threshold

class Printer {
 public:
  Printer(const Program& program, const PrintOptions& options) : program_(program), options_(options) {}

  std::string text(const Value& value, int level) {
    const Type* t = value.type() ? value.type()->stripped() : nullptr;
    if (!t) return "<no type>";
    if (level > std::min(options_.depth, kMaxDepth)) return "{...}";
    switch (t->kind()) {
      case TypeKind::kStruct:
      case TypeKind::kUnion: return aggregate(value, t, level);
      case TypeKind::kArray: return array(value, t, level);
      case TypeKind::kFunction: return value.address() ? pointer(value.address()->value) : "<function>";
      default: return scalar(value, t);
    }
  }

 private:
  std::string pad(int level) const {
    std::string s;
    for (int i = 0; i < level; i++) s += options_.indent;
    return s;
  }

  std::string aggregate(const Value& value, const Type* t, int level) {
    std::string out = "{\n";
    auto members = t->members();
    for (size_t i = 0; i < members.size(); i++) {
      const auto& m = members[i];
      out += pad(level + 1);
      if (!m.name.empty()) {
        auto inner = value.member(m.name);
        out += fmt::format("{} = {}", m.name, inner.ok() ? text(*inner, level + 1) : "<" + inner.error().message() + ">");
      } else {
        auto inner = value.unnamed(m);
        out += inner ? text(*inner, level + 1) : "{...}";
      }
      out += i + 1 < members.size() ? ", \n" : "\n";
    }
    return out + pad(level) + "}";
  }

  std::string array(const Value& value, const Type* t, int level) {
    const Type* element = t->target() ? t->target()->stripped() : nullptr;
    uint64_t count = t->count().value_or(0);
    if (!element || !(value.address() || value.in_pieces())) return "{...}";
    if (value.address() && element->kind() == TypeKind::kInteger && element->size() == 1 && element->name().find("char") != std::string_view::npos && !options_.hex) {
      // `const char linux_banner[]`, declared without a length: up to its end.
      auto unbounded = t->count() ? std::nullopt : value.as_string(4096).maybe();
      return characters(value, unbounded ? unbounded->size() : count);
    }
    std::string out = "{";
    uint64_t shown = 0;
    for (uint64_t i = 0; i < count && shown < options_.max_elements; shown++) {
      std::string one = element_text(value, i, level);
      uint64_t run = 1;
      while (i + run < count && element_text(value, i + run, level) == one) run++;
      if (shown) out += ", ";
      if (run > kRepeats) {
        out += fmt::format("{} <repeats {} times>", one, run);
        i += run;
      } else {
        out += one;
        i++;
      }
    }
    if (shown >= options_.max_elements) out += "...";
    return out + "}";
  }

  std::string element_text(const Value& array, uint64_t i, int level) {
    auto element = array.index(i);
    return element.ok() ? text(*element, level + 1) : "<" + element.error().message() + ">";
  }

  std::string characters(const Value& value, uint64_t count) {
    std::vector<std::byte> bytes(std::min<uint64_t>(count, 4096));
    auto done = program_.memory().read(*value.address(), bytes);
    if (!done.ok()) return "<" + done.error().message() + ">";
    size_t length = bytes.size();
    while (length && bytes[length - 1] == std::byte{0}) length--;
    std::string out = "\"";
    for (size_t i = 0; i < length; i++) {
      auto c = std::to_integer<unsigned char>(bytes[i]);
      if (c == '"' || c == '\\') out += '\\';
      out += c >= 0x20 && c < 0x7f ? std::string(1, char(c)) : fmt::format("\\{:03o}", c);
    }
    size_t zeroes = bytes.size() - length;
    if (zeroes > kRepeats) return out + fmt::format("\", '\\000' <repeats {} times>", zeroes);
    for (size_t i = 0; i < zeroes; i++) out += "\\000";
    return out + "\"";
  }

  std::string pointer(uint64_t p) {
    std::string out = fmt::format("{:#x}", p);
    if (auto s = program_.symbol_at(VirtualAddress(p)))
      out += s->offset ? fmt::format(" <{}+{}>", s->symbol.name, s->offset) : fmt::format(" <{}>", s->symbol.name);
    return out;
  }

  std::string scalar(const Value& value, const Type* t) {
    auto raw = value.as_unsigned();
    if (!raw.ok()) return "<" + raw.error().message() + ">";
    if (t->kind() == TypeKind::kPointer) return pointer_text(value, t, *raw);
    if (t->kind() == TypeKind::kBool) return *raw == 0 ? "false" : *raw == 1 ? "true" : fmt::format("{}", *raw);
    if (t->kind() == TypeKind::kEnum) return enumerator(t, *raw, value);
    if (options_.hex) return fmt::format("{:#x}", *raw);
    if (t->kind() == TypeKind::kInteger && t->size() == 1 && t->name().find("char") != std::string_view::npos) return character(*raw, t->is_signed());
    if (t->is_signed()) return fmt::format("{}", value.as_signed().value_or(0));
    return fmt::format("{}", *raw);
  }

  static std::string character(uint64_t raw, bool is_signed) {
    int shown = is_signed ? int(int8_t(raw)) : int(raw);
    if (raw >= 0x20 && raw < 0x7f) return fmt::format("{} '{}{}'", shown, raw == '\'' || raw == '\\' ? "\\" : "", char(raw));
    return fmt::format("{} '\\{:03o}'", shown, raw & 0xff);
  }

  std::string pointer_text(const Value& value, const Type* t, uint64_t raw) {
    const Type* to = t->target() ? t->target()->stripped() : nullptr;
    bool to_char = to && to->kind() == TypeKind::kInteger && to->size() == 1 && to->name().find("char") != std::string_view::npos;
    if (raw && to_char) {
      if (auto s = value.as_string(80); s.ok() && !s->empty() && std::all_of(s->begin(), s->end(), [](char c) { return c >= 0x20 && c < 0x7f; }))
        return fmt::format("{:#x} \"{}\"", raw, *s);
    }
    return pointer(raw);
  }

  static std::string enumerator(const Type* t, uint64_t raw, const Value& value) {
    int64_t v = value.as_signed().value_or(int64_t(raw));
    for (const auto& e : t->enumerators())
      if (e.value == v || uint64_t(e.value) == raw) return std::string(e.name);
    return fmt::format("{}", v);
  }

  const Program& program_;
  const PrintOptions& options_;
};

struct LayoutLine {
  std::optional<uint64_t> offset;
  std::string text;
};

std::string member_text(const debuginfo::Member& m) {
  std::string text = debuginfo::spell(m.type, m.name);
  if (m.bit_size) text += fmt::format(" : {}", m.bit_size);
  return text + ";";
}

void layout_lines(const Type* t, uint64_t base, int level, std::vector<LayoutLine>& lines) {
  for (const auto& m : t->members()) {
    std::string pad(size_t(level) * 4, ' ');
    const Type* inner = m.type->stripped();
    bool nameless = inner->is_aggregate() && inner->name().empty();
    if (nameless && level < kMaxDepth) {
      lines.push_back({std::nullopt, pad + (inner->kind() == TypeKind::kUnion ? "union {" : "struct {")});
      layout_lines(inner, base + m.offset(), level + 1, lines);
      lines.push_back({std::nullopt, pad + (m.name.empty() ? "};" : fmt::format("}} {};", m.name))});
    } else {
      lines.push_back({base + m.offset(), pad + member_text(m)});
    }
  }
}

}  // namespace

std::string print(const Value& value, const PrintOptions& options) { return Printer(value.program(), options).text(value, 0); }

std::string print_short(const Value& value) {
  const Type* t = value.type() ? value.type()->stripped() : nullptr;
  if (!t) return "?";
  PrintOptions options;
  if (t->is_aggregate() && value.address()) return fmt::format("{} at {:#x}", debuginfo::spell(value.type()), value.address()->value);
  if (t->is_aggregate() && !value.in_pieces()) return "{...}";
  options.indent.clear();
  options.max_elements = 8;
  std::string text = print(value, options);
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

std::string print_layout(const Type* type, bool hex, std::optional<VirtualAddress> at) {
  const Type* t = type->stripped();
  std::vector<LayoutLine> lines;
  layout_lines(t, at ? at->value : 0, 0, lines);
  auto bracket = [&](uint64_t offset) { return at ? fmt::format("[{:x}]", offset) : hex ? fmt::format("[{:#x}]", offset) : fmt::format("[{}]", offset); };
  size_t width = 0;
  for (const auto& line : lines)
    if (line.offset) width = std::max(width, bracket(*line.offset).size());
  std::string out = debuginfo::spell(t) + " {\n";
  for (const auto& line : lines) out += fmt::format("{:>{}} {}\n", line.offset ? bracket(*line.offset) : "", width + 2, line.text);
  uint64_t size = t->size().value_or(0);
  return out + "}\n" + (hex ? fmt::format("SIZE: {:#x}\n", size) : fmt::format("SIZE: {}\n", size));
}

}  // namespace inquest::object
