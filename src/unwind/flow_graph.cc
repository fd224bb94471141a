#include "unwind/flow_graph.h"

namespace inquest::unwind {

using arch::Instruction;
using arch::Operation;

FlowGraph::FlowGraph(const std::vector<Instruction>& code, const std::vector<char>& leader, const std::vector<size_t>& orphans, const Target& target)
    : last_(code.size()), predecessors_(code.size()), loop_(code.size()) {
  std::vector<std::vector<size_t>> successors(code.size());
  for (size_t i = code.size(); i-- > 0;) {
    bool ends = i + 1 == code.size() || leader[i + 1];
    last_[i] = ends ? i : last_[i + 1];
  }
  for (size_t begin = 0; begin < code.size(); begin++) {
    if (!leader[begin]) continue;
    const Instruction& one = code[last_[begin]];
    if (one.operation != Operation::kCall)
      if (auto to = target(one)) successors[begin].push_back(*to);
    if (one.operation == Operation::kJump && !one.target) successors[begin].insert(successors[begin].end(), orphans.begin(), orphans.end());
    if (!one.ends_block() && last_[begin] + 1 < code.size()) successors[begin].push_back(last_[begin] + 1);
    for (size_t to : successors[begin]) predecessors_[to].push_back(last_[begin]);
  }
  if (!code.empty()) find_loops(successors);
}

// Depth first: a way to a block that is being visited closes a loop.
void FlowGraph::find_loops(const std::vector<std::vector<size_t>>& successors) {
  enum Colour : char { kNew, kOpen, kDone };
  std::vector<char> colour(successors.size(), kNew);
  std::vector<std::pair<size_t, size_t>> stack{{0, 0}};  // block, next successor
  colour[0] = kOpen;
  while (!stack.empty()) {
    auto& [block, next] = stack.back();
    if (next == successors[block].size()) {
      colour[block] = kDone;
      stack.pop_back();
      continue;
    }
    size_t to = successors[block][next++];
    if (colour[to] == kOpen) loop_[to] = 1;
    if (colour[to] != kNew) continue;
    colour[to] = kOpen;
    stack.emplace_back(to, 0);
  }
}

}  // namespace inquest::unwind
