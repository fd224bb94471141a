// FakeDebug: a DebugFile of hand-made scopes, variables and call sites, symbols, lines, and types out of a text; everything else is empty.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "debuginfo/debug_file.h"
#include "debuginfo/testing/text_types.h"

namespace inquest::unwind::testing {

class FakeDebug : public debuginfo::DebugFile, public debuginfo::TypeSource {
 public:
  explicit FakeDebug(const arch::Arch& arch) : arch_(&arch) {}

  // Integers and pointers of 8 and 4 bytes.
  debuginfo::Type long_type{this, 1, debuginfo::TypeKind::kInteger, "long", 8, true, false};
  debuginfo::Type int_type{this, 2, debuginfo::TypeKind::kInteger, "int", 4, true, false};

  struct Variable {
    std::string name;
    const debuginfo::Type* type;
    bool parameter;
    uint64_t low, high;            // where `expression` holds
    std::string expression;        // bytes; "" = never anywhere
  };
  struct Function {
    std::string name;
    uint64_t low, high;
    std::vector<Variable> variables;
    std::vector<debuginfo::CallSite> sites;
  };
  std::vector<Function> functions_;
  debuginfo::testing::TextTypes types;
  std::map<uint64_t, debuginfo::SourceLine> lines;   // each up to the next
  void add_symbol(std::string name, uint64_t address, uint64_t size, bool function) {
    texts_.push_back(std::move(name));
    symbols_.push_back({texts_.back(), address, size, function ? elf::kSttFunc : elf::kSttObject, true});
    std::stable_sort(symbols_.begin(), symbols_.end(), [](const auto& a, const auto& b) { return a.address < b.address; });
  }
  void add_section(std::string name, uint64_t address, uint64_t size, uint64_t flags) {
    texts_.push_back(std::move(name));
    places_.push_back({texts_.back(), address, size, flags});
  }
  // "struct node *" and the like.
  const debuginfo::Type* type(std::string spelling) {
    std::string name = "_" + std::to_string(texts_.size());
    texts_.push_back(spelling + " " + name + ";");
    types.add(texts_.back());
    return types.variables.at(name);
  }
  debuginfo::Expression expression(std::string bytes) {
    texts_.push_back(std::move(bytes));
    return {as_bytes_of(texts_.back()), 0, 8, 4, 4};
  }

  Result<debuginfo::Scopes> scopes_at(uint64_t address) const override {
    for (size_t i = 0; i < functions_.size(); i++) {
      const Function& f = functions_[i];
      if (address < f.low || address >= f.high) continue;
      debuginfo::FunctionScope scope;
      scope.name = f.name;
      scope.die = scope.origin = i + 1;
      scope.low = scope.entry = f.low;
      scope.high = f.high;
      scope.frame_base = debuginfo::Expression{as_bytes_of("\x9c"), 0, 8, 4, 4};  // DW_OP_call_frame_cfa
      for (const Variable& v : f.variables) {
        debuginfo::LocalVariable local;
        local.name = v.name;
        local.type = v.type;
        local.parameter = v.parameter;
        local.die = uint64_t(&v - f.variables.data()) + 100;
        if (!v.expression.empty() && address >= v.low && address < v.high)
          local.location = debuginfo::Expression{as_bytes_of(v.expression), 0, 8, 4, 4};
        scope.variables.push_back(local);
      }
      return debuginfo::Scopes{{scope}};
    }
    return Error(ErrorCode::kNotFound, "no function");
  }
  Result<debuginfo::Scopes> frames_at(uint64_t address) const override { return scopes_at(address); }
  Result<debuginfo::FunctionTree> tree_at(uint64_t address) const override {
    for (const Function& f : functions_) {
      if (address < f.low || address >= f.high) continue;
      debuginfo::FunctionTree::Node node{true, f.name, {{f.low, f.high}}, {}, {}};
      for (const Variable& v : f.variables)
        node.variables.push_back({v.name, v.type, v.parameter, uint64_t(&v - f.variables.data()), {{{v.low, v.high}, {as_bytes_of(v.expression), 0, 8, 4, 4}}}});
      return debuginfo::FunctionTree{{std::move(node)}};
    }
    return none();
  }
  std::vector<debuginfo::CallSite> call_sites(uint64_t die) const override {
    return die && die <= functions_.size() ? functions_[die - 1].sites : std::vector<debuginfo::CallSite>();
  }

