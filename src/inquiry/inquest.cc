#include "inquiry/inquest.h"

#include <algorithm>
#include <cmath>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry {

const std::vector<Examiner>& examiners() {
  static const std::vector<Examiner> all = {
      {"double-rcu-callback", causes::double_rcu_callback},
      {"double-rcu-callback", causes::double_rcu_cleared},
      {"unloaded-module", causes::unloaded_module},
      {"freed-armed-timer", causes::freed_armed_timer},
      {"freed-queued-work", causes::freed_queued_work},
      {"use-after-free", causes::use_after_free},
      {"use-after-free", causes::stale_stack},
      {"use-after-free", causes::reused, true},
      {"wild-pointer", causes::shifted_pointer, true},
      {"double-free", causes::double_free},
      {"wild-pointer", causes::invalid_free},
      {"list-corruption", causes::list_corruption},
      {"refcount-underflow", causes::refcount_underflow},
      {"race-cleared", causes::race_cleared},
      {"bit-flip", causes::bit_flip},
      {"user-memory-access", causes::user_memory_access},
      {"write-to-read-only", causes::write_to_read_only},
      {"wild-pointer", causes::wild_pointer},
      {"out-of-bounds-write", causes::out_of_bounds_write},
      {"out-of-memory", causes::out_of_memory},
      {"assertion", causes::assertion},
      {"divide-error", causes::divide_error},
      {"invalid-instruction", causes::invalid_instruction},
      {"stack-overflow", causes::stack_overflow},
      {"stack-smash", causes::stack_smash},
      {"deliberate", causes::deliberate},
      {"wild-call", causes::wild_call},
      {"null-call", causes::null_call},
      {"null-dereference", causes::null_dereference},
      {"deadlock", causes::deadlock},
      {"lock-held-too-long", causes::lock_held_too_long},
      {"spinlock-lockup", causes::spinlock_lockup},
      {"lock-held-too-long", causes::lock_left_held},
      {"soft-lockup", causes::soft_lockup},
      {"hard-lockup", causes::hard_lockup},
      {"rcu-stall", causes::rcu_stall},
      {"hung-task", causes::hung_task},
      {"scheduling-while-atomic", causes::scheduling_while_atomic},
      {"unknown", causes::unknown},
  };
  return all;
}

// Among verdicts the surest is first; those that lost become alternatives of the winner if it does not speak of them itself.
static void weigh(std::vector<Verdict>& verdicts) {
  std::stable_sort(verdicts.begin(), verdicts.end(), [](const Verdict& a, const Verdict& b) { return a.confidence > b.confidence; });
  if (verdicts.size() < 2) return;
  Verdict& best = verdicts.front();
  // They exclude each other: two cannot both be nearly certain.
  for (size_t i = 1; i < verdicts.size(); i++)
    if (verdicts[i].cause != best.cause && best.confidence >= 0.8) verdicts[i].confidence = std::min(verdicts[i].confidence, std::round((best.confidence - 0.1) * 100) / 100);
  for (size_t i = 1; i < verdicts.size(); i++) {
    const Verdict& other = verdicts[i];
    bool spoken = other.cause == "unknown" || other.cause == best.cause ||
                  std::any_of(best.alternatives.begin(), best.alternatives.end(), [&](const Alternative& a) { return a.cause == other.cause; });
    if (!spoken) best.alternatives.push_back({other.cause, "explains less of what was found: " + other.summary});
  }
}

// The structs on the way to the member, and of an element ("recipes[3]") the array.
static void spell_out(const scene::CrashScene& scene, ObjectRef& object) {
  auto add = [](std::vector<std::string>& to, const std::string& name) {
    if (std::find(to.begin(), to.end(), name) == to.end()) to.push_back(name);
  };
  if (!object.type.empty() && object.member.find('.') != std::string::npos) {
    std::vector<std::string> along = scene.types_along(object.type, object.member), more;
    more.swap(object.types);
    object.types = std::move(along);
    for (const auto& t : more) add(object.types, t);
  }
  for (const auto& m : std::vector<std::string>(object.members))
    if (m.ends_with(']')) add(object.members, m.substr(0, m.find('[')));
}

Inquiry inquire(const scene::CrashScene& scene) {
  Inquiry inquiry;
  inquiry.seen = observe(scene, inquiry.dossier);
  if (inquiry.seen.caller) inquiry.seen.caller = &inquiry.seen.caller_frames.front();
  if (inquiry.seen.suspect) inquiry.seen.freed = freed_object(scene, *inquiry.seen.suspect);
  constexpr double kSure = 0.9;
  double surest = 0;
  for (bool reads_all : {false, true})
    for (const Examiner& examiner : examiners()) {
      if (examiner.reads_all != reads_all || (reads_all && surest >= kSure)) continue;
      for (auto& v : examiner.examine(scene, inquiry.seen, inquiry.dossier)) {
        surest = std::max(surest, v.confidence);
        inquiry.verdicts.push_back(std::move(v));
      }
    }
  for (Verdict& v : inquiry.verdicts) spell_out(scene, v.object);
  // A log is what the kernel chose to print; with its memory at hand the same claim could be refuted. Who pulled the trigger is printed whole.
  constexpr double kMostWithoutMemory = 0.9;
  if (!scene.facts().has_dump)
    for (Verdict& v : inquiry.verdicts)
      if (v.cause != "deliberate") v.confidence = std::min(v.confidence, kMostWithoutMemory);
  weigh(inquiry.verdicts);
  // "Unknown" is a verdict of its own only when nobody had a better one.
  if (inquiry.verdicts.size() > 1)
    std::erase_if(inquiry.verdicts, [](const Verdict& v) { return v.cause == "unknown"; });
  return inquiry;
}

}  // namespace inquest::inquiry
