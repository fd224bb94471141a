// Memory was used after it was given back.
//
// What proves it, from strong to weak: the kernel's own sanitizers said so; the bad value is the poison of freed memory; the object that the bad value was
// loaded from, or that it points at, lies on a free list of its cache. An object that was handed out again looks alive: nothing is said then.
#include <fmt/format.h>

#include <algorithm>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

namespace {

using oops::EventKind;

// KASAN, KFENCE and SLUB say it in their header (mm/kasan/report.c, mm/kfence/report.c, mm/slub.c: "Poison overwritten").
const scene::EventView* reported(const scene::CrashScene& scene) {
  for (const auto& e : scene.events()) {
    bool sanitizer = e.event.kind == EventKind::kKasan || e.event.kind == EventKind::kKfence;
    if (sanitizer && (e.event.header.find("use-after-free") != std::string::npos || e.event.header.find("user-after-free") != std::string::npos)) return &e;
    if (e.event.kind == EventKind::kSlub && e.event.header.find("oison overwritten") != std::string::npos) return &e;
  }
  return nullptr;
}

// A stack the report prints beside its own: "Freed by task 7".
Guilty named_stack(const scene::EventView& event, std::string_view word) {
  for (const auto& s : event.event.stacks) {
    if (s.name.find(word) == std::string::npos) continue;
    std::vector<scene::FrameView> frames;
    for (const auto& f : s.frames) {
      scene::FrameView view;
      view.symbol = f.symbol;
      view.module = f.module;
      view.reliable = f.reliable;
      if (f.source_line) view.source.push_back({f.symbol, f.file, f.source_line, f.inlined});
      frames.push_back(std::move(view));
    }
    return guilty_of(frames);
  }
  return {};
}

Verdicts by_report(const scene::CrashScene& scene, Dossier& dossier, const scene::EventView& event) {
  Verdict v;
  v.cause = "use-after-free";
  v.confidence = 0.9;
  cite(v, add_event(dossier, event));
  v.guilty = guilty_at(scene, event);
  Guilty freed = named_stack(event, "Freed by");
  v.summary = fmt::format("The kernel's own check found it: {}.", headline(event));
  if (!v.guilty.function.empty()) v.summary += fmt::format(" {} used the memory.", v.guilty.function);
  if (!freed.function.empty()) v.summary += fmt::format(" It had been freed by {}.", freed.function);
  v.alternatives.push_back({"out-of-bounds-write", "the report says that the memory had been freed, not that a border was crossed"});
  return {v};
}

// Memory of vmalloc() that was given back: the area still waits for its translations to be flushed.
Verdicts in_freed_area(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  const Suspect& s = *seen.suspect;
  if (s.shape != Shape::kKernel || !s.reached) return {};
  auto area = scene.freed_vmalloc_area(*s.reached);
  auto init = area ? std::nullopt : scene.init_place(*s.reached);
  if (!area && !init) return {};
  Verdict v;
  v.cause = "use-after-free";
  // Where a section lay another module may have been loaded since, and unloaded: the record of it is old then.
  v.confidence = area ? 0.9 : s.executed ? 0.6 : 0.85;
  cite(v, add_event(dossier, *seen.fatal));
  cite(v, add_touch(dossier, *seen.fatal));
  if (s.executed) cite(v, add_caller(dossier, seen));
  cite(v, add_suspect(dossier, s));
  cite(v, add_origin(dossier, s));
  if (init) cite(v, dossier.add(Origin::kMemory, fmt::format("{} lies {:#x} into {} of {} as it was loaded; that section is given back when the module's initialisation is over", hex(*s.reached), init->offset, init->section, init->module),
                                "whatis " + bare_hex(*s.reached), {{"module", init->module}, {"section", init->section}}));
  else cite(v, dossier.add(Origin::kMemory, fmt::format("{} lies in an area of vmalloc()'s range, {} to {}, that was freed: it is on the list of areas that wait to be unmapped", hex(*s.reached), hex(area->first), hex(area->second)),
                      "whatis " + bare_hex(*s.reached), {{"from", hex(area->first)}, {"to", hex(area->second)}}));
  v.guilty = s.executed && seen.caller ? guilty_of_jump(seen) : guilty_at(scene, *seen.fatal);
  v.object = object_holding(s);
  if (init) v.summary = fmt::format("{} used {} of {} after the module's initialisation was over, and that memory given back: {} points {:#x} into it.", v.guilty.function.empty() ? "The kernel" : v.guilty.function, init->section, init->module, pointer_words(s), init->offset);
  else v.summary = fmt::format("{} used memory of vmalloc() after it had been freed: {} points into the area from {} to {}, which was given back.", v.guilty.function.empty() ? "The kernel" : v.guilty.function, pointer_words(s), hex(area->first),
                          hex(area->second));
  if (const auto* from = s.source(); from && !from->object.empty()) {
    std::string who;
    for (const auto& w : scene.writers_of(from->object, uint64_t(from->offset)))
      if (w.what != scene::WriterView::What::kZero) {
        Guilty g = guilty_site(scene, w.site);
        cite(v, dossier.add(Origin::kCode, fmt::format("{} stores {} in {} of {}", source_text(w.site.source), w.value.empty() ? "a pointer" : w.value, v.object.member, from->object), "dis -lx " + bare_hex(w.site.pc), {{"function", w.site.function}}));
        add_name(who, g.function);
      }
    if (!who.empty()) v.summary += fmt::format(" The pointer is stored by {}.", who);
  }
  v.alternatives.push_back({"wild-pointer", "the address is in an area that was somebody's until it was freed"});
  return {v};
}

void weigh(Verdict& v, const Observations& seen, bool poisoned) {
  v.confidence = poisoned && seen.freed ? 0.95 : poisoned ? 0.85 : seen.freed->read_at ? 0.85 : 0.75;
  v.alternatives.push_back({"wild-pointer", poisoned ? "the value is exactly the poison of freed memory, not a stray one" : "the pointer leads into an object of a known cache, which is free"});
  v.alternatives.push_back({"out-of-bounds-write", poisoned ? "an overflow does not write the allocator's poison" : "the object's state is free: nobody owned it when it was used"});
}

}  // namespace

