// A whole concrete function from its DIEs (DWARF 5, sections 3.3 to 3.5, 2.6.2), for DebugFile::tree_at().
#include "debuginfo/code_reader.h"

namespace inquest::debuginfo {

using dwarf::Die;
using dwarf::Range;
using dwarf::Value;
using namespace dwarf;  // DWARF's numbers

namespace {

// The deepest inlining seen in a kernel is some 40 levels, each with a block or two; the largest function has some 20,000 DIEs.
constexpr int kMaxDepth = 256;
constexpr size_t kMaxDies = 1 << 20;
// Lists may be shared, so that a damaged file could ask for each of them a million times. The largest function here has some 30,000.
constexpr size_t kMaxPlaces = 1 << 19;

}  // namespace

struct CodeReader::Growth {
  FunctionTree tree;
  size_t dies_left = kMaxDies, places_left = kMaxPlaces;
};

void CodeReader::add_variable(const Die& die, size_t node, Growth& growth) const {
  FunctionTree::Variable variable;
  variable.name = dwarf_.name(die);
  if (variable.name.empty()) return;
  Die owner;
  if (Value location = dwarf_.inherited(die, DW_AT_location, &owner)) {
    for (const LocatedExpression& entry : dwarf_.locations(owner.unit(), location, growth.places_left))
      variable.places.push_back({{entry.range.low, entry.range.high}, expression(owner.unit(), entry.expression)});
    growth.places_left -= variable.places.size();
  }
  if (variable.places.empty()) return;
  variable.parameter = die.tag() == DW_TAG_formal_parameter;
  variable.origin = dwarf_.last_origin(die).offset();
  variable.type = types_.target_of(die);
  growth.tree.nodes[node].variables.push_back(std::move(variable));
}

void CodeReader::add_node(const Die& die, size_t parent, Growth& growth, int depth) const {
  FunctionTree::Node made;
  for (const Range& range : dwarf_.ranges(die)) made.spans.push_back({range.low, range.high});
  if (made.spans.empty()) return;
  made.is_function = die.tag() == DW_TAG_inlined_subroutine;
  if (made.is_function) made.name = dwarf_.name(dwarf_.last_origin(die));
  auto& nodes = growth.tree.nodes;
  nodes[parent].inner.push_back(nodes.size());
  nodes.push_back(std::move(made));
  grow(die, nodes.size() - 1, growth, depth + 1);
}

void CodeReader::grow(const Die& parent, size_t node, Growth& growth, int depth) const {
  if (depth > kMaxDepth) return;
  for (Die child = parent.first_child(); child && growth.dies_left; child = child.next_sibling()) {
    growth.dies_left--;
    switch (child.tag()) {
      case DW_TAG_formal_parameter:
      case DW_TAG_variable: add_variable(child, node, growth); break;
      case DW_TAG_inlined_subroutine:
      case DW_TAG_lexical_block: add_node(child, node, growth, depth); break;
      default: break;
    }
  }
}

Result<FunctionTree> CodeReader::tree_at(uint64_t address) const {
  const index::FunctionRecord* record = record_at(address);
  Die function = record ? dwarf_.die(record->die) : Die();
  if (!function) return Error(ErrorCode::kNotFound, "no function in the debuginfo covers this address");
  Growth growth;
  FunctionTree::Node root;
  root.is_function = true;
  root.name = dwarf_.name(dwarf_.last_origin(function));
  for (const Range& range : dwarf_.ranges(function)) root.spans.push_back({range.low, range.high});
  root.spans.push_back({record->low, record->low + record->size});  // with the no-ops before it (see scopes_at())
  growth.tree.nodes.push_back(std::move(root));
  grow(function, 0, growth, 0);
  return std::move(growth.tree);
}

}  // namespace inquest::debuginfo
