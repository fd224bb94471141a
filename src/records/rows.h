// Rows of the archive as plain structs; used by the files that answer queries. One thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "records/database.h"
#include "records/query.h"

namespace inquest::records {

struct DocumentRow {
  DocumentHead head;
  uint32_t flags = 0, kinds = 0, subject_kinds = 0;
  int64_t title = 0;
  uint32_t version = 1, part = 0, total = 0;
  uint32_t touched = 0, files = 0, lines = 0;
  std::string upstream, tag;
};

class Rows {
 public:
  static Result<Rows> open(Database& database);
  Result<std::optional<DocumentRow>> by_id(int64_t id);
  // Ids of a thread's documents, oldest first.
  Result<std::vector<int64_t>> of_thread(int64_t thread);
  Result<std::vector<int64_t>> of_title(int64_t title, size_t limit);
  // Documents that are the commit, or name it as their upstream commit; `hash` may be a prefix of 7 digits or more.
  Result<std::vector<int64_t>> of_hash(const std::string& hash, size_t limit);
  // The commit hash that mails give together with this title, the longest; empty if none, or if they disagree.
  Result<std::string> hash_of_title(int64_t title, int64_t but_thread);
  // The document of that name's hash (stable_hash), 0 if it is not here.
  Result<int64_t> of_name_hash(int64_t hash);
  // The thread a Message-ID belongs to, whether or not the message itself is here; 0 if unknown.
  Result<int64_t> thread_of_name(const std::string& name);

 private:
  Rows() = default;
  Result<std::vector<int64_t>> ids(Statement& statement);
  Statement by_id_, of_thread_, of_title_, of_upstream_, of_commit_, of_node_, hashes_;
};

}  // namespace inquest::records
