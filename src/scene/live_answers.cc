// LiveScene's answers to questions: memory, identity, types, code.
#include <fmt/format.h>

#include <algorithm>

#include "kernel/slab_track.h"
#include "scene/live_scene.h"

namespace inquest::scene {

Reading LiveScene::read(uint64_t address, uint64_t size) const {
  Reading reading;
  if (size > (1u << 20)) {
    reading.why_not = "more than 1 MiB at once";
    return reading;
  }
  std::vector<std::byte> bytes(size);
  dump::PageOrigin origin{};
  auto done = kernel_->program().memory().read(VirtualAddress(address), bytes, &origin);
  if (!done.ok()) {
    reading.why_not = done.error().message();
    return reading;
  }
  reading.bytes = std::move(bytes);
  reading.origin = dump::name_of(origin);
  return reading;
}

bool LiveScene::is_text(uint64_t address) const { return kernel_->program().is_text(VirtualAddress(address)); }

namespace {

// include/linux/err.h: MAX_ERRNO = 4095.
constexpr uint64_t kMaxErrno = 4095;

void describe_slab(Identity& id, const kernel::SlabObject& object) {
  id.kind = Identity::Kind::kSlab;
  id.cache = object.cache.name;
  id.object_start = object.start.value;
  id.object_size = object.cache.object_size;
  id.offset = object.offset;
  id.free = object.free;
  id.free_how = object.free_how;
  std::string state = !object.free ? "whether free is not known" : *object.free ? "free" : "allocated";
  if (!object.free_how.empty()) state += ", " + object.free_how;
  id.text = fmt::format("slab object of cache {} ({} bytes) at {:#x} + {:#x}: {}", object.cache.name, object.cache.object_size, object.start.value,
                        object.offset, state);
}

void describe_tracks(Identity& id, const object::Program& program, const kernel::SlabObject& object) {
  auto tracks = kernel::tracks_of(program, object);
  if (!tracks) return;
  id.tracked = true;
  auto tell = [&](const kernel::SlabTrack& track, std::string& by, std::vector<SourceRef>& at) {
    if (auto s = program.symbol_at(track.caller)) by = s->text(false);
    at = source_refs(program.source_at(track.caller - 1));
  };
  if (tracks->allocated) tell(*tracks->allocated, id.allocated_by, id.allocated_at);
  if (tracks->freed) {
    tell(*tracks->freed, id.freed_by, id.freed_at);
    id.freed_pid = tracks->freed->pid;
  }
}

}  // namespace

Identity LiveScene::identify(uint64_t value) const {
  using Kind = Identity::Kind;
  Identity id;
  if (!facts_.has_dump) return identify_without_memory(value);
  VirtualAddress address(value);
  const auto& program = kernel_->program();
  if (value < program.layout().format.page_size()) return CrashScene::identify(value);
  if (value >= ~uint64_t{0} - kMaxErrno + 1) {
    id.kind = Kind::kErrno;
    id.offset = ~value + 1;
    id.text = fmt::format("error pointer: -{}", id.offset);
    return id;
  }
  unsigned bits = program.layout().format.virtual_bits;
  uint64_t top = value >> (program.arch().id == arch::ArchId::kX86_64 ? bits - 1 : bits);
  uint64_t ones = ~uint64_t{0} >> (program.arch().id == arch::ArchId::kX86_64 ? bits - 1 : bits);
  if (top == 0) {
    id.kind = Kind::kUser;
    id.text = "an address of user space";
    return id;
  }
  if (top != ones) {
    id.kind = Kind::kNonCanonical;
    id.text = "not an address: its upper bits are neither all clear nor all set";
    return id;
  }
  if (auto stack = kernel_->stacks().find(address)) {
    id.kind = Kind::kStack;
    id.stack = stack->name.empty() ? unwind::name_of(stack->kind) : stack->name;
    id.offset = address - stack->low;
    if (const auto* task = kernel_->tasks().find(stack->task)) {
      id.task_comm = task->comm;
      id.task_pid = task->pid;
      id.text = fmt::format("the stack of {} (pid {}), {:#x} above its low end", task->comm, task->pid, id.offset);
    } else {
      id.text = fmt::format("{}, {:#x} above its low end", id.stack, id.offset);
    }
    return id;
  }
  if (auto per_cpu = kernel_->per_cpu().find(address); per_cpu) {
    id.kind = Kind::kPerCpu;
    id.symbol = per_cpu->variable;
    id.offset = per_cpu->offset;
    id.text = fmt::format("per-CPU variable {}{} of CPU {}", per_cpu->variable, per_cpu->offset ? fmt::format(" + {:#x}", per_cpu->offset) : "", per_cpu->cpu);
    return id;
  }
  if (auto symbol = program.symbol_at(address)) {
    id.kind = program.is_text(address) ? Kind::kText : Kind::kSymbol;
    id.symbol = symbol->symbol.name;
    id.offset = symbol->offset;
    if (symbol->symbol.file) id.module = symbol->symbol.file->name;
    id.text = fmt::format("{} {}", id.kind == Kind::kText ? "code of" : "data:", symbol->text(false));
    return id;
  }
  if (auto object = kernel_->slab().object_at(address); object.ok()) {
    describe_slab(id, *object);
    describe_tracks(id, program, *object);
    return id;
  }
  auto mapped = program.memory().translate(address);
  if (!mapped.ok() && in_module_area(value)) {
    id.kind = Kind::kModule;
    id.text = "where modules are loaded, but of none that is loaded now: nothing is mapped there";
    return id;
  }
  id.kind = mapped.ok() ? Kind::kMapped : Kind::kUnmapped;
  id.text = mapped.ok() ? fmt::format("mapped to physical {:#x}, of no object known here", mapped->value) : "not mapped: " + mapped.error().message();
  return id;
}

// Where the kernel puts modules. x86_64: Documentation/arch/x86/x86_64/mm.rst, behind the kernel image up to the vsyscall page; elsewhere as far from
// the loaded ones as a direct call reaches (128 MiB: Arm ARM C6.2.34).
bool LiveScene::in_module_area(uint64_t address) const {
  const auto& program = kernel_->program();
  if (program.arch().id == arch::ArchId::kX86_64) {
    auto end = program.kernel_symbol("_end");
    return end && address >= end->address.value && address < 0xffffffffff000000;
  }
  constexpr uint64_t kReach = 128u << 20;
  for (const auto& file : program.files()) {
    if (file->name.empty()) continue;
    uint64_t from = file->text_start.value;
    if (address - from < kReach || from - address < kReach) return true;
  }
  return false;
}

std::optional<uint64_t> LiveScene::size_of(const std::string& type) const {
  auto size = kernel_->program().size_of(type);
  return size.ok() ? std::optional(*size) : std::nullopt;
}

std::vector<MemberView> LiveScene::members_at(const std::string& spelling, uint64_t offset) const {
  std::vector<MemberView> views;
  const auto* type = kernel_->program().parse_type(spelling);
  if (!type) return views;
  for (const auto& m : debuginfo::members_at(type->stripped(), offset)) {
    MemberView v;
    v.path = m.path;
    v.type = debuginfo::spell(m.member.type);
    v.offset = m.member.offset();
    v.size = m.member.type->size().value_or(0);
    v.bit_size = m.member.bit_size;
    v.bit_shift = m.member.bit_size ? unsigned(m.member.bit_offset % 8) : 0;
    v.pointer = m.member.type->is_pointer();
    const auto* to = m.member.type->pointee();
    v.function_pointer = v.pointer && to && to->stripped()->kind() == debuginfo::TypeKind::kFunction;
    views.push_back(std::move(v));
  }
  return views;
}

std::vector<std::string> LiveScene::types_along(const std::string& spelling, const std::string& path) const {
  std::vector<std::string> types = {spelling};
  const auto* type = kernel_->program().parse_type(spelling);
  for (size_t dot = path.find('.'); type && dot != std::string::npos; dot = path.find('.', dot + 1)) {
    auto found = debuginfo::find_member(type->stripped(), path.substr(0, dot));
    if (!found) break;
    const auto* inner = found->member.type->stripped();
    while (inner && inner->kind() == debuginfo::TypeKind::kArray && inner->target()) inner = inner->target()->stripped();
    if (inner && inner->is_aggregate()) types.push_back(debuginfo::spell(inner));
  }
  return types;
}

static CallView call_view(const code::CallMade& made, const arch::Arch& arch) {
  const code::CallMade* call = &made;
  CallView view;
  view.pc = call->pc.value;
  view.indirect = call->indirect;
  view.callee = call->callee;
  view.instruction = call->instruction;
  if (call->through) view.through = std::string(arch.register_name(*call->through));
  view.target_text = call->target_text;
  view.cleared = call->cleared;
  view.source = source_refs(call->source);
  for (const auto& a : call->arguments) view.arguments.push_back(plain(a));
  auto from = code::loaded_from(call->target);
  if (call->target && call->target->kind == code::Expression::Kind::kLoad) from = call->target->left;
  if (auto place = from ? code::place_of(from) : std::nullopt) {
    if (place->object) view.object = debuginfo::spell(place->object);
    view.member_offset = place->offset;
    for (const auto& m : place->members)
      if (m.member.offset() == uint64_t(place->offset) && view.member.empty()) view.member = m.path;
    if (place->base->kind == code::Expression::Kind::kVariable) view.base_variable = place->base->name;
    if (view.target_text.empty() || call->target->kind == code::Expression::Kind::kVariable) view.target_text = code::text(code::load(from, 8, call->pc));
  }
  return view;
}

std::optional<CallView> LiveScene::call_before(uint64_t return_address) const {
  auto flow = flow_at(return_address - 1);
  auto call = flow ? code::call_before(*flow, VirtualAddress(return_address)) : std::nullopt;
  return call ? std::optional(call_view(*call, kernel_->program().arch())) : std::nullopt;
}

std::shared_ptr<const code::ValueFlow> LiveScene::called_at(uint64_t return_address) const {
  auto flow = flow_at(return_address - 1);
  auto index = flow ? flow->code().index_before(VirtualAddress(return_address)) : std::nullopt;
  if (!index) return nullptr;
  const auto& insn = flow->code().instructions()[*index];
  auto callee = kernel_->program().symbol(flow->code().target_name(insn));
  if (insn.target && kernel_->program().symbol_at(*insn.target)) return flow_at(insn.target->value);
  return callee ? flow_at(callee->address.value) : nullptr;
}

std::optional<CallView> LiveScene::jump_below(uint64_t return_address) const {
  auto call = call_before(return_address);
  if (!call || call->indirect) return call;
  auto flow = called_at(return_address);
  auto jump = flow ? code::only_indirect_jump(*flow) : std::nullopt;
  if (!jump) return std::nullopt;
  CallView view = call_view(*jump, kernel_->program().arch());
  view.tail_of = flow->code().name();
  return view;
}

std::vector<StoreView> LiveScene::stores_of(const std::string& function) const {
  std::vector<StoreView> views;
  auto symbol = kernel_->program().symbol(function);
  auto flow = symbol ? flow_at(symbol->address.value) : nullptr;
  if (!flow) return views;
  for (const auto& s : code::stores_through_parameter(*flow)) views.push_back({s.offset, s.size, s.value_offset, s.value, s.by, s.file, s.line});
  return views;
}

namespace {

// Whether an argument is the address of `offset` in `object`.
bool is_place(const RegisterMeaning& m, const std::string& object, uint64_t offset) {
  return (object.empty() ? !m.object.empty() : m.object == object) && m.offset == int64_t(offset);
}

std::optional<Registration> registration(const code::CallFound& call, const std::string& api, const std::string& object, uint64_t offset) {
  if (call.arguments.empty()) return std::nullopt;
  std::string place, callback, of;
  for (const auto& a : call.arguments) {
    RegisterMeaning m = plain(a);
    if (is_place(m, object, offset) && place.empty()) {
      place = m.text;
      of = m.object;
    }
    if (a.expression && a.expression->kind == code::Expression::Kind::kSymbol && callback.empty()) callback = a.expression->name;
  }
  if (place.empty() || callback.empty()) return std::nullopt;
  return Registration{api, callback, place, call.function, source_refs(call.source), call.pc.value, of};
}

}  // namespace

std::vector<Registration> LiveScene::registrations(const std::vector<std::string>& apis, const std::string& object, uint64_t offset,
                                                   const std::vector<std::string>& first_in) const {
  std::vector<Registration> found;
  auto take = [&](const code::CallFound& call, const std::string& api) {
    auto r = registration(call, api, object, offset);
    bool known = r && std::any_of(found.begin(), found.end(), [&](const Registration& o) { return o.pc == r->pc; });
    if (r && !known) found.push_back(*r);
  };
  for (const auto& function : first_in)
    if (auto s = kernel_->program().symbol(function))
      if (auto flow = flow_at(s->address.value))
        for (const auto& api : apis)
          for (const auto& call : code::calls_in(*flow, {api})) take(call, api);
  if (!found.empty()) return found;
  // A module's own type is handed over by the module. One of the kernel's that a module knows as well may be by either.
  auto in = object.empty() ? std::vector<const object::LoadedFile*>{} : modules_with(object);
  if (object.empty())
    for (const auto& file : kernel_->program().files())
      if (!file->name.empty()) in.push_back(file.get());
  for (const auto& api : apis)
    for (const auto& call : calls_to({api}, in)) take(call, api);
  if (!found.empty() || kernel_->program().files().empty() || (object.empty() && !in.empty())) return found;
  for (const auto& api : apis)
    for (const auto& call : calls_to({api}, {&kernel_->program().kernel()})) take(call, api);
  return found;
}

// A cache named after its struct is the common habit (KMEM_CACHE does it); else what modules' allocations from it become tells. The size must agree.
std::string LiveScene::type_of_cache(const std::string& cache, uint64_t object_size) const {
  if (auto it = cache_types_.find(cache); it != cache_types_.end()) return it->second;
  std::string& known = cache_types_[cache];
  auto found = kernel_->slab().find_cache(cache);
  bool named = !found || !found->merged;
  for (const std::string& name : {cache, cache.ends_with("_cache") ? cache.substr(0, cache.size() - 6) : cache}) {
    const auto* type = named ? kernel_->program().type(debuginfo::TypeKind::kStruct, name) : nullptr;
    bool same_size = type && type->size() && *type->size() <= object_size && *type->size() + 64 > object_size;
    // x86_64 cuts task_struct to what the processor's registers need (arch_task_struct_size, arch/x86/kernel/fpu/init.c), so the whole type is larger.
    bool cut_short = type && type->size() && *type->size() > object_size && *type->size() < object_size + object_size / 4 && kernel_->program().kernel_symbol("arch_task_struct_size") && name == "task_struct";
    if (same_size || cut_short) return known = "struct " + name;
  }
  if (!found || cache.starts_with("kmalloc-") || cache.starts_with("dma-kmalloc")) return known;
  for (const auto& a : allocations_from(*found, true)) {
    std::string spelled = a.type && a.type->size() && *a.type->size() <= object_size ? debuginfo::spell(a.type) : "";
    if (spelled.empty()) continue;
    if (!known.empty() && known != spelled) return known = "";  // they disagree: say nothing
    known = spelled;
  }
  return known;
}

}  // namespace inquest::scene
