// Archive: what others know. A folder with one SQLite database that indexes mail archives and kernel histories.
//
// The texts themselves stay in the repositories; the archive keeps their paths, so these must not move. Adding is
// incremental and resumable: work is committed in transactions of some hundred messages, each with its place in
// the walk, so a kill at any moment loses at most the transaction at hand and repeats nothing. Several processes
// may read while one adds. One thread at a time per Archive object.
// Errors: kNotFound (no such folder, repository, document), kCorrupt (a damaged archive), kMismatch (written by a
// newer inquest), kIo. A damaged message or object is skipped, counted and listed, never an error.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "records/marks.h"
#include "records/query.h"

namespace inquest::records {

// Called from the thread that adds, after each transaction. Return false to stop (what is done stays done).
using ProgressCallback = std::function<bool(uint64_t done, uint64_t total)>;

struct AddReport {
  uint64_t added = 0;    // new documents
  uint64_t known = 0;    // were here already (cross-posted, or indexed before)
  uint64_t without = 0;  // commits that hold no message
  uint64_t damaged = 0;  // could not be read, or only in part
  std::vector<std::string> damage;  // what and why, the first 100
  bool stopped = false;  // the callback asked to
};

struct ArchiveCounts {
  uint64_t messages = 0, commits = 0, patches = 0, traces = 0, threads = 0, repositories = 0;
};

class Archive {
 public:
  // Opens the archive in `folder`; makes folder and archive when they are not there.
  static Result<Archive> open(const std::string& folder);
  // Only to read: kNotFound where there is no archive.
  static Result<Archive> open_existing(const std::string& folder);
  Archive(Archive&&) noexcept;
  Archive& operator=(Archive&&) noexcept;
  ~Archive();

  // Adds what is new in a public-inbox: one repository, or a folder of epochs (0.git, 1.git, …).
  // `workers`: threads that decode; 0 = one a core.
  Result<AddReport> add_mail(const std::string& repository, const ProgressCallback& progress = {}, unsigned workers = 0);
  // Adds what is new in a kernel repository: all version tags, oldest first, then HEAD.
  Result<AddReport> add_git(const std::string& repository, const ProgressCallback& progress = {}, unsigned workers = 0);

  // Messages that describe the same crash, best first; at most one for each thread unless `every_message`.
  Result<std::vector<Similar>> similar(const Query& query, size_t limit = 10, bool every_message = false) const;
  // Patches that may repair it, best first; versions of one patch are one entry.
  Result<std::vector<Fix>> candidate_fixes(const Query& query, size_t limit = 10, const Weights& weights = {}) const;
  // For people: words, functions, or a whole pasted stack.
  Result<std::vector<Similar>> search(const std::string& words, size_t limit = 20) const;

  Result<ArchiveCounts> counts() const;
  Result<DocumentHead> head(int64_t document) const;
  // By Message-ID or (a prefix of at least 7 digits of) a commit hash.
  Result<DocumentHead> find(const std::string& name) const;
  // The decoded text of a message, or a commit's message and patch, read again from its repository.
  Result<std::string> text(int64_t document) const;
  // The marks that the patch in a document leaves in a kernel (marks.h).
  Result<std::vector<PatchMark>> marks(int64_t document) const;

 private:
  struct Impl;
  explicit Archive(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace inquest::records
