// Ingest: the one way documents enter an archive. Several threads read and digest, the calling one writes.
#pragma once

#include <string>
#include <vector>

#include "records/archive.h"
#include "records/database.h"
#include "records/git_source.h"

namespace inquest::records {

struct IngestJob {
  std::string path;      // the repository
  int64_t repository = 0;
  bool mail = true;      // false: commits with their patches
  std::string ref;       // "HEAD", "refs/tags/v6.1"
  std::string tag;       // what commits of this walk are tagged with; empty for none
  Oid tip;
  std::vector<Oid> hidden;  // tips done before
  unsigned workers = 0;
  uint64_t done_before = 0, total = 0;  // for progress over several jobs; total 0: this job's own
};

// Runs a walk from where it stopped last time. Adds to `report`.
Result<void> run_ingest(Database& database, const IngestJob& job, const ProgressCallback& progress, AddReport& report);

}  // namespace inquest::records
