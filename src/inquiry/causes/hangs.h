// What the examiners of hangs share: which event says that the machine stands still, where a stuck CPU is, locks and tasks in words.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

// The first event of one of these kinds; null: none.
const scene::EventView* first_of(const scene::CrashScene& scene, std::initializer_list<oops::EventKind> kinds);
// Any event that says a task or CPU does not get on.
const scene::EventView* hang_event(const scene::CrashScene& scene);
// The machine died of an oops or the like: what stands still may be its consequence.
bool died_otherwise(const Observations& seen);

// A CPU that does not get on: its frames from where it was before the watchdog, the panic or an NMI came.
struct StuckCpu {
  std::optional<int> cpu, pid;
  std::string comm;
  std::vector<scene::FrameView> frames;
  std::optional<scene::LoopView> loop;     // the innermost one
  size_t loop_frame = 0;                   // whose frame it is in
  bool from_dump = false;
  std::string command;                     // that shows the frames
};
StuckCpu stuck_cpu(const scene::CrashScene& scene, const scene::EventView& event, std::optional<int> cpu);
// Some CPU of the dump that neither idles nor only panics, and loops in code that is no machinery.
std::optional<StuckCpu> looping_cpu(const scene::CrashScene& scene, std::optional<int> not_this);
std::vector<scene::FrameView> before_interrupt(const std::vector<scene::FrameView>& frames);
Guilty guilty_of_loop(const StuckCpu& stuck);
// The verdict of a looping CPU, but for cause, confidence and summary's beginning.
void tell_loop(Verdict& v, const StuckCpu& stuck, Dossier& dossier);
// A CPU that spins for a lock waits for its holder: the wait as evidence, and little trust in a verdict against the loop.
void doubt_if_it_spins(Verdict& v, const scene::CrashScene& scene, const StuckCpu& stuck, Dossier& dossier);

std::string words(const scene::TaskView& task);          // "shuttle/0 (pid 102)"
std::string words(const scene::LockView& lock);          // "the mutex &berth->gate (gate of struct berth at 0x…)"
std::string where(const std::vector<scene::FrameView>& frames, size_t from);  // "shuttle_deliver (harbour.c:85)", the innermost that is no machinery
std::string where(const Guilty& guilty);
ObjectRef object_of(const scene::LockView& lock);
std::string add_wait(Dossier& dossier, const scene::LockGraphView& graph, const scene::WaitView& wait);
std::string add_holder(Dossier& dossier, const scene::LockView& lock, const scene::LockHolder& holder);
std::string lock_command(const scene::LockView& lock);
// The function that holds one lock while it asks for another: the innermost that both the taking and the asking are in.
Guilty guilty_between(const scene::LockHolder& holder, const scene::WaitView& wait);

}  // namespace inquest::inquiry::causes
