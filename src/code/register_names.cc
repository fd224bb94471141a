#include "code/register_names.h"

#include <algorithm>

namespace inquest::code {

namespace {

bool holds(const debuginfo::FunctionTree::Node& node, uint64_t address) {
  return std::ranges::any_of(node.spans, [&](const auto& span) { return span.contains(address); });
}

}  // namespace

// GCC writes the parameters of an inlined copy in an order of its own.
RegisterNames::RegisterNames(debuginfo::FunctionTree tree) : tree_(std::move(tree)) {
  for (auto& node : tree_.nodes) {
    auto locals = std::stable_partition(node.variables.begin(), node.variables.end(), [](const debuginfo::FunctionTree::Variable& v) { return v.parameter; });
    std::ranges::stable_sort(node.variables.begin(), locals, {}, &debuginfo::FunctionTree::Variable::origin);
  }
}

bool RegisterNames::covers(uint64_t address) const { return !tree_.nodes.empty() && holds(tree_.nodes[0], address); }

const RegisterNames::Node* RegisterNames::inner_at(const Node& node, uint64_t address) const {
  for (size_t i : node.inner)
    if (holds(tree_.nodes[i], address)) return &tree_.nodes[i];
  return nullptr;
}

void RegisterNames::add_function(const std::vector<const Node*>& nodes, uint64_t address, size_t depth, std::vector<Name>& names) {
  for (const Node* node : nodes)
    for (const auto& v : node->variables) {
      auto place = std::ranges::find_if(v.places, [&](const auto& p) { return p.span.contains(address); });
      if (!v.type || place == v.places.end() || place->location.bytes.empty()) continue;
      auto relation = debuginfo::register_relation(place->location);
      if (relation && !relation->in_memory) names.push_back({relation->reg, relation->offset, v.name, nodes[0]->name, v.type, v.parameter, depth});
    }
}

std::vector<RegisterNames::Name> RegisterNames::at(uint64_t address) const {
  std::vector<Name> names;
  if (!covers(address)) return names;
  std::vector<std::vector<const Node*>> functions;  // outermost first, each with its blocks around the address
  for (const Node* node = &tree_.nodes[0]; node; node = inner_at(*node, address)) {
    if (node->is_function) functions.emplace_back();
    functions.back().push_back(node);
  }
  for (size_t depth = 0; depth < functions.size(); depth++) add_function(functions[functions.size() - 1 - depth], address, depth, names);
  return names;
}

}  // namespace inquest::code
