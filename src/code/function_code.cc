#include "code/function_code.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "unwind/code.h"

namespace inquest::code {

namespace {

// GCC moves unlikely paths to a symbol of their own: "delete_node.cold", in older releases "delete_node.cold.12".
std::string without_cold(const std::string& name) {
  size_t at = name.find(".cold");
  return at == std::string::npos ? name : name.substr(0, at);
}

struct Extent {
  VirtualAddress start;
  uint64_t size = 0;
};

// The two parts may be static functions that share their names with others: the nearest of that name wins.
std::optional<Extent> sibling(const object::Program& program, const object::LoadedFile* file, const std::string& name, VirtualAddress near) {
  std::optional<Extent> best;
  uint64_t best_distance = ~uint64_t{0};
  for (const auto& s : program.symbols_in(*file, name)) {
    if (!s.size) continue;
    uint64_t distance = s.address > near ? s.address - near : near - s.address;
    if (distance < best_distance) {
      best = Extent{s.address, s.size};
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace

Result<std::shared_ptr<const FunctionCode>> FunctionCode::at(const object::Program& program, VirtualAddress pc) {
  auto symbol = program.symbol_at(pc);
  if (!symbol || !symbol->symbol.size || !program.is_text(pc))
    return Error(ErrorCode::kNotFound, fmt::format("{:#x} is in no known function", pc.value));
  auto code = std::make_shared<FunctionCode>();
  code->program_ = &program;
  code->name_ = without_cold(symbol->symbol.name);
  std::vector<Extent> extents = {{symbol->symbol.address, symbol->symbol.size}};
  const auto* debug = symbol->symbol.file ? symbol->symbol.file->debug_file() : nullptr;
  code->has_dwarf_ = debug && debug->has_dwarf();
  bool in_cold = code->name_ != symbol->symbol.name;
  auto other = sibling(program, symbol->symbol.file, in_cold ? code->name_ : code->name_ + ".cold", symbol->symbol.address);
  if (other) extents.push_back(*other);
  if (in_cold && other) std::swap(extents[0], extents[1]);
  code->entry_ = extents[0].start;
  arch::Decoder decoder(program.arch().id);
  for (const Extent& extent : extents) {
    if (extent.size > kMaxFunctionBytes) return Error(ErrorCode::kLimit, fmt::format("{} is larger than {} bytes", code->name_, kMaxFunctionBytes));
    auto bytes = program.code_bytes(extent.start, extent.size);
    if (bytes.size() < extent.size) return Error(ErrorCode::kUnreadable, fmt::format("the code of {} is not in the dump", code->name_));
    for (auto& i : decoder.decode_all(bytes, extent.start)) code->instructions_.push_back(std::move(i));
  }
  for (size_t i = 0; i < code->instructions_.size(); i++) code->by_address_.emplace(code->instructions_[i].address.value, i);
  code->find_blocks();
  return std::shared_ptr<const FunctionCode>(code);
}

std::optional<size_t> FunctionCode::index_of(VirtualAddress pc) const {
  auto it = by_address_.find(pc.value);
  if (it == by_address_.end()) return std::nullopt;
  return it->second;
}

std::optional<size_t> FunctionCode::index_before(VirtualAddress pc) const {
  auto it = by_address_.lower_bound(pc.value);
  if (it == by_address_.begin()) return std::nullopt;
  --it;
  const auto& i = instructions_[it->second];
  if (i.address + i.size != pc) return std::nullopt;
  return it->second;
}

void FunctionCode::find_blocks() {
  std::set<size_t> leaders = {0};
  size_t count = instructions_.size();
  for (size_t i = 0; i < count; i++) {
    const auto& insn = instructions_[i];
    bool jumps = insn.operation == arch::Operation::kJump || insn.operation == arch::Operation::kBranch;
    if (jumps && insn.target)
      if (auto t = index_of(*insn.target)) leaders.insert(*t);
    bool gap = i + 1 < count && instructions_[i + 1].address != insn.address + insn.size;
    if ((jumps || insn.ends_block() || gap) && i + 1 < count) leaders.insert(i + 1);
  }
  block_of_.assign(count, 0);
  std::vector<size_t> starts(leaders.begin(), leaders.end());
  for (size_t b = 0; b < starts.size() && count; b++) {
    Block block;
    block.first = starts[b];
    block.last = (b + 1 < starts.size() ? starts[b + 1] : count) - 1;
    for (size_t i = block.first; i <= block.last; i++) block_of_[i] = b;
    blocks_.push_back(block);
  }
  for (size_t b = 0; b < blocks_.size(); b++) {
    const auto& last = instructions_[blocks_[b].last];
    auto link = [&](size_t to) {
      blocks_[b].successors.push_back(to);
      blocks_[to].predecessors.push_back(b);
    };
    bool jumps = last.operation == arch::Operation::kJump || last.operation == arch::Operation::kBranch;
    if (jumps && last.target)
      if (auto t = index_of(*last.target)) link(block_of_[*t]);
    // A WARN's trap comes back: the handler steps over it. So a trap falls through.
    bool falls = !last.ends_block() || last.operation == arch::Operation::kTrap;
    if (falls && b + 1 < blocks_.size() && instructions_[blocks_[b].last + 1].address == last.address + last.size) link(b + 1);
  }
}

// By the calling conventions (System V, AAPCS64): one register each, in order, for integers and pointers. A parameter of another kind ends what is
// known. Code that jumps to its own entry has other values there.
std::vector<NamedRegister> FunctionCode::parameters_by_prototype() const {
  std::vector<NamedRegister> named;
  auto start = index_of(entry_);
  auto symbol = program_->symbol_at(entry_);
  const Type* prototype = symbol && !symbol->offset ? program_->prototype(symbol->symbol) : nullptr;
  if (!prototype || !start || !blocks_[block_of(*start)].predecessors.empty()) return named;
  const auto& registers = program_->arch().parameters;
  auto parameters = prototype->parameters();
  for (size_t i = 0; i < parameters.size() && i < registers.size(); i++) {
    const Type* type = parameters[i].type;
    if (!type || type->is_aggregate() || type->stripped()->kind() == TypeKind::kFloat || type->size().value_or(16) > 8) break;
    if (!parameters[i].name.empty()) named.push_back({registers[i], 0, std::string(parameters[i].name), name_, type, true, 0});
  }
  return named;
}

// One for the function; a second where the code is of two DIEs (a cold part that is a function of its own to DWARF).
const RegisterNames* FunctionCode::names_of(const debuginfo::DebugFile& debug, uint64_t address) const {
  for (const RegisterNames& names : register_names_)
    if (names.covers(address)) return &names;
  auto tree = debug.tree_at(address);
  if (!tree.ok()) return nullptr;
  RegisterNames made(std::move(*tree));
  return made.covers(address) ? &register_names_.emplace_back(std::move(made)) : nullptr;
}

const std::vector<NamedRegister>& FunctionCode::named_at(size_t index) const {
  auto [it, fresh] = named_.try_emplace(index);
  if (!fresh) return it->second;
  if (!has_dwarf_) {
    if (instructions_[index].address == entry_) it->second = parameters_by_prototype();
    return it->second;
  }
  VirtualAddress pc = instructions_[index].address;
  const auto* file = program_->file_at(pc);
  const auto* debug = file ? file->debug_file() : nullptr;
  auto at = debug ? file->to_file(pc) : std::nullopt;
  if (!at) return it->second;
  if (const RegisterNames* names = names_of(*debug, *at))
    for (const auto& n : names->at(*at)) it->second.push_back({n.reg, n.offset, std::string(n.name), std::string(n.function), n.type, n.parameter, n.depth});
  return it->second;
}

std::vector<object::SourceFrame> FunctionCode::source_of(size_t index) const { return program_->source_at(instructions_[index].address); }

std::string FunctionCode::target_name(const arch::Instruction& insn, std::optional<unsigned>* thunk) const {
  if (!insn.target) return "";
  auto s = program_->symbol_at(*insn.target);
  if (!s || s->offset) {
    auto far = unwind::veneer_target(*program_, *insn.target);
    s = far ? program_->symbol_at(*far) : std::nullopt;
  }
  if (!s || s->offset) return "";
  if (auto reg = arch::thunk_register(s->symbol.name)) {
    if (thunk) *thunk = *reg;
    return "";
  }
  return s->symbol.name;
}

}  // namespace inquest::code
