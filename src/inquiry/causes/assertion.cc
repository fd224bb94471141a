// The code's own check failed: BUG_ON() and the like, or a driver that calls panic().
#include <fmt/format.h>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

namespace {

using oops::EventKind;

std::string value_words(const scene::ConditionView& c) {
  if (!c.left_value && !c.right_value) return "";
  auto side = [](const std::string& name, const std::optional<uint64_t>& value) {
    bool number = !name.empty() && name.find_first_not_of("0123456789x") == std::string::npos;
    if (!value) return number ? "" : fmt::format("{} unknown", name);
    return number ? "" : fmt::format("{} = {}", name, *value < 65536 ? fmt::format("{}", *value) : hex(*value));
  };
  std::string left = side(c.left, c.left_value), right = side(c.right, c.right_value);
  return left + (left.empty() || right.empty() ? "" : ", ") + right;
}

void name_object(Verdict& v, const scene::ConditionView& c) {
  v.object.type = c.object;
  v.object.members = c.members;
  if (!c.members.empty()) v.object.member = c.members.front();
  if (c.object_address) v.object.address = hex(*c.object_address);
}

// Panics of the kernel itself that other examiners or nobody can judge; what is left was written by somebody for this very state.
bool kernels_own(const scene::CrashScene& scene, const std::vector<scene::FrameView>& frames, const std::string& header) {
  for (const char* words : {"Fatal exception", "Attempted to kill init", "VFS: Unable to mount root", "stack-protector", "hung_task", "softlockup", "Hard LOCKUP", "RCU Stall",
                            "Out of memory", "out of memory", "panic_on_warn", "scheduling while atomic", "sysrq triggered", "Fatal machine check", "Asynchronous SError", "No working init",
                            "kernel stack overflow", "deadlocked on memory", "Oops"})
    if (header.find(words) != std::string::npos) return true;
  (void)scene;
  return frames.empty();
}

// The function that called panic().
const scene::FrameView* caller_of_panic(const std::vector<scene::FrameView>& frames) {
  auto at = frame_named(frames, {"panic", "vpanic"});
  if (!at) return nullptr;
  for (size_t i = *at; i < frames.size(); i++)
    if (frames[i].symbol != "panic" && frames[i].symbol != "vpanic" && !frames[i].symbol.empty()) return &frames[i];
  return nullptr;
}

Verdicts by_panic(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  auto frames = scene.crashed() && !scene.crashed()->frames.empty() ? scene.crashed()->frames : seen.fatal->frames;
  if (kernels_own(scene, frames, seen.fatal->event.header)) return {};
  const auto* caller = caller_of_panic(frames);
  std::vector<scene::FrameView> behind = frames;
  if (caller) behind.assign(frames.begin() + (caller - frames.data()), frames.end());
  Verdict v;
  v.cause = "assertion";
  v.guilty = guilty_of(behind);
  if (v.guilty.function.empty()) return {};
  v.confidence = !v.guilty.module.empty() ? 0.85 : 0.6;
  cite(v, add_event(dossier, *seen.fatal));
  if (caller)
    cite(v, dossier.add(Origin::kStack, fmt::format("panic() was called by {}", caller->source.empty() ? caller->symbol : source_text(caller->source)), "bt -l", {{"function", v.guilty.function}}));
  v.summary = fmt::format("{} called panic() itself: \"{}\".", v.guilty.function, seen.fatal->event.header);
  v.alternatives.push_back({"deliberate", "no operator asked for it: a check in the code did"});
  v.would_settle.push_back("how the state that the check found came about");
  if (auto c = caller && caller->address ? scene.condition_of_call(caller->address) : std::nullopt) {
    std::string values = value_words(*c);
    cite(v, dossier.add(Origin::kCode, fmt::format("it had found {}{}", c->text, values.empty() ? "" : fmt::format(" ({}, as memory has it now)", values)), "dis -lx " + bare_hex(c->compare), {{"condition", c->text}}));
    name_object(v, *c);
    v.summary += fmt::format(" It had found {}.", c->text);
  }
  return {v};
}

bool other_examiners(const scene::EventView& event) {
  for (const auto& s : event.source)
    if (s.function == "set_freepointer") return true;
  return event.event.file.ends_with("mm/slub.c") || event.event.file.ends_with("lib/list_debug.c");
}

}  // namespace

Verdicts assertion(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  if (!seen.fatal) return {};
  const auto& event = *seen.fatal;
  if (event.event.kind == EventKind::kPanic) return by_panic(scene, seen, dossier);
  bool warned_to_death = event.event.kind == EventKind::kWarning && event.event.panicked;
  if ((event.event.kind != EventKind::kBugAt && !warned_to_death) || other_examiners(event)) return {};
  Verdict v;
  v.cause = "assertion";
  v.confidence = warned_to_death ? 0.7 : 0.85;
  cite(v, add_event(dossier, event));
  v.guilty = guilty_at(scene, event);
  std::string found;
  if (event.condition) {
    const auto& c = *event.condition;
    std::string values = value_words(c);
    found = c.text;
    cite(v, dossier.add(Origin::kCode, fmt::format("the check at {}:{} found {}{}", c.file, c.line, c.text, values.empty() ? "" : fmt::format(" ({}{})", values, c.values_then ? "" : ", as memory has it now")),
                        "dis -lx " + bare_hex(c.compare),
                        {{"condition", c.text}, {"left", c.left_value ? hex(*c.left_value) : ""}, {"right", c.right_value ? hex(*c.right_value) : ""}}));
    name_object(v, c);
    if (!v.object.address.empty()) cite(v, add_identity(scene, dossier, *c.object_address, "the object"));
    v.confidence = std::max(v.confidence, c.left_value && c.right_value ? 0.9 : 0.85);
  }
  // A warning of shared code (a timer's loop, a work queue) tells of what it was given; it blames nobody by itself.
  bool shared_code = warned_to_death && is_machinery(event.event.function, event.source.empty() ? "" : event.source.back().file);
  if (shared_code) v.confidence = 0.45;
  for (const Link& link : seen.links) cite(v, add_link(dossier, link, event));
  v.summary = fmt::format("A check in {} failed{}.", v.guilty.function.empty() ? event.event.function : v.guilty.function, found.empty() ? ": " + headline(event) : ": " + found);
  if (event.condition)
    if (auto values = value_words(*event.condition); !values.empty()) v.summary += fmt::format(" It compared {}.", values);
  v.alternatives.push_back({"invalid-instruction", "the trap is the kernel's own BUG()"});
  v.would_settle.push_back("who brought the object into that state: the writers of the members compared");
  return {v};
}

}  // namespace inquest::inquiry::causes
