// LiveScene's answers about allocation: who allocates from a cache, who frees a type, what the caches hold.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "kernel/slab_usage.h"
#include "scene/live_scene.h"

namespace inquest::scene {

namespace {

constexpr size_t kMaxFunctionsRead = 600, kMaxSites = 16;

// Names gained "_noprof" in 6.10 (7bd230a26648).
std::vector<std::string> with_profiling(std::initializer_list<const char*> names) {
  std::vector<std::string> all;
  for (const char* name : names) {
    all.push_back(name);
    all.push_back(std::string(name) + "_noprof");
  }
  return all;
}

}  // namespace

// Calls of `apis` in the code of some files: the callers are found by scanning the bytes, then only those functions are followed.
std::vector<code::CallFound> LiveScene::calls_to(const std::vector<std::string>& apis, const std::vector<const object::LoadedFile*>& in) const {
  const auto& program = kernel_->program();
  std::set<uint64_t> functions;
  for (const auto& api : apis) {
    auto target = program.kernel_symbol(api);
    if (!target) continue;
    for (VirtualAddress caller : code::callers_of(program, target->address)) {
      if (std::none_of(in.begin(), in.end(), [&](const object::LoadedFile* f) { return f->contains(caller); })) continue;
      if (auto symbol = program.symbol_at(caller); symbol && functions.size() < kMaxFunctionsRead) functions.insert(symbol->symbol.address.value);
    }
  }
  std::vector<code::CallFound> calls;
  for (uint64_t function : functions)
    if (auto flow = flow_at(function))
      for (auto& call : code::calls_in(*flow, apis)) calls.push_back(std::move(call));
  return calls;
}

std::vector<const object::LoadedFile*> LiveScene::modules_with(const std::string& spelling) const {
  std::vector<const object::LoadedFile*> in;
  std::string name = spelling.starts_with("struct ") ? spelling.substr(7) : spelling;
  for (const auto& file : kernel_->program().files()) {
    const auto* debug = file->name.empty() ? nullptr : file->debug_file();
    if (debug && debug->find_type(debuginfo::TypeKind::kStruct, name)) in.push_back(file.get());
  }
  return in;
}

namespace {

// Whether a place in an object is in the array `member` ("" = in any array).
bool in_array(const debuginfo::Type* object, int64_t offset, const std::string& member) {
  if (!object || offset < 0) return false;
  for (const auto& m : debuginfo::members_at(object, uint64_t(offset))) {
    size_t bracket = m.path.find('[');
    if (bracket != std::string::npos && (member.empty() || m.path.substr(0, bracket) == member)) return true;
  }
  return false;
}

// Bytes and words are what arrays are filled with.
bool store_size_small(const code::ValueFlow& flow, size_t instruction) { return flow.code().instructions()[instruction].destination.memory.size <= 8; }

}  // namespace

std::vector<StoreSite> LiveScene::fillers_of(const std::string& type, const std::string& member, const std::string& beside) const {
  std::vector<StoreSite> sites;
  size_t read = 0;
  for (const auto* file : modules_with(type.empty() ? beside : type))
    for (const auto& symbol : file->memory_symbols()) {
      if ((symbol.type != 't' && symbol.type != 'T') || sites.size() >= kMaxSites || ++read > kMaxFunctionsRead) continue;
      auto flow = flow_at(symbol.address.value);
      if (!flow) continue;
      auto ours = [&](const code::ExpressionRef& e) {
        auto place = code::place_of(e);
        if (!place || !place->object || !in_array(place->object, place->offset, member)) return false;
        std::string spelled = debuginfo::spell(place->object);
        return type.empty() ? spelled != beside : spelled == type;
      };
      auto add = [&](size_t i) { sites.push_back({symbol.name, flow->code().instructions()[i].address.value, source_refs(flow->code().source_of(i))}); };
      // Passing its address on is what copies do; a single store of a constant fills nothing.
      for (size_t i = 0; i < flow->code().instructions().size(); i++) {
        const auto& insn = flow->code().instructions()[i];
        if (insn.operation != arch::Operation::kCall && insn.operation != arch::Operation::kJump) continue;
        auto first = flow->register_before(i, kernel_->program().arch().parameters.front());
        std::string callee = flow->code().target_name(insn);
        bool copies = callee.find("cpy") != std::string::npos || callee.find("copy") != std::string::npos || callee.find("printf") != std::string::npos || callee.find("memset") != std::string::npos ||
                      callee.find("strcat") != std::string::npos || callee.find("memmove") != std::string::npos;
        if (copies && ours(first)) add(i);
      }
      // Or takes its address and stores through a pointer that moves on (a loop).
      std::optional<size_t> taken, through;
      for (size_t i = 0; i < flow->code().instructions().size(); i++) {
        const auto& insn = flow->code().instructions()[i];
        bool makes = (insn.operation == arch::Operation::kAddress || insn.operation == arch::Operation::kAdd) && insn.destination.is_register();
        if (makes && i + 1 < flow->code().instructions().size() && ours(flow->register_before(i + 1, insn.destination.reg))) taken = i;
      }
      if (taken)
        for (const auto& store : flow->stores())
          if (!code::known(store.address) || !code::place_of(store.address)->object) through = store.instruction;
      if (taken && through && store_size_small(*flow, *through)) add(*through);
      // An element whose index is in a register: what it is counted from is the array's place.
      for (size_t i = 0; i < flow->code().instructions().size(); i++) {
        const auto& insn = flow->code().instructions()[i];
        if (insn.operation != arch::Operation::kStore || !insn.destination.is_memory() || insn.destination.memory.index == arch::kNoRegister || insn.left.is_immediate()) continue;
        auto first = insn.destination.memory;
        first.index = arch::kNoRegister;
        if (ours(flow->address(flow->before(i), i, first))) add(i);
      }
      for (const auto& store : flow->stores())
        if (ours(store.address) && !(code::known(store.value) && store.value->kind == code::Expression::Kind::kConstant)) add(store.instruction);
    }
  return sites;
}

std::vector<StoreSite> LiveScene::freers_of(const std::string& spelling) const {
  std::vector<StoreSite> sites;
  auto in = modules_with(spelling);
  if (in.empty()) return sites;
  for (const auto& call : calls_to({"kfree", "kmem_cache_free", "kvfree", "kfree_sensitive", "kvfree_call_rcu"}, in)) {
    bool ours = std::any_of(call.arguments.begin(), call.arguments.end(), [&](const code::RegisterMeaning& a) { return a.object && debuginfo::spell(a.object) == spelling; });
    if (ours && sites.size() < kMaxSites) sites.push_back({call.function, call.pc.value, source_refs(call.source)});
  }
  return sites;
}

namespace {

// The struct whose pointer a call's result becomes: DWARF names the variable within a few instructions of the call.
const debuginfo::Type* result_type(const code::ValueFlow& flow, VirtualAddress call) {
  const auto& code = flow.code();
  auto index = code.index_of(call);
  if (!index) return nullptr;
  for (size_t i = *index + 1; i < code.instructions().size() && i < *index + 6; i++)
    for (unsigned r = 0; r < arch::kRegisterCount; r++) {
      auto e = flow.register_before(i, r);
      if (!code::known(e) || e->kind != code::Expression::Kind::kVariable || !e->left || e->left->kind != code::Expression::Kind::kCall || e->left->at != call) continue;
      if (const auto* to = e->type.pointed_aggregate()) return to;
    }
  return nullptr;
}

}  // namespace

// A call allocates from the cache if the pointer it passes is the cache's (a global one), or, where that is not known, if what it gets is as large.
std::vector<LiveScene::Allocation> LiveScene::allocations_from(const kernel::SlabCache& cache, bool modules) const {
  std::vector<Allocation> found;
  std::vector<const object::LoadedFile*> in;
  for (const auto& file : kernel_->program().files())
    if (file->name.empty() != modules) in.push_back(file.get());
  for (const auto& call : calls_to(with_profiling({"kmem_cache_alloc", "kmem_cache_alloc_node", "kmem_cache_alloc_lru"}), in)) {
    auto flow = flow_at(call.pc.value);
    const auto* type = flow ? result_type(*flow, call.pc) : nullptr;
    auto from = call.arguments.empty() ? nullptr : code::loaded_from(call.arguments.front().expression);
    bool ours = false;
    if (from && from->kind == code::Expression::Kind::kSymbol) {
      auto pointer = kernel_->program().memory().read_pointer(VirtualAddress(from->number));
      ours = pointer.ok() && *pointer == cache.address;
    } else if (type && type->size()) {
      ours = *type->size() <= cache.object_size && *type->size() + 8 > cache.object_size;
    }
    if (ours && found.size() < kMaxSites) found.push_back({{call.function, call.pc.value, source_refs(call.source)}, type});
  }
  return found;
}

std::vector<StoreSite> LiveScene::allocators_of(const std::string& name) const {
  std::vector<StoreSite> sites;
  auto cache = kernel_->slab().find_cache(name);
  if (!cache) return sites;
  auto found = allocations_from(*cache, true);
  if (found.empty()) found = allocations_from(*cache, false);
  for (auto& a : found) sites.push_back(std::move(a.site));
  return sites;
}

std::vector<CacheUse> LiveScene::largest_caches(size_t count) const {
  std::vector<CacheUse> uses;
  for (const auto& u : kernel::slab_usage(kernel_->program(), kernel_->slab())) {
    if (uses.size() >= count) break;
    uses.push_back({u.cache->name, u.cache->object_size, u.objects, u.slabs, u.bytes, std::nullopt});
  }
  return uses;
}

Identity LiveScene::neighbour(uint64_t address, int distance) const {
  Identity id;
  auto object = kernel_->slab().object_at(VirtualAddress(address));
  if (!object.ok()) return id;
  auto other = kernel_->slab().neighbour(*object, distance);
  return other ? identify(other->start.value) : id;
}

}  // namespace inquest::scene
