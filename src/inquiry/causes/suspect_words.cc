// Evidence about the suspect pointer, told by several examiners in the same words.
#include <fmt/format.h>

#include <algorithm>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

namespace {

constexpr size_t kMaxOriginClaims = 4;

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string all;
  for (const auto& w : words) all += (all.empty() ? "" : between) + w;
  return all;
}

}  // namespace

void cite(Verdict& verdict, const std::string& id) {
  if (!id.empty() && std::find(verdict.evidence.begin(), verdict.evidence.end(), id) == verdict.evidence.end()) verdict.evidence.push_back(id);
}
void cite(Verdict& verdict, const std::vector<std::string>& ids) {
  for (const auto& id : ids) cite(verdict, id);
}

std::string pointer_words(const Suspect& s) {
  if (!s.text.empty()) return s.text;
  return s.reg.empty() ? "a pointer" : "the pointer in " + s.reg;
}

std::string looks_like(const scene::CrashScene& scene, const Suspect& s) {
  if (s.shape != Shape::kUser && s.shape != Shape::kNonCanonical) return "";
  if (scene.is_per_cpu_offset(s.value)) return "a small number: a size, an index, or the offset of a per-CPU object (each CPU's area has memory there), which is no address without its CPU's base";
  uint64_t high = s.value >> 32, low = s.value & 0xffffffff;
  constexpr uint64_t kSmall = 1 << 20;
  auto time = s.event->event.time;
  if (double ns = double(s.value); time && ns < *time * 1e9 && ns > *time * 1e9 * 0.25) return fmt::format("a time: {:.3f} s after the start, in nanoseconds", ns / 1e9);
  if (high && high < kSmall && low < kSmall) return fmt::format("two numbers of 32 bits, {:#x} and {:#x}, where a pointer should be", low, high);
  return "";
}

std::string reached_words(const Suspect& s) {
  if (s.object.empty()) return s.displacement ? fmt::format("offset {:#x} of what it should point at", uint64_t(s.displacement)) : "what it should point at";
  return fmt::format("{} of {} (offset {:#x})", s.members.empty() ? "no member known" : joined(s.members, " or "), s.object, uint64_t(s.displacement));
}

ObjectRef object_reached(const Suspect& s) {
  ObjectRef o;
  o.type = s.object;
  o.address = hex(s.value);
  o.members = s.members;
  if (!s.members.empty()) o.member = s.members.front();
  if (s.identity.kind == scene::Identity::Kind::kSlab) o.cache = s.identity.cache;
  return o;
}

ObjectRef object_holding(const Suspect& s) {
  ObjectRef o;
  const auto* from = s.source();
  for (const auto& step : s.origin)  // a variable of the function's own frame
    if (!from && step.on_stack && !step.object.empty()) from = &step;
  if (!from || from->object.empty()) return object_reached(s);
  o.type = from->object;
  if (from->address) o.address = hex(*from->address - uint64_t(from->offset));
  o.members = from->members;
  if (!from->members.empty()) o.member = from->members.front();
  if (s.holder.kind == scene::Identity::Kind::kSlab) o.cache = s.holder.cache;
  return o;
}

std::string add_touch(Dossier& dossier, const scene::EventView& event) {
  if (!event.touch) return "";
  const auto& t = *event.touch;
  std::string what = !t.text.empty() ? t.text : t.base_register.empty() ? "memory" : fmt::format("{:#x} behind {}", uint64_t(t.displacement), t.base_register);
  return dossier.add(Origin::kCode, fmt::format("the faulting instruction `{}` {} {}{}", t.instruction, t.writes ? "writes" : "reads", what,
                                                event.source.empty() ? "" : " at " + source_text(event.source)),
                     t.pc && !event.source.empty() ? "dis -lx " + bare_hex(t.pc) : "event " + event.id, {{"instruction", t.instruction}, {"expression", t.text}});
}

std::string add_suspect(Dossier& dossier, const Suspect& s) {
  std::string words = shape_words(s.value, s.shape);
  std::string held = s.executed ? "the address jumped to was" : s.reg.empty() ? "the pointer was" : fmt::format("its base {} held", s.reg);
  std::string claim = fmt::format("{} {}{}{}{}", held, hex(s.value), s.text.empty() || s.executed ? "" : ": it is " + s.text, s.type.empty() || s.executed ? "" : fmt::format(" (`{}`)", s.type),
                                  words.empty() ? "" : "; that value is " + words);
  std::string command = s.reg.empty() || s.executed ? "event " + s.event->id : fmt::format("why {} {}", s.reg, s.event->id);
  return dossier.add(Origin::kRegister, claim, command,
                     {{"value", hex(s.value)}, {"shape", name_of(s.shape)}, {"register", s.reg}, {"variable", s.variable}, {"expression", s.text}});
}