Verdicts use_after_free(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  if (!seen.fatal) return {};
  if (const auto* event = reported(scene)) return by_report(scene, dossier, *event);
  if (!seen.suspect) return {};
  const Suspect& s = *seen.suspect;
  bool poisoned = s.shape == Shape::kFreePoison;
  if (!poisoned && !seen.freed) return in_freed_area(scene, seen, dossier);
  // A NULL read from a freed object is a NULL all the same, unless the freed object is what was read from.
  if (s.shape == Shape::kNull && !(seen.freed && seen.freed->read_at)) return {};
  Verdict v;
  v.cause = "use-after-free";
  cite(v, add_event(dossier, *seen.fatal));
  cite(v, add_touch(dossier, *seen.fatal));
  if (s.executed) cite(v, add_caller(dossier, seen));
  cite(v, add_suspect(dossier, s));
  cite(v, add_origin(dossier, s));
  if (seen.freed) cite(v, add_freed(dossier, *seen.freed));
  v.guilty = s.executed && seen.caller ? guilty_of_jump(seen) : guilty_at(scene, *seen.fatal);
  bool held = s.source() && (poisoned || (seen.freed && seen.freed->read_at));
  v.object = held ? object_holding(s) : object_reached(s);
  if (seen.freed) {
    v.object.address = hex(seen.freed->identity.object_start);
    v.object.cache = seen.freed->identity.cache;
    if (!seen.freed->type.empty()) v.object.type = seen.freed->type;
    if (!seen.freed->member.empty()) v.object.member = seen.freed->member;
    // A part that many structs share (a list_head, a callback_head) names nothing: the cache's own struct does.
    auto part = v.object.type.empty() ? std::nullopt : scene.size_of(v.object.type);
    if (part && *part * 2 < seen.freed->identity.object_size) {
      ObjectRef whole;
      name_by_memory(scene, seen.freed->address, whole);
      if (!whole.type.empty()) {
        v.object.type = whole.type;
        v.object.member = whole.member;
        v.object.members = whole.members;
      }
    }
  }
  std::string object = v.object.type.empty() ? "an object" : v.object.type;
  v.summary = fmt::format("{} used {}{} after it had been freed: {} was {}.", v.guilty.function.empty() ? "The kernel" : v.guilty.function, object,
                          v.object.cache.empty() ? "" : fmt::format(" (slab {})", v.object.cache), pointer_words(s),
                          shape_words(s.value, s.shape).empty() ? hex(s.value) : shape_words(s.value, s.shape));
  if (seen.freed) v.summary += fmt::format(" The object at {} is free ({}).", hex(seen.freed->identity.object_start), seen.freed->identity.free_how);
  weigh(v, seen, poisoned);
  // What RCU holds may well be freed by its own callback: that it is free does not say that it was when it was handed over.
  if (s.executed && from_rcu_loop(seen)) v.confidence = std::min(v.confidence, 0.5);
  if (std::string by = seen.freed ? add_last_free(v, dossier, seen.freed->identity) : ""; !by.empty()) v.summary += fmt::format(" It was freed last by {}.", by);
  else v.would_settle.push_back("who freed it: the same crash with slub_debug=U (or KASAN), which records who freed it last");
  return {v};
}

}  // namespace inquest::inquiry::causes
