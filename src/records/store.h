// Store: writes documents into an archive's tables. One thread; call inside a transaction.
#pragma once

#include "records/database.h"
#include "records/digest.h"
#include "records/git_source.h"

namespace inquest::records {

class Store {
 public:
  static Result<Store> open(Database& database);

  // False: a document of that name is here already (then only its tag is completed).
  Result<bool> add(const Document& document, int64_t repository, const Oid& oid, std::string_view tag);

 private:
  Store() = default;
  Result<int64_t> thread_of(const Document& document, int64_t id, int64_t own_hash);
  Result<void> add_details(const Document& document, int64_t id);
  Result<void> add_words(const Document& document, int64_t id);
  Result<void> add_home(std::string_view function, std::string_view file);
  Result<void> complete_tag(std::string_view name, std::string_view tag);

  Database* database_ = nullptr;
  Statement find_node_, add_node_, claim_node_, add_document_, set_thread_, move_documents_, move_ghosts_, add_words_;
  Statement add_trailer_, add_mention_, add_trace_, add_file_, find_file_, add_home_, set_tag_;
};

}  // namespace inquest::records
