// Inquest: the examination of one scene: shared observations first, then every examiner of examiners(), then the weighing.
//
// An examiner looks at the scene through the shared Observations, adds Evidence, and gives verdicts with for and against.
// It knows types, members and shapes; never a case, a driver or an offset.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "inquiry/suspect.h"
#include "inquiry/verdict.h"
#include "scene/crash_scene.h"

namespace inquest::inquiry {

// The file of evidence: gives ids, keeps order, says each claim once.
class Dossier {
 public:
  std::string add(Origin origin, std::string claim, std::string command, std::vector<std::pair<std::string, std::string>> values = {});
  const std::vector<Evidence>& evidence() const { return evidence_; }

 private:
  std::vector<Evidence> evidence_;
};

// What an address or value looks like in memory.
struct ListShape {
  bool readable = false;
  uint64_t next = 0, prev = 0;
  bool self_next = false, self_prev = false;   // points at itself: an emptied list_head
  bool poison = false;                         // LIST_POISON1/2 (include/linux/poison.h)
};

// Equal (or near) values met in two events.
struct Link {
  std::string from_event, to_event;            // ids: the earlier, the later
  std::string from_register, to_what;          // "x3", "fault address"
  uint64_t value = 0;
  std::string meaning;                         // of the register at the earlier event: "&node->private_list"
  int64_t plus = 0;                            // to = from + plus
};

// Found once, before any examiner.
struct Observations {
  const scene::EventView* fatal = nullptr;     // the event the machine died of; null: none
  const scene::EventView* warning = nullptr;   // the earlier one that explains it, by shared values or the same object; null: none
  std::vector<Link> links;
  std::optional<double> gap_milliseconds;      // between the two
  std::optional<uint64_t> jumped_to;           // pc of the fatal event, when it is no code
  std::optional<scene::CallView> call;         // the call that jumped there
  const scene::FrameView* caller = nullptr;    // of the wild jump, in the crashed thread's stack
  std::vector<scene::FrameView> caller_frames; // from `caller` on; itself alone when only the event tells it
  std::string caller_how;
  std::optional<Suspect> suspect;              // the value that did the harm
  std::optional<FreedObject> freed;            // the freed object on its way; points into `suspect`
};

struct Inquiry {
  Observations seen;
  Dossier dossier;
  std::vector<Verdict> verdicts;               // best first; never empty
};

Inquiry inquire(const scene::CrashScene& scene);

// One examiner: a name for the list in docs, and what it makes of the scene.
struct Examiner {
  const char* cause;
  std::vector<Verdict> (*examine)(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
  bool reads_all = false;  // asks for a scan of all memory: only where the others are not sure
};
const std::vector<Examiner>& examiners();

// Shared tools.
Observations observe(const scene::CrashScene& scene, Dossier& dossier);
ListShape list_shape(const scene::CrashScene& scene, uint64_t address);
// The frame to blame of an event: the innermost one that is not machinery (generic lists, trees, RCU, locks, assertion helpers,
// the workqueue and thread loops), preferring a module's. `past` skips innermost functions of these files' folders.
Guilty guilty_of(const std::vector<scene::FrameView>& frames);
// The same, beginning with the place of the fault itself (which a printed trace may leave out): the crashed thread's frames where the dump has them.
Guilty guilty_at(const scene::CrashScene& scene, const scene::EventView& event);
// The frames that led to an event: the crashed thread's, from the interrupted function outwards, where it is that thread's; else the printed ones.
std::vector<scene::FrameView> frames_behind(const scene::CrashScene& scene, const scene::EventView& event);
bool is_machinery(const std::string& function, const std::string& file);
// A claim about an address, with its command.
std::string add_identity(const scene::CrashScene& scene, Dossier& dossier, uint64_t address, const std::string& what);

}  // namespace inquest::inquiry
