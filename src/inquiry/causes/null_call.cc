// A function pointer that is NULL (or an entry of a table laid over NULL) was called.
#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

Verdicts null_call(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  if (!seen.fatal || !seen.jumped_to || *seen.jumped_to >= 4096) return {};
  Verdict v;
  v.cause = "null-call";
  v.confidence = 0.7;
  v.evidence.push_back(add_event(dossier, *seen.fatal));
  v.evidence.push_back(dossier.add(Origin::kRegister, fmt::format("the kernel executed at {}", hex(*seen.jumped_to)), "event " + seen.fatal->id, {{"pc", hex(*seen.jumped_to)}}));
  if (auto id = add_caller(dossier, seen); !id.empty()) {
    v.evidence.push_back(id);
    v.confidence = 0.8;
  }
  std::string through = seen.call && !seen.call->target_text.empty() ? seen.call->target_text : "a function pointer";
  v.summary = fmt::format("{} was NULL, and was called.", through);
  v.summary = capital(v.summary);
  if (seen.call && seen.call->indirect && !seen.call->object.empty()) {
    v.confidence = 0.9;
    v.object.type = seen.call->object;
    v.object.member = seen.call->member;
  }
  tell_pointer_place(v, scene, seen, dossier);
  // RCU's loop clears what it calls: NULL there may be a second hand-over of one object, which has an examiner of its own.
  if (from_rcu_loop(seen)) v.confidence = std::min(v.confidence, 0.5);
  if (seen.caller) v.guilty = guilty_of_jump(seen);
  else v.would_settle.push_back(scene.facts().has_dump ? "the caller: the stack did not tell it" : "a crash dump: a log does not tell the caller");
  v.alternatives.push_back({"wild-call", "the address is NULL, or nearly so: not a stray value"});
  return {v};
}

}  // namespace inquest::inquiry::causes
