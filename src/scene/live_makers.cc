// LiveScene's answers about who can have made a state: writers of a member, users of it through inlined helpers, owners of stack places (makers.h).
#include <fmt/format.h>

#include <algorithm>

#include "scene/live_scene.h"
#include "unwind/stack.h"

namespace inquest::scene {

namespace {

using code::Expression;
using What = WriterView::What;

constexpr size_t kMaxFunctionsRead = 600, kMaxSites = 16, kMaxInstructions = 6000;

StoreSite site_of(const std::string& function, const code::ValueFlow& flow, size_t instruction) {
  return {function, flow.code().instructions()[instruction].address.value, source_refs(flow.code().source_of(instruction))};
}

bool is_place(const code::ExpressionRef& address, const std::string& type, uint64_t offset) {
  auto place = code::place_of(address);
  return place && place->object && place->offset == int64_t(offset) && debuginfo::spell(place->object) == type;
}

// Names looked through: what a variable was last set to.
const Expression* origin(const code::ExpressionRef& e) {
  const Expression* at = e.get();
  for (int i = 0; at && at->kind == Expression::Kind::kVariable && at->left && i < 16; i++) at = at->left.get();
  return at;
}

WriterView writer(const std::string& function, const code::ValueFlow& flow, const code::StoreEffect& store) {
  WriterView w{site_of(function, flow, store.instruction), What::kOther, ""};
  const auto& insn = flow.code().instructions()[store.instruction];
  if (insn.operation != arch::Operation::kStore && insn.operation != arch::Operation::kMove) w.what = What::kChange;
  if (!code::known(store.value)) return w;
  w.value = code::text(store.value);
  const Expression* from = origin(store.value);
  if (from->kind == Expression::Kind::kConstant) {
    w.what = from->number ? What::kConstant : What::kZero;
    if (from->number) w.value = fmt::format("{:#x}", from->number);
  } else if (from->kind == Expression::Kind::kCall) {
    w.what = What::kResult;
    w.value = from->name;
  }
  return w;
}

}  // namespace

void LiveScene::each_function_with(const std::string& type, const std::function<void(const std::string&, const code::ValueFlow&)>& look) const {
  size_t read = 0;
  for (const auto* file : modules_with(type))
    for (const auto& symbol : file->memory_symbols()) {
      if ((symbol.type != 't' && symbol.type != 'T') || ++read > kMaxFunctionsRead) continue;
      auto flow = flow_at(symbol.address.value);
      if (flow && flow->code().instructions().size() <= kMaxInstructions) look(symbol.name, *flow);
    }
}

std::vector<WriterView> LiveScene::writers_of(const std::string& type, uint64_t offset) const {
  std::vector<WriterView> found;
  each_function_with(type, [&](const std::string& name, const code::ValueFlow& flow) {
    for (const auto& store : flow.stores())
      if (found.size() < kMaxSites && is_place(store.address, type, offset)) found.push_back(writer(name, flow, store));
  });
  return found;
}

namespace {

bool begins_with_any(const std::string& name, const std::vector<std::string>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](const std::string& p) { return name.starts_with(p); });
}

// What registers and the memory operand of an instruction mean there: the member asked for, other members' addresses, addresses of data.
struct Seen {
  bool ours = false;
  std::vector<uint64_t> symbols;
  std::vector<std::string> members;
};

void look_at(const code::ExpressionRef& e, const std::string& type, uint64_t offset, Seen& seen) {
  if (!code::known(e)) return;
  if (is_place(e, type, offset)) {
    seen.ours = true;
    return;
  }
  const Expression* from = origin(e);
  int64_t plus = 0;
  if (from->kind == Expression::Kind::kOffset && from->left) plus = from->offset, from = origin(from->left);
  constexpr uint64_t kKernelHalf = uint64_t{1} << 63;
  if (from->kind == Expression::Kind::kSymbol || (from->kind == Expression::Kind::kConstant && from->number >= kKernelHalf)) seen.symbols.push_back(from->number + uint64_t(plus));
  auto place = code::place_of(e);
  if (place && place->object && !place->members.empty()) seen.members.push_back(std::string(place->object->name()) + "." + place->members.front().path);
}

Seen seen_at(const code::ValueFlow& flow, size_t i, const std::string& type, uint64_t offset) {
  Seen seen;
  const auto& insn = flow.code().instructions()[i];
  auto state = flow.before(i);
  for (const auto* operand : {&insn.destination, &insn.left, &insn.right})
    if (operand->is_memory()) look_at(flow.address(state, i, operand->memory), type, offset, seen);
  for (const auto& e : state.registers) look_at(e, type, offset, seen);
  return seen;
}

void add_new(std::vector<uint64_t>& to, const std::vector<uint64_t>& from) {
  for (uint64_t v : from)
    if (std::find(to.begin(), to.end(), v) == to.end()) to.push_back(v);
}
void add_new(std::vector<std::string>& to, const std::vector<std::string>& from) {
  for (const auto& v : from)
    if (std::find(to.begin(), to.end(), v) == to.end()) to.push_back(v);
}

}  // namespace

