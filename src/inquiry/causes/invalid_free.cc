// Something was given to kfree() and the like that the allocator never gave out: a static variable, a stack address, the inside of an object.
#include <fmt/format.h>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

namespace {

using Kind = scene::Identity::Kind;

// In words, why the allocator cannot have given this address out; "" if it can.
std::string not_allocated(const scene::Identity& id) {
  switch (id.kind) {
    case Kind::kSymbol: case Kind::kText: case Kind::kModule: return "part of the kernel's or a module's own image";
    case Kind::kStack: return "on a task's stack";
    case Kind::kPerCpu: return "a per-CPU variable";
    case Kind::kSlab: return id.offset ? "inside an object, not its start" : "";
    default: return "";
  }
}

}  // namespace

Verdicts invalid_free(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  if (!seen.fatal || !scene.facts().has_dump || seen.jumped_to) return {};
  auto frames = frames_behind(scene, *seen.fatal);
  auto in_free = frame_named(frames, {"kfree", "kmem_cache_free", "kfree_sensitive", "kvfree", "free_large_kmalloc", "__kmem_cache_free"});
  if (!in_free || *in_free > 1 || *in_free + 1 >= frames.size()) return {};
  const auto& caller = frames[*in_free + 1];
  auto call = caller.exact || !caller.address ? std::nullopt : scene.call_before(caller.address);
  if (!call || call->arguments.empty()) return {};
  for (const auto& a : call->arguments) {
    auto origin = a.object == "struct kmem_cache" ? std::vector<scene::OriginView>{} : scene.origin_of_argument(caller.address, a.reg);
    auto value = a.value ? a.value : origin.empty() ? std::nullopt : origin.front().value;
    if (!value && !origin.empty() && origin.front().now) value = origin.front().now;
    auto id = value ? scene.identify(*value) : scene::Identity{};
    std::string why = not_allocated(id);
    if (why.empty()) continue;
    Verdict v;
    v.cause = "wild-pointer";
    v.confidence = 0.85;
    cite(v, add_event(dossier, *seen.fatal));
    cite(v, dossier.add(Origin::kCode, fmt::format("{} was asked to free {} = {} by {}", call->callee, a.text.empty() ? a.reg : a.text, hex(*value), source_text(call->source)), "dis -lx " + bare_hex(call->pc), {{"value", hex(*value)}}));
    cite(v, add_identity(scene, dossier, *value, "what was freed,"));
    v.guilty = guilty_of(frames);
    for (const auto& step : origin)
      if (step.birth == "loaded" && !step.object.empty() && v.object.type.empty()) {
        v.object.type = step.object;
        v.object.members = step.members;
        if (!step.members.empty()) v.object.member = step.members.front();
        if (step.address) v.object.address = hex(*step.address - uint64_t(step.offset));
      }
    v.summary = fmt::format("{} freed what was never allocated: {} = {} is {} ({}).", v.guilty.function.empty() ? "A function" : v.guilty.function, a.text.empty() ? "the pointer" : a.text, hex(*value), why, id.text);
    v.alternatives.push_back({"double-free", "it was never allocated, so it was not freed before"});
    return {v};
  }
  return {};
}

}  // namespace inquest::inquiry::causes