  const std::string& path() const override { return empty_; }
  const std::string& build_id() const override { return empty_; }
  const arch::Arch* arch() const override { return arch_; }
  bool is_module() const override { return false; }
  std::string_view module_name() const override { return {}; }
  std::string_view release() const override { return {}; }
  bool has_dwarf() const override { return true; }
  bool index_from_cache() const override { return false; }
  uint64_t index_bytes() const override { return 0; }
  const std::vector<debuginfo::SectionPlace>& section_places() const override { return places_; }
  Bytes file_bytes(uint64_t, uint64_t) const override { return {}; }
  Result<Bytes> section_bytes(std::string_view) const override { return none(); }
  const std::vector<debuginfo::FileSymbol>& symbols() const override { return symbols_; }
  std::optional<debuginfo::FileSymbol> find_symbol(std::string_view name) const override {
    auto all = find_symbols(name);
    return all.empty() ? std::nullopt : std::optional(all.front());
  }
  std::vector<debuginfo::FileSymbol> find_symbols(std::string_view name) const override {
    std::vector<debuginfo::FileSymbol> all;
    for (const auto& s : symbols_)
      if (s.name == name) all.push_back(s);
    return all;
  }
  std::optional<debuginfo::FileSymbol> symbol_at(uint64_t address) const override {
    for (const auto& s : symbols_)
      if (address >= s.address && address - s.address < s.size) return s;
    return {};
  }
  const debuginfo::Type* find_type(debuginfo::TypeKind kind, std::string_view name) const override { return types.find(kind, name); }
  std::vector<const debuginfo::Type*> find_types(debuginfo::TypeKind kind, std::string_view name) const override {
    const debuginfo::Type* one = types.find(kind, name);
    return one ? std::vector{one} : std::vector<const debuginfo::Type*>();
  }
  const debuginfo::Type* parse_type(std::string_view) const override { return nullptr; }
  std::vector<std::string_view> type_names(debuginfo::TypeKind) const override { return {}; }
  std::optional<int64_t> find_enumerator(std::string_view name) const override {
    auto it = types.enumerators.find(name);
    return it == types.enumerators.end() ? std::nullopt : std::optional(it->second);
  }
  std::optional<debuginfo::Variable> find_variable(std::string_view name) const override {
    auto it = types.variables.find(name);
    if (it == types.variables.end()) return {};
    debuginfo::Variable v;
    v.name = it->first;
    v.type = it->second;
    if (auto s = find_symbol(name)) v.address = s->address;
    return v;
  }
  std::vector<debuginfo::Variable> find_variables(std::string_view) const override { return {}; }
  std::optional<debuginfo::Variable> variable_at(uint64_t) const override { return {}; }
  std::vector<debuginfo::Function> find_functions(std::string_view) const override { return {}; }
  std::optional<debuginfo::Function> function_at(uint64_t) const override { return {}; }
  const debuginfo::Type* type_of_die(uint64_t) const override { return nullptr; }
  const debuginfo::Type* type_at_die(uint64_t die) const override { return die == 1 ? &long_type : die == 2 ? &int_type : nullptr; }
  std::string_view name_of_die(uint64_t) const override { return {}; }
  std::optional<debuginfo::SourceLine> line_at(uint64_t address) const override {
    auto after = lines.upper_bound(address);
    return after == lines.begin() ? std::nullopt : std::optional(std::prev(after)->second);
  }
  std::vector<LineRow> lines_of(uint64_t, uint64_t) const override { return {}; }
  const debuginfo::UnwindTable* cfi() const override { return nullptr; }
  Result<uint64_t> indexed_address(uint64_t, uint64_t) const override { return none(); }

 private:
  Body body_of(const debuginfo::Type&) const override { return {}; }
  static Error none() { return {ErrorCode::kNotFound, "none"}; }
  const arch::Arch* arch_;
  std::string empty_;
  std::deque<std::string> texts_;
  std::vector<debuginfo::SectionPlace> places_;
  std::vector<debuginfo::FileSymbol> symbols_;
};

}  // namespace inquest::unwind::testing
