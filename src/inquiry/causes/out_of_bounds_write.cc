// A buffer was overrun: what stands in front of the bad pointer in memory runs on into it.
//
// What proves it: a run of text, or of bytes that go on in one step (0x41 0x42 …, or one byte over and over), that begins before the pointer, in an array
// before it in the same object or in the object before it, and goes over the border without a break. Or the kernel's own words: KASAN's, SLUB's red zone.
#include <fmt/format.h>

#include <algorithm>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

namespace {

using oops::EventKind;

constexpr uint64_t kLookBack = 512;
constexpr size_t kShortestRun = 12;  // bytes before the pointer, of one pattern with it

const scene::EventView* reported(const scene::CrashScene& scene) {
  for (const auto& e : scene.events()) {
    const std::string& h = e.event.header;
    if (e.event.kind == EventKind::kKasan && (h.find("out-of-bounds") != std::string::npos)) return &e;
    if (e.event.kind == EventKind::kKfence && (h.find("out-of-bounds") != std::string::npos || h.find("memory corruption") != std::string::npos)) return &e;
    if (e.event.kind == EventKind::kSlub && (h.find("edzone overwritten") != std::string::npos || h.find("adding overwritten") != std::string::npos)) return &e;
  }
  return nullptr;
}

bool printable(uint8_t b) { return (b >= 0x20 && b < 0x7f) || b == '\n' || b == '\t'; }

// How many bytes before `at` go on in the pattern of the bytes from `at` on: text, one step from byte to byte, or a repeated word of 2, 4 or 8 bytes.
size_t run_before(const std::vector<uint8_t>& bytes, size_t at) {
  size_t end = std::min(bytes.size(), at + 8);
  auto back = [&](auto goes_on) {
    size_t n = 0;
    while (n < at && goes_on(at - n - 1)) n++;
    return n;
  };
  size_t best = 0;
  size_t own = 0;
  while (at + own < end && printable(bytes[at + own])) own++;
  if (own >= 4) best = back([&](size_t i) { return printable(bytes[i]); });
  for (size_t period : {1, 2, 4, 8}) {
    bool zero = true, holds = true;
    for (size_t i = at; i < end && i + period < bytes.size(); i++) {
      zero = zero && bytes[i] == 0;
      if (i >= at + period || period < 8) holds = holds && (i < period || bytes[i] == bytes[i - period]);
    }
    if (zero || !holds) continue;
    size_t n = back([&](size_t i) { return i + period < bytes.size() && bytes[i] == bytes[i + period]; });
    if (n >= 2 * period) best = std::max(best, n);
  }
  uint8_t step = at + 1 < bytes.size() ? uint8_t(bytes[at + 1] - bytes[at]) : 0;
  bool steps = step != 0;
  size_t stepped = 1;
  while (at + stepped < end && uint8_t(bytes[at + stepped] - bytes[at + stepped - 1]) == step) stepped++;
  if (steps && stepped >= 4) best = std::max(best, back([&](size_t i) { return uint8_t(bytes[i + 1] - bytes[i]) == step; }));
  return best;
}

struct Overrun {
  uint64_t from = 0, at = 0;        // where the run begins, the pointer's place
  size_t length = 0;
  scene::Identity victim, before;   // the object hit; the one before it (kUnknown: the run begins in the victim)
  std::string array;                // the member that was overrun, in the victim
};

std::optional<Overrun> find_overrun(const scene::CrashScene& scene, const Suspect& s) {
  const auto* from = s.source();
  if (!from || !from->address || !from->now || from->changed()) return std::nullopt;
  uint64_t start = *from->address > kLookBack ? *from->address - kLookBack : 0;
  auto victim = scene.identify(*from->address);
  if (victim.kind == scene::Identity::Kind::kSlab) start = std::max(start, victim.object_start > 256 ? victim.object_start - 256 : 0);
  scene::Reading r;
  for (; start + kShortestRun < *from->address; start += 64) {
    r = scene.read(start, *from->address + 8 - start);
    if (r.ok()) break;
  }
  if (!r.ok() || r.bytes.size() < kShortestRun + 8) return std::nullopt;
  std::vector<uint8_t> bytes(r.bytes.size());
  std::transform(r.bytes.begin(), r.bytes.end(), bytes.begin(), [](std::byte b) { return std::to_integer<uint8_t>(b); });
  Overrun o;
  o.at = *from->address;
  o.length = run_before(bytes, bytes.size() - 8);
  if (o.length < kShortestRun) return std::nullopt;
  o.from = o.at - o.length;
  o.victim = victim;
  bool crosses = victim.kind == scene::Identity::Kind::kSlab && o.from < victim.object_start;
  if (crosses) o.before = scene.neighbour(*from->address, -1);
  if (!crosses && !from->object.empty() && o.from + uint64_t(from->offset) >= o.at) {
    uint64_t object = o.at - uint64_t(from->offset);
    for (const auto& m : scene.members_at(from->object, o.from - object)) o.array = m.path.substr(0, m.path.find('['));
  }
  return o;
}

Verdicts by_report(const scene::CrashScene& scene, Dossier& dossier, const scene::EventView& event) {
  Verdict v;
  v.cause = "out-of-bounds-write";
  bool read_only = event.event.access == oops::Access::kRead;
  v.confidence = read_only ? 0.7 : 0.9;
  cite(v, add_event(dossier, event));
  v.guilty = guilty_at(scene, event);
  v.summary = fmt::format("The kernel's own check found a border crossed: {}.", headline(event));
  if (!v.guilty.function.empty() && event.event.kind != EventKind::kSlub) v.summary += fmt::format(" {} did it.", v.guilty.function);
  v.alternatives.push_back({"use-after-free", "the report tells of a border, not of freed memory"});
  return {v};
}

void tell_border(Verdict& v, Dossier& dossier, const scene::CrashScene& scene, const Suspect& s, const Overrun& o) {
  const auto* from = s.source();
  std::string victim = from->object.empty() ? fmt::format("the object at {}", hex(o.victim.object_start)) : from->object;
  cite(v, dossier.add(Origin::kMemory, fmt::format("the {} bytes before it, from {}, go on in the same pattern right into it", o.length, hex(o.from)),
                      fmt::format("rd {} {}", bare_hex(o.from & ~uint64_t{7}), (o.at + 8 - (o.from & ~uint64_t{7})) / 8), {{"from", hex(o.from)}, {"bytes", fmt::format("{}", o.length)}}));
  v.object = object_holding(s);
  if (o.before.kind == scene::Identity::Kind::kSlab) {
    std::string type = scene.type_of_cache(o.before.cache, o.before.object_size);
    cite(v, dossier.add(Origin::kMemory, fmt::format("the run begins in the object before it, {} at {} (slab {}{})", type.empty() ? "" : type, hex(o.before.object_start), o.before.cache,
                                                     o.before.free ? *o.before.free ? ", free now" : ", allocated" : ""),
                        "kmem " + bare_hex(o.before.object_start), {{"neighbour", hex(o.before.object_start)}, {"cache", o.before.cache}}));
    v.summary = fmt::format("{} (slab {}) at {} was overwritten from the object before it, at {}: a run of {} bytes crosses their border and reaches its {}, which was then used as a pointer.", victim, o.victim.cache,
                            hex(o.victim.object_start), hex(o.before.object_start), o.length, v.object.member.empty() ? "pointer" : v.object.member);
    return;
  }
  if (!o.array.empty()) {
    v.object.members.push_back(o.array);
    v.summary = fmt::format("{} of {} was overrun: a run of {} bytes goes on over its end into {}, which was then used as a pointer.", o.array, victim, o.length, v.object.member);
    return;
  }
  v.summary = fmt::format("{} was overwritten by a run of {} bytes that begins before it, at {}, and was then used as a pointer.", v.object.member.empty() ? pointer_words(s) : v.object.member + " of " + victim,
                          o.length, hex(o.from));
}

// Who fills the array: the code that stores to it or passes its address on. Where the type of the object before is not known, the one function that
// fills any array beside it; several prove nothing.
void name_writer(const scene::CrashScene& scene, Verdict& v, Dossier& dossier, const Suspect& s, const Overrun& o) {
  const std::string& victim = s.source()->object;
  std::string type = victim;
  if (o.before.kind == scene::Identity::Kind::kSlab && o.array.empty()) type = scene.type_of_cache(o.before.cache, o.before.object_size);
  auto sites = scene.fillers_of(type, o.array, victim);
  bool one = std::all_of(sites.begin(), sites.end(), [&](const scene::StoreSite& site) { return site.function == sites.front().function; });
  if (sites.empty() || (type.empty() && !one)) {
    v.would_settle.push_back("who writes the buffer that was overrun");
    return;
  }
  for (const auto& site : sites) {
    std::string place = source_text(site.source);
    cite(v, dossier.add(Origin::kCode, fmt::format("{} writes there", place.empty() ? site.function : place), "dis -lx " + bare_hex(site.pc), {{"function", site.function}}));
  }
  v.guilty = guilty_site(scene, sites.front());
  v.summary += fmt::format(" {} fills that buffer.", v.guilty.function);
}

}  // namespace

