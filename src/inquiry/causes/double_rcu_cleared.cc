// One object was handed to RCU twice, seen from the second call: RCU's loop found `func` already cleared, which only the loop itself does, when it
// calls a callback for the first time.
//
// The loop sets rhp->func to NULL between loading and calling it (kernel/rcu/tree.c: rcu_do_batch, since 5.7: 77a40f97030b), so a head whose func is NULL when
// its turn comes has had its turn before.
#include <fmt/format.h>

#include <cctype>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

namespace {

std::optional<uint64_t> head_of(const oops::Event& event) {
  if (auto v = event.reg("x0")) return v;
  return event.reg("rdi");
}

// Who queues this member, with which callback. A cache's name may not tell the type (caches of one size are merged): then the only struct of a
// fitting size that is handed over at this offset does.
void name_queuers(const scene::CrashScene& scene, const scene::Identity& object, Verdict& v, Dossier& dossier) {
  auto found = scene.registrations(rcu_queueing_apis(), v.object.type, object.offset, {});
  if (v.object.type.empty()) {
    std::erase_if(found, [&](const scene::Registration& r) {
      auto size = scene.size_of(r.object);
      return !size || *size > object.object_size || *size + 64 <= object.object_size;
    });
    bool one = std::all_of(found.begin(), found.end(), [&](const scene::Registration& r) { return r.object == found.front().object; });
    if (found.empty() || !one) return;
    v.object.type = found.front().object;
    for (const auto& m : scene.members_at(v.object.type, object.offset)) v.object.members.push_back(m.path);
    if (!v.object.members.empty()) v.object.member = v.object.members.front().substr(0, v.object.members.front().rfind('.'));
  }
  for (const auto& r : found) {
    std::string where = r.source.empty() ? r.function : source_text(r.source);
    cite(v, dossier.add(Origin::kCode, fmt::format("{}({}, {}) in {} is what hands it over", r.api, r.argument, r.callback, where), "dis -lx " + bare_hex(r.pc),
                        {{"callback", r.callback}, {"in", r.function}}));
    if (v.guilty.function.empty()) v.guilty = guilty_site(scene, {r.function, r.pc, r.source});
  }
}

}  // namespace

Verdicts double_rcu_cleared(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  bool null_call = seen.fatal && seen.jumped_to && *seen.jumped_to == 0;
  if (!null_call || !seen.call || !seen.call->cleared || !from_rcu_loop(seen)) return {};
  auto head = head_of(seen.fatal->event);
  if (!head) return {};
  auto object = scene.identify(*head);
  Verdict v;
  v.cause = "double-rcu-callback";
  v.confidence = object.kind == scene::Identity::Kind::kSlab ? 0.92 : 0.85;
  if (seen.warning) cite(v, add_event(dossier, *seen.warning));
  cite(v, add_event(dossier, *seen.fatal));
  cite(v, add_caller(dossier, seen));
  cite(v, dossier.add(Origin::kCode, fmt::format("the loop clears {} just before it calls what it held: a head whose func is NULL has been called before", seen.call->target_text),
                      "dis -lx " + bare_hex(seen.call->pc), {{"cleared", seen.call->target_text}}));
  cite(v, add_identity(scene, dossier, *head, "the rcu_head"));
  name_by_memory(scene, *head, v.object);
  if (size_t dot = v.object.member.rfind('.'); dot != std::string::npos) v.object.member.resize(dot);
  if (object.kind == scene::Identity::Kind::kSlab) name_queuers(scene, object, v, dossier);
  std::string what = v.object.type.empty() ? "An object" : v.object.type;
  v.summary = fmt::format("{}{} at {} was handed to RCU twice: when its turn came the second time, the callback in its rcu_head had been cleared by the first.", what,
                          v.object.cache.empty() ? "" : fmt::format(" (slab {})", v.object.cache), object.kind == scene::Identity::Kind::kSlab ? hex(object.object_start) : hex(*head));
  v.summary = capital(v.summary);
  if (object.free && *object.free) v.summary += " It is free now, as its callback left it.";
  if (!v.guilty.function.empty()) v.summary += fmt::format(" It is handed over by {}.", v.guilty.function);
  v.alternatives.push_back({"null-call", "true of the last step; that the pointer is NULL is the loop's own doing"});
  v.alternatives.push_back({"use-after-free", "the object was freed by its first callback: the second hand-over comes before that"});
  v.would_settle.push_back("the second hand-over itself: CONFIG_DEBUG_OBJECTS_RCU_HEAD warns of it with its stack");
  return {v};
}

}  // namespace inquest::inquiry::causes
