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

// The run of equal words that the value lies in, in memory: what fills memory is no pointer and no error code. Bytes; 0: alone.
uint64_t run_around(const scene::CrashScene& scene, const Suspect& s) {
  constexpr uint64_t kReach = 256, kPage = 4096;
  const auto* from = s.source();
  if (!from || !from->address || from->changed()) return 0;
  auto same = [&](uint64_t at) {
    auto r = scene.read(at, 8);
    return r.ok() && load_unchecked<uint64_t>(r.bytes.data()) == s.value;
  };
  if (!same(*from->address)) return 0;
  uint64_t low = *from->address, high = *from->address + 8;
  while (low % kPage && *from->address - low < kReach && same(low - 8)) low -= 8;
  while (high % kPage && high - *from->address < kReach && same(high)) high += 8;
  return high - low > 8 ? high - low : 0;
}

// Who stores what a call returned into the member that held the error: the check was left out there.
void name_storer(const scene::CrashScene& scene, const Suspect& s, Verdict& v, Dossier& dossier) {
  const auto* from = s.source();
  if (!from || from->object.empty() || from->members.empty()) return;
  std::string who, callee;
  std::optional<Guilty> only;
  size_t functions = 0;
  for (const auto& w : scene.writers_of(from->object, uint64_t(from->offset))) {
    if (w.what != scene::WriterView::What::kResult) continue;
    Guilty g = guilty_site(scene, w.site);
    cite(v, dossier.add(Origin::kCode, fmt::format("{} stores what {}() returned in {} of {}", source_text(w.site.source), w.value, from->members.front(), from->object), "dis -lx " + bare_hex(w.site.pc),
                        {{"function", w.site.function}, {"callee", w.value}}));
    if (!only || only->function != g.function) functions++;
    std::string words = fmt::format("{} stores there what {}() returned", g.function, w.value);
    if (who.find(words) == who.npos) who += (who.empty() ? "" : ", ") + words;
    only = g;
  }
  if (who.empty()) return;
  v.summary += fmt::format(" {}.", who);
  if (functions == 1) v.guilty = *only;
}

double confidence_of(const Suspect& s) {
  switch (s.shape) {
    // All ones are -EPERM, and much else; other numbers of an error are nothing else.
    // Read at the very start of memory, with nothing that tells whence it came: it may as well be NULL less the offset of a member.
    case Shape::kErrno: if (s.reached && *s.reached < 4096 && !s.source() && !born_by_call(s)) return 0.65;
      return born_by_call(s) || (~s.value != 0 && !errno_name(unsigned(~s.value + 1)).empty()) ? 0.9 : 0.6;
    case Shape::kUnsetPoison: return 0.85;
    case Shape::kAscii: return s.origin.empty() ? 0.6 : 0.7;
    case Shape::kNonCanonical: return 0.6;
    case Shape::kUser: return 0.45;
    default: return 0.5;
  }
}

std::string explain(const scene::CrashScene& scene, const Suspect& s, uint64_t run) {
  std::string who = pointer_words(s);
  if (run && (s.shape == Shape::kErrno || s.shape == Shape::kKernel || s.shape == Shape::kNonCanonical))
    return fmt::format("{} holds {}, one word of a run of {} bytes that all are the same: something filled that memory (a memset() that went too far, a device that is gone); no pointer was stored there.",
                       who, hex(s.value), run);
  if (s.shape == Shape::kErrno) {
    bool sure = confidence_of(s) > 0.6;
    std::string text = fmt::format("{} holds {}{}, used as a pointer.", who, shape_words(s.value, s.shape), sure ? ": an error that was not checked for" : ", or what looks like it");
    if (const auto* call = born_by_call(s)) text += fmt::format(" {}() returned it.", call->callee);
    return text;
  }
  if (s.shape == Shape::kUnsetPoison) return fmt::format("{} holds {}.", who, shape_words(s.value, s.shape));
  std::string words = looks_like(scene, s);
  if (words.empty()) words = shape_words(s.value, s.shape);
  if (const auto* from = s.source(); from && s.shape == Shape::kAscii)
    for (const auto& m : from->members)
      if (m.ends_with(']') && from->members.size() > 1)
        return fmt::format("{} holds {}{}: the text of {}, another arm of the same union of {}. The union was read by the wrong arm.", who, hex(s.value), words.empty() ? "" : ", " + words, m.substr(0, m.rfind('[')), from->object);
  if (!s.source() && !s.variable.empty() && !s.origin.empty() && s.origin.front().on_stack)
    return fmt::format("{}, a variable of {}'s own stack frame, holds {}{}: it points at nothing the kernel has. Either it was never set on this way, or it was overwritten.", who, s.function, hex(s.value), words.empty() ? "" : ", " + words);
  return fmt::format("{} holds {}{}: it points at nothing the kernel has.", who, hex(s.value), words.empty() ? "" : ", " + words);
}

}  // namespace

