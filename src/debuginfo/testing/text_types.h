// TextTypes: C types for tests, out of declarations as a kernel header has them, laid out as both architectures do (LP64, natural alignment):
//
//   struct list_head { struct list_head *next, *prev; };
//   struct mutex { long owner; union { struct list_head wait_list; void *first; }; unsigned flags : 3; char name[16]; };
//   enum pageflags { PG_locked, PG_slab = 9 };
//   struct task_struct init_task;             a variable: its type alone
// A function pointer is a void *. A mistake in the text ends the test program. Used by tests only.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "debuginfo/type.h"

namespace inquest::debuginfo::testing {

class TextTypes : public TypeSource {
 public:
  // May be called again: types of earlier texts are known, and those of later ones to pointers of earlier ones.
  void add(std::string_view text) {
    rest_ = text;
    next();
    while (!token_.empty()) definition();
  }
  const Type* find(TypeKind kind, std::string_view name) const {
    auto it = named_.find(std::pair(kind, std::string(name)));
    return it == named_.end() ? nullptr : it->second;
  }
  std::map<std::string, int64_t, std::less<>> enumerators;
  std::map<std::string, const Type*, std::less<>> variables;

 private:
  struct Parsed {
    const Type* type = nullptr;      // null: void
    std::pair<TypeKind, std::string> later;  // a struct that may be defined behind its use
    uint64_t align = 8;
  };
  struct Node {
    std::string name;
    std::unique_ptr<Type> type;
    Body body;
    std::pair<TypeKind, std::string> later;
    uint64_t align;
  };

  Body body_of(const Type& type) const override {
    const Node& node = nodes_[type.key()];
    Body body = node.body;
    if (!node.later.second.empty()) body.target = find(node.later.first, node.later.second);
    return body;
  }

  [[noreturn]] void fail(const char* what) const {
    std::fprintf(stderr, "TextTypes: %s before \"%.*s%.40s\"\n", what, int(token_.size()), token_.data(), std::string(rest_).c_str());
    std::abort();
  }
  static bool is_word(char c) { return isalnum(static_cast<unsigned char>(c)) || c == '_'; }
  void next() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \n"), rest_.size()));
    size_t size = 0;
    while (size < rest_.size() && is_word(rest_[size])) size++;
    size = rest_.empty() ? 0 : std::max<size_t>(size, 1);
    token_ = rest_.substr(0, size);
    rest_.remove_prefix(size);
  }
  bool accept(std::string_view wanted) {
    if (token_ != wanted) return false;
    next();
    return true;
  }
  void expect(std::string_view wanted) {
    if (!accept(wanted)) fail("something is missing");
  }
  std::string word() {
    if (token_.empty() || !is_word(token_[0])) fail("no name");
    std::string name(token_);
    next();
    return name;
  }
  int64_t number() {
    bool negative = accept("-");
    int64_t value = std::strtoll(word().c_str(), nullptr, 0);
    return negative ? -value : value;
  }

  Node& make(TypeKind kind, std::string name, std::optional<uint64_t> size, uint64_t align, bool is_signed = false) {
    Node& node = nodes_.emplace_back();
    node.name = std::move(name);
    node.align = align;
    node.type = std::make_unique<Type>(this, nodes_.size() - 1, kind, node.name, size, is_signed, false);
    if (!node.name.empty()) named_[{kind, node.name}] = node.type.get();
    return node;
  }
  uint64_t align_of(const Type* type) const { return type ? nodes_[type->key()].align : 1; }

  void definition() {
    Parsed base = specifier();
    for (bool first = true; token_ != ";"; first = false) {
      if (!first) expect(",");
      std::string name;
      Parsed type = declarator(base, name);
      variables[name] = type.type;
    }
    expect(";");
  }

  Parsed specifier() {
    accept("const");
    if (accept("struct")) return aggregate(TypeKind::kStruct);
    if (accept("union")) return aggregate(TypeKind::kUnion);
    if (accept("enum")) return enumeration();
    if (accept("void")) return {nullptr, {}, 1};
    return integer();
  }

