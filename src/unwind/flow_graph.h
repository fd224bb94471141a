// FlowGraph: the blocks of a function and the ways between them, by instruction.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "arch/instruction.h"

namespace inquest::unwind {

class FlowGraph {
 public:
  // `leader`: which instructions begin a block; `target`: of the instruction's jump or branch, among `code`, or none; `orphans`: where
  // indirect jumps may go.
  using Target = std::function<std::optional<size_t>(const arch::Instruction&)>;
  FlowGraph(const std::vector<arch::Instruction>& code, const std::vector<char>& leader, const std::vector<size_t>& orphans, const Target& target);

  // The last instructions of the blocks that lead to the one that begins at `leader`.
  std::span<const size_t> predecessors(size_t leader) const { return predecessors_[leader]; }
  // Whether some loop comes back to the block that begins there: no loop is without such a block.
  bool is_loop(size_t leader) const { return loop_[leader]; }

 private:
  void find_loops(const std::vector<std::vector<size_t>>& successors);
  std::vector<size_t> last_;                            // by leader: the block's last instruction
  std::vector<std::vector<size_t>> predecessors_;       // by leader
  std::vector<char> loop_;                              // by leader
};

}  // namespace inquest::unwind
