// CodeReader: functions, scopes, variables and call sites of one debug file, read from its DIEs when asked for.
//
// Nothing is kept: of a function's tree only the DIEs on the path to an address are read, the others are jumped over.
// Thread-safe. What it is made of must outlive it.
#pragma once

#include <optional>
#include <vector>

#include "debuginfo/debug_file.h"
#include "debuginfo/line_store.h"
#include "debuginfo/type_table.h"

namespace inquest::debuginfo {

class CodeReader {
 public:
  CodeReader(const dwarf::Dwarf& dwarf, const index::Index& index, const index::NameStrings& strings,
             const TypeTable& types, const LineStore& lines)
      : dwarf_(dwarf), index_(index), strings_(strings), types_(types), lines_(lines) {}

  std::vector<Function> find_functions(std::string_view name) const;
  std::optional<Function> function_at(uint64_t address) const;
  // Without `all`: names, ranges and call lines only.
  Result<Scopes> scopes_at(uint64_t address, bool all) const;
  Result<FunctionTree> tree_at(uint64_t address) const;
  std::vector<CallSite> call_sites(uint64_t function_die) const;
  // All variables of that name: definitions first.
  std::vector<Variable> find_variables(std::string_view name) const;
  // The one that begins last at or below the address, if its type reaches there.
  std::optional<Variable> variable_at(uint64_t address) const;

  std::optional<SourceLine> line_at(uint64_t address) const;
  std::vector<DebugFile::LineRow> lines_of(uint64_t low, uint64_t high) const;

 private:
  const index::FunctionRecord* record_at(uint64_t address) const;
  std::optional<size_t> unit_at(uint64_t address) const;
  Function function_of(const index::FunctionRecord& record) const;
  Variable variable_of(const index::VariableRecord& record) const;
  // Where the DIE (or its origin) was declared.
  void declared(const dwarf::Die& die, std::string& file, int& line) const;
  std::string file_of(const dwarf::Unit& unit, const dwarf::Value& number) const;

  struct Path;
  void walk(const dwarf::Die& parent, uint64_t address, Path& path, int depth) const;
  void enter_inlined(const dwarf::Die& die, const dwarf::Range& range, Path& path) const;
  FunctionScope scope_of(const dwarf::Die& die, const dwarf::Range& range, bool all) const;
  void fill_scope(const dwarf::Die& die, const dwarf::Die& origin, FunctionScope& scope) const;
  std::optional<LocalVariable> local_of(const dwarf::Die& die, uint64_t address) const;
  struct Growth;
  void grow(const dwarf::Die& parent, size_t node, Growth& growth, int depth) const;
  void add_node(const dwarf::Die& die, size_t parent, Growth& growth, int depth) const;
  void add_variable(const dwarf::Die& die, size_t node, Growth& growth) const;
  Expression expression(const dwarf::Unit& unit, Bytes bytes) const;

  void collect_calls(const dwarf::Die& parent, std::vector<CallSite>& calls, int depth) const;
  CallSite call_site(const dwarf::Die& die) const;

  const dwarf::Dwarf& dwarf_;
  const index::Index& index_;
  const index::NameStrings& strings_;
  const TypeTable& types_;
  const LineStore& lines_;
};

}  // namespace inquest::debuginfo