std::vector<std::string> add_origin(Dossier& dossier, const Suspect& s) {
  std::vector<std::string> ids;
  for (const auto& step : s.origin) {
    if (ids.size() >= kMaxOriginClaims) break;
    std::string place = step.source.empty() ? "" : fmt::format(" at {} ({}:{})", step.source.front().function, step.source.front().file, step.source.front().line);
    std::string name = step.text.empty() ? "the value" : step.text;
    if (step.birth == "call") {
      ids.push_back(dossier.add(Origin::kCode, fmt::format("{} is what {}() returned{}", name, step.callee, place), "dis -lx " + bare_hex(step.at), {{"callee", step.callee}}));
      continue;
    }
    if (step.birth != "loaded" || !step.address || step.on_stack) continue;
    if (step.searched) {
      ids.push_back(dossier.add(Origin::kGraph, fmt::format("{} lies at {}, {} of {}, and in no other living object: it may have been read from there", hex(*step.value), hex(*step.address),
                                                            step.members.empty() ? fmt::format("offset {:#x}", uint64_t(step.offset)) : joined(step.members, " or "), step.object),
                                "references " + bare_hex(*step.value), {{"address", hex(*step.address)}, {"type", step.object}, {"member", step.members.empty() ? "" : step.members.front()}}));
      continue;
    }
    std::string member = step.members.empty() ? fmt::format("offset {:#x}", uint64_t(step.offset)) : joined(step.members, " or ");
    std::string claim = fmt::format("{} was loaded from {}{}{}", name, hex(*step.address), step.object.empty() ? "" : fmt::format(", {} of {}", member, step.object), place);
    if (step.changed()) claim += fmt::format("; that memory holds {} now: it changed since", hex(*step.now));
    else if (step.now && step.value_then) claim += fmt::format("; that memory holds {} still", hex(*step.now));
    else if (!step.now) claim += "; that memory cannot be read: " + step.why_not_now;
    ids.push_back(dossier.add(Origin::kMemory, claim, fmt::format("rd {} 1", bare_hex(*step.address)),
                              {{"address", hex(*step.address)}, {"type", step.object}, {"member", step.members.empty() ? "" : step.members.front()}, {"now", step.now ? hex(*step.now) : ""}}));
  }
  return ids;
}

std::string add_freed(Dossier& dossier, const FreedObject& freed) {
  const auto& id = freed.identity;
  std::string what = freed.type.empty() ? "an object" : freed.type;
  return dossier.add(Origin::kMemory, fmt::format("{} lies in {} at {} (slab {}, offset {:#x}), which is free: {}", hex(freed.address), what, hex(id.object_start), id.cache, id.offset,
                                                  id.free_how.empty() ? "on a free list" : id.free_how),
                     "kmem " + bare_hex(freed.address), {{"cache", id.cache}, {"object_start", hex(id.object_start)}, {"offset", hex(id.offset)}, {"state", "free"}});
}

Guilty guilty_site(const scene::CrashScene& scene, const scene::StoreSite& site) {
  std::string module = scene.identify(site.pc).module;
  for (const auto& s : site.source)
    if (!s.file.starts_with("include/") && !s.file.starts_with("arch/")) return {s.function, s.file, module, s.line, ""};
  return {site.function, "", module, 0, ""};
}

void name_by_memory(const scene::CrashScene& scene, uint64_t address, ObjectRef& object) {
  auto id = scene.identify(address);
  if (id.kind != scene::Identity::Kind::kSlab) return;
  if (object.cache.empty()) object.cache = id.cache;
  if (object.address.empty()) object.address = hex(id.object_start);
  if (!object.type.empty()) return;
  object.type = scene.type_of_cache(id.cache, id.object_size);
  if (object.type.empty() || !object.member.empty()) return;
  for (const auto& m : scene.members_at(object.type, id.offset)) object.members.push_back(m.path);
  if (!object.members.empty()) object.member = object.members.front();
}

std::string add_last_free(Verdict& verdict, Dossier& dossier, const scene::Identity& object) {
  if (object.freed_by.empty()) return "";
  std::string who = object.freed_at.empty() || !object.freed_at.front().line ? object.freed_by : fmt::format("{} ({}:{})", object.freed_at.front().function, object.freed_at.front().file, object.freed_at.front().line);
  if (object.freed_pid) who += fmt::format(", pid {}", *object.freed_pid);
  cite(verdict, dossier.add(Origin::kMemory, fmt::format("SLUB's track says that the object at {} was freed last by {}", hex(object.object_start), who), "kmem " + bare_hex(object.object_start),
                            {{"freed_by", object.freed_by}}));
  return who;
}

std::optional<size_t> frame_named(const std::vector<scene::FrameView>& frames, std::initializer_list<const char*> names) {
  auto is = [&](const std::string& function) {
    return std::any_of(names.begin(), names.end(), [&](std::string_view name) { return function == name || (function.starts_with(name) && function[name.size()] == '.'); });
  };
  for (size_t i = 0; i < frames.size(); i++) {
    if (is(frames[i].symbol)) return i;
    for (const auto& s : frames[i].source)
      if (is(s.function)) return i;
  }
  return std::nullopt;
}

}  // namespace inquest::inquiry::causes
