// Code of a module that was unloaded: a timer, work item or other callback of it was still due.
#include <fmt/format.h>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

Verdicts unloaded_module(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  if (!seen.fatal || !seen.jumped_to) return {};
  auto id = scene.identify(*seen.jumped_to);
  bool in_area = id.kind == scene::Identity::Kind::kModule;
  const std::string& last = seen.fatal->event.last_unloaded;
  if (!in_area && !(last.size() && !scene.facts().has_dump && shape_of(*seen.jumped_to) == Shape::kKernel)) return {};
  Verdict v;
  v.cause = "unloaded-module";
  v.confidence = in_area && !last.empty() ? 0.9 : in_area ? 0.75 : 0.5;
  cite(v, add_event(dossier, *seen.fatal));
  cite(v, dossier.add(Origin::kMemory, fmt::format("the kernel executed at {}, where modules are loaded and nothing is mapped now", hex(*seen.jumped_to)), "whatis " + bare_hex(*seen.jumped_to),
                      {{"pc", hex(*seen.jumped_to)}}));
  if (!last.empty()) cite(v, dossier.add(Origin::kLog, fmt::format("the module unloaded last is {}", last), "event " + seen.fatal->id, {{"module", last}}));
  cite(v, add_caller(dossier, seen));
  if (seen.suspect) cite(v, add_origin(dossier, *seen.suspect));
  v.guilty.module = last;
  if (seen.suspect) v.object = object_holding(*seen.suspect);
  std::string how = seen.call && !seen.call->target_text.empty() ? seen.call->target_text : "a callback";
  v.summary = fmt::format("{} pointed into a module that is not loaded any more{}: it was left behind when the module went.", how, last.empty() ? "" : fmt::format(" ({} was unloaded last)", last));
  v.alternatives.push_back({"wild-call", "the address lies where modules are loaded, as code of one that is gone would"});
  if (last.empty()) v.would_settle.push_back("which module had that address: the log of its loading");
  return {v};
}

}  // namespace inquest::inquiry::causes