Verdicts out_of_bounds_write(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  if (!seen.fatal) return {};
  if (const auto* event = reported(scene)) return by_report(scene, dossier, *event);
  if (!seen.suspect || seen.suspect->shape == Shape::kNull || seen.suspect->shape == Shape::kFreePoison || seen.suspect->shape == Shape::kListPoison) return {};
  const Suspect& s = *seen.suspect;
  auto o = find_overrun(scene, s);
  if (!o) return {};
  Verdict v;
  v.cause = "out-of-bounds-write";
  v.confidence = o->length >= 24 ? 0.85 : 0.75;
  cite(v, add_event(dossier, *seen.fatal));
  cite(v, add_touch(dossier, *seen.fatal));
  if (s.executed) cite(v, add_caller(dossier, seen));
  cite(v, add_suspect(dossier, s));
  cite(v, add_origin(dossier, s));
  v.guilty = s.executed && seen.caller ? guilty_of_jump(seen) : guilty_at(scene, *seen.fatal);
  tell_border(v, dossier, scene, s, *o);
  name_writer(scene, v, dossier, s, *o);
  v.alternatives.push_back({"use-after-free", seen.freed ? "the object is free, but what it holds is a run that comes from before it" : "nothing on the pointer's way is free"});
  v.alternatives.push_back({"wild-pointer", "true of the last step only: it does not say where the value came from"});
  return {v};
}

}  // namespace inquest::inquiry::causes
