#include "code/reach.h"

#include <algorithm>

namespace inquest::code {

namespace {

using arch::Operation;

bool keeps_all(const FunctionCode& code, const arch::Instruction& insn) {
  std::string callee = code.target_name(insn);
  return callee == "__fentry__" || callee == "mcount" || callee == "_mcount";
}

// What compilers fill gaps with: nops, or int3 behind a jump or return.
bool is_padding(const FunctionCode& code, const Block& block) {
  for (size_t i = block.first; i <= block.last; i++) {
    const auto& insn = code.instructions()[i];
    if (insn.operation != Operation::kNop && insn.mnemonic != "int3") return false;
  }
  return true;
}

}  // namespace

Definitions last_before(const FunctionCode& code, size_t instruction, const std::function<bool(size_t)>& stop) {
  Definitions found;
  const auto& blocks = code.blocks();
  auto start = code.index_of(code.entry());
  size_t entry_block = start ? code.block_of(*start) : 0;
  std::vector<bool> seen(blocks.size(), false);
  std::vector<size_t> work;  // blocks to be searched from their ends
  auto search = [&](size_t block, size_t from_end) {
    for (size_t i = from_end; i-- > blocks[block].first;)
      if (stop(i)) {
        found.instructions.push_back(i);
        return;
      }
    if (block == entry_block) found.entry = true;
    else if (blocks[block].predecessors.empty() && !is_padding(code, blocks[block])) found.unknown = true;
    for (size_t p : blocks[block].predecessors)
      if (!seen[p]) {
        seen[p] = true;
        work.push_back(p);
      }
  };
  search(code.block_of(instruction), instruction);
  while (!work.empty()) {
    size_t b = work.back();
    work.pop_back();
    search(b, blocks[b].last + 1);
  }
  std::sort(found.instructions.begin(), found.instructions.end());
  found.instructions.erase(std::unique(found.instructions.begin(), found.instructions.end()), found.instructions.end());
  return found;
}

bool changes(const FunctionCode& code, size_t instruction, unsigned reg) {
  const auto& insn = code.instructions()[instruction];
  if (insn.writes(reg)) return true;
  if (insn.destination.is_register() && insn.destination.reg == reg && insn.operation != Operation::kCompare && insn.operation != Operation::kTest) return true;
  if (insn.operation != Operation::kCall) return false;
  const auto& arch = code.program().arch();
  if (reg == arch.sp) return false;
  for (unsigned r : arch.callee_saved)
    if (r == reg) return false;
  return !keeps_all(code, insn);
}

Definitions definitions_of(const FunctionCode& code, size_t instruction, unsigned reg) {
  return last_before(code, instruction, [&](size_t i) { return changes(code, i, reg); });
}

std::optional<int64_t> own_slot(const ValueFlow& flow, const State& state, size_t instruction, const arch::MemoryOperand& memory) {
  if (memory.per_cpu || memory.absolute || memory.index != arch::kNoRegister) return std::nullopt;
  auto e = flow.address(state, instruction, memory);
  unsigned sp = flow.code().program().arch().sp;
  if (!known(e)) return std::nullopt;
  if (e->kind == Expression::Kind::kEntry && e->reg == sp) return 0;
  if (e->kind == Expression::Kind::kOffset && e->left->kind == Expression::Kind::kEntry && e->left->reg == sp) return e->offset;
  return std::nullopt;
}

Definitions slot_definitions(const ValueFlow& flow, size_t instruction, int64_t slot) {
  const FunctionCode& code = flow.code();
  const auto& arch = code.program().arch();
  auto covers = [&](int64_t at, unsigned size) { return at < slot + 8 && slot < at + int64_t(size); };
  return last_before(code, instruction, [&](size_t i) {
    const auto& insn = code.instructions()[i];
    if (insn.operation == Operation::kPush) {
      auto sp = flow.register_before(i, arch.sp);
      if (!known(sp)) return false;
      int64_t at = (sp->kind == Expression::Kind::kOffset ? sp->offset : 0) - 8;
      return covers(at, 8);
    }
    if (!insn.destination.is_memory() || insn.operation == Operation::kCompare || insn.operation == Operation::kTest) return false;
    unsigned base = insn.destination.memory.base;
    if (base != arch.sp && base != arch.frame_pointer) return false;
    auto at = own_slot(flow, flow.before(i), i, insn.destination.memory);
    unsigned size = insn.destination.memory.size + (insn.second.is_register() ? insn.second.size : 0);
    return at && covers(*at, size);
  });
}

RegisterSet written_between(const FunctionCode& code, size_t from, size_t to) {
  const auto& blocks = code.blocks();
  // Positions are instructions about to run. Forward from behind `from`, backward from `to`, neither running `from` again; whole blocks, cut at both ends.
  std::vector<bool> ahead(blocks.size(), false), behind(blocks.size(), false);
  size_t from_block = code.block_of(from), to_block = code.block_of(to);
  RegisterSet written;
  auto add = [&](size_t first, size_t end) {
    for (size_t i = first; i < end; i++)
      for (unsigned r = 0; r < arch::kRegisterCount; r++)
        if (!written[r] && changes(code, i, r)) written.set(r);
  };
  add(from, from + 1);
  if (from_block == to_block && from < to) {
    add(from + 1, to);
    return written;
  }
  std::vector<size_t> work = blocks[from_block].successors;
  while (!work.empty()) {
    size_t b = work.back();
    work.pop_back();
    if (ahead[b]) continue;
    ahead[b] = true;
    if (b != from_block) work.insert(work.end(), blocks[b].successors.begin(), blocks[b].successors.end());
  }
  work = blocks[to_block].predecessors;
  while (!work.empty()) {
    size_t b = work.back();
    work.pop_back();
    if (behind[b]) continue;
    behind[b] = true;
    if (b != from_block) work.insert(work.end(), blocks[b].predecessors.begin(), blocks[b].predecessors.end());
  }
  for (size_t b = 0; b < blocks.size(); b++)
    if (b != from_block && ahead[b] && behind[b]) add(blocks[b].first, blocks[b].last + 1);
  add(from + 1, blocks[from_block].last + 1);
  add(blocks[to_block].first, to);
  return written;
}

}  // namespace inquest::code
