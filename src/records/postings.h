// Postings: which documents hold a word, and in which columns. Reads the full-text index; one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "records/database.h"

namespace inquest::records {

struct Posting {
  int64_t document;
  uint8_t columns;  // bit 1 << Column
};

struct WordPostings {
  std::vector<Posting> list;  // by document
  bool cut = false;           // more than the limit: the word is too common to tell anything
};

class Postings {
 public:
  static Result<Postings> open(Database& database);
  // At most `limit` entries; answers are kept, so asking twice costs once.
  Result<const WordPostings*> of(std::string_view word, size_t limit);

 private:
  Postings() = default;
  Statement find_;
  std::unordered_map<std::string, WordPostings> kept_;
};

}  // namespace inquest::records
