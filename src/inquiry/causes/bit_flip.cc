// A pointer with one bit wrong: the right one is found by turning each bit back.
#include <fmt/format.h>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

namespace {

struct Candidate {
  int bit = 0;
  uint64_t value = 0;
  scene::Identity identity;
};

// An object the pointer could have meant: alive, of a size for the type expected, and pointed at where such pointers point.
bool fits(const scene::CrashScene& scene, const Suspect& s, const scene::Identity& id) {
  if (id.kind != scene::Identity::Kind::kSlab || !id.free || *id.free) return false;
  auto size = s.object.empty() ? std::nullopt : scene.size_of(s.object);
  if (!size) return id.offset == 0;
  std::string own = scene.type_of_cache(id.cache, id.object_size);
  if (!own.empty() && own == s.object) return true;
  return id.offset == 0 && *size <= id.object_size && *size * 2 + 32 > id.object_size;
}

}  // namespace

Verdicts bit_flip(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  if (!seen.fatal || !seen.suspect || !scene.facts().has_dump) return {};
  const Suspect& s = *seen.suspect;
  if (s.executed || (s.shape != Shape::kKernel && s.shape != Shape::kNonCanonical && s.shape != Shape::kUser)) return {};
  using Kind = scene::Identity::Kind;
  if (s.shape == Shape::kKernel && s.identity.kind != Kind::kUnmapped && s.identity.kind != Kind::kUnknown) return {};
  std::vector<Candidate> found;
  for (int bit = 3; bit < 64; bit++) {
    uint64_t value = s.value ^ (uint64_t{1} << bit);
    if (shape_of(value, sign_bit_of(scene)) != Shape::kKernel) continue;
    auto id = scene.identify(value);
    if (fits(scene, s, id)) found.push_back({bit, value, id});
  }
  // Several repairs prove nothing.
  if (found.size() != 1) return {};
  const Candidate& c = found.front();
  bool typed = !s.object.empty() && scene.type_of_cache(c.identity.cache, c.identity.object_size) == s.object;
  Verdict v;
  v.cause = "bit-flip";
  v.confidence = typed && c.identity.offset == 0 ? 0.85 : s.object.empty() ? 0.7 : 0.75;
  cite(v, add_event(dossier, *seen.fatal));
  cite(v, add_touch(dossier, *seen.fatal));
  cite(v, add_suspect(dossier, s));
  cite(v, add_origin(dossier, s));
  cite(v, dossier.add(Origin::kMemory, fmt::format("with bit {} turned back the pointer is {}, which is {}; no other single bit leads to an object that fits", c.bit, hex(c.value), c.identity.text),
                      "kmem " + bare_hex(c.value), {{"bit", fmt::format("{}", c.bit)}, {"right", hex(c.value)}, {"cache", c.identity.cache}}));
  v.guilty = guilty_at(scene, *seen.fatal);
  v.object = object_holding(s);
  if (v.object.type.empty()) v.object.type = scene.type_of_cache(c.identity.cache, c.identity.object_size);
  v.summary = fmt::format("{} holds {}, one bit (bit {}) away from {}, a living object of slab {}: a flipped bit in memory, or a stray write of one bit.", pointer_words(s), hex(s.value), c.bit,
                          hex(c.value), c.identity.cache);
  if (auto marks = scene.users_of_bit(unsigned(c.bit)); !marks.empty()) {
    v.cause = "wild-pointer";
    v.confidence = 0.75;
    std::string who;
    for (const auto& site : marks) {
      cite(v, dossier.add(Origin::kCode, fmt::format("{} works on bit {} alone of a word", source_text(site.source), c.bit), "dis -lx " + bare_hex(site.pc), {{"function", site.function}}));
      who += (who.empty() ? "" : ", ") + guilty_site(scene, site).function;
    }
    v.summary = fmt::format("{} holds {}, one bit (bit {}) away from {}, a living object of slab {}. The code keeps a mark in that bit ({}): it was not put back before the pointer was used.", pointer_words(s), hex(s.value), c.bit,
                            hex(c.value), c.identity.cache, who);
    v.alternatives.push_back({"bit-flip", "the module's own code changes just this bit"});
    return {v};
  }
  v.alternatives.push_back({"wild-pointer", "a stray value would not be one bit away from just the kind of object that belongs there"});
  v.would_settle.push_back("a test of the machine's memory, and its corrected-error counters (EDAC)");
  return {v};
}

}  // namespace inquest::inquiry::causes
