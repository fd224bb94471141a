// A NULL pointer was dereferenced: the fault address is the offset of a member, and the base register held 0.
#include <fmt/format.h>

#include <algorithm>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

namespace {

// The first page is never mapped (mmap_min_addr); a member farther out is still in a NULL object if the instruction says so.
constexpr uint64_t kMinMapped = 1 << 16, kFirstPage = 4096, kFarthest = 1 << 20;

std::string member_words(const scene::TouchView& t, const std::vector<scene::MemberView>& members) {
  if (t.object.empty()) return fmt::format("offset {:#x} of what it should point at", t.displacement);
  std::string names;
  for (const auto& m : members) names += (names.empty() ? "" : " or ") + m.path;
  return fmt::format("{} of {} (offset {:#x})", names.empty() ? "no member known" : names, t.object, t.displacement);
}

// What the function to blame passed on to the shared code that failed: `&sluice->up`, a member of its own object; "" if it is not known.
std::string tell_passed(const scene::CrashScene& scene, const scene::EventView& event, Verdict& v, Dossier& dossier) {
  if (!is_machinery(event.event.function, event.source.empty() ? "" : event.source.back().file)) return "";
  for (const auto& f : frames_behind(scene, event)) {
    if (f.exact || !f.address || guilty_of({f}).function.empty()) continue;
    auto call = scene.call_before(f.address);
    if (!call) return "";
    for (const auto& a : call->arguments) {
      if (a.object.empty() || (a.member.empty() && a.members.empty())) continue;
      std::string member = a.member.empty() ? a.members.front() : a.member;
      cite(v, dossier.add(Origin::kCode, fmt::format("{} passed {} ({} of {}) to {}", source_text(call->source), a.text, member, a.object, call->callee.empty() ? "it" : call->callee), "dis -lx " + bare_hex(call->pc),
                          {{"type", a.object}, {"member", member}}));
      v.object.types.insert(v.object.types.begin(), a.object);
      if (!v.object.type.empty() && v.object.types.size() == 1) v.object.types.push_back(v.object.type);
      v.object.type = a.object;
      v.object.members.push_back(member);
      v.object.member = member;
      v.object.address.clear();
      return a.text;
    }
    return "";
  }
  return "";
}

// A call gave NULL, and it was passed on without a test: who called is nearer to the mistake than who trips over it.
bool tell_call(const Suspect& s, Verdict& v, Dossier& dossier) {
  const scene::OriginView* call = nullptr;
  for (const auto& step : s.origin) {
    if (step.birth == "loaded" && !step.on_stack) return false;
    if (step.birth == "call" && !call) call = &step;
  }
  if (!call || call->callee.empty()) return false;
  cite(v, add_origin(dossier, s));
  Guilty caller = guilty_of_source(call->source, v.guilty.module);
  v.summary += fmt::format(" {}() returned it{}, and it was used unasked.", call->callee, caller.function.empty() ? "" : " to " + caller.function);
  if (!caller.function.empty() && caller.function != v.guilty.function) v.guilty = caller;
  return true;
}

// Where the NULL was kept, and who stores it there: the code that clears the member is nearer to the mistake than the code that trips over it.
void tell_source(const scene::CrashScene& scene, const Suspect& s, Verdict& v, Dossier& dossier) {
  if (tell_call(s, v, dossier)) return;
  const scene::OriginView* from = nullptr;
  for (const auto& step : s.origin)
    if (!from && step.birth == "loaded" && !step.on_stack && !step.object.empty()) from = &step;
  if (!from || from->members.empty()) return;
  cite(v, add_origin(dossier, s));
  if (!v.object.type.empty() && v.object.type != from->object) v.object.types = {from->object, v.object.type};
  for (const auto& m : from->members)
    if (v.object.types.size() > 1 && std::find(v.object.members.begin(), v.object.members.end(), m) == v.object.members.end()) v.object.members.push_back(m);
  std::string who;
  for (const auto& site : scene.clearers_of(from->object, uint64_t(from->offset))) {
    Guilty g = guilty_site(scene, site);
    cite(v, dossier.add(Origin::kCode, fmt::format("{} stores NULL in {} of {}", source_text(site.source), from->members.front(), from->object), "dis -lx " + bare_hex(site.pc), {{"function", site.function}}));
    add_name(who, g.function);
  }
  if (!who.empty()) v.summary += fmt::format(" NULL is stored there by {}.", who);
}

// What stands against it: the kernel had said before that the object read from is broken, or there was no such object.
void doubt(const scene::CrashScene& scene, Verdict& v, const Observations& seen, Dossier& dossier) {
  std::string freed = "the pointer itself is 0; freed memory seldom holds zeroes where a pointer was";
  if (seen.warning && seen.suspect) {
    for (const auto& link : seen.links) cite(v, add_link(dossier, link, *seen.fatal));
    cite(v, add_gap(dossier, seen));
    v.confidence = std::min(v.confidence, 0.5);
    v.summary += fmt::format(" {} had told of the same object before: {}", seen.warning->id, sentence(headline(*seen.warning)));
    freed = fmt::format("likely where the zero comes from: see {}; memory that was given back and handed out again is cleared", seen.warning->id);
  } else if (!seen.freed) {
    freed += seen.suspect && seen.suspect->source() ? ", and where it was read from is not known to be free" : "";
  }
  // The object it was read from is free, or has been handed out again: that is the cause, and the NULL its consequence.
  if (seen.freed && seen.freed->read_at) {
    v.confidence = std::min(v.confidence, 0.5);
    freed = fmt::format("more likely: the object that the NULL was read from, at {}, is free", hex(seen.freed->identity.object_start));
  } else if (seen.suspect && seen.suspect->source() && seen.suspect->source()->address) {
    const auto* from = seen.suspect->source();
    if (auto twice = reused_object(scene, *from->address, from->object); twice && twice->contradictions) {
      cite(v, add_reused(dossier, *twice));
      v.confidence = std::min(v.confidence, 0.5);
      freed = fmt::format("more likely: the object that the NULL was read from, at {}, has two owners of unlike types", hex(twice->start));
    }
  }
  if (seen.suspect && empty_list(*seen.suspect)) v.confidence = std::min(v.confidence, 0.4);
  v.alternatives.push_back({"use-after-free", freed});
  v.alternatives.push_back({"wild-pointer", "the address is a small offset from 0, not a stray value"});
}

}  // namespace

