#include "code/loops.h"

#include <algorithm>

namespace inquest::code {

namespace {

constexpr size_t kMaxConditions = 4;

std::vector<bool> reach(const FunctionCode& code, size_t from, bool forward) {
  std::vector<bool> seen(code.blocks().size(), false);
  std::vector<size_t> work = {from};
  while (!work.empty()) {
    const Block& b = code.blocks()[work.back()];
    work.pop_back();
    for (size_t next : forward ? b.successors : b.predecessors)
      if (!seen[next]) {
        seen[next] = true;
        work.push_back(next);
      }
  }
  return seen;
}

// The source frames that all of these chains have in common, outermost first.
std::vector<object::SourceFrame> common_part(const std::vector<std::vector<object::SourceFrame>>& chains) {
  std::vector<object::SourceFrame> common;
  for (size_t depth = 0; !chains.empty(); depth++) {
    const object::SourceFrame* first = nullptr;
    for (const auto& chain : chains) {
      if (depth >= chain.size()) return common;
      const auto& f = chain[chain.size() - 1 - depth];
      if (first && f.function != first->function) return common;
      if (!first) first = &f;
    }
    common.push_back(*first);
  }
  return common;
}

void place(Loop& loop, const FunctionCode& code, const std::vector<size_t>& instructions) {
  std::vector<std::vector<object::SourceFrame>> chains;
  for (size_t i : instructions)
    if (auto source = code.source_of(i); !source.empty()) chains.push_back(std::move(source));
  auto common = common_part(chains);
  if (common.empty()) return;
  loop.function = common.back().function;
  loop.file = common.back().file;
  for (const auto& chain : chains) {
    int line = chain[chain.size() - common.size()].line;
    if (!line) continue;
    loop.first_line = loop.first_line ? std::min(loop.first_line, line) : line;
    loop.last_line = std::max(loop.last_line, line);
  }
}

// What a condition looks at: the last member read.
void name_object(Loop& loop, const ExpressionRef& side) {
  auto from = loaded_from(side);
  auto p = from ? place_of(from) : std::nullopt;
  if (!p || !p->object || p->object->name().empty() || p->offset < 0) return;
  if (loop.object && loop.object != p->object) return;
  loop.object = p->object;
  if (loop.pointer.empty()) loop.pointer = text(p->base);
  for (const auto& m : p->members)
    if (std::find(loop.members.begin(), loop.members.end(), m.path) == loop.members.end()) loop.members.push_back(m.path);
}

}  // namespace

std::optional<Loop> loop_around(const ValueFlow& flow, size_t instruction) {
  const FunctionCode& code = flow.code();
  size_t here = code.block_of(instruction);
  auto ahead = reach(code, here, true), behind = reach(code, here, false);
  if (!ahead[here]) return std::nullopt;
  Loop loop;
  std::vector<size_t> marks = {instruction};
  for (size_t b = 0; b < code.blocks().size(); b++) {
    if (!ahead[b] || !behind[b]) continue;
    const Block& block = code.blocks()[b];
    VirtualAddress low = code.instructions()[block.first].address, high = code.instructions()[block.last].address + code.instructions()[block.last].size;
    if (loop.low.is_null() || low < loop.low) loop.low = low;
    loop.high = std::max(loop.high, high);
    const auto& jump = code.instructions()[block.last];
    if (jump.operation != arch::Operation::kBranch) continue;
    marks.push_back(block.last);
    // A way out: it stays while the other way is taken.
    auto way_out = [&](bool by_jump) {
      loop.leaves = true;
      auto c = condition_of_branch(flow, block.last, !by_jump);
      if (!c || loop.stays.size() >= kMaxConditions) return;
      name_object(loop, c->left_expression);
      name_object(loop, c->right_expression);
      loop.stays.push_back(std::move(*c));
    };
    for (size_t next : block.successors)
      if (!ahead[next] || !behind[next]) way_out(jump.target && *jump.target == code.instructions()[code.blocks()[next].first].address);
    if (jump.target && !code.index_of(*jump.target)) way_out(true);  // into another function
  }
  place(loop, code, marks);
  return loop;
}

}  // namespace inquest::code
