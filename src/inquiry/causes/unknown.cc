// No examiner knew the cause: what is known is said, and what would help.
#include <fmt/format.h>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

Verdicts unknown(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  Verdict v;
  v.cause = "unknown";
  v.confidence = 0;
  if (!seen.fatal) {
    v.summary = scene.facts().has_dump ? "The log of this kernel holds no event that it could have died of: it may have been dumped alive, or its log is lost."
                                       : "This log holds no event that a kernel dies of.";
    for (const auto& e : scene.events()) v.evidence.push_back(add_event(dossier, e));
    return {v};
  }
  for (const auto& e : scene.events()) v.evidence.push_back(add_event(dossier, e));
  if (auto gap = add_gap(dossier, seen); !gap.empty()) v.evidence.push_back(gap);
  for (const Link& link : seen.links) v.evidence.push_back(add_link(dossier, link, *seen.fatal));
  v.summary = fmt::format("The kernel died of {} ({}). None of the causes known here is proven by what was found.", seen.fatal->id,
                          headline(*seen.fatal));
  v.guilty = guilty_of(seen.fatal->frames);
  if (seen.fatal->touch) {
    const auto& t = *seen.fatal->touch;
    v.evidence.push_back(dossier.add(Origin::kCode, fmt::format("the faulting instruction `{}` {} {}", t.instruction, t.writes ? "writes" : "reads", t.text.empty() ? "memory" : t.text),
                                     t.pc ? "dis -lx " + bare_hex(t.pc) : "event " + seen.fatal->id));
  }
  if (seen.fatal->event.fault_address)
    if (auto id = add_identity(scene, dossier, *seen.fatal->event.fault_address, "the fault address"); !id.empty()) v.evidence.push_back(id);
  if (!scene.facts().has_dump) v.would_settle.push_back("a crash dump of the same machine: the log alone holds no memory");
  if (scene.facts().has_dump && !scene.facts().has_debuginfo) v.would_settle.push_back("the debuginfo of this kernel (give it with -d)");
  return {v};
}

}  // namespace inquest::inquiry::causes
