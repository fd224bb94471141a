// Catalogue: one's own past crashes: what was seen, when, under which kernels, with which verdict and note.
//
// Several processes, and with PostgreSQL several machines, may share a catalogue. Each input (a dump or log, known by a
// hash of its bytes) is claimed before the work and recorded after it. A claim is one statement, a record one
// transaction: a kill at any moment leaves either a claim that others take over when its owner is gone or its lease
// has run out, or a finished record; never half of one, never two.
// Errors: kCorrupt (no catalogue, or damaged), kMismatch (written by a newer inquest), kNotFound (no such server, no
// such group), kIo. One thread a Catalogue.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace inquest::records {

enum class Claim {
  kYours,  // do the work, then record() or fail() it
  kDone,   // recorded before, by whomever
  kBusy,   // another process is at it
};

// What triage found out about one input.
struct CrashRecord {
  std::string input;       // the id claimed
  std::string path;        // where it lay, for people
  int64_t time = 0;        // of the crash, seconds since 1970; 0 if unknown
  std::string release;     // "4.19.90-24.4.v2101.ky10.aarch64"
  std::string group;       // key of the group: see triage/story.h
  std::string group_title; // for people: "WARNING in delete_node < idr_remove < nfs4_put_stid"
  std::string cause;       // the first cause and whose it was: "warning in delete_node: nfs4_put_stid"; "" = none
  std::string panic;       // what the kernel died of, for people: "rcu_process_callbacks"
  std::string verdict;     // cause slug
  double confidence = 0;   // of the verdict, 0..1
  std::string fix;         // commit or Message-ID of the best candidate; may be empty
  std::string fix_title;
  std::string summary;     // one line
};

struct CrashGroup {
  std::string key, title, cause;
  uint64_t count = 0;
  int64_t first_time = 0, last_time = 0;  // 0 if no member's time is known
  std::vector<std::string> releases;      // distinct, sorted
  std::vector<std::string> verdicts;      // distinct, the surest first
  double confidence = 0;                  // of the first verdict, where it is surest
  std::vector<std::pair<std::string, uint64_t>> panics;  // what its members died of, the commonest first
  std::string fix, fix_title;             // the commonest
  std::string note;                       // a ticket, a remark
};

struct FailedInput {
  std::string input, path, why;
};

struct Recorded {
  bool added = false;      // false: it was recorded already, nothing is changed
  bool new_group = false;  // the first of its kind
};

class Catalogue {
 public:
  // Opens or makes the catalogue in that file, or in the database of a postgresql:// address.
  static Result<Catalogue> open(const std::string& address);
  static bool is_server(const std::string& address);
  Catalogue(Catalogue&&) noexcept;
  Catalogue& operator=(Catalogue&&) noexcept;
  ~Catalogue();

  // `owner`: this_process(), or any name; `lease_seconds`: after which others may take the claim over.
  Result<Claim> claim(const std::string& input, const std::string& path, const std::string& owner, int64_t now, int64_t lease_seconds = 3600);
  // Ends a claim with what was found.
  Result<Recorded> record(const CrashRecord& record);
  // Ends a claim with the reason why the input could not be examined; it may be claimed again after retry().
  Result<void> fail(const std::string& input, const std::string& why);
  Result<void> retry(const std::string& input);
  // Ends a claim without a trace: the input turned out to be no crash.
  Result<void> release(const std::string& input);

  Result<std::vector<CrashGroup>> groups() const;  // the commonest first
  // The group of that key, kNotFound when this crash is new.
  Result<CrashGroup> group(const std::string& key) const;
  Result<std::vector<CrashRecord>> members(const std::string& key) const;  // oldest first
  // What was recorded of an input; kNotFound if nothing was.
  Result<CrashRecord> crash(const std::string& input) const;
  Result<std::vector<FailedInput>> failures() const;
  Result<void> set_note(const std::string& key, const std::string& note);

  // "host boot pid start": names this process so that others can tell when it is gone.
  static std::string this_process();
  // True only when the owner ran on this machine and is certainly gone.
  static bool is_gone(const std::string& owner);

 private:
  struct Impl;
  explicit Catalogue(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace inquest::records
