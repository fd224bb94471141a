// The examiners, one a file. Each gives no verdict, or one (rarely more), with its evidence in the dossier.
#pragma once

#include <vector>

#include "inquiry/inquest.h"

namespace inquest::inquiry::causes {

using Verdicts = std::vector<Verdict>;
Verdicts double_rcu_callback(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts wild_call(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts null_call(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts null_dereference(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);
Verdicts unknown(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier);

// Evidence that several examiners tell in the same words.
std::string add_event(Dossier& dossier, const scene::EventView& event);
// What the kernel itself said of it, or the field's title if that says more.
std::string headline(const scene::EventView& event);
std::string add_gap(Dossier& dossier, const Observations& seen);
std::string add_link(Dossier& dossier, const Link& link, const scene::EventView& to);
std::string add_caller(Dossier& dossier, const Observations& seen);
std::string source_text(const std::vector<scene::SourceRef>& source);   // "rcu_do_batch (kernel/rcu/tree.c:2255)"

}  // namespace inquest::inquiry::causes
