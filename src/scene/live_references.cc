// LiveScene's answer to "what points there?".
#include <fmt/format.h>

#include <map>

#include "kernel/references.h"
#include "scene/live_scene.h"

namespace inquest::scene {

namespace {

constexpr size_t kMaxUnwound = 64;   // stacks with hits in them that are walked to name the frame

class Namer {
 public:
  Namer(const LiveScene& scene) : scene_(scene), kernel_(scene.kernel()) {}

  ReferenceView name(const kernel::Reference& r) {
    ReferenceView v;
    v.at = r.at.value;
    v.value = r.value;
    Identity id = scene_.identify(r.at.value);
    v.text = id.text;
    v.symbol = id.symbol;
    v.module = id.module;
    switch (id.kind) {
      case Identity::Kind::kStack: stack(v, id); break;
      case Identity::Kind::kSlab: slab(v, id); break;
      case Identity::Kind::kSymbol: global(v); break;
      case Identity::Kind::kPerCpu: v.kind = ReferenceView::Kind::kPerCpu; break;
      default: break;
    }
    return v;
  }

 private:
  void slab(ReferenceView& v, const Identity& id) {
    v.kind = ReferenceView::Kind::kSlab;
    v.cache = id.cache;
    v.free = id.free;
    v.object_address = id.object_start;
    v.object = scene_.type_of_cache(id.cache, id.object_size);
    if (!v.object.empty())
      if (auto members = scene_.members_at(v.object, id.offset); !members.empty()) v.member = members.front().path;
  }

  void global(ReferenceView& v) {
    v.kind = ReferenceView::Kind::kGlobal;
    const auto& program = kernel_.program();
    const auto* file = program.file_at(VirtualAddress(v.at));
    const auto* debug = file ? file->debug_file() : nullptr;
    auto at = debug ? file->to_file(VirtualAddress(v.at)) : std::nullopt;
    auto variable = at ? debug->variable_at(*at) : std::nullopt;
    if (!variable || !variable->type || !variable->address) return;
    v.object = debuginfo::spell(variable->type);
    if (auto start = file->to_runtime(*variable->address)) v.object_address = start->value;
    auto members = debuginfo::members_at(variable->type->stripped(), *at - *variable->address);
    if (!members.empty()) v.member = members.front().path;
    v.text = fmt::format("{}{}{}", variable->name, v.member.empty() || v.member[0] == '[' ? "" : ".", v.member);
  }

  void stack(ReferenceView& v, const Identity& id) {
    v.kind = ReferenceView::Kind::kStack;
    v.pid = id.task_pid;
    v.comm = id.task_comm;
    auto bounds = kernel_.stacks().find(VirtualAddress(v.at));
    const auto* task = bounds ? kernel_.tasks().find(bounds->task) : nullptr;
    if (!task) return;
    const unwind::Stack* walked = stack_of(*task);
    if (!walked || walked->frames.empty()) return;
    unsigned sp = kernel_.program().arch().sp;
    bool any = false;
    for (const auto& f : walked->frames) {
      auto low = f.registers.get(sp);
      if (!low || !bounds->contains(VirtualAddress(*low))) continue;
      any = true;
      if (v.at < *low || (!f.cfa.is_null() && v.at >= f.cfa.value)) continue;
      if (f.symbol) v.function = f.symbol->symbol.name;
      v.text += fmt::format(", in the frame of {}", v.function);
      return;
    }
    auto lowest = any ? walked->frames.front().registers.get(sp) : std::nullopt;
    v.stale = lowest && bounds->contains(VirtualAddress(*lowest)) && v.at < *lowest;
    if (v.stale) v.text += ", below the stack pointer: left over";
  }

  const unwind::Stack* stack_of(const kernel::Task& task) {
    auto it = stacks_.find(task.address.value);
    if (it == stacks_.end()) {
      if (stacks_.size() >= kMaxUnwound) return nullptr;
      auto context = kernel_.stacks().context_of(task);
      it = stacks_.emplace(task.address.value, context.ok() ? kernel_.unwinder().unwind(context->registers, context->pc_is_return, false) : unwind::Stack{}).first;
    }
    return &it->second;
  }

  const LiveScene& scene_;
  const kernel::Kernel& kernel_;
  std::map<uint64_t, unwind::Stack> stacks_;
};

void add_registers(const kernel::Kernel& kernel, uint64_t low, uint64_t high, ReferencesView& view) {
  const auto& arch = kernel.program().arch();
  for (int cpu : kernel.per_cpu().possible()) {
    auto context = kernel.stacks().running(cpu);
    for (unsigned r = 0; context.ok() && r < arch.register_count; r++) {
      auto value = context->registers.get(r);
      if (!value || *value - low >= high - low) continue;
      ReferenceView v;
      v.kind = ReferenceView::Kind::kRegister;
      v.value = *value;
      v.cpu = cpu;
      v.function = std::string(arch.register_name(r));
      v.text = fmt::format("register {} of CPU {}", v.function, cpu);
      view.found.push_back(std::move(v));
    }
  }
}

}  // namespace

const char* name_of(ReferenceView::Kind kind) {
  using Kind = ReferenceView::Kind;
  switch (kind) {
    case Kind::kRegister: return "register";
    case Kind::kStack: return "stack";
    case Kind::kGlobal: return "global";
    case Kind::kPerCpu: return "per-cpu";
    case Kind::kSlab: return "slab";
    case Kind::kOther: return "memory";
  }
  return "memory";
}

std::optional<ReferencesView> LiveScene::references(uint64_t low, uint64_t high) const {
  if (high <= low) return std::nullopt;
  ReferencesView view;
  add_registers(*kernel_, low, high, view);
  auto hits = kernel::find_references(*kernel_, low, high);
  view.bytes_scanned = hits.bytes_scanned;
  view.limited = hits.limited;
  Namer namer(*this);
  for (const auto& r : hits.found) view.found.push_back(namer.name(r));
  return view;
}

}  // namespace inquest::scene
