// A reference count was dropped too often: the kernel's refcount_t caught it (lib/refcount.c: REFCOUNT_SUB_UAF, REFCOUNT_DEC_LEAK, REFCOUNT_ADD_UAF).
#include <fmt/format.h>

#include <cstdlib>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

namespace {

std::optional<uint64_t> name_counter(const scene::CrashScene& scene, const scene::EventView& event, Verdict& v, Dossier& dossier) {
  for (const auto& f : frames_behind(scene, event)) {
    if (f.exact || !f.address) continue;
    auto call = scene.call_before(f.address);
    if (!call || !call->callee.starts_with("refcount_")) continue;
    for (const auto& a : call->arguments) {
      if (a.object.empty() || a.object == "struct refcount_struct") {
        auto origin = scene.origin_of_argument(f.address, a.reg);
        if (&a == &call->arguments.front() && !origin.empty() && origin.front().value) name_by_memory(scene, *origin.front().value, v.object);
        continue;
      }
      v.object.type = a.object;
      v.object.member = !a.member.empty() ? a.member : a.members.empty() ? "" : a.members.front();
      v.object.members = a.members;
      auto origin = scene.origin_of_argument(f.address, a.reg);
      if (!origin.empty() && origin.front().value) v.object.address = hex(*origin.front().value - uint64_t(a.offset));
      cite(v, dossier.add(Origin::kCode, fmt::format("the counter is {} ({} of {}), at {}", a.text, v.object.member, a.object, source_text(call->source)), "dis -lx " + bare_hex(call->pc),
                          {{"type", a.object}, {"member", v.object.member}}));
      return uint64_t(a.offset);
    }
  }
  return std::nullopt;
}

// Who gives references back, for who met the counter at 0 took one. One function is named; of several only where they are.
void name_droppers(const scene::CrashScene& scene, uint64_t offset, Verdict& v, Dossier& dossier) {
  auto sites = scene.helper_sites({"refcount_dec", "refcount_sub", "__refcount_dec", "__refcount_sub", "kref_put"}, v.object.type, offset);
  if (sites.empty()) return;
  std::string users, around;
  for (const auto& site : sites) {
    add_name(users, site.site.source.front().function);
    if (site.site.source.size() > 1) add_name(around, site.site.source.back().function);
    cite(v, dossier.add(Origin::kCode, fmt::format("{} gives a reference back, by {}()", source_text(site.site.source), site.helper), "dis -lx " + bare_hex(site.site.pc), {{"function", site.site.function}}));
  }
  v.summary += fmt::format(" References are given back by {}{}: one of them once too often.", users, around.empty() ? "" : fmt::format(" (inlined in {})", around));
  if (users.find(',') == users.npos) v.guilty = guilty_site(scene, sites.front().site);
}

}  // namespace

Verdicts refcount_underflow(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  const scene::EventView* event = nullptr;
  for (const auto& e : scene.events())
    if (!event && e.event.kind == oops::EventKind::kRefcount) event = &e;
  if (!event || !seen.fatal) return {};
  const std::string& words = event->event.header;
  bool underflow = words.find("underflow") != std::string::npos || words.find("hit 0; leaking") != std::string::npos || words.find("addition on 0") != std::string::npos;
  Verdict v;
  v.cause = "refcount-underflow";
  bool same = event == seen.fatal;
  v.confidence = !underflow ? 0.5 : same ? 0.9 : event == seen.warning ? 0.9 : 0.75;
  cite(v, add_event(dossier, *event));
  auto offset = name_counter(scene, *event, v, dossier);
  if (!same) cite(v, add_event(dossier, *seen.fatal));
  if (!same) cite(v, add_gap(dossier, seen));
  if (event == seen.warning)
    for (const auto& link : seen.links) cite(v, add_link(dossier, link, *seen.fatal));
  v.guilty = guilty_at(scene, *event);
  // "addition on 0" is met by who takes a reference: the one too many was dropped by somebody else, before.
  bool victim = words.find("addition on 0") != std::string::npos || words.find("increment on 0") != std::string::npos;
  std::string who = v.guilty.function.empty() ? "The kernel" : v.guilty.function;
  std::string counter = v.object.type.empty() ? "" : fmt::format(" ({} of {})", v.object.member, v.object.type);
  bool taken = words.find("saturated") != std::string::npos;  // REFCOUNT_ADD_OVF, REFCOUNT_ADD_NOT_ZERO_OVF: who took a reference met it
  v.summary = taken ? fmt::format("{} took a reference{} of a counter that was below zero, or full, already: {} Either two thousand million were taken and not given back, or that memory is no such counter any more (freed and handed out again, or overwritten).", who, counter, sentence(headline(*event)))
              : victim ? fmt::format("A reference{} was dropped too often: {} took one of a counter that was 0 already: {}", counter, who, sentence(headline(*event)))
                     : fmt::format("{} dropped a reference too often{}: {}", who, counter, sentence(headline(*event)));
  if (victim) v.would_settle.push_back("who dropped the last reference before: it is not the function named here");
  // Met at 0 alone, with the object given back since: it was used after its last reference, by a pointer that held none.
  uint64_t object = v.object.address.empty() ? 0 : std::strtoull(v.object.address.c_str(), nullptr, 16);
  if (auto id = object ? scene.identify(object) : scene::Identity{}; victim && (id.free.value_or(false) || (seen.freed && !v.object.type.empty() && seen.freed->type == v.object.type))) {
    v.confidence = std::min(v.confidence, 0.7);
    v.summary = fmt::format("{} took a reference{} of an object that had given up its last one, and is free now: a pointer was kept without a reference, or one was dropped too often: {}", who, counter, sentence(headline(*event)));
  }
  if (victim && offset && !v.object.type.empty()) name_droppers(scene, *offset, v, dossier);
  if (!same) v.summary += fmt::format(" {} came after it.", seen.fatal->id);
  v.alternatives.push_back({"use-after-free", same ? "the counter is what was caught; a use of the freed object would come after it" : "it follows from the counter: the object was freed while others still held it"});
  if (!same && event != seen.warning) v.would_settle.push_back("whether the object of the counter and that of the crash are one");
  return {v};
}

}  // namespace inquest::inquiry::causes
