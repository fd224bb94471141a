// One triage: every input examined once, by worker processes that share the catalogue with whoever else is at it.
//
// Each worker is a process of its own: an input that brings the examination down costs itself only. Workers end with their parent,
// so that a kill of the whole leaves claims whose owners are gone; the next run takes them over.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "records/catalogue.h"
#include "report/report.h"
#include "triage/inputs.h"

namespace inquest::triage {

enum class Outcome {
  kNotReached,  // the run was stopped, or its worker killed
  kNew,         // recorded: the first of its group
  kKnown,       // recorded: its group had members
  kRepeated,    // recorded before
  kBusy,        // another process is at it
  kNoCrash,     // no dump or log, or one without an event
  kFailed,      // a crash, but it could not be examined
};
const char* name_of(Outcome outcome);

struct InputResult {
  std::string path;
  Outcome outcome = Outcome::kNotReached;
  std::string group, why;
};

// An input opened: a dump or a log.
class Examination {
 public:
  virtual ~Examination() = default;
  virtual bool is_dump() const = 0;
  virtual Result<report::Report> report() = 0;
  // The best candidate fix of the archives, into report.fixes; called once a group and worker.
  virtual void look_for_fix(report::Report& report) = 0;
};

struct Request {
  std::vector<std::string> given;
  std::string catalogue;             // address
  unsigned jobs = 0;                 // 0: a core each, at most four
  std::function<Result<std::unique_ptr<Examination>>(const std::vector<std::string>& paths)> open;
  std::function<void(uint64_t done, uint64_t total)> progress;
};

struct Outcomes {
  std::vector<InputResult> inputs;
  std::vector<std::string> unreadable;
  std::vector<records::CrashGroup> groups;   // of the whole catalogue afterwards
  std::set<std::string> known_before;        // keys of the groups that had members when this run began
};

// Fails only when the catalogue cannot be opened.
Result<Outcomes> run_triage(const Request& request);

// What one report makes of one crash, for the catalogue.
records::CrashRecord record_of(const report::Report& report, const std::string& path, bool is_dump);

}  // namespace inquest::triage
