// A linked list is broken: an element taken off twice, freed while linked, or overwritten.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

namespace {

using oops::EventKind;

const scene::EventView* reported(const scene::CrashScene& scene) {
  for (const auto& e : scene.events())
    if (e.event.kind == EventKind::kListCorruption) return &e;
  return nullptr;
}

bool taken_off_already(const std::string& header) { return header.find("LIST_POISON") != std::string::npos || header.find("is NULL") != std::string::npos; }

// The list's element in the words of the function that called the list helper: `&page->lru` of struct page. Gives the member's offset.
std::optional<uint64_t> name_element(const scene::CrashScene& scene, const scene::EventView& event, Verdict& v, Dossier& dossier) {
  const auto frames = frames_behind(scene, event);
  for (const auto& f : frames) {
    if (f.exact || !f.address) continue;
    auto call = scene.call_before(f.address);
    bool helper = call && (call->callee.starts_with("__list_") || call->callee.starts_with("__hlist_"));
    if (!helper) continue;
    for (const auto& a : call->arguments) {
      if (a.object.empty() || a.object == "struct list_head") {
        auto origin = scene.origin_of_argument(f.address, a.reg);
        if (&a == &call->arguments.front() && !origin.empty() && origin.front().value) name_by_memory(scene, *origin.front().value, v.object);
        continue;
      }
      v.object.type = a.object;
      v.object.member = a.member;
      v.object.members = a.members;
      if (v.object.member.empty() && !a.members.empty()) v.object.member = a.members.front();
      auto origin = scene.origin_of_argument(f.address, a.reg);
      if (!origin.empty() && origin.front().value) v.object.address = hex(*origin.front().value - uint64_t(a.offset));
      cite(v, dossier.add(Origin::kCode, fmt::format("the element is {} ({} of {}), passed by {}", a.text, v.object.member, a.object, source_text(call->source)), "dis -lx " + bare_hex(call->pc),
                          {{"type", a.object}, {"member", v.object.member}}));
      return uint64_t(a.offset);
    }
    return std::nullopt;
  }
  return std::nullopt;
}

// Who links the element into the list that its neighbour is found in: by the list's head, a variable or a member of a known object.
void name_adder(const scene::CrashScene& scene, uint64_t head, uint64_t offset, Verdict& v, Dossier& dossier) {
  auto sites = scene.helper_sites({"list_add", "list_move", "__list_add", "hlist_add"}, v.object.type, offset);
  ObjectRef holder;
  name_by_memory(scene, head, holder);
  std::string member = holder.type.empty() || holder.member.empty() ? "" : holder.type.substr(holder.type.find(' ') + 1) + "." + holder.member.substr(0, holder.member.find(".next"));
  std::erase_if(sites, [&](const scene::HelperSite& site) {
    bool by_symbol = std::find(site.symbols.begin(), site.symbols.end(), head) != site.symbols.end();
    bool by_member = !member.empty() && std::any_of(site.members.begin(), site.members.end(), [&](const std::string& m) { return m.starts_with(member); });
    return !by_symbol && !by_member;
  });
  bool one = !sites.empty() && std::all_of(sites.begin(), sites.end(), [&](const auto& site) { return site.site.source.front().function == sites.front().site.source.front().function; });
  for (const auto& site : sites)
    cite(v, dossier.add(Origin::kCode, fmt::format("{} adds {} to that list, by {}()", source_text(site.site.source), v.object.member.empty() ? "it" : v.object.member, site.helper), "dis -lx " + bare_hex(site.site.pc), {{"function", site.site.function}}));
  if (!one) {
    v.would_settle.push_back("who adds to that other list: `writers` of the member");
    return;
  }
  std::string finder = v.guilty.function;
  v.guilty = guilty_site(scene, sites.front().site);
  v.summary += fmt::format(" {} adds to that list{}.", v.guilty.function, finder == v.guilty.function ? "" : fmt::format("; {} only met it", finder));
}

// The neighbour that the message names, "(prev=…)" or "(next=…)" (lib/list_debug.c, 5.19 and up: by its true address).
std::optional<uint64_t> neighbour_named(const std::string& header) {
  for (const char* word : {"(prev=", "(next="}) {
    size_t at = header.find(word);
    if (at == header.npos) continue;
    uint64_t value = 0;
    const char* from = header.data() + at + 6;
    if (std::from_chars(from, header.data() + header.size(), value, 16).ec == std::errc() && value >> 63) return value;
  }
  return std::nullopt;
}

// The object of a general cache that a link lies in, by what points at it; and who initialises that link.
void name_initialiser(const scene::CrashScene& scene, uint64_t link, Verdict& v, Dossier& dossier) {
  auto id = scene.identify(link);
  std::string type = type_of_object(scene, id);
  if (type.empty()) return;
  v.object = {};
  v.object.type = type;
  v.object.address = hex(id.object_start);
  v.object.cache = id.cache;
  for (const auto& m : scene.members_at(type, id.offset)) v.object.members.push_back(m.path);
  if (!v.object.members.empty()) v.object.member = v.object.members.front();
  std::string who;
  std::optional<Guilty> only;
  for (const auto& w : scene.writers_of(type, id.offset)) {
    if (w.value.empty() || w.value[0] != '&') continue;
    Guilty g = guilty_site(scene, w.site);
    cite(v, dossier.add(Origin::kCode, fmt::format("{} stores {} there", source_text(w.site.source), w.value), "dis -lx " + bare_hex(w.site.pc), {{"function", w.site.function}}));
    if ((", " + who + ",").find(", " + g.function + ",") != who.npos) continue;
    only = who.empty() ? std::optional(g) : std::nullopt;
    who += (who.empty() ? "" : ", ") + g.function;
  }
  if (who.empty()) return;
  v.summary += fmt::format(" {} does that.", who);
  if (only) v.guilty = *only;
}

// What became of the neighbour that does not point back: given back, taken into another list, or neither.
void tell_neighbour(const scene::CrashScene& scene, const std::string& header, std::optional<uint64_t> offset, Verdict& v, Dossier& dossier) {
  auto neighbour = neighbour_named(header);
  auto shape = neighbour ? list_shape(scene, *neighbour) : ListShape{};
  if (!shape.readable) {
    v.would_settle.push_back("whether a neighbour is free: `kmem` of the addresses that the message names");
    return;
  }
  cite(v, add_identity(scene, dossier, *neighbour, "the neighbour"));
  auto id = scene.identify(*neighbour);
  if (id.kind == scene::Identity::Kind::kSlab && id.free.value_or(false)) {
    v.confidence = 0.9;
    v.summary += fmt::format(" The neighbour at {} is free: it was given back while it was still linked.", hex(*neighbour));
    return;
  }
  if (shape.self_next && shape.self_prev) {
    v.confidence = std::max(v.confidence, 0.85);
    v.summary += fmt::format(" The neighbour at {} points at itself: it was initialised anew (INIT_LIST_HEAD(), INIT_WORK() and the like) while it was on the list.", hex(*neighbour));
    name_initialiser(scene, *neighbour, v, dossier);
    return;
  }
  auto after = list_shape(scene, shape.next), before = list_shape(scene, shape.prev);
  bool sound = !shape.self_next && after.readable && before.readable && after.prev == *neighbour && before.next == *neighbour;
  if (!sound) {
    v.summary += " The neighbour was overwritten, or the list was changed without its lock.";
    v.would_settle.push_back("who wrote the neighbour's pointers last");
    return;
  }
  v.confidence = 0.9;
  std::string list;
  uint64_t head = shape.next;
  for (uint64_t link : {shape.next, shape.prev})
    if (auto at = scene.identify(link); list.empty() && at.kind == scene::Identity::Kind::kSymbol) list = at.text, head = link;
  cite(v, dossier.add(Origin::kMemory, fmt::format("the neighbour at {} is whole in another list: {} and {}, which its pointers hold, both lead back to it", hex(*neighbour), hex(shape.next), hex(shape.prev)),
                      fmt::format("rd {} 2", bare_hex(*neighbour)), {{"next", hex(shape.next)}, {"prev", hex(shape.prev)}}));
  v.summary += fmt::format(" The neighbour at {} is in order, but in another list{}: it was added there without being taken off this one.", hex(*neighbour), list.empty() ? "" : fmt::format(" ({})", list));
  if (offset) name_adder(scene, head, *offset, v, dossier);
  else v.would_settle.push_back("who adds to that other list: `writers` of the member");
}

Verdicts by_report(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier, const scene::EventView& event) {
  Verdict v;
  v.cause = "list-corruption";
  bool twice = taken_off_already(event.event.header);
  v.confidence = twice ? 0.9 : 0.8;
  cite(v, add_event(dossier, event));
  auto offset = name_element(scene, event, v, dossier);
  if (&event != seen.fatal && seen.fatal) cite(v, add_event(dossier, *seen.fatal));
  v.guilty = guilty_at(scene, event);
  std::string object = v.object.type.empty() ? twice ? "A list element" : "an element" : fmt::format("{} of {}{}", v.object.member.empty() ? "A list element" : v.object.member, v.object.type,
                                                                             v.object.address.empty() ? "" : " at " + v.object.address);
  std::string who = v.guilty.function.empty() ? "the kernel" : v.guilty.function;
  if (twice) v.summary = fmt::format("{} was taken off its list a second time by {}: its pointers are those of an element that is on no list ({}).", object, who, headline(event));
  else v.summary = fmt::format("The list of {} is broken, as {} found: {} A neighbour's pointers do not lead back.", object, who, sentence(headline(event)));
  if (seen.freed) cite(v, add_freed(dossier, *seen.freed));
  v.alternatives.push_back({"use-after-free", twice ? "the pointers are list poison, which only list_del() writes" : "possible: a neighbour may have been freed while linked; the list is what is proven broken"});
  if (!twice) tell_neighbour(scene, event.event.header, offset, v, dossier);
  return {v};
}

}  // namespace

