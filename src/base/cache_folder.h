// CacheFolder: where derived files are kept between runs, and how they are written so that no reader ever
// sees half of one: to a temporary name, then renamed.
//
// A cache is never needed: every failure here only costs time, so callers go on without. Safe when several
// processes share the folder. Immutable after construction.
#pragma once

#include <string>

#include "base/cursor.h"
#include "base/mapped_file.h"
#include "base/result.h"

namespace inquest {

class CacheFolder {
 public:
  // An empty path means: no cache. The folder is made when the first file is written.
  explicit CacheFolder(std::string path) : path_(std::move(path)) {}
  // $INQUEST_CACHE, else $XDG_CACHE_HOME/inquest, else ~/.cache/inquest, from values the caller read.
  static CacheFolder from_environment(const char* inquest_cache, const char* xdg_cache_home, const char* home);

  const std::string& path() const { return path_; }
  // The path a file of that name has or would have. `name` must hold no slash.
  std::string path_of(const std::string& name) const { return path_ + "/" + name; }
  Result<MappedFile> open(const std::string& name) const;
  // Writes the pieces one after the other, atomically.
  Result<void> store(const std::string& name, std::initializer_list<Bytes> pieces) const;

 private:
  std::string path_;
};

// Writes a file atomically: a temporary beside it, synced, then renamed over it.
Result<void> write_file_atomically(const std::string& path, std::initializer_list<Bytes> pieces);
// Makes a folder and those above it.
Result<void> make_folders(const std::string& path);

}  // namespace inquest
