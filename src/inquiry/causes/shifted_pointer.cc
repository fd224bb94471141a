// The pointer led near the start of an object, not to it: container_of() with another member than the one that is linked, or a pointer that was counted up.
//
// What proves it: the place the bad value was read from lies in a living slab object, which is of the very type that is read (by its cache, or by what points at its
// start), but the pointer that was used is not the object's start.
#include <fmt/format.h>

#include <algorithm>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

namespace {

struct Shift {
  uint64_t used = 0, start = 0;        // what the code took for the object, and the object
  int64_t by() const { return int64_t(used - start); }
};

std::optional<std::pair<std::string, std::string>> links_apart(const scene::CrashScene& scene, const std::string& type, int64_t by);

// Taken at the object's start, both links are linked and what was read is a pointer that leads somewhere.
bool sound_when_moved(const scene::CrashScene& scene, const Suspect& s, const Shift& shift) {
  const auto& from = *s.source();
  auto links = links_apart(scene, from.object, shift.by());
  if (!links) return false;
  for (uint64_t offset = 0; offset < scene.size_of(from.object).value_or(0); offset += 8)
    for (const auto& m : scene.members_at(from.object, offset)) {
      if (m.path != links->first + ".next" && m.path != links->second + ".next") continue;
      auto here = list_shape(scene, shift.start + offset);
      auto next = here.readable ? list_shape(scene, here.next) : ListShape{};
      if (!next.readable || next.prev != shift.start + offset) return false;
    }
  auto word = scene.read(shift.start + uint64_t(from.offset), 8);
  if (!word.ok() || word.bytes.size() < 8) return false;
  auto value = load_unchecked<uint64_t>(word.bytes.data());
  auto id = scene.identify(value);
  return value == 0 || (shape_of(value, sign_bit_of(scene)) == Shape::kKernel && id.kind != scene::Identity::Kind::kUnmapped && id.kind != scene::Identity::Kind::kUnknown);
}

std::optional<Shift> shift_of(const scene::CrashScene& scene, const Suspect& s) {
  const auto* from = s.source();
  if (!from || !from->address || from->object.empty() || from->offset < 0 || from->changed()) return std::nullopt;
  Shift shift;
  shift.used = *from->address - uint64_t(from->offset);
  auto holder = scene.identify(*from->address);
  if (holder.kind != scene::Identity::Kind::kSlab || holder.free.value_or(true) || holder.object_start == shift.used) return std::nullopt;
  shift.start = holder.object_start;
  auto size = scene.size_of(from->object);
  if (!size || *size > holder.object_size || std::abs(shift.by()) >= int64_t(*size)) return std::nullopt;
  std::string type = type_of_object(scene, holder);
  // Nothing says what begins there: a pointer that is not aligned as its members must be, or just as far off as two links of the type are apart, tells.
  bool unaligned = from->size == 8 && std::abs(shift.by()) < 8;
  bool tells = type == from->object || (type.empty() && (unaligned || sound_when_moved(scene, s, shift)));
  return tells ? std::optional(shift) : std::nullopt;
}

// Two links of the type that are as far apart as the pointer is off: linked by one, taken for the other.
std::optional<std::pair<std::string, std::string>> links_apart(const scene::CrashScene& scene, const std::string& type, int64_t by) {
  auto size = scene.size_of(type).value_or(0);
  auto link_at = [&](uint64_t offset) -> std::string {
    for (const auto& m : scene.members_at(type, offset))
      for (const char* end : {".next", ".first", ".__rb_parent_color"})
        if (m.path.ends_with(end) && m.offset == offset) return m.path.substr(0, m.path.size() - std::string_view(end).size());
    return "";
  };
  std::optional<std::pair<std::string, std::string>> only;
  for (uint64_t offset = 0; offset + 8 <= size && offset < 4096; offset += 8) {
    if (by < 0 ? offset < uint64_t(-by) : offset + uint64_t(by) + 8 > size) continue;
    std::string taken = link_at(offset), linked = taken.empty() ? "" : link_at(offset + uint64_t(by));
    if (linked.empty()) continue;
    if (only) return std::nullopt;
    only = {linked, taken};
  }
  return only;
}

// A pointer that is a few bytes off was counted up where it was kept: by what fills the array before it.
void blame_keeper(const scene::CrashScene& scene, const Suspect& s, Verdict& v, Dossier& dossier) {
  const scene::OriginView* keeper = nullptr;
  bool first = true;
  for (const auto& step : s.origin) {
    if (step.birth != "loaded" || step.on_stack || !step.address) continue;
    if (!first && !step.object.empty()) {
      keeper = &step;
      break;
    }
    first = false;
  }
  if (!keeper || keeper->members.empty()) return;
  v.object.types = {keeper->object, v.object.type};
  v.object.type = keeper->object;
  v.object.address = hex(*keeper->address - uint64_t(keeper->offset));
  v.object.member = keeper->members.front();
  v.object.members = keeper->members;
  std::string array;
  for (uint64_t back = 1; back <= 8 && keeper->offset >= int64_t(back) && array.empty(); back++)
    for (const auto& m : scene.members_at(keeper->object, uint64_t(keeper->offset) - back))
      if (m.path.ends_with(']') && m.offset + m.size + 8 > uint64_t(keeper->offset)) array = m.path.substr(0, m.path.rfind('['));
  if (array.empty()) return;
  v.cause = "out-of-bounds-write";
  v.confidence = 0.65;
  v.object.members.push_back(array);
  v.summary += fmt::format(" {} of {} is kept right behind the array {}: an element too many of it would be the pointer's low bytes.", v.object.member, keeper->object, array);
  auto sites = scene.fillers_of(keeper->object, array, keeper->object);
  for (const auto& site : sites)
    cite(v, dossier.add(Origin::kCode, fmt::format("{} writes there", source_text(site.source)), "dis -lx " + bare_hex(site.pc), {{"function", site.function}}));
  if (!sites.empty() && std::all_of(sites.begin(), sites.end(), [&](const auto& site) { return site.function == sites.front().function; })) v.guilty = guilty_site(scene, sites.front());
}

}  // namespace

