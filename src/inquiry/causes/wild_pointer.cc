// A pointer that points at nothing: an error pointer used as one, text, a value that was never set, a stray number.
#include <fmt/format.h>

#include <algorithm>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

namespace {

// What returned the error pointer, if the walk back met a call.
const scene::OriginView* born_by_call(const Suspect& s) {
  for (const auto& step : s.origin)
    if (step.birth == "call") return &step;
  return nullptr;
}

double confidence_of(const Suspect& s) {
  switch (s.shape) {
    case Shape::kErrno: return 0.9;
    case Shape::kUnsetPoison: return 0.85;
    case Shape::kAscii: return s.origin.empty() ? 0.6 : 0.7;
    case Shape::kNonCanonical: return 0.6;
    case Shape::kUser: return 0.45;
    default: return 0.5;
  }
}

std::string explain(const Suspect& s) {
  std::string who = pointer_words(s);
  if (s.shape == Shape::kErrno) {
    std::string text = fmt::format("{} holds {}: an error that was not checked for, used as a pointer.", who, shape_words(s.value, s.shape));
    if (const auto* call = born_by_call(s)) text += fmt::format(" {}() returned it.", call->callee);
    return text;
  }
  if (s.shape == Shape::kUnsetPoison) return fmt::format("{} holds {}.", who, shape_words(s.value, s.shape));
  std::string words = shape_words(s.value, s.shape);
  return fmt::format("{} holds {}{}: it points at nothing the kernel has.", who, hex(s.value), words.empty() ? "" : ", " + words);
}

}  // namespace

Verdicts wild_pointer(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  if (!seen.fatal || !seen.suspect || seen.suspect->executed) return {};
  const Suspect& s = *seen.suspect;
  if (s.shape == Shape::kNull || s.shape == Shape::kFreePoison || s.shape == Shape::kListPoison) return {};
  using Kind = scene::Identity::Kind;
  // Memory that is there and belongs to somebody was not reached by a stray value; another examiner may know.
  bool reachable = s.identity.kind == Kind::kSlab || s.identity.kind == Kind::kSymbol || s.identity.kind == Kind::kText || s.identity.kind == Kind::kStack;
  if (reachable && s.shape == Shape::kKernel) return {};
  Verdict v;
  v.cause = "wild-pointer";
  v.confidence = confidence_of(s);
  cite(v, add_event(dossier, *seen.fatal));
  cite(v, add_touch(dossier, *seen.fatal));
  cite(v, add_suspect(dossier, s));
  cite(v, add_origin(dossier, s));
  if (s.reached) cite(v, add_identity(scene, dossier, *s.reached, "the address reached for"));
  v.guilty = guilty_at(scene, *seen.fatal);
  v.object = s.shape == Shape::kErrno || !s.source() ? object_reached(s) : object_holding(s);
  v.summary = explain(s);
  v.summary[0] = char(std::toupper(v.summary[0]));
  if (s.shape == Shape::kErrno) v.alternatives.push_back({"null-dereference", "the pointer is an error code, not 0"});
  v.alternatives.push_back({"use-after-free", seen.freed ? "weaker than what the free list shows" : "nothing on the pointer's way is known to be free"});
  if (s.shape != Shape::kErrno) v.would_settle.push_back("who wrote the value: the last writers of the memory it was loaded from");
  return {v};
}

}  // namespace inquest::inquiry::causes
