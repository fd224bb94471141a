// FolderListing: the names of the files below a folder that may be debuginfo, without opening any.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

namespace inquest::debuginfo {

struct FolderListing {
  std::vector<std::string> kernels;                           // vmlinux*
  std::unordered_multimap<std::string, std::string> modules;  // name with '_' → *.ko, *.ko.debug, *.ko.xz …
  std::vector<std::string> packages;                          // *.deb, *.rpm

  // Bounded: trees deeper than 24 folders or of more than a million entries are not read to their end (`cut`).
  static FolderListing read(const std::string& folder);
  bool cut = false;
};

enum class FileShape { kOther, kKernel, kModule, kPackage };
// By name alone.
FileShape shape_of_name(std::string_view file_name);

}  // namespace inquest::debuginfo
