// The kernel jumped to an address that is no code.
#include <fmt/format.h>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

Verdicts wild_call(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  if (!seen.fatal || !seen.jumped_to || *seen.jumped_to < 4096) return {};
  Verdict v;
  v.cause = "wild-call";
  v.confidence = 0.5;
  v.evidence.push_back(add_event(dossier, *seen.fatal));
  uint64_t to = *seen.jumped_to;
  v.evidence.push_back(dossier.add(Origin::kRegister, fmt::format("the kernel executed at {}, which is no code", hex(to)), "whatis " + bare_hex(to), {{"pc", hex(to)}}));
  for (const Link& link : seen.links) v.evidence.push_back(add_link(dossier, link, *seen.fatal));
  if (auto id = add_caller(dossier, seen); !id.empty()) {
    v.evidence.push_back(id);
    v.confidence = 0.6;
  }
  if (auto id = add_identity(scene, dossier, to, "the address jumped to"); !id.empty()) v.evidence.push_back(id);
  std::string through = seen.call && !seen.call->target_text.empty() ? seen.call->target_text : "a function pointer";
  v.summary = fmt::format("{} held {}, which is no code, and was called.", through, hex(to));
  if (auto text = ascii_of(to); !text.empty()) v.summary += fmt::format(" As text it reads \"{}\".", text);
  if (seen.call && seen.call->indirect && !seen.call->object.empty()) {
    v.confidence = 0.7;
    v.object.type = seen.call->object;
    v.object.member = seen.call->member;
  }
  // The caller called what it was given: the one to blame is who spoilt the pointer, which is not known here. The caller is named as the place.
  if (seen.caller) v.guilty = guilty_of_jump(seen);
  tell_pointer_place(v, scene, seen, dossier);
  v.would_settle.push_back("who wrote the pointer: the last writers of " + (v.object.member.empty() ? std::string("the memory it was loaded from") : v.object.type + "." + v.object.member));
  return {v};
}

}  // namespace inquest::inquiry::causes
