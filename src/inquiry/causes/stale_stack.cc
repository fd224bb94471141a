// A variable of a function that has returned was used by its address: a wait-queue entry, a completion, a work item, a request on a stack.
//
// What proves it: the pointer that did harm was read from a struct on a task's stack, and that place is not such a struct any more: it lies under the stack
// pointer, or in the frame of a function whose variables are others. Stacks are used again at once, so what is read there is anything.
#include <fmt/format.h>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

namespace {

struct Stale {
  scene::StackPlace place;
  bool under_fault = false;   // it lay under the stack pointer of the fault itself
};

std::optional<Stale> stale_place(const scene::CrashScene& scene, const Observations& seen, const scene::OriginView& from) {
  Stale stale;
  auto place = scene.stack_place(*from.address);
  if (!place) return std::nullopt;
  stale.place = *place;
  if (place->pid == seen.fatal->event.pid) {
    // What ran after the fault lies on this stack, too: only what was under its stack pointer then is known to be stale.
    for (const auto& r : seen.fatal->event.registers)
      if ((r.name == "rsp" || r.name == "sp") && *from.address < r.value) stale.under_fault = true;
    return stale.under_fault ? std::optional(stale) : std::nullopt;
  }
  if (place->below) return stale;
  if (!place->frame_known || place->type == from.object) return std::nullopt;
  return stale;
}

std::string place_words(const Stale& stale) {
  const auto& p = stale.place;
  if (stale.under_fault) return "under the stack pointer of the fault: no function's any more";
  if (p.below) return "under its stack pointer: no function's any more";
  if (!p.variable.empty()) return fmt::format("in the frame of {} now, which has its `{}` ({}) there", p.function, p.variable, p.type);
  return fmt::format("in the frame of {} now, which has no such variable", p.function);
}

// The function that keeps such a variable on its stack, if there is one only.
void name_owner(const scene::CrashScene& scene, const std::string& type, Verdict& v, Dossier& dossier) {
  auto owners = scene.locals_of(type);
  for (const auto& o : owners)
    cite(v, dossier.add(Origin::kCode, fmt::format("{} keeps a {} in its stack frame", source_text(o.source).empty() ? o.function : source_text(o.source), type), "dis -lx " + bare_hex(o.pc), {{"function", o.function}}));
  if (owners.size() != 1) {
    v.would_settle.push_back(owners.empty() ? "whose variable lay there: the function that registered it had to take it back before it returned" : "which of these functions registered it and returned without taking it back");
    return;
  }
  v.guilty = guilty_site(scene, owners.front());
  if (v.guilty.function.empty()) v.guilty.function = owners.front().function;
  v.summary += fmt::format(" {} keeps such a variable: it returned without taking it back.", v.guilty.function);
}

}  // namespace

Verdicts stale_stack(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  if (!seen.fatal || !seen.suspect) return {};
  const Suspect& s = *seen.suspect;
  const auto* from = s.source();
  if (!from || !from->address || from->object.empty() || s.holder.kind != scene::Identity::Kind::kStack || from->changed()) return {};
  auto stale = stale_place(scene, seen, *from);
  if (!stale) return {};
  Verdict v;
  v.cause = "use-after-free";
  v.confidence = stale->under_fault || stale->place.below || !stale->place.variable.empty() ? 0.85 : 0.75;
  cite(v, add_event(dossier, *seen.fatal));
  cite(v, add_touch(dossier, *seen.fatal));
  if (s.executed) cite(v, add_caller(dossier, seen));
  cite(v, add_suspect(dossier, s));
  cite(v, add_origin(dossier, s));
  v.object = object_holding(s);
  std::string task = fmt::format("{}{}", stale->place.comm, stale->place.pid ? fmt::format(" (pid {})", *stale->place.pid) : "");
  cite(v, dossier.add(Origin::kStack, fmt::format("{} lies on the stack of {}, {}", hex(*from->address), task, place_words(*stale)), "whatis " + bare_hex(*from->address),
                      {{"address", hex(*from->address)}, {"function", stale->place.function}, {"variable", stale->place.variable}}));
  v.guilty = s.executed && seen.caller ? guilty_of_jump(seen) : guilty_at(scene, *seen.fatal);
  v.summary = fmt::format("{} used a {} that lay on the stack of {} and is gone: {} is {}, and {} held {}.", v.guilty.function.empty() ? "The kernel" : v.guilty.function, from->object, task,
                          hex(*from->address), place_words(*stale), pointer_words(s), hex(s.value));
  name_owner(scene, from->object, v, dossier);
  v.alternatives.push_back({s.executed ? s.shape == Shape::kNull ? "null-call" : "wild-call" : s.shape == Shape::kNull ? "null-dereference" : "wild-pointer", "true of the last step only: what was read is no longer what its owner put there"});
  return {v};
}

}  // namespace inquest::inquiry::causes
