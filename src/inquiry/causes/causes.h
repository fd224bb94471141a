// The examiners, one a file. Each gives no verdict, or one (rarely more), with its evidence in the dossier.
#pragma once

#include <vector>

#include "inquiry/inquest.h"

namespace inquest::inquiry::causes {

using Verdicts = std::vector<Verdict>;
Verdicts double_rcu_callback(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts double_rcu_cleared(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts wild_call(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts null_call(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts null_dereference(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts use_after_free(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts lock_left_held(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts invalid_free(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts reused(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts shifted_pointer(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts stale_stack(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts freed_armed_timer(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts freed_queued_work(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts unloaded_module(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts double_free(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts list_corruption(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts refcount_underflow(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts wild_pointer(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts bit_flip(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts user_memory_access(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts write_to_read_only(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts race_cleared(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts assertion(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts divide_error(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts invalid_instruction(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts stack_overflow(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts stack_smash(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts deliberate(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts out_of_memory(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts out_of_bounds_write(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts deadlock(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts lock_held_too_long(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts spinlock_lockup(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts soft_lockup(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts hard_lockup(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts rcu_stall(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts hung_task(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts scheduling_while_atomic(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts unknown(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);

// Evidence that several examiners tell in the same words.
std::string add_event(Dossier& dossier, const scene::EventView& event);
// What the kernel itself said of it, or the field's title if that says more.
std::string headline(const scene::EventView& event);
// With one full stop at its end.
std::string sentence(std::string text);
// Of a sentence that begins with a word; names of C ("ring->head") stay as they are.
std::string capital(std::string text);
std::string add_gap(Dossier& dossier, const Observations& seen);
std::string add_link(Dossier& dossier, const Link& link, const scene::EventView& to);
std::string add_caller(Dossier& dossier, const Observations& seen);
// Where the pointer that was called was read from; and, if that is a task's stack, that what was registered there may be gone with its function.
void tell_pointer_place(Verdict& verdict, const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
// The innermost function of a place that is no shared machinery; no function if all of it is.
Guilty guilty_of_source(const std::vector<scene::SourceRef>& source, const std::string& module);
// Who jumped to what is no code: the function that did, or, if it is machinery (the kernel's loops over callbacks), who asked it to.
Guilty guilty_of_jump(const Observations& seen);
// The faulting instruction and what it reached for; "" if it is not known.
std::string add_touch(Dossier& dossier, const scene::EventView& event);
// What the bad pointer held, in words: "its base rax held 0x6b6b…: the poison that SLUB writes over freed memory".
std::string add_suspect(Dossier& dossier, const Suspect& suspect);
// Where it was loaded from, one claim a load (bounded), and whether memory still holds it.
std::vector<std::string> add_origin(Dossier& dossier, const Suspect& suspect);
// An object with two owners of unlike types: it was freed and handed out again. `used_as`: the type that the code that failed takes it for, "" = not known.
struct ReusedObject {
  uint64_t start = 0;
  scene::OwnerView used, other;
  size_t contradictions = 0;           // other members of `used`'s type that hold no pointer where one must be
};
std::optional<ReusedObject> reused_object(const scene::CrashScene& scene, uint64_t address, const std::string& used_as);
std::string add_reused(Dossier& dossier, const ReusedObject& reused);
// A freed object: its cache, and how it is known to be free.
std::string add_freed(Dossier& dossier, const FreedObject& freed);
// Who freed the object last, where its cache keeps tracks: cites it and gives the words; "" if it is not known.
std::string add_last_free(Verdict& verdict, Dossier& dossier, const scene::Identity& object);
// What a number that is no pointer looks like: a per-CPU object's offset, two counts side by side, a time since the start; "" if like nothing.
std::string looks_like(const scene::CrashScene& scene, const Suspect& suspect);
// "rate of struct radio_link", "offset 0x14 of what it should point at".
std::string reached_words(const Suspect& suspect);
// The object of a verdict, from the suspect: what it should point at, or (`holder`) what it was loaded from.
ObjectRef object_reached(const Suspect& suspect);
ObjectRef object_holding(const Suspect& suspect);
// What the pointer is called: "station->link", or "a pointer".
std::string pointer_words(const Suspect& suspect);
// Whether any printed or unwound frame behind the event is this function; its index.
std::optional<size_t> frame_named(const std::vector<scene::FrameView>& frames, std::initializer_list<const char*> names);
// The function to blame of a place in the code: the innermost inlined one that is no shared helper.
Guilty guilty_site(const scene::CrashScene& scene, const scene::StoreSite& site);
// The type of a slab object by its cache, and the member at an address in it, into what of `object` is not known yet.
void name_by_memory(const scene::CrashScene& scene, uint64_t address, ObjectRef& object);
// The APIs that hand a callback over to RCU, and whether a function is one of RCU's loops that run them.
const std::vector<std::string>& rcu_queueing_apis();
bool from_rcu_loop(const Observations& seen);
// Adds a name to "a, b, c", once.
void add_name(std::string& names, const std::string& name);
// Adds ids that are not empty.
void cite(Verdict& verdict, const std::string& id);
void cite(Verdict& verdict, const std::vector<std::string>& ids);
std::string source_text(const std::vector<scene::SourceRef>& source);   // "rcu_do_batch (kernel/rcu/tree.c:2255)"

}  // namespace inquest::inquiry::causes
