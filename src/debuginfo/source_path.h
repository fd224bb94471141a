// Names of source files as the kernel's own tree names them, whatever folder it was built in.
#pragma once

#include <string>
#include <string_view>

namespace inquest::debuginfo {

// "a/./b//c/../d" becomes "a/b/d"; leading "../" of a relative path are dropped.
std::string normal_path(std::string_view path);

// Cuts the paths of one unit to the tree it was built from, told by the unit's DW_AT_comp_dir and DW_AT_name alone:
// "/build/linux-6.1.192/lib/radix-tree.c" and "./lib/radix-tree.c" become "lib/radix-tree.c". A path of no tree we can
// tell ("/usr/lib/gcc/…/stdarg.h") stays whole.
class PathCutter {
 public:
  PathCutter(std::string_view comp_dir, std::string_view unit_name);
  std::string cut(std::string_view folder, std::string_view file) const;

 private:
  std::string comp_dir_, root_, unit_folder_;
};

}  // namespace inquest::debuginfo
