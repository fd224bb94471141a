// Package: a .deb or .rpm, read in place with libarchive. A .deb is an ar of tars (deb(5)), an .rpm a header and a
// cpio.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/mapped_file.h"

namespace inquest::debuginfo {

// done and total are bytes of the package file.
using PackageProgress = std::function<void(const std::string& what, uint64_t done, uint64_t total)>;

struct PackageMember {
  std::string path;  // inside the package, without "./" in front
  uint64_t size = 0;
};

enum class Take { kSkip, kTake, kStop };

// Walks over the regular files of a package. For each member `choose` says what to do; the contents of taken ones go to
// `deliver`, as a temporary file in `scratch` (deliver may rename it; else it is removed), or in memory if `scratch` is
// "" or cannot be written. Errors: kNotMine (no package), kCorrupt, kIo. Members before the damage were delivered.
Result<void> walk_package(const std::string& path, const std::function<Take(const PackageMember&)>& choose,
                          const std::function<void(const PackageMember&, MappedFile)>& deliver,
                          const std::string& scratch, const PackageProgress& progress);

// A single compressed file (nfsd.ko.xz), inflated into memory. `path` is what errors name.
Result<MappedFile> inflate_file(const std::string& path);

}  // namespace inquest::debuginfo
