#include "debuginfo/type.h"

#include <algorithm>
#include <array>

namespace inquest::debuginfo {

namespace {

// Damaged debuginfo can make a typedef that names itself: every walk along targets ends here.
constexpr int kMaxChain = 64;
constexpr size_t kMaxSpelling = 4096;

const Type& void_type() {
  static const Type type(nullptr, 0, TypeKind::kVoid, "void", std::nullopt, false, false);
  return type;
}

const Type& unknown_type() {
  static const Type type(nullptr, 0, TypeKind::kUnknown, "", std::nullopt, false, false);
  return type;
}

bool is_transparent(TypeKind kind) {
  return kind == TypeKind::kTypedef || kind == TypeKind::kConst || kind == TypeKind::kVolatile ||
         kind == TypeKind::kRestrict || kind == TypeKind::kAtomic;
}

std::optional<uint64_t> size_of(const Type* type, int depth) {
  if (!type || depth > kMaxChain) return std::nullopt;
  if (is_transparent(type->kind())) return size_of(type->target(), depth + 1);
  if (type->kind() != TypeKind::kArray) return type->size();
  std::optional<uint64_t> element = size_of(type->target(), depth + 1), count = type->count();
  uint64_t bytes = 0;
  if (!element || !count || __builtin_mul_overflow(*element, *count, &bytes)) return std::nullopt;
  return bytes;
}

std::string with_space(std::string_view left, const std::string& right) {
  std::string text(left);
  if (!right.empty()) text += ' ';
  return text + right;
}

std::string_view keyword_of(TypeKind kind) {
  switch (kind) {
    case TypeKind::kStruct: return "struct";
    case TypeKind::kUnion: return "union";
    case TypeKind::kEnum: return "enum";
    case TypeKind::kConst: return "const";
    case TypeKind::kVolatile: return "volatile";
    case TypeKind::kRestrict: return "restrict";
    case TypeKind::kAtomic: return "_Atomic";
    default: return "";
  }
}

// C reads declarations from the inside out: `inner` is what is already declared (name, stars, brackets).
std::string declare(const Type* type, std::string inner, int depth) {
  if (!type) return with_space("void", inner);
  if (depth > kMaxChain || inner.size() > kMaxSpelling) return with_space("...", inner);
  switch (type->kind()) {
    case TypeKind::kPointer: {
      const Type* target = type->target();
      inner = "*" + inner;
      if (target && (target->kind() == TypeKind::kArray || target->kind() == TypeKind::kFunction))
        inner = "(" + inner + ")";
      return declare(target, std::move(inner), depth + 1);
    }
    case TypeKind::kArray: {
      std::optional<uint64_t> count = type->count();
      return declare(type->target(), inner + "[" + (count ? std::to_string(*count) : "") + "]", depth + 1);
    }
    case TypeKind::kFunction: {
      std::string list;
      for (const TypeParameter& parameter : type->parameters()) {
        if (list.size() > kMaxSpelling) break;
        list += (list.empty() ? "" : ", ") + declare(parameter.type, "", depth + 1);
      }
      if (type->variadic()) list += list.empty() ? "..." : ", ...";
      return declare(type->target(), inner + "(" + (list.empty() ? "void" : list) + ")", depth + 1);
    }
    case TypeKind::kConst:
    case TypeKind::kVolatile:
    case TypeKind::kRestrict:
    case TypeKind::kAtomic: {
      const Type* target = type->target();
      // A qualified pointer carries the word behind its star; everything else in front.
      if (target && target->kind() == TypeKind::kPointer)
        return declare(target, with_space(keyword_of(type->kind()), inner), depth + 1);
      return std::string(keyword_of(type->kind())) + " " + declare(target, std::move(inner), depth + 1);
    }
    case TypeKind::kStruct:
    case TypeKind::kUnion:
    case TypeKind::kEnum: {
      std::string_view name = type->name().empty() ? "{...}" : type->name();
      return with_space(std::string(keyword_of(type->kind())) + " " + std::string(name), inner);
    }
    case TypeKind::kVoid: return with_space("void", inner);
    default: return with_space(type->name().empty() ? "<unknown>" : type->name(), inner);
  }
}

struct IntegerWords {
  int longs = 0, shorts = 0, chars = 0, ints = 0, int128s = 0, is_signed = 0, is_unsigned = 0;
};

// Nothing if a word is none of C's integer words.
std::optional<IntegerWords> integer_words(std::string_view name) {
  IntegerWords words;
  while (!name.empty()) {
    size_t space = std::min(name.find(' '), name.size());
    std::string_view word = name.substr(0, space);
    name.remove_prefix(std::min(space + 1, name.size()));
    if (word.empty()) continue;
    if (word == "long")
      words.longs++;
    else if (word == "short")
      words.shorts++;
    else if (word == "char")
      words.chars++;
    else if (word == "int")
      words.ints++;
    else if (word == "__int128")
      words.int128s++;
    else if (word == "signed")
      words.is_signed++;
    else if (word == "unsigned")
      words.is_unsigned++;
    else
      return std::nullopt;
  }
  return words;
}

}  // namespace

const TypeSource::Body& Type::body() const {
  std::call_once(once_, [this] {
    if (source_) body_ = source_->body_of(*this);
  });
  return body_;
}

std::optional<uint64_t> Type::size() const {
  if (size_) return size_;
  if (kind_ == TypeKind::kArray || is_transparent(kind_)) return size_of(this, 0);
  return std::nullopt;
}

const Type* Type::stripped() const {
  const Type* type = this;
  for (int i = 0; i < kMaxChain; i++) {
    if (!is_transparent(type->kind())) return type;
    type = type->target();
    if (!type) return &void_type();
  }
  return &unknown_type();
}

bool Type::is_aggregate() const {
  TypeKind kind = stripped()->kind();
  return kind == TypeKind::kStruct || kind == TypeKind::kUnion;
}

bool Type::is_pointer() const { return stripped()->kind() == TypeKind::kPointer; }

const Type* Type::pointee() const {
  const Type* pointer = stripped();
  if (pointer->kind() != TypeKind::kPointer) return nullptr;
  const Type* target = pointer->target();
  for (int i = 0; target && target->kind() != TypeKind::kTypedef && is_transparent(target->kind()); i++) {
    if (i == kMaxChain) return nullptr;
    target = target->target();
  }
  return !target || target->kind() == TypeKind::kVoid ? nullptr : target;
}

std::string spell(const Type* type, std::string_view name) { return declare(type, std::string(name), 0); }

std::string_view canonical_integer_name(std::string_view name) {
  std::optional<IntegerWords> words = integer_words(name);
  if (!words || name.empty()) return name;
  const IntegerWords& w = *words;
  if (w.int128s) return w.is_unsigned ? "unsigned __int128" : "__int128";
  if (w.chars) return w.is_unsigned ? "unsigned char" : w.is_signed ? "signed char" : "char";
  if (w.shorts) return w.is_unsigned ? "unsigned short" : "short";
  if (w.longs > 1) return w.is_unsigned ? "unsigned long long" : "long long";
  if (w.longs == 1) return w.is_unsigned ? "unsigned long" : "long";
  return w.is_unsigned ? "unsigned int" : "int";
}

bool same_type(const Type* a, const Type* b) {
  if (a == b) return true;
  for (int i = 0; i < kMaxChain; i++) {
    bool void_a = !a || a->kind() == TypeKind::kVoid, void_b = !b || b->kind() == TypeKind::kVoid;
    if (void_a || void_b) return void_a && void_b;
    if (a->kind() != b->kind() || a->name() != b->name() || a->size() != b->size()) return false;
    // Names settle named types; anonymous aggregates are the same when they begin alike.
    bool derived = a->kind() == TypeKind::kPointer || a->kind() == TypeKind::kArray ||
                   (is_transparent(a->kind()) && a->kind() != TypeKind::kTypedef);
    if (!derived) {
      if (!a->name().empty() || a->kind() == TypeKind::kUnknown) return true;
      if (a->kind() == TypeKind::kFunction) return spell(a) == spell(b);
      auto same_member = [](const Member& x, const Member& y) {
        return x.name == y.name && x.bit_offset == y.bit_offset;
      };
      auto same_enumerator = [](const Enumerator& x, const Enumerator& y) {
        return x.name == y.name && x.value == y.value;
      };
      return std::ranges::equal(a->members(), b->members(), same_member) &&
             std::ranges::equal(a->enumerators(), b->enumerators(), same_enumerator);
    }
    if (a->kind() == TypeKind::kArray && a->count() != b->count()) return false;
    a = a->target();
    b = b->target();
  }
  return false;
}

}  // namespace inquest::debuginfo
