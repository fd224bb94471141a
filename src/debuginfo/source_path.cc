#include "debuginfo/source_path.h"

#include <algorithm>
#include <vector>

namespace inquest::debuginfo {

namespace {

// What lies below `folder`, "" if `path` does not.
std::string_view below(std::string_view path, std::string_view folder) {
  bool inside =
      !folder.empty() && path.size() > folder.size() + 1 && path.starts_with(folder) && path[folder.size()] == '/';
  return inside ? path.substr(folder.size() + 1) : std::string_view();
}

std::string_view folder_of(std::string_view path) {
  return path.substr(0, path.rfind('/') == path.npos ? 0 : path.rfind('/'));
}
std::string_view last_part(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string_view common_folder(std::string_view a, std::string_view b) {
  size_t same = size_t(std::ranges::mismatch(a, b).in1 - a.begin());
  bool whole = (same == a.size() || a[same] == '/') && (same == b.size() || b[same] == '/');
  return whole ? a.substr(0, same) : folder_of(a.substr(0, same));
}

// Folders beside each other whose names begin alike hold one tree: Debian's linux-headers-X-common beside
// linux-headers-X-amd64, a tree "linux" built in "linux-build".
std::string_view below_sibling(std::string_view path, std::string_view comp_dir) {
  constexpr size_t kAlike = 4;
  std::string_view rest = below(path, folder_of(comp_dir)), own = last_part(comp_dir);
  if (rest.size() < kAlike || own.size() < kAlike || rest.substr(0, kAlike) != own.substr(0, kAlike)) return {};
  size_t slash = rest.find('/');
  return slash == rest.npos ? std::string_view() : rest.substr(slash + 1);
}

}  // namespace

std::string normal_path(std::string_view path) {
  bool absolute = path.starts_with('/');
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    size_t slash = std::min(path.find('/'), path.size());
    std::string_view part = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (part.empty() || part == ".") continue;
    if (part != "..")
      parts.push_back(part);
    else if (!parts.empty())
      parts.pop_back();
  }
  std::string normal;
  for (std::string_view part : parts) {
    if (absolute || !normal.empty()) normal += '/';
    normal += part;
  }
  return normal;
}

PathCutter::PathCutter(std::string_view comp_dir, std::string_view unit_name) : comp_dir_(normal_path(comp_dir)) {
  if (!comp_dir.starts_with('/')) comp_dir_.clear();  // built with -fdebug-prefix-map: paths are cut already
  if (!unit_name.starts_with('/')) return;
  std::string unit = normal_path(unit_name);
  unit_folder_ = folder_of(unit);
  root_ = common_folder(comp_dir_, unit_folder_);
  if (std::ranges::count(root_, '/') < 2) root_.clear();  // "/usr" or "/home" says nothing
}

std::string PathCutter::cut(std::string_view folder, std::string_view file) const {
  std::string path = folder.empty() || file.starts_with('/')
                         ? normal_path(file)
                         : normal_path(std::string(folder) + "/" + std::string(file));
  if (!path.starts_with('/')) return path;
  for (std::string_view rest : {below(path, comp_dir_), below_sibling(path, comp_dir_), below(path, root_)})
    if (!rest.empty()) return std::string(rest);
  // A module from a tree of its own: keep the name of its folder.
  if (std::string_view rest = below(path, unit_folder_); !rest.empty())
    return std::string(last_part(unit_folder_)) + "/" + std::string(rest);
  return path;
}

}  // namespace inquest::debuginfo
