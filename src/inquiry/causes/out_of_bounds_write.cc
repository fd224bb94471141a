// A buffer was overrun: what stands in front of the bad pointer in memory runs on into it.
//
// What proves it: a run of text, or of bytes that go on in one step (0x41 0x42 …, or one byte over and over), that begins before the pointer, in an array
// before it in the same object or in the object before it, and goes over the border without a break. Or the kernel's own words: KASAN's, SLUB's red zone.
#include <fmt/format.h>

#include <algorithm>

#include "inquiry/byte_run.h"
#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

namespace {

using oops::EventKind;

constexpr uint64_t kLookBack = 512, kLookAhead = 256;
constexpr size_t kShortestRun = 12;     // bytes beside the pointer, of one pattern with it
constexpr uint64_t kFirstMembers = 64;  // how far into the object hit a few elements too many reach

const scene::EventView* reported(const scene::CrashScene& scene) {
  for (const auto& e : scene.events()) {
    const std::string& h = e.event.header;
    if (e.event.kind == EventKind::kKasan && (h.find("out-of-bounds") != std::string::npos)) return &e;
    if (e.event.kind == EventKind::kKfence && (h.find("out-of-bounds") != std::string::npos || h.find("memory corruption") != std::string::npos)) return &e;
    if (e.event.kind == EventKind::kSlub && (h.find("edzone overwritten") != std::string::npos || h.find("adding overwritten") != std::string::npos)) return &e;
  }
  return nullptr;
}

struct Overrun {
  uint64_t from = 0, to = 0, at = 0;  // the run, and the pointer's place in it
  std::string pattern;
  scene::Identity victim, other;    // the object hit; the one that the run comes from (kUnknown: none known)
  uint64_t start = 0, end = 0;      // of the object hit, where that is known
  bool from_before = false, from_behind = false;  // the run crosses the start, or the end, of the object hit
  std::string other_type, array;    // the member that was overrun, in `other` or in the object hit itself
  size_t length() const { return size_t(to - from); }
};

// The bytes around the pointer's place: from the object before the one hit to the one behind it, as far as they can be read.
struct Window {
  uint64_t start = 0;
  std::vector<uint8_t> bytes;
};

Window window_around(const scene::CrashScene& scene, uint64_t at) {
  auto bytes_of = [&](uint64_t low, uint64_t high) {
    auto r = scene.read(low, high - low);
    return r.ok() && r.bytes.size() == high - low ? std::move(r.bytes) : std::vector<std::byte>{};
  };
  Window w;
  uint64_t high = at + 8 + kLookAhead, low = at > kLookBack ? at - kLookBack : 0;
  while (high > at + 8 && bytes_of(at, high).empty()) high -= 64;
  high = std::max(high, at + 8);
  std::vector<std::byte> bytes;
  for (; low + kShortestRun < at && bytes.empty(); low += 64) {
    bytes = bytes_of(low, high);
    if (!bytes.empty()) w.start = low;
  }
  w.bytes.resize(bytes.size());
  std::transform(bytes.begin(), bytes.end(), w.bytes.begin(), [](std::byte b) { return std::to_integer<uint8_t>(b); });
  return w;
}

// An array that reaches to the end of a struct (padding aside), with the size of its elements.
struct TailArray {
  std::string path;
  unsigned element = 0;
};
std::optional<TailArray> array_ending_at(const scene::CrashScene& scene, const std::string& type, uint64_t end) {
  for (uint64_t back = 1; back <= 8 && back <= end; back++)
    for (const auto& m : scene.members_at(type, end - back)) {
      size_t bracket = m.path.rfind('[');
      if (bracket != m.path.npos && !m.pointer && m.offset + m.size + 8 > end) return TailArray{m.path.substr(0, bracket), unsigned(m.size)};
    }
  return std::nullopt;
}

void name_victim(const Suspect& s, Overrun& o) {
  const auto& from = *s.source();
  bool slab = o.victim.kind == scene::Identity::Kind::kSlab;
  if (slab) {
    o.start = o.victim.object_start;
    o.end = o.start + o.victim.object_size;
  } else if (!from.object.empty() && from.offset >= 0) {
    o.start = o.at - uint64_t(from.offset);
  }
}

void name_source(const scene::CrashScene& scene, const Suspect& s, Overrun& o) {
  const auto& from = *s.source();
  o.from_before = o.start && o.from < o.start;
  o.from_behind = !o.from_before && o.end && o.to > o.end && o.at + 8 <= o.end;
  if (o.from_before || o.from_behind) {
    if (o.victim.kind == scene::Identity::Kind::kSlab) o.other = scene.neighbour(o.at, o.from_before ? -1 : 1);
    o.other_type = type_of_object(scene, o.other);
    if (!o.other_type.empty())
      if (auto size = scene.size_of(o.other_type); size && o.from_before)
        if (auto tail = array_ending_at(scene, o.other_type, *size)) o.array = tail->path;
  } else if (!from.object.empty() && o.from + uint64_t(from.offset) >= o.at) {
    uint64_t object = o.at - uint64_t(from.offset);
    for (const auto& m : scene.members_at(from.object, o.from - object))
      if (m.path.find('[') != m.path.npos) o.array = m.path.substr(0, m.path.find('['));
  }
}

// No pattern, but what lies in the pointer's place looks like more elements of the array that ends there.
std::optional<Overrun> elements_go_on(const scene::CrashScene& scene, const Suspect& s, const Window& w, Overrun o) {
  const auto& from = *s.source();
  std::optional<TailArray> array;
  uint64_t end = o.at;
  if (!from.object.empty() && from.offset > 0) array = array_ending_at(scene, from.object, uint64_t(from.offset));
  if (!array && o.start && o.at - o.start < kFirstMembers && o.victim.kind == scene::Identity::Kind::kSlab) {
    o.other = scene.neighbour(o.at, -1);
    o.other_type = type_of_object(scene, o.other);
    auto size = o.other_type.empty() ? std::nullopt : scene.size_of(o.other_type);
    if (!size || *size + 16 <= o.other.object_size) return std::nullopt;
    array = array_ending_at(scene, o.other_type, *size);
    end = o.other.object_start + *size;
    o.from_before = array.has_value();
  }
  if (!array || end > o.at || end < w.start) return std::nullopt;
  // What the two border on: elements up to the border, and the word as further ones.
  std::vector<uint8_t> joined(w.bytes.begin(), w.bytes.begin() + std::ptrdiff_t(end - w.start));
  joined.insert(joined.end(), w.bytes.begin() + std::ptrdiff_t(o.at - w.start), w.bytes.begin() + std::ptrdiff_t(o.at - w.start) + 8);
  if (!looks_like_elements(joined, size_t(end - w.start), array->element)) return std::nullopt;
  o.array = array->path;
  o.from = end;
  o.to = o.at + 8;
  o.pattern = fmt::format("values of {} bytes as the elements of {} are", array->element, array->path);
  return o;
}

// The run ends short of the object's start, but goes on before it: what lies between was written since (a counter, a lock).
std::optional<uint64_t> before_the_start(const Window& w, const Overrun& o) {
  if (!o.start || o.from <= o.start || o.from - o.start > kFirstMembers || o.start < w.start + 8) return std::nullopt;
  size_t border = size_t(o.start - w.start) - 8, at = size_t(o.at - w.start);
  if (!std::equal(w.bytes.begin() + std::ptrdiff_t(border), w.bytes.begin() + std::ptrdiff_t(border) + 8, w.bytes.begin() + std::ptrdiff_t(at))) return std::nullopt;
  ByteRun run = byte_run(w.bytes, border, kShortestRun);
  if (!run.found() || run.pattern != o.pattern || run.before < kShortestRun) return std::nullopt;
  return o.start - 8 - run.before;
}

std::optional<Overrun> find_overrun(const scene::CrashScene& scene, const Suspect& s) {
  const auto* from = s.source();
  if (!from || !from->address || !from->now || from->changed()) return std::nullopt;
  Window w = window_around(scene, *from->address);
  if (w.bytes.empty()) return std::nullopt;
  Overrun o;
  o.at = *from->address;
  o.victim = scene.identify(o.at);
  name_victim(s, o);
  ByteRun run = byte_run(w.bytes, size_t(o.at - w.start), kShortestRun);
  if (!run.found()) return elements_go_on(scene, s, w, o);
  o.from = o.at - run.before;
  o.to = o.at + 8 + run.after;
  o.pattern = run.pattern;
  if (auto before = before_the_start(w, o)) o.from = *before;
  name_source(scene, s, o);
  // Text is at home in a union's array: there the union was read by another arm, unless the run goes on beyond it.
  if (o.pattern == "text" && !o.from_before)
    for (const auto& m : from->members)
      if (m.ends_with(']'))
        for (const auto& arm : scene.members_at(from->object, uint64_t(from->offset) + (o.to - o.at - 1)))
          if (arm.path.substr(0, arm.path.rfind('[')) == m.substr(0, m.rfind('['))) return std::nullopt;
  // A run that neither comes over a border nor out of an array is a value that somebody stored there.
  if (!o.from_before && !o.from_behind && run.before < kShortestRun) return std::nullopt;
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

std::string object_words(const Overrun& o) {
  std::string type = o.other_type.empty() ? "an object" : o.other_type;
  return fmt::format("{} at {} (slab {}{})", type, hex(o.other.object_start), o.other.cache, o.other.free ? *o.other.free ? ", free now" : ", allocated" : "");
}

void tell_border(Verdict& v, Dossier& dossier, const Suspect& s, const Overrun& o) {
  const auto* from = s.source();
  std::string victim = from->object.empty() ? o.start ? fmt::format("the object at {}", hex(o.start)) : "memory" : from->object;
  uint64_t first = o.from & ~uint64_t{7};
  cite(v, dossier.add(Origin::kMemory, fmt::format("from {} to {}, {} bytes with the pointer in them are of one pattern: {}", hex(o.from), hex(o.to), o.length(), o.pattern),
                      fmt::format("rd {} {}", bare_hex(first), (o.to - first + 7) / 8), {{"from", hex(o.from)}, {"bytes", fmt::format("{}", o.length())}}));
  v.object = object_holding(s);
  if (!o.other_type.empty()) v.object.types.push_back(o.other_type);
  if (!o.array.empty()) v.object.members.push_back(o.array);
  std::string reached = v.object.member.empty() ? "a pointer" : v.object.member;
  if (o.other.kind == scene::Identity::Kind::kSlab) {
    const char* side = o.from_behind ? "behind" : "before";
    cite(v, dossier.add(Origin::kMemory, fmt::format("the object {} it, where the run {}, is {}", side, o.from_behind ? "goes on" : "begins", object_words(o)), "kmem " + bare_hex(o.other.object_start),
                        {{"neighbour", hex(o.other.object_start)}, {"cache", o.other.cache}, {"type", o.other_type}}));
    v.summary = fmt::format("{} (slab {}) at {} was overwritten from the object {} it, {}: a run of {} bytes ({}) crosses their border and reaches its {}, which was then used as a pointer.", capital(victim), o.victim.cache,
                            hex(o.start), side, object_words(o), o.length(), o.pattern, reached);
    return;
  }
  if (!o.array.empty() && !o.from_before && !o.from_behind) {
    v.summary = fmt::format("{} of {} was overrun: a run of {} bytes ({}) goes on over its end into {}, which was then used as a pointer.", o.array, victim, o.length(), o.pattern, reached);
    return;
  }
  v.summary = fmt::format("{} was overwritten by a run of {} bytes ({}) that {}, and was then used as a pointer.", v.object.member.empty() ? pointer_words(s) : v.object.member + " of " + victim, o.length(), o.pattern,
                          o.from_before ? fmt::format("comes over the start of {} from what lies before it, at {}", victim, hex(o.from)) : fmt::format("begins before it, at {}", hex(o.from)));
}

// Who fills the array: the code that stores to it or passes its address on. Where the type of the object before is not known, the one function that
// fills any array beside it; several prove nothing.
void name_writer(const scene::CrashScene& scene, Verdict& v, Dossier& dossier, const Suspect& s, const Overrun& o) {
  const std::string& victim = s.source()->object;
  bool crosses = o.from_before || o.from_behind;
  std::string type = crosses ? o.other_type : victim;
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
  v.confidence = o->length() >= 32 ? 0.85 : 0.75;
  if (!o->from_before && !o->from_behind && o->array.empty()) v.confidence = std::min(v.confidence, 0.75);
  cite(v, add_event(dossier, *seen.fatal));
  cite(v, add_touch(dossier, *seen.fatal));
  if (s.executed) cite(v, add_caller(dossier, seen));
  cite(v, add_suspect(dossier, s));
  cite(v, add_origin(dossier, s));
  v.guilty = s.executed && seen.caller ? guilty_of_jump(seen) : guilty_at(scene, *seen.fatal);
  tell_border(v, dossier, s, *o);
  name_writer(scene, v, dossier, s, *o);
  v.alternatives.push_back({"use-after-free", seen.freed ? "the object is free, but what it holds is a run that comes from before it" : "nothing on the pointer's way is free"});
  v.alternatives.push_back({"wild-pointer", "true of the last step only: it does not say where the value came from"});
  return {v};
}

}  // namespace inquest::inquiry::causes