Verdicts null_dereference(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  if (!seen.fatal || !seen.fatal->event.fault_address || seen.jumped_to) return {};
  const auto& event = *seen.fatal;
  uint64_t fault = *event.event.fault_address;
  bool entry = seen.suspect && seen.suspect->entry_of_null;
  bool null_base = event.touch && (event.touch->base_value == uint64_t{0} || entry);
  bool indexed = fault < kMinMapped && seen.suspect && seen.suspect->shape == Shape::kNull;  // NULL and an index: the first 64 KiB are never mapped
  if (fault >= kFirstPage && !(null_base && fault < kFarthest) && !indexed) return {};
  if (event.touch && event.touch->base_value && *event.touch->base_value + uint64_t(event.touch->displacement) != fault && event.touch->object.empty()) null_base = false;

  Verdict v;
  v.cause = "null-dereference";
  v.confidence = 0.6;
  v.evidence.push_back(add_event(dossier, event));
  v.guilty = guilty_at(scene, event);
  if (Guilty g = guilty_of_source(event.source, event.event.function_module); !g.function.empty()) v.guilty = g;
  std::string what = fmt::format("offset {:#x} of a NULL pointer", fault);
  if (event.touch) {
    const auto& t = *event.touch;
    auto members = t.object.empty() ? std::vector<scene::MemberView>{} : scene.members_at(t.object, uint64_t(t.displacement));
    v.evidence.push_back(dossier.add(Origin::kCode, fmt::format("the faulting instruction `{}` {} {}{}", t.instruction, t.writes ? "writes" : "reads",
                                                                t.text.empty() ? fmt::format("{:#x}(%{})", t.displacement, t.base_register) : t.text,
                                                                event.source.empty() ? "" : " at " + source_text(event.source)),
                                     t.pc ? "dis -lx " + bare_hex(t.pc) : "event " + event.id, {{"instruction", t.instruction}, {"expression", t.text}}));
    if (null_base) {
      v.confidence = 0.8;
      v.evidence.push_back(dossier.add(Origin::kRegister, fmt::format("its base {} holds {}{}{}", t.base_register, entry ? hex(seen.suspect->value) + ", NULL less the offset of a link" : "0", t.base_text.empty() ? "" : ": it is " + t.base_text,
                                                                      t.base_type.empty() ? "" : fmt::format(" (`{}`)", t.base_type)),
                                       fmt::format("why {} {}", t.base_register, event.id), {{"register", t.base_register}, {"variable", t.base_variable}, {"expression", t.base_text}}));
    }
    if (null_base && !t.object.empty()) {
      v.confidence = 0.9;
      what = member_words(t, members);
      std::string type = t.object.substr(t.object.find(' ') + 1);
      v.object.type = t.object;
      v.object.address = hex(0);
      if (!members.empty()) v.object.member = members.front().path;
      for (const auto& m : members) v.object.members.push_back(m.path);
      v.evidence.push_back(dossier.add(Origin::kType, fmt::format("the fault address {} is {}", hex(fault), what),
                                       fmt::format("struct {}{} -xo", type, v.object.member.empty() ? "" : "." + v.object.member.substr(0, v.object.member.find_first_of(".["))),
                                       {{"type", t.object}, {"offset", hex(uint64_t(t.displacement))}, {"member", v.object.member}}));
      if (!t.base_variable.empty() || !t.origin_text.empty()) v.confidence = 0.95;
    }
    std::string pointer = !t.base_text.empty() ? t.base_text : "a pointer";
    bool exactly = !t.base_value || *t.base_value == 0;
    if (entry) v.confidence = std::min(v.confidence, seen.suspect->source() ? 0.9 : 0.8);
    v.summary = fmt::format("{} is {}, and {} {} it{}.", pointer, exactly ? "NULL" : fmt::format("{:#x}, which is NULL {} an offset{}", *t.base_value, entry ? "less" : "and", entry ? " (an entry taken from a link that is NULL)" : ""), v.guilty.function.empty() || is_machinery(event.event.function, event.source.empty() ? "" : event.source.back().file) ? event.event.function : v.guilty.function,
                            t.writes ? "writes through" : "reads through", what.empty() ? "" : ": " + what);
    if (!t.origin_text.empty() && t.origin_text != t.base_text) v.summary += fmt::format(" It was loaded from {}.", t.origin_text);
  } else {
    v.summary = fmt::format("{} reached for {}.", event.event.function.empty() ? "The kernel" : event.event.function, what);
    v.would_settle.push_back(scene.facts().has_dump ? "the debuginfo of the code that faulted" : "the dump or the debuginfo: the log does not name the pointer");
  }
  if (fault >= kFirstPage && !null_base && event.touch) {
    v.confidence = 0.7;
    v.summary = fmt::format("{} is {}: an element of a table whose pointer is NULL, or a member far out in a NULL object; {} {} it.",
                            event.touch->base_text.empty() ? "The pointer" : event.touch->base_text, hex(seen.suspect->value), v.guilty.function, event.touch->writes ? "writes through" : "reads through");
    if (v.object.type.empty()) v.object = object_holding(*seen.suspect);
    cite(v, add_origin(dossier, *seen.suspect));
  }
  if (seen.suspect && event.touch) tell_source(scene, *seen.suspect, v, dossier);
  if (std::string passed = tell_passed(scene, event, v, dossier); !passed.empty()) v.summary += fmt::format(" {} had passed {} on.", v.guilty.function.empty() ? "Its caller" : v.guilty.function, passed);
  doubt(scene, v, seen, dossier);
  return {v};
}

}  // namespace inquest::inquiry::causes
