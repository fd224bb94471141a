// What an Archive holds; shared by the files that implement it.
#pragma once

#include <map>
#include <string>

#include "records/archive.h"
#include "records/database.h"
#include "records/git_source.h"

namespace inquest::records {

struct Archive::Impl {
  explicit Impl(Database d) : database(std::move(d)) {}
  Database database;
  std::map<int64_t, GitSource> sources;  // opened as they are needed, by repository
};

}  // namespace inquest::records
