// An object was freed twice in a row, or while free.
#include <fmt/format.h>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

namespace {

using oops::EventKind;

// SLUB's words (mm/slub.c): free_consistency_checks() says "Object already free"; set_freepointer() has BUG_ON(object == fp) since 4.14
// (ce6fa91b9363) with CONFIG_SLAB_FREELIST_HARDENED; KASAN says "double-free" or "invalid-free".
bool slub_says(const oops::Event& e) { return e.kind == EventKind::kSlub && e.header.find("already free") != std::string::npos; }
bool sanitizer_says(const oops::Event& e) {
  return (e.kind == EventKind::kKasan || e.kind == EventKind::kKfence) && (e.header.find("double-free") != std::string::npos || e.header.find("invalid-free") != std::string::npos ||
                                                                         e.header.find("invalid free") != std::string::npos);
}

const std::initializer_list<const char*> kFreeing = {"kfree", "kmem_cache_free", "kvfree", "kfree_sensitive", "__kmem_cache_free", "slab_free", "do_slab_free", "__slab_free", "kmem_cache_free_bulk", "kfree_skb", "__kfree_skb"};

bool traps_in_free(const scene::CrashScene& scene, const scene::EventView& event) {
  if (event.event.kind != EventKind::kBugAt && event.event.kind != EventKind::kInvalidOpcode) return false;
  for (const auto& s : event.source)
    if (s.function == "set_freepointer") return true;
  // The log alone: the BUG's own file, in a function that frees.
  bool in_slub = event.event.file.ends_with("mm/slub.c") || event.event.header.find("mm/slub.c") != std::string::npos;
  return in_slub && frame_named(frames_behind(scene, event), kFreeing).has_value();
}

// The first frame past the allocator: who freed, and what it passed.
void name_object(const scene::CrashScene& scene, const std::vector<scene::FrameView>& frames, std::optional<uint64_t> object, Verdict& v, Dossier& dossier) {
  for (const auto& f : frames) {
    if (f.exact || is_machinery(f.symbol, f.source.empty() ? "" : f.source.back().file) || f.address == 0) continue;
    auto call = scene.call_before(f.address);
    if (!call) return;
    for (const auto& a : call->arguments) {
      if (a.object.empty() || a.object == "struct kmem_cache") continue;
      auto origin = scene.origin_of_argument(f.address, a.reg);
      if (object && !origin.empty() && origin.front().value && *origin.front().value != *object) continue;  // what was freed was a part of it
      v.object.type = a.object;
      if (!origin.empty() && origin.front().value) v.object.address = hex(*origin.front().value);
      cite(v, dossier.add(Origin::kCode, fmt::format("what was freed is {} (`{}`), passed by {}", a.text, a.type, source_text(call->source)), "dis -lx " + bare_hex(call->pc),
                          {{"expression", a.text}, {"type", a.object}}));
      return;
    }
    return;
  }
}

// Subsystems free by functions of their own (kfree_skb, bio_put, kobject_put): these only pass on what they were told to free.
Guilty past_free_wrappers(const std::vector<scene::FrameView>& frames, const Guilty& found) {
  auto wraps = [](const std::string& name) {
    for (const char* word : {"free", "put", "release", "consume", "destroy", "drop"})
      if (name.find(word) != name.npos) return true;
    return false;
  };
  if (!found.module.empty() || !wraps(found.function)) return found;
  for (const auto& f : frames) {
    Guilty g = guilty_of({f});
    if (!g.function.empty() && (!g.module.empty() || !wraps(g.function))) return g.module.empty() ? found : g;
  }
  return found;
}

}  // namespace

Verdicts double_free(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  const scene::EventView* event = nullptr;
  for (const auto& e : scene.events())
    if (!event && (slub_says(e.event) || sanitizer_says(e.event) || traps_in_free(scene, e))) event = &e;
  if (!event) return {};
  Verdict v;
  v.cause = "double-free";
  bool explicit_words = slub_says(event->event) || sanitizer_says(event->event);
  v.confidence = explicit_words ? 0.95 : 0.9;
  cite(v, add_event(dossier, *event));
  auto frames = frames_behind(scene, *event);
  v.guilty = guilty_of(frames);
  if (!explicit_words)
    cite(v, dossier.add(Origin::kCode, "the allocator stopped because the object being freed is already the first of its free list (BUG_ON(object == fp), mm/slub.c)",
                        "event " + event->id, {{"condition", event->condition ? event->condition->text : ""}}));
  std::optional<uint64_t> object = event->condition ? event->condition->left_value : std::nullopt;
  if (object && scene.identify(*object).kind != scene::Identity::Kind::kSlab) object.reset();
  name_object(scene, frames, object, v, dossier);
  // The check compares the object with the head of its free list: that address decides, what the frames show may be what it was a part of.
  if (object && v.object.type.empty()) name_by_memory(scene, *object, v.object);
  v.guilty = past_free_wrappers(frames, v.guilty);
  if (event != seen.fatal && seen.fatal) cite(v, add_event(dossier, *seen.fatal));
  v.summary = fmt::format("{} freed {} a second time: it was free already.", v.guilty.function.empty() ? "A function" : v.guilty.function,
                          v.object.type.empty() ? "an object" : v.object.type + (v.object.address.empty() ? "" : " at " + v.object.address));
  v.alternatives.push_back({"use-after-free", "what failed is the free itself, not a later use"});
  v.alternatives.push_back({"out-of-bounds-write", "the free list is whole: it only begins with this very object"});
  if (!explicit_words) v.would_settle.push_back("who freed it first: the same crash with slub_debug=FU prints both stacks");
  return {v};
}

}  // namespace inquest::inquiry::causes
