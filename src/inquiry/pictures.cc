#include "inquiry/pictures.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace inquest::inquiry {

namespace {

constexpr uint64_t kWord = 8, kFirstPage = 4096;
constexpr size_t kMostWindows = 3, kMostWords = 48, kWordsBefore = 10, kEdge = 4;

std::optional<uint64_t> number(const std::string& text) {
  if (!text.starts_with("0x")) return std::nullopt;
  uint64_t v = 0;
  auto [end, error] = std::from_chars(text.data() + 2, text.data() + text.size(), v, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return v;
}

// A place worth a picture, and why.
struct Place {
  uint64_t address;
  std::string title;
};

// A step's words without its type.
std::string name_of(const JourneyStep& step) { return step.title.substr(0, step.title.find("  (")); }

bool is_address(std::optional<uint64_t> v) { return v && *v >= kFirstPage && *v < ~uint64_t{0} - kFirstPage; }

std::vector<Place> places_of(const Inquiry& inquiry, const std::vector<JourneyStep>& journey) {
  std::vector<Place> places;
  auto add = [&](std::optional<uint64_t> address, const std::string& title) {
    if (is_address(address)) places.push_back({*address, title});
  };
  const auto& seen = inquiry.seen;
  const auto& object = inquiry.verdicts.front().object;
  if (seen.fatal) {
    add(seen.fatal->event.fault_address, "the fault address");
    for (size_t i = journey.size(); i-- > 0;)
      if (journey[i].address) {
        add(journey[i].address, fmt::format("where {} was loaded from", name_of(journey[i])));
        break;
      }
  }
  add(number(object.address), object.type.empty() ? "the object" : object.type);
  if (seen.fatal && seen.fatal->touch) add(seen.fatal->touch->base_value, "what the pointer pointed at");
  add(seen.jumped_to, "where the kernel jumped to");
  return places;
}

void mark(MemoryWindow& window, uint64_t address, const std::string& label) {
  constexpr size_t kMostMarks = 6;
  for (auto& word : window.words) {
    if (address < word.address || address - word.address >= kWord) continue;
    std::string text = address == word.address ? label : fmt::format("{} (+{})", label, address - word.address);
    if (word.marks.size() < kMostMarks && std::find(word.marks.begin(), word.marks.end(), text) == word.marks.end()) word.marks.push_back(text);
  }
}

void add_marks(const Inquiry& inquiry, const std::vector<JourneyStep>& journey, MemoryWindow& window) {
  const auto& seen = inquiry.seen;
  for (const auto* event : {seen.fatal, seen.warning}) {
    if (!event) continue;
    if (event->event.fault_address) mark(window, *event->event.fault_address, "fault address of " + event->id);
    for (const auto& r : event->event.registers)
      if (is_address(r.value) && r.name != "cr2") mark(window, r.value, r.name + " of " + event->id);
  }
  for (const auto& step : journey)
    if (is_address(step.address)) mark(window, *step.address, name_of(step) + " was loaded from here");
}

// An object whose type is known: the words in it are its members.
struct TypedObject {
  std::string type;
  uint64_t start = 0;
  bool subject = false;                  // the one the verdict names
};

// A name may be another type's too (struct track is one of mm/slub.c and may be a module's): only a type that has the member where it was found will do.
bool has_member(const scene::CrashScene& scene, const std::string& type, uint64_t offset, const std::string& member) {
  auto head = [](const std::string& path) { return path.substr(0, path.find_first_of(".[")); };
  auto found = scene.members_at(type, offset);
  return member.empty() || std::any_of(found.begin(), found.end(), [&](const scene::MemberView& m) { return head(m.path) == head(member); });
}

bool is_typed(const scene::CrashScene& scene, const JourneyStep& step) {
  return is_address(step.address) && !step.object.empty() && step.offset >= 0 && has_member(scene, step.object, uint64_t(step.offset), step.member);
}

std::vector<TypedObject> typed_objects(const scene::CrashScene& scene, const ObjectRef& named, const std::vector<JourneyStep>& journey) {
  std::vector<TypedObject> objects;
  if (auto start = number(named.address); is_address(start) && !named.type.empty()) objects.push_back({named.type, *start, true});
  for (size_t i = journey.size(); i-- > 0;)
    if (is_typed(scene, journey[i])) objects.push_back({journey[i].object, *journey[i].address - uint64_t(journey[i].offset), false});
  return objects;
}

// "name[0]", "name[1]", … as "name[0…7]".
std::string joined(const std::vector<std::string>& names) {
  std::string text, last_stem, last;
  auto flush = [&] {
    if (!last.empty()) text += "…" + last;
    last.clear();
  };
  for (const auto& name : names) {
    size_t open = name.find('[');
    std::string stem = name.ends_with(']') && name.rfind('[') == open ? name.substr(0, open) : "";
    if (!stem.empty() && stem == last_stem) {
      last = name.substr(open + 1);
      if (text.ends_with(']')) text.pop_back();
      continue;
    }
    flush();
    text += (text.empty() ? "" : ", ") + name;
    last_stem = stem;
  }
  flush();
  return text;
}

// The members in the word at an offset: those that share bytes joined by |, those behind each other by a comma.
std::string members_in(const scene::CrashScene& scene, const std::string& type, uint64_t offset) {
  std::vector<std::string> names;
  uint64_t at = offset, end = offset + kWord;
  while (at < end) {
    std::string here;
    uint64_t next = end;
    for (const auto& m : scene.members_at(type, at)) {
      if (m.bit_size || (m.offset < at && at != offset)) continue;
      here += (here.empty() ? "" : " | ") + m.path;
      next = std::min(next, m.offset + std::max<uint64_t>(m.size, 1));
    }
    if (!here.empty()) names.push_back(here);
    at = here.empty() ? at + 1 : std::max(next, at + 1);
  }
  return joined(names);
}

void name_members(const scene::CrashScene& scene, const TypedObject& object, MemoryWindow& window) {
  auto size = scene.size_of(object.type);
  if (!size) return;
  bool inside = false;
  for (auto& word : window.words) {
    if (word.address < object.start || word.address - object.start >= *size || !word.member.empty()) continue;
    inside = true;
    word.member = members_in(scene, object.type, word.address - object.start);
  }
  bool bordered = false;
  for (auto& o : window.objects) {
    if (object.start < o.start || object.start - o.start >= o.size) continue;
    o.subject |= object.subject;
    // An object inside a larger one, an element of an array say, has borders of its own.
    if (object.start != o.start) continue;
    bordered = true;
    if (o.type.empty()) o.type = object.type;
  }
  if (!inside || bordered) return;
  window.objects.push_back({object.start, *size, "", object.type, std::nullopt, object.subject});
  std::stable_sort(window.objects.begin(), window.objects.end(), [](const MemoryObject& a, const MemoryObject& b) { return a.start < b.start; });
}

// From a little before the place; a small object is shown whole, with its neighbours' edges.
MemoryWindow window_at(const scene::CrashScene& scene, const Place& place) {
  uint64_t address = place.address & ~(kWord - 1);
  auto id = scene.identify(address);
  bool whole = id.kind == scene::Identity::Kind::kSlab && id.object_size / kWord + 2 * kEdge <= kMostWords && id.object_start <= address;
  uint64_t start = whole ? id.object_start - kEdge * kWord : address - kWordsBefore * kWord;
  size_t words = whole ? size_t(id.object_size / kWord) + 2 * kEdge : 2 * kWordsBefore + kEdge;
  if (start > address) start = address;
  auto window = memory_window(scene, start, words);
  window.title = place.title;
  return window;
}

bool covered(const std::vector<MemoryWindow>& windows, uint64_t address) {
  return std::any_of(windows.begin(), windows.end(), [&](const MemoryWindow& w) {
    return !w.words.empty() && address >= w.words.front().address && address <= w.words.back().address;
  });
}

void gather_memory(const scene::CrashScene& scene, const Inquiry& inquiry, Pictures& pictures) {
  for (const Place& place : places_of(inquiry, pictures.journey)) {
    if (pictures.memory.size() == kMostWindows) return;
    if (covered(pictures.memory, place.address)) continue;
    auto window = window_at(scene, place);
    bool any = std::any_of(window.words.begin(), window.words.end(), [](const MemoryWord& w) { return w.value.has_value(); });
    if (!any) continue;
    add_marks(inquiry, pictures.journey, window);
    for (const auto& object : typed_objects(scene, inquiry.verdicts.front().object, pictures.journey)) name_members(scene, object, window);
    pictures.memory.push_back(std::move(window));
  }
}

// The offset in question: of the fault in the object, else of the member the verdict names.
std::optional<uint64_t> place_in(const scene::CrashScene& scene, const Inquiry& inquiry, const ObjectRef& object) {
  auto start = number(object.address), size = scene.size_of(object.type);
  const auto* fatal = inquiry.seen.fatal;
  if (start && fatal && fatal->event.fault_address && size && *fatal->event.fault_address >= *start && *fatal->event.fault_address - *start < *size)
    return *fatal->event.fault_address - *start;
  for (const auto& e : inquiry.dossier.evidence()) {
    if (e.origin != Origin::kType) continue;
    bool same = false;
    std::optional<uint64_t> offset;
    for (const auto& [name, value] : e.values) {
      if (name == "type" && value == object.type) same = true;
      if (name == "offset") offset = number(value);
    }
    if (same && offset) return offset;
  }
  return std::nullopt;
}

// Of the object the verdict names; if it names none, of the one the bad value was read from.
void gather_layout(const scene::CrashScene& scene, const Inquiry& inquiry, Pictures& pictures) {
  const auto& object = inquiry.verdicts.front().object;
  auto start = number(object.address);
  auto place = object.type.empty() ? std::nullopt : place_in(scene, inquiry, object);
  if (place && has_member(scene, object.type, *place, object.member))
    pictures.layout = struct_layout(scene, object.type, *place, is_address(start) ? start : std::nullopt);
  for (size_t i = pictures.journey.size(); i-- > 0 && !pictures.layout && object.type.empty();) {
    const auto& step = pictures.journey[i];
    if (is_typed(scene, step))
      pictures.layout = struct_layout(scene, step.object, uint64_t(step.offset), *step.address - uint64_t(step.offset));
  }
}

}  // namespace

namespace {

// Finding who waits walks every stack: only for a verdict that speaks of waiting.
bool is_about_waiting(const Inquiry& inquiry) {
  const auto& v = inquiry.verdicts.front();
  for (const char* cause : {"deadlock", "lock-held-too-long", "spinlock-lockup", "hung-task", "soft-lockup", "hard-lockup", "rcu-stall"})
    if (v.cause == cause) return true;
  return std::any_of(inquiry.dossier.evidence().begin(), inquiry.dossier.evidence().end(), [&](const Evidence& e) {
    return e.origin == Origin::kGraph && std::find(v.evidence.begin(), v.evidence.end(), e.id) != v.evidence.end();
  });
}

}  // namespace

Pictures gather_pictures(const scene::CrashScene& scene, const Inquiry& inquiry) {
  Pictures pictures;
  if (inquiry.verdicts.empty()) return pictures;
  pictures.journey = journey_of(scene, inquiry);
  if (!scene.facts().has_dump) return pictures;
  gather_memory(scene, inquiry, pictures);
  gather_layout(scene, inquiry, pictures);
  const auto* locks = is_about_waiting(inquiry) ? scene.locks() : nullptr;
  if (locks) pictures.waits = wait_graph(*locks);
  return pictures;
}

}  // namespace inquest::inquiry
