// LiveScene's questions to the code around a NULL: was the same memory tested before it was loaded, and who clears it?
#include <algorithm>
#include <deque>

#include "code/questions.h"
#include "scene/live_scene.h"

namespace inquest::scene {

namespace {

using arch::Operation;

constexpr size_t kMaxFunctions = 3000, kMaxSites = 8;

// Whether control can get from one block to another (a block reaches itself).
bool reaches(const code::FunctionCode& code, size_t from, size_t to) {
  std::vector<bool> seen(code.blocks().size(), false);
  std::deque<size_t> work = {from};
  while (!work.empty()) {
    size_t b = work.front();
    work.pop_front();
    if (b == to) return true;
    if (seen[b]) continue;
    seen[b] = true;
    for (size_t next : code.blocks()[b].successors) work.push_back(next);
  }
  return false;
}

// The load that an expression stands for, names looked through.
const code::Expression* load_of(const code::ExpressionRef& e) {
  const code::Expression* at = e.get();
  for (int i = 0; at && at->kind == code::Expression::Kind::kVariable && i < 16; i++) at = at->left.get();
  return at && at->kind == code::Expression::Kind::kLoad ? at : nullptr;
}

// What an instruction compares with 0, if it does.
code::ExpressionRef tested(const code::ValueFlow& flow, size_t i) {
  const auto& insn = flow.code().instructions()[i];
  auto state = flow.before(i);
  if (insn.operation == Operation::kBranch && insn.left.is_register() && !insn.right.is_immediate()) return flow.operand(state, i, insn.left);
  if (insn.operation == Operation::kTest && insn.left.is_register() && insn.right.is_register() && insn.left.reg == insn.right.reg) return flow.operand(state, i, insn.left);
  if (insn.operation == Operation::kCompare && insn.right.is_immediate() && insn.right.immediate == 0) return flow.operand(state, i, insn.left);
  return nullptr;
}

}  // namespace

std::optional<CheckView> LiveScene::checked_before(const std::string& id, const std::string& reg) const {
  const EventView* view = event(id);
  auto number = kernel_->program().arch().register_number(reg);
  if (!view || !view->pc || !number || !is_text(*view->pc)) return std::nullopt;
  auto flow = flow_at(*view->pc);
  auto index = flow ? flow->code().index_of(VirtualAddress(*view->pc)) : std::nullopt;
  if (!index) return std::nullopt;
  const code::ExpressionRef held = flow->register_before(*index, *number);  // keeps what `loaded` points into
  const auto* loaded = load_of(held);
  auto load_index = loaded ? flow->code().index_of(loaded->at) : std::nullopt;
  if (!load_index) return std::nullopt;
  const auto& code = flow->code();
  for (size_t i = 0; i < code.instructions().size(); i++) {
    auto e = tested(*flow, i);
    const auto* other = load_of(e);
    if (!other || other->at == loaded->at || other->size != loaded->size || !code::same(other->left, loaded->left)) continue;
    bool before = code.block_of(i) == code.block_of(*load_index) ? i < *load_index : reaches(code, code.block_of(i), code.block_of(*load_index));
    if (!before) continue;
    CheckView check;
    check.pc = code.instructions()[i].address.value;
    check.text = code::text(e) + " against 0";
    check.source = source_refs(code.source_of(i));
    for (size_t c = 0; c < code.instructions().size() && check.call_between.empty(); c++) {
      const auto& insn = code.instructions()[c];
      if (insn.operation != Operation::kCall) continue;
      auto follows = [&](size_t a, size_t b) { return code.block_of(a) == code.block_of(b) ? a < b : reaches(code, code.block_of(a), code.block_of(b)); };
      if (!follows(i, c) || !follows(c, *load_index)) continue;
      auto callee = insn.target ? kernel_->program().symbol_at(*insn.target) : std::nullopt;
      std::optional<unsigned> thunk;
      std::string name = code.target_name(insn, &thunk);
      bool calls_back = name.find("notifier_call_chain") != name.npos;
      if (!insn.target || thunk) check.call_between = "a function pointer";
      else if (calls_back || (callee && callee->symbol.file && !callee->symbol.file->name.empty())) check.call_between = name + "()";
    }
    return check;
  }
  return std::nullopt;
}

std::vector<StoreSite> LiveScene::clearers_of(const std::string& type, uint64_t offset) const {
  std::vector<StoreSite> sites;
  if (!crashed_) return sites;
  std::vector<std::string> modules;
  for (const auto& f : crashed_->frames)
    if (!f.module.empty() && std::find(modules.begin(), modules.end(), f.module) == modules.end()) modules.push_back(f.module);
  size_t read = 0;
  for (const auto& module : modules) {
    const auto* file = kernel_->program().file(module);
    if (!file) continue;
    for (const auto& symbol : file->memory_symbols()) {
      if ((symbol.type != 't' && symbol.type != 'T') || sites.size() >= kMaxSites || ++read > kMaxFunctions) continue;
      auto flow = flow_at(symbol.address.value);
      if (!flow) continue;
      for (const auto& store : flow->stores()) {
        bool zero = code::known(store.value) && store.value->kind == code::Expression::Kind::kConstant && store.value->number == 0;
        auto place = zero ? code::place_of(store.address) : std::nullopt;
        if (!place || !place->object || place->offset != int64_t(offset) || debuginfo::spell(place->object) != type) continue;
        sites.push_back({symbol.name, flow->code().instructions()[store.instruction].address.value, source_refs(flow->code().source_of(store.instruction))});
        break;
      }
    }
  }
  return sites;
}

}  // namespace inquest::scene
