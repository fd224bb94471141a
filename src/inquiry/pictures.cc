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

bool is_address(std::optional<uint64_t> v) { return v && *v >= kFirstPage && *v < ~uint64_t{0} - kFirstPage; }

std::vector<Place> places_of(const Inquiry& inquiry) {
  std::vector<Place> places;
  auto add = [&](std::optional<uint64_t> address, const std::string& title) {
    if (is_address(address)) places.push_back({*address, title});
  };
  const auto& seen = inquiry.seen;
  const auto& object = inquiry.verdicts.front().object;
  if (seen.fatal) {
    add(seen.fatal->event.fault_address, "the fault address");
    if (seen.fatal->touch && seen.fatal->touch->origin_address) add(seen.fatal->touch->origin_address, "where the pointer was loaded from");
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

void add_marks(const Inquiry& inquiry, MemoryWindow& window) {
  const auto& seen = inquiry.seen;
  for (const auto* event : {seen.fatal, seen.warning}) {
    if (!event) continue;
    if (event->event.fault_address) mark(window, *event->event.fault_address, "fault address of " + event->id);
    for (const auto& r : event->event.registers)
      if (is_address(r.value) && r.name != "cr2") mark(window, r.value, r.name + " of " + event->id);
  }
  if (seen.fatal && seen.fatal->touch && seen.fatal->touch->origin_address) mark(window, *seen.fatal->touch->origin_address, "loaded from here");
}

// The words' places in the object the verdict names.
void name_members(const scene::CrashScene& scene, const ObjectRef& object, MemoryWindow& window) {
  auto start = number(object.address);
  auto size = scene.size_of(object.type);
  if (!is_address(start) || object.type.empty() || !size) return;
  for (auto& o : window.objects) {
    if (*start < o.start || *start - o.start >= o.size) continue;
    o.subject = true;
    o.type = object.type;
  }
  bool inside = false;
  for (auto& word : window.words) {
    if (word.address < *start || word.address - *start >= *size) continue;
    inside = true;
    for (const auto& m : scene.members_at(object.type, word.address - *start)) word.member += (word.member.empty() ? "" : " | ") + m.path;
  }
  bool bordered = std::any_of(window.objects.begin(), window.objects.end(), [](const MemoryObject& o) { return o.subject; });
  if (inside && !bordered) window.objects.insert(window.objects.begin(), {*start, *size, "", object.type, std::nullopt, true});
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
  for (const Place& place : places_of(inquiry)) {
    if (pictures.memory.size() == kMostWindows) return;
    if (covered(pictures.memory, place.address)) continue;
    auto window = window_at(scene, place);
    bool any = std::any_of(window.words.begin(), window.words.end(), [](const MemoryWord& w) { return w.value.has_value(); });
    if (!any) continue;
    add_marks(inquiry, window);
    name_members(scene, inquiry.verdicts.front().object, window);
    pictures.memory.push_back(std::move(window));
  }
}

// The offset in question: of the fault in the object, else of the member the verdict names.
void gather_layout(const scene::CrashScene& scene, const Inquiry& inquiry, Pictures& pictures) {
  const auto& v = inquiry.verdicts.front();
  if (v.object.type.empty()) return;
  auto start = number(v.object.address);
  std::optional<uint64_t> place;
  auto size = scene.size_of(v.object.type);
  const auto* fatal = inquiry.seen.fatal;
  if (start && fatal && fatal->event.fault_address && size && *fatal->event.fault_address >= *start && *fatal->event.fault_address - *start < *size)
    place = *fatal->event.fault_address - *start;
  for (const auto& e : inquiry.dossier.evidence()) {
    if (place || e.origin != Origin::kType) continue;
    bool same = false;
    std::optional<uint64_t> offset;
    for (const auto& [name, value] : e.values) {
      if (name == "type" && value == v.object.type) same = true;
      if (name == "offset") offset = number(value);
    }
    if (same) place = offset;
  }
  if (!place) return;
  std::optional<uint64_t> address = is_address(start) ? start : std::nullopt;
  pictures.layout = struct_layout(scene, v.object.type, *place, address);
}

}  // namespace

Pictures gather_pictures(const scene::CrashScene& scene, const Inquiry& inquiry) {
  Pictures pictures;
  if (inquiry.verdicts.empty()) return pictures;
  pictures.journey = journey_of(scene, inquiry);
  if (!scene.facts().has_dump) return pictures;
  gather_memory(scene, inquiry, pictures);
  gather_layout(scene, inquiry, pictures);
  return pictures;
}

}  // namespace inquest::inquiry