// An inlined helper is several instructions: those of one use have the same line around them.
std::vector<HelperSite> LiveScene::helper_sites(const std::vector<std::string>& helpers, const std::string& type, uint64_t offset) const {
  std::vector<HelperSite> found;
  each_function_with(type, [&](const std::string& name, const code::ValueFlow& flow) {
    size_t first = found.size();
    std::vector<bool> ours;
    for (size_t i = 0; i < flow.code().instructions().size() && found.size() < kMaxSites; i++) {
      auto source = source_refs(flow.code().source_of(i));
      size_t helper = source.size();
      for (size_t k = 0; k < source.size(); k++)
        if (begins_with_any(source[k].function, helpers)) helper = k;
      if (helper + 1 >= source.size()) continue;
      Seen seen = seen_at(flow, i, type, offset);
      const SourceRef& user = source[helper + 1];
      size_t k = first;
      while (k < found.size() && !(found[k].site.source.front().line == user.line && found[k].site.source.front().function == user.function)) k++;
      if (k == found.size()) {
        HelperSite site;
        site.site = {name, flow.code().instructions()[i].address.value, {source.begin() + std::ptrdiff_t(helper) + 1, source.end()}};
        site.helper = source[helper].function;
        found.push_back(std::move(site));
        ours.push_back(false);
      }
      ours[k - first] = ours[k - first] || seen.ours;
      add_new(found[k].symbols, seen.symbols);
      add_new(found[k].members, seen.members);
    }
    for (size_t k = found.size(); k-- > first;)
      if (!ours[k - first]) found.erase(found.begin() + std::ptrdiff_t(k));
  });
  return found;
}

namespace {

bool takes_lock(const std::string& callee) {
  static const char* const kTaking[] = {"mutex_lock", "mutex_lock_nested", "down_write", "down_read", "_raw_spin_lock", "_raw_spin_lock_irq", "_raw_spin_lock_bh", "_raw_spin_lock_irqsave", "_raw_write_lock", "_raw_read_lock"};
  return std::any_of(std::begin(kTaking), std::end(kTaking), [&](const char* name) { return callee == name; });
}

bool gives_back(const code::ValueFlow& flow, size_t i, const std::string& type, uint64_t offset) {
  const auto& insn = flow.code().instructions()[i];
  if (insn.operation == arch::Operation::kCall || insn.operation == arch::Operation::kJump) {
    std::string callee = flow.code().target_name(insn);
    if (callee.find("unlock") != callee.npos || callee.starts_with("up_")) return true;
  }
  // An inlined spin_unlock() stores 0 to the lock, or to a part of it.
  if (!insn.destination.is_memory()) return false;
  auto place = code::place_of(flow.address(flow.before(i), i, insn.destination.memory));
  return place && place->object && place->offset >= int64_t(offset) && place->offset < int64_t(offset) + 8 && debuginfo::spell(place->object) == type;
}

// Whether the function can be left from behind an instruction without giving the lock back; a call into a function that may do so for it ends the search.
bool returns_holding(const code::ValueFlow& flow, size_t lock, const std::string& type, uint64_t offset) {
  const auto& code = flow.code();
  std::vector<bool> seen(code.blocks().size(), false);
  std::vector<size_t> work = {lock + 1};
  while (!work.empty()) {
    size_t i = work.back();
    work.pop_back();
    if (i >= code.instructions().size()) continue;
    const auto& block = code.blocks()[code.block_of(i)];
    bool stopped = false;
    for (; i <= block.last && !stopped; i++) {
      if (code.instructions()[i].operation == arch::Operation::kReturn) return true;
      const auto& insn = code.instructions()[i];
      if (insn.operation == arch::Operation::kJump && insn.target && arch::is_return_thunk(code.target_name(insn))) return true;
      stopped = gives_back(flow, i, type, offset);
    }
    if (stopped) continue;
    for (size_t next : block.successors)
      if (!seen[next]) {
        seen[next] = true;
        work.push_back(code.blocks()[next].first);
      }
  }
  return false;
}

}  // namespace

std::vector<StoreSite> LiveScene::leakers_of(const std::string& type, uint64_t offset) const {
  std::vector<StoreSite> sites;
  unsigned first = kernel_->program().arch().parameters.front();
  each_function_with(type, [&](const std::string& name, const code::ValueFlow& flow) {
    for (size_t i = 0; i < flow.code().instructions().size() && sites.size() < kMaxSites; i++) {
      const auto& insn = flow.code().instructions()[i];
      if (insn.operation != arch::Operation::kCall || !takes_lock(flow.code().target_name(insn)) || !is_place(flow.register_before(i, first), type, offset)) continue;
      if (returns_holding(flow, i, type, offset)) sites.push_back(site_of(name, flow, i));
    }
  });
  return sites;
}

