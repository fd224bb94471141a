// A division by zero.
#include <fmt/format.h>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

Verdicts divide_error(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  if (!seen.fatal || seen.fatal->event.kind != oops::EventKind::kDivideError) return {};
  Verdict v;
  v.cause = "divide-error";
  v.confidence = 0.85;
  cite(v, add_event(dossier, *seen.fatal));
  v.guilty = guilty_at(scene, *seen.fatal);
  std::string what = "a division";
  if (seen.fatal->divisor) {
    const auto& d = *seen.fatal->divisor;
    v.confidence = d.value == uint64_t{0} ? 0.95 : 0.85;
    std::string name = d.text.empty() ? d.reg.empty() ? "the divisor" : d.reg : d.text;
    cite(v, dossier.add(Origin::kCode, fmt::format("`{}` divides by {}{}{}", d.instruction, name, d.value ? fmt::format(", which was {}", *d.value) : "",
                                                   seen.fatal->source.empty() ? "" : " at " + source_text(seen.fatal->source)),
                        "dis -lx " + bare_hex(d.pc), {{"expression", d.text}, {"value", d.value ? hex(*d.value) : ""}}));
    v.object.type = d.object;
    v.object.members = d.members;
    if (!d.members.empty()) v.object.member = d.members.front();
    what = d.value == uint64_t{0} ? name + " was 0, and" : name + ": the quotient did not fit, or it was 0, and";
    v.summary = fmt::format("{} {} divided by it.", what, v.guilty.function.empty() ? "the kernel" : v.guilty.function);
    v.summary = capital(v.summary);
    // A divisor in a register: the walk back says where it came from.
    if (!d.reg.empty())
      for (const auto& step : scene.origin_of(seen.fatal->id, d.reg)) {
        if (step.birth != "loaded" || step.object.empty()) continue;
        v.object.type = step.object;
        v.object.members = step.members;
        if (!step.members.empty()) v.object.member = step.members.front();
        if (step.address) v.object.address = hex(*step.address - uint64_t(step.offset));
        cite(v, dossier.add(Origin::kMemory, fmt::format("it was loaded from {} of {}{}", v.object.member, step.object, step.address ? " at " + hex(*step.address) : ""),
                            step.address ? fmt::format("rd {} 1", bare_hex(*step.address)) : "event " + seen.fatal->id, {{"type", step.object}, {"member", v.object.member}}));
        break;
      }
  } else {
    v.summary = fmt::format("{} divided by zero.", v.guilty.function.empty() ? "The kernel" : v.guilty.function);
  }
  v.alternatives.push_back({"assertion", "the processor's own trap, not a check in the code"});
  return {v};
}

}  // namespace inquest::inquiry::causes