Verdicts list_corruption(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  if (!seen.fatal) return {};
  if (const auto* event = reported(scene)) return by_report(scene, seen, dossier, *event);
  if (!seen.suspect || seen.suspect->shape != Shape::kListPoison) return {};
  const Suspect& s = *seen.suspect;
  Verdict v;
  v.cause = "list-corruption";
  v.confidence = 0.85;
  cite(v, add_event(dossier, *seen.fatal));
  cite(v, add_touch(dossier, *seen.fatal));
  cite(v, add_suspect(dossier, s));
  cite(v, add_origin(dossier, s));
  v.guilty = guilty_at(scene, *seen.fatal);
  v.object = object_holding(s);
  // container_of() took the list member's offset off the poison: the distance tells which member it is.
  constexpr uint64_t kListPoison1 = 0xdead000000000100;
  if (!s.object.empty() && s.value < kListPoison1 && kListPoison1 - s.value < 0x4000)
    if (auto members = scene.members_at(s.object, kListPoison1 - s.value); !members.empty()) {
      v.object.type = s.object;
      v.object.member = members.front().path;
      v.object.members = {members.front().path};
    }
  v.summary = fmt::format("{} followed {}: an element that had been taken off its list was used as if it were still on it.", v.guilty.function.empty() ? "The kernel" : v.guilty.function,
                          shape_words(s.value, s.shape));
  v.alternatives.push_back({"use-after-free", "the value is what list_del() leaves behind, not slab poison; the object may have been freed as well"});
  return {v};
}

}  // namespace inquest::inquiry::causes
