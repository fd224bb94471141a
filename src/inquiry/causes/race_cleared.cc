// A pointer was there when it was checked and gone when it was used: another task cleared it in between.
//
// What proves it: the function tested the very memory that it loads the NULL from, and loaded it again; or that memory holds a pointer now.
#include <fmt/format.h>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

Verdicts race_cleared(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  if (!seen.fatal || !seen.suspect || seen.suspect->shape != Shape::kNull) return {};
  const Suspect& s = *seen.suspect;
  const auto* from = s.source();
  if (!from) return {};
  auto check = scene.checked_before(seen.fatal->id, s.reg);
  bool changed = from->changed();
  if (!check && !changed) return {};
  auto clearers = from->object.empty() ? std::vector<scene::StoreSite>{} : scene.clearers_of(from->object, uint64_t(from->offset));
  Verdict v;
  v.cause = "race-cleared";
  v.confidence = check && !clearers.empty() ? 0.96 : check ? 0.9 : clearers.empty() ? 0.6 : 0.8;
  // A call in between may have cleared it in this very task.
  bool by_call = check && !changed && !check->call_between.empty();
  if (by_call) v.confidence = 0.6;
  cite(v, add_event(dossier, *seen.fatal));
  cite(v, add_touch(dossier, *seen.fatal));
  cite(v, add_suspect(dossier, s));
  cite(v, add_origin(dossier, s));
  v.guilty = s.executed && seen.caller ? guilty_of_jump(seen) : guilty_at(scene, *seen.fatal);
  v.object = object_holding(s);
  std::string name = pointer_words(s), where;
  if (check) {
    where = fmt::format("{} ({}:{})", check->source.empty() ? "" : check->source.front().function, check->source.empty() ? "" : check->source.front().file,
                        check->source.empty() ? 0 : check->source.front().line);
    cite(v, dossier.add(Origin::kCode, fmt::format("the same memory was tested before, at {}: {}; then it was loaded again", where, check->text), "dis -lx " + bare_hex(check->pc), {{"check", hex(check->pc)}}));
  }
  std::string who;
  for (const auto& w : clearers) {
    std::string place = w.source.empty() ? w.function : fmt::format("{} ({}:{})", w.source.front().function, w.source.front().file, w.source.front().line);
    who += (who.empty() ? "" : ", ") + (w.source.empty() ? w.function : w.source.front().function);
    cite(v, dossier.add(Origin::kCode, fmt::format("{} stores NULL there", place), "dis -lx " + bare_hex(w.pc), {{"function", w.function}}));
  }
  v.summary = fmt::format("{} {} and then NULL when {} used it: {} in between{}.", name, check ? "was there when it was tested" : "is there now, was there before", v.guilty.function,
                          by_call ? fmt::format("what it called ({}), or another task, cleared it", check->call_between) : "another task cleared it",
                          who.empty() ? "" : fmt::format(" ({} stores NULL there)", who));
  v.alternatives.push_back({"null-dereference", check ? "it was not always NULL: the test before passed" : "the memory it was loaded from holds a pointer now"});
  if (clearers.empty()) v.would_settle.push_back("who clears it: the writers of " + (v.object.member.empty() ? std::string("that memory") : v.object.type + "." + v.object.member));
  return {v};
}

}  // namespace inquest::inquiry::causes
