// MappedFile: a whole file, mapped read-only and private.
//
// Cheap to copy: copies share one mapping, which lives until the last copy is gone. Immutable, so any
// thread may read. A file that shrinks while mapped would raise SIGBUS; `main` turns that into one clear line.
// Errors: kNotFound and kIo with the path and the reason. An empty file maps to an empty span.
#pragma once

#include <memory>
#include <string>

#include "base/cursor.h"
#include "base/result.h"

namespace inquest {

class MappedFile {
 public:
  static Result<MappedFile> open(const std::string& path);

  MappedFile() = default;
  Bytes bytes() const { return bytes_; }
  const std::string& path() const { return path_; }
  // Tells the kernel that a linear read of the range follows.
  void will_read(uint64_t offset, uint64_t size) const;

 private:
  std::shared_ptr<const void> mapping_;
  Bytes bytes_;
  std::string path_;
};

}  // namespace inquest
