// The object was given back and handed out again: those who kept a pointer to it use another's data.
//
// What proves it: typed pointers to the very object's start that are declared to point at different structs, none of which begins with another. One memory has
// two owners then; only what a value is used as tells which of them is the elder.
#include <fmt/format.h>

#include <algorithm>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

namespace {

using Kind = scene::Identity::Kind;

// The start of the object that the bad value was read from: a slab object's, or the page's where the memory is no slab's.
std::optional<uint64_t> object_start(const scene::CrashScene& scene, uint64_t address) {
  auto id = scene.identify(address);
  if (id.kind == Kind::kSlab) return id.free.value_or(false) ? std::nullopt : std::optional(id.object_start);
  if (id.kind == Kind::kMapped || id.kind == Kind::kUnknown) return address & ~(std::max<uint64_t>(scene.facts().page_size, 4096) - 1);
  return std::nullopt;
}

// Two of the owners whose types have nothing to do with each other; the one whose type the code uses first.
std::optional<std::pair<scene::OwnerView, scene::OwnerView>> at_odds(const scene::CrashScene& scene, const std::vector<scene::OwnerView>& owners, const std::string& used_as) {
  for (const auto& a : owners)
    for (const auto& b : owners) {
      if (scene.related(a.type, b.type)) continue;
      bool other_way = !used_as.empty() && scene.related(b.type, used_as) && !scene.related(a.type, used_as);
      return other_way ? std::pair(b, a) : std::pair(a, b);
    }
  return std::nullopt;
}

// Pointers of the elder type, the one at `but` aside, that are none: proof that the memory is not such an object any more.
size_t contradictions(const scene::CrashScene& scene, uint64_t start, const std::string& type, uint64_t but) {
  uint64_t size = std::min<uint64_t>(scene.size_of(type).value_or(0), 1024);
  size_t found = 0;
  for (uint64_t offset = 0; offset + 8 <= size; offset += 8) {
    if (start + offset == but) continue;
    auto members = scene.members_at(type, offset);
    bool pointer = members.size() == 1 && members.front().pointer && members.front().offset == offset;
    auto word = pointer ? scene.read(start + offset, 8) : scene::Reading{};
    if (!pointer || !word.ok() || word.bytes.size() < 8) continue;
    auto value = load_unchecked<uint64_t>(word.bytes.data());
    Shape shape = shape_of(value, sign_bit_of(scene));
    found += value && (shape == Shape::kNonCanonical || shape == Shape::kUser || shape == Shape::kAscii || (shape == Shape::kNull && value) || (shape == Shape::kKernel && scene.identify(value).kind == Kind::kUnmapped));
  }
  return found;
}

}  // namespace

std::optional<ReusedObject> reused_object(const scene::CrashScene& scene, uint64_t address, const std::string& used_as) {
  auto start = object_start(scene, address);
  if (!start) return std::nullopt;
  auto owners = scene.owners_of(*start);
  auto two = at_odds(scene, owners, used_as);
  if (!two) return std::nullopt;
  return ReusedObject{*start, two->first, two->second, contradictions(scene, *start, two->first.type, address)};
}

std::string add_reused(Dossier& dossier, const ReusedObject& reused) {
  return dossier.add(Origin::kGraph, fmt::format("the object at {} has two owners: {} points at it as a {}, {} as a {}", hex(reused.start), reused.used.text, reused.used.type, reused.other.text, reused.other.type),
                     "references " + bare_hex(reused.start), {{"object", hex(reused.start)}, {"type", reused.used.type}, {"other_type", reused.other.type}});
}

Verdicts reused(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  if (!seen.fatal || !seen.suspect || seen.freed) return {};
  const Suspect& s = *seen.suspect;
  const auto* from = s.source();
  bool bad = s.shape == Shape::kNonCanonical || s.shape == Shape::kUser || s.shape == Shape::kAscii || s.shape == Shape::kErrno || s.shape == Shape::kKernel || s.shape == Shape::kNull;
  if (!bad || !from || !from->address || from->changed()) return {};
  auto found = reused_object(scene, *from->address, from->object);
  if (!found) return {};
  Verdict v;
  v.cause = "use-after-free";
  bool slab = s.holder.kind == Kind::kSlab;
  v.confidence = found->contradictions ? (slab ? 0.8 : 0.7) : 0.55;
  if (s.shape == Shape::kNull) v.confidence -= 0.15;
  cite(v, add_event(dossier, *seen.fatal));
  cite(v, add_touch(dossier, *seen.fatal));
  if (s.executed) cite(v, add_caller(dossier, seen));
  cite(v, add_suspect(dossier, s));
  cite(v, add_origin(dossier, s));
  cite(v, add_reused(dossier, *found));
  v.guilty = s.executed && seen.caller ? guilty_of_jump(seen) : guilty_at(scene, *seen.fatal);
  v.object = object_holding(s);
  if (v.object.type.empty() || !scene.related(v.object.type, found->used.type)) {
    v.object = {};
    v.object.type = found->used.type;
    for (const auto& m : scene.members_at(v.object.type, *from->address - found->start)) v.object.members.push_back(m.path);
    if (!v.object.members.empty()) v.object.member = v.object.members.front();
  }
  v.object.types.push_back(found->other.type);
  v.object.address = hex(found->start);
  if (slab) v.object.cache = s.holder.cache;
  v.summary = fmt::format("{} used the object at {} as a {}, and found {} there: it has been handed out again, as a {} ({}), while {} still pointed at it.", v.guilty.function.empty() ? "The kernel" : v.guilty.function,
                          hex(found->start), found->used.type, hex(s.value), found->other.type, found->other.text, found->used.text);
  std::string freers;
  for (const auto& site : scene.freers_of(found->used.type)) {
    Guilty g = guilty_site(scene, site);
    cite(v, dossier.add(Origin::kCode, fmt::format("{} frees a {}", source_text(site.source), found->used.type), "dis -lx " + bare_hex(site.pc), {{"function", site.function}}));
    add_name(freers, g.function);
  }
  if (!freers.empty()) v.summary += fmt::format(" Such objects are freed by {}.", freers);
  v.alternatives.push_back({"wild-pointer", "the value is the other owner's data"});
  v.alternatives.push_back({"user-memory-access", "the value is the other owner's data, no address of a user's"});
  v.would_settle.push_back("which of the two owners kept the pointer too long: the same crash with slub_debug=U (or KASAN), which records who freed it last");
  return {v};
}

}  // namespace inquest::inquiry::causes