std::vector<StoreSite> LiveScene::users_of_bit(unsigned bit) const {
  std::vector<StoreSite> sites;
  if (!crashed_ || bit >= 64) return sites;
  std::vector<std::string> modules;
  for (const auto& f : crashed_->frames)
    if (!f.module.empty() && std::find(modules.begin(), modules.end(), f.module) == modules.end()) modules.push_back(f.module);
  const uint64_t mask = uint64_t{1} << bit;
  auto is = [](const arch::Instruction& insn, uint64_t number) {
    return (insn.left.is_immediate() && uint64_t(insn.left.immediate) == number) || (insn.right.is_immediate() && uint64_t(insn.right.immediate) == number);
  };
  auto numbered = [&](const arch::Instruction& insn, const char* mnemonic) { return insn.mnemonic.starts_with(mnemonic) && insn.operands.starts_with(fmt::format("${:#x},", bit)); };
  bool sets = false, clears = false;  // a mark is set somewhere and cleared or tested elsewhere; what only turns the bit over keeps none
  for (const auto& module : modules) {
    const auto* file = kernel_->program().file(module);
    if (!file) continue;
    size_t read = 0;
    for (const auto& symbol : file->memory_symbols()) {
      if ((symbol.type != 't' && symbol.type != 'T') || ++read > kMaxFunctionsRead || sites.size() >= kMaxSites) continue;
      auto flow = flow_at(symbol.address.value);
      if (!flow) continue;
      for (size_t i = 0; i < flow->code().instructions().size(); i++) {
        const auto& insn = flow->code().instructions()[i];
        if (insn.operation == arch::Operation::kXor) continue;
        bool set = numbered(insn, "bts") || is(insn, mask), clear = numbered(insn, "btr") || is(insn, ~mask);
        sets = sets || set;
        clears = clears || clear;
        if (!set && !clear) continue;
        sites.push_back(site_of(symbol.name, *flow, i));
        break;
      }
    }
  }
  return sets && clears ? sites : std::vector<StoreSite>{};
}

std::vector<StoreSite> LiveScene::locals_of(const std::string& type) const {
  std::vector<StoreSite> sites;
  if (!crashed_) return sites;
  std::vector<std::string> modules;
  for (const auto& f : crashed_->frames)
    if (!f.module.empty() && std::find(modules.begin(), modules.end(), f.module) == modules.end()) modules.push_back(f.module);
  for (const auto& module : modules) {
    const auto* file = kernel_->program().file(module);
    const auto* debug = file ? file->debug_file() : nullptr;
    if (!debug) continue;
    size_t read = 0;
    for (const auto& symbol : file->memory_symbols()) {
      bool wanted = (symbol.type == 't' || symbol.type == 'T') && !symbol.name.ends_with(".cold") && ++read <= kMaxFunctionsRead;
      auto at = wanted ? file->to_file(symbol.address) : std::nullopt;
      auto tree = at ? std::optional(debug->tree_at(*at)) : std::nullopt;
      if (!tree || !tree->ok() || sites.size() >= kMaxSites) continue;
      bool has = false;
      for (const auto& node : (*tree)->nodes)
        for (const auto& v : node.variables) has = has || (v.type && debuginfo::spell(v.type->stripped()) == type);
      if (!has) continue;
      StoreSite site{symbol.name, symbol.address.value, {}};
      if (auto f = debug->function_at(*at)) site.source.push_back({std::string(f->name), std::string(f->declared_file), f->declared_line, false});
      sites.push_back(std::move(site));
    }
  }
  return sites;
}

std::optional<StackPlace> LiveScene::stack_place(uint64_t address) const {
  VirtualAddress at(address);
  auto bounds = kernel_->stacks().find(at);
  const auto* task = bounds && bounds->kind == unwind::StackKind::kTask ? kernel_->tasks().find(bounds->task) : nullptr;
  auto context = task ? std::optional(kernel_->stacks().context_of(*task)) : std::nullopt;
  if (!context || !context->ok() || (*context)->maybe_stale) return std::nullopt;
  auto stack = kernel_->unwinder().unwind((*context)->registers, (*context)->pc_is_return);
  StackPlace place;
  place.pid = task->pid;
  place.comm = task->comm;
  const auto& program = kernel_->program();
  std::optional<uint64_t> lowest;
  for (size_t i = 0; i < stack.frames.size(); i++) {
    const auto& f = stack.frames[i];
    auto low = f.registers.get(program.arch().sp);
    if (!low || !bounds->contains(VirtualAddress(*low))) continue;
    lowest = std::min(lowest.value_or(*low), *low);
    if (address < *low || f.cfa.is_null() || at >= f.cfa) continue;
    if (f.symbol) place.function = f.symbol->symbol.name;
    for (const auto& v : unwind::variables_of(program, stack, i)) {
      place.frame_known = true;
      auto start = v.value && v.type ? v.value->address() : std::nullopt;
      if (!start || at < *start || at - *start >= v.type->size().value_or(0)) continue;
      place.variable = v.name;
      place.type = debuginfo::spell(v.type->stripped());
      place.offset = at - *start;
    }
    return place;
  }
  if (!lowest) return std::nullopt;
  place.below = address < *lowest;
  if (!place.below && !stack.reached_root()) return std::nullopt;  // it may lie in a frame that was not found
  return place;
}

}  // namespace inquest::scene