Verdicts shifted_pointer(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  if (!seen.fatal || !seen.suspect || seen.freed || seen.suspect->shape == Shape::kFreePoison || seen.suspect->shape == Shape::kListPoison) return {};
  const Suspect& s = *seen.suspect;
  auto shift = shift_of(scene, s);
  if (!shift) return {};
  const auto* from = s.source();
  Verdict v;
  v.cause = "wild-pointer";
  v.confidence = 0.75;
  cite(v, add_event(dossier, *seen.fatal));
  cite(v, add_touch(dossier, *seen.fatal));
  if (s.executed) cite(v, add_caller(dossier, seen));
  cite(v, add_suspect(dossier, s));
  cite(v, add_origin(dossier, s));
  v.object = object_holding(s);
  std::string off = fmt::format("{:#x} bytes {}", uint64_t(std::abs(shift->by())), shift->by() > 0 ? "behind" : "before");
  cite(v, dossier.add(Origin::kMemory, fmt::format("{} was read as a {}, but the {} there begins at {}: the pointer is {} its start", hex(shift->used), from->object, from->object, hex(shift->start), off),
                      "whatis " + bare_hex(shift->used), {{"used", hex(shift->used)}, {"start", hex(shift->start)}}));
  v.guilty = s.executed && seen.caller ? guilty_of_jump(seen) : guilty_at(scene, *seen.fatal);
  v.summary = fmt::format("{} took {} for a {}, which is {} the start of the one at {}: what it read there as {}, {}, is another member's bytes.", v.guilty.function.empty() ? "The kernel" : v.guilty.function,
                          hex(shift->used), from->object, off, hex(shift->start), v.object.member.empty() ? "a pointer" : v.object.member, hex(s.value));
  if (auto links = links_apart(scene, from->object, shift->by())) {
    v.confidence = 0.85;
    v.object.members.push_back(links->first);
    v.object.members.push_back(links->second);
    v.summary += fmt::format(" Its members {} and {} are that far apart: it is linked by {} and was taken for one linked by {}.", links->first, links->second, links->first, links->second);
  } else if (std::abs(shift->by()) < 8) {
    blame_keeper(scene, s, v, dossier);
  }
  v.alternatives.push_back({"use-after-free", "the object is alive, and of the type that was meant"});
  v.alternatives.push_back({s.executed ? "wild-call" : "user-memory-access", "the member itself is in order, read from the object's own start"});
  return {v};
}

}  // namespace inquest::inquiry::causes
