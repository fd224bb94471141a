// RegisterNames: which variables of one function are in registers at each of its addresses, by DWARF.
// Made once a function, so that its debuginfo is read once. Immutable. File addresses; types and names point into the debug file.
#pragma once

#include <string_view>
#include <vector>

#include "debuginfo/debug_file.h"

namespace inquest::code {

class RegisterNames {
 public:
  struct Name {
    unsigned reg = 0;
    int64_t offset = 0;      // variable = register + offset
    std::string_view name, function;
    const debuginfo::Type* type = nullptr;
    bool parameter = false;
    size_t depth = 0;        // 0 = innermost inlined function
  };

  explicit RegisterNames(debuginfo::FunctionTree tree);
  bool covers(uint64_t address) const;
  // Innermost function first; in each its parameters as declared, then its locals, outer blocks first.
  std::vector<Name> at(uint64_t address) const;

 private:
  using Node = debuginfo::FunctionTree::Node;
  const Node* inner_at(const Node& node, uint64_t address) const;
  static void add_function(const std::vector<const Node*>& nodes, uint64_t address, size_t depth, std::vector<Name>& names);

  debuginfo::FunctionTree tree_;
};

}  // namespace inquest::code