// What was taken for an entry is the head of an empty list, with whatever lies around it.
Verdicts first_of_empty_list(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier, const scene::OriginView& head) {
  const Suspect& s = *seen.suspect;
  Verdict v;
  v.cause = "wild-pointer";
  v.confidence = 0.85;
  cite(v, add_event(dossier, *seen.fatal));
  cite(v, add_touch(dossier, *seen.fatal));
  cite(v, add_suspect(dossier, s));
  cite(v, add_origin(dossier, s));
  std::string list = head.text.empty() ? hex(*head.address) : head.text;
  if (!head.object.empty() && !head.members.empty()) list = fmt::format("{} of {}", head.members.front(), head.object);
  cite(v, dossier.add(Origin::kMemory, fmt::format("the list head at {} ({}) holds its own address: the list is empty", hex(*head.address), list), fmt::format("rd {} 2", bare_hex(*head.address)),
                      {{"list", hex(*head.address)}, {"member", head.members.empty() ? "" : head.members.front()}}));
  v.object.type = head.object;
  v.object.address = head.object.empty() ? "" : hex(*head.address - uint64_t(head.offset));
  v.object.members = head.members;
  if (!head.members.empty()) v.object.member = head.members.front();
  v.guilty = guilty_at(scene, *seen.fatal);
  if (Guilty g = guilty_of_source(head.source, v.guilty.module); !g.function.empty()) v.guilty = g;
  v.summary = fmt::format("{} took the first entry of a list that is empty ({}): what lies around its head was used as an entry, and {} there is {}, no pointer.", v.guilty.function.empty() ? "The kernel" : v.guilty.function,
                          list, pointer_words(s), hex(s.value));
  v.alternatives.push_back({"null-dereference", "the value is near 0 by chance: it is no member of an entry at all"});
  if (list_shape(scene, *head.address).self_prev) v.alternatives.push_back({"list-corruption", "the head is in order: both its pointers lead back to it"});
  return {v};
}

Verdicts wild_pointer(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  if (!seen.fatal || !seen.suspect || seen.suspect->executed) return {};
  const Suspect& s = *seen.suspect;
  if (const auto* head = empty_list(s); head && s.shape != Shape::kFreePoison && s.shape != Shape::kListPoison) return first_of_empty_list(scene, seen, dossier, *head);
  if (s.shape == Shape::kNull || s.shape == Shape::kFreePoison || s.shape == Shape::kListPoison) return {};
  using Kind = scene::Identity::Kind;
  // Memory that is there and belongs to somebody was not reached by a stray value; another examiner may know.
  bool reachable = s.identity.kind == Kind::kSlab || s.identity.kind == Kind::kSymbol || s.identity.kind == Kind::kText || s.identity.kind == Kind::kStack;
  if (reachable && s.shape == Shape::kKernel) return {};
  Verdict v;
  v.cause = "wild-pointer";
  const uint64_t run = s.shape == Shape::kAscii ? 0 : run_around(scene, s);
  v.confidence = run ? std::min(0.6, confidence_of(s)) : confidence_of(s);
  if (s.shape == Shape::kUser && scene.facts().has_dump) {
    if (!looks_like(scene, s).empty() && !scene.in_user_memory(s.value).value_or(false)) v.confidence = 0.6;
  }
  cite(v, add_event(dossier, *seen.fatal));
  cite(v, add_touch(dossier, *seen.fatal));
  cite(v, add_suspect(dossier, s));
  cite(v, add_origin(dossier, s));
  if (s.reached) cite(v, add_identity(scene, dossier, *s.reached, "the address reached for"));
  v.guilty = guilty_at(scene, *seen.fatal);
  v.object = s.shape == Shape::kErrno ? object_reached(s) : object_holding(s);
  v.summary = explain(scene, s, run);
  v.summary = capital(v.summary);
  if (s.shape == Shape::kErrno && !run && !born_by_call(s)) {
    if (const auto* from = s.source(); from && !from->object.empty()) {
      v.object.types = {from->object, v.object.type};
      v.object.members.insert(v.object.members.end(), from->members.begin(), from->members.end());
    }
    name_storer(scene, s, v, dossier);
  }
  if (s.shape == Shape::kErrno) v.alternatives.push_back({"null-dereference", "the pointer is an error code, not 0"});
  v.alternatives.push_back({"use-after-free", seen.freed ? "weaker than what the free list shows" : "nothing on the pointer's way is known to be free"});
  if (s.shape != Shape::kErrno) v.would_settle.push_back("who wrote the value: the last writers of the memory it was loaded from");
  return {v};
}

}  // namespace inquest::inquiry::causes
