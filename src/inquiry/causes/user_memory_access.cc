// The kernel used an address of user space as if it were its own: without copy_from_user() and the like.
#include <fmt/format.h>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

namespace {

// The kernel's own words: SMAP (arch/x86/mm/fault.c: show_fault_oops) and PAN (arch/arm64/mm/fault.c: "access to user memory outside uaccess routines").
bool kernel_says_so(const oops::Event& e) {
  return e.header.find("access to user memory outside uaccess routines") != std::string::npos || e.header.find("user address") != std::string::npos;
}

}  // namespace

Verdicts user_memory_access(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  if (!seen.fatal || !seen.suspect || seen.suspect->executed) return {};
  const Suspect& s = *seen.suspect;
  if (s.shape != Shape::kUser) return {};
  // A user's address comes from somewhere a user's addresses come from: a parameter marked __user, the registers of the system call. Without
  // such a mark it might be any small number.
  bool says = kernel_says_so(seen.fatal->event);
  bool in_process = seen.fatal->event.pid && frame_named(frames_behind(scene, *seen.fatal),
                                                        {"entry_SYSCALL_64_after_hwframe", "entry_SYSCALL_64", "do_syscall_64", "el0_svc", "el0t_64_sync", "el0_sync", "invoke_syscall"});
  bool protection = seen.fatal->event.error_code && (*seen.fatal->event.error_code & 1) && seen.fatal->event.arch == oops::Arch::kX86_64;
  Verdict v;
  v.cause = "user-memory-access";
  // Where no process has memory, or the thread runs in no process, it is only a number of that size.
  auto there = scene.in_user_memory(s.value);
  bool inside = there.value_or(false);
  double likely = in_process ? 0.75 : s.origin.empty() ? 0.5 : 0.55;
  v.confidence = says || protection ? 0.9 : inside ? likely + 0.05 : looks_like(scene, s).empty() ? likely : 0.2;
  cite(v, add_event(dossier, *seen.fatal));
  cite(v, add_touch(dossier, *seen.fatal));
  cite(v, add_suspect(dossier, s));
  cite(v, add_origin(dossier, s));
  v.guilty = guilty_at(scene, *seen.fatal);
  v.object = object_holding(s);
  v.summary = fmt::format("{} {} {} through {}, which is an address of user space ({}), without a uaccess routine.", v.guilty.function.empty() ? "The kernel" : v.guilty.function,
                          s.writes ? "writes" : "reads", "memory", pointer_words(s), hex(s.value));
  if (there && !says && !protection)
    cite(v, dossier.add(Origin::kMemory, fmt::format("{} lies {} the bounds of the processes' memory that their mm_struct keep", hex(s.value), *there ? "in" : "outside"), "whatis " + bare_hex(s.value), {{"address", hex(s.value)}}));
  v.alternatives.push_back({"wild-pointer", says || protection ? "the page is there, and is the user's: the processor forbade the access, it did not miss the page" : "the value lies where user space lies"});
  return {v};
}

}  // namespace inquest::inquiry::causes
