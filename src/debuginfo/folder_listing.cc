#include "debuginfo/folder_listing.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "debuginfo/debug_file_impl.h"

namespace inquest::debuginfo {

namespace {

constexpr int kMaxDepth = 24;
constexpr size_t kMaxEntries = 1'000'000;

struct Walk {
  FolderListing& listing;
  size_t entries = 0;

  void read(const std::string& folder, int depth) {
    std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(folder.c_str()), ::closedir);
    if (!dir) return;
    std::vector<std::string> folders;
    while (const dirent* entry = ::readdir(dir.get())) {
      std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (++entries > kMaxEntries) {
        listing.cut = true;
        return;
      }
      unsigned char type = entry->d_type;
      std::string path = folder + "/" + std::string(name);
      if (type == DT_UNKNOWN) {
        struct stat st;
        if (::lstat(path.c_str(), &st) != 0) continue;
        type = S_ISDIR(st.st_mode) ? DT_DIR : S_ISLNK(st.st_mode) ? DT_LNK : S_ISREG(st.st_mode) ? DT_REG : DT_UNKNOWN;
      }
      // Links to folders are not followed: /lib/modules/R/build leads into the whole source tree.
      if (type == DT_DIR)
        folders.push_back(std::move(path));
      else if (type == DT_REG || type == DT_LNK)
        add(name, std::move(path));
    }
    dir.reset();
    std::ranges::sort(folders);
    for (const std::string& inner : folders) {
      if (depth >= kMaxDepth)
        listing.cut = true;
      else
        read(inner, depth + 1);
    }
  }

  void add(std::string_view name, std::string path) {
    switch (shape_of_name(name)) {
      case FileShape::kKernel: listing.kernels.push_back(std::move(path)); break;
      case FileShape::kModule: listing.modules.emplace(module_name_of_path(name), std::move(path)); break;
      case FileShape::kPackage: listing.packages.push_back(std::move(path)); break;
      case FileShape::kOther: break;
    }
  }
};

}  // namespace

FileShape shape_of_name(std::string_view name) {
  if (name.ends_with(".deb") || name.ends_with(".ddeb") || name.ends_with(".rpm")) return FileShape::kPackage;
  for (std::string_view ending : {".ko", ".ko.debug", ".ko.xz", ".ko.zst", ".ko.gz"})
    if (name.ends_with(ending) && name.size() > ending.size()) return FileShape::kModule;
  bool kernel = name == "vmlinux" || name.starts_with("vmlinux-") || name == "vmlinux.debug";
  bool script = name.ends_with(".h") || name.ends_with(".S") || name.ends_with(".lds") || name.ends_with(".py");
  return kernel && !script ? FileShape::kKernel : FileShape::kOther;
}

FolderListing FolderListing::read(const std::string& folder) {
  FolderListing listing;
  Walk walk{listing};
  walk.read(folder, 0);
  return listing;
}

}  // namespace inquest::debuginfo