  Parsed integer() {
    std::string spelled;
    uint64_t size = 4;
    bool is_signed = true, any = false;
    for (;; any = true) {
      std::string_view t = token_;
      if (t == "unsigned") is_signed = false;
      else if (t == "long") size = 8;
      else if (t == "short") size = 2;
      else if (t == "char") size = 1;
      else if (t == "_Bool" || t == "bool") size = 1, is_signed = false;
      else if (t != "int" && t != "signed") break;
      spelled += (spelled.empty() ? "" : " ") + std::string(t);
      next();
    }
    if (!any) fail("no type");
    std::string name(canonical_integer_name(spelled));
    if (const Type* known = find(TypeKind::kInteger, name)) return {known, {}, size};
    return {make(TypeKind::kInteger, name, size, size, is_signed).type.get(), {}, size};
  }

  Parsed enumeration() {
    std::string name = token_ == "{" ? "" : word();
    Node* node = nullptr;
    if (!accept("{")) return {find(TypeKind::kEnum, name), {}, 4};
    std::vector<Enumerator> all;
    for (int64_t value = 0; !accept("}"); value++) {
      std::string constant = word();
      if (accept("=")) value = number();
      auto it = enumerators.insert_or_assign(constant, value).first;
      all.push_back({it->first, value});
      if (!accept(",") && token_ != "}") fail("a comma is missing");
    }
    node = &make(TypeKind::kEnum, name, 4, 4);
    node->body.enumerators = std::move(all);
    return {node->type.get(), {}, 4};
  }

  Parsed aggregate(TypeKind kind) {
    std::string name = token_ == "{" ? "" : word();
    if (!accept("{")) {
      const Type* known = find(kind, name);
      return {known, {kind, name}, align_of(known)};
    }
    Body body;
    uint64_t bits = 0, size = 0, align = 1;
    while (!accept("}")) {
      Parsed base = specifier();
      if (token_ == ";") add_member(kind, body, "", base, 0, bits, size, align);
      while (token_ != ";") {
        std::string member;
        Parsed type = declarator(base, member);
        add_member(kind, body, member, type, accept(":") ? uint32_t(number()) : 0, bits, size, align);
        if (!accept(",") && token_ != ";") fail("a comma is missing");
      }
      expect(";");
    }
    Node& node = make(kind, name, (size + align - 1) / align * align, align);
    node.body = std::move(body);
    return {node.type.get(), {}, align};
  }

  void add_member(TypeKind kind, Body& body, const std::string& name, const Parsed& type, uint32_t width, uint64_t& bits, uint64_t& size, uint64_t& align) {
    if (!type.type || !type.type->size()) {
      bool flexible = type.type && type.type->kind() == TypeKind::kArray;
      if (!flexible) fail("a member of unknown size");
    }
    uint64_t whole = 8 * type.type->size().value_or(0), unit = 8 * type.align;
    bool fits = width && bits / whole == (bits + width - 1) / whole;
    if (kind == TypeKind::kUnion) bits = 0;
    else if (!fits) bits = (bits + unit - 1) / unit * unit;
    names_.push_back(name);
    body.members.push_back({names_.back(), type.type, bits, width});
    bits += width ? width : whole;
    size = std::max(size, (bits + 7) / 8);
    align = std::max(align, type.align);
  }

  Parsed declarator(Parsed type, std::string& name) {
    while (accept("*")) {
      Node& pointer = make(TypeKind::kPointer, "", 8, 8);
      pointer.body.target = type.type;
      pointer.later = type.type ? decltype(pointer.later){} : type.later;
      type = {pointer.type.get(), {}, 8};
    }
    name = word();
    std::vector<std::optional<uint64_t>> counts;
    while (accept("[")) {
      counts.push_back(token_ == "]" ? std::nullopt : std::optional(uint64_t(number())));
      expect("]");
    }
    for (size_t i = counts.size(); i-- > 0;) {
      Node& array = make(TypeKind::kArray, "", std::nullopt, type.align);
      array.body.target = type.type;
      array.body.count = counts[i];
      type.type = array.type.get();
    }
    return type;
  }

  std::string_view rest_, token_;
  std::deque<Node> nodes_;
  std::deque<std::string> names_;
  std::map<std::pair<TypeKind, std::string>, const Type*> named_;
};

}  // namespace inquest::debuginfo::testing
