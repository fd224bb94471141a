// Open files of a task: its descriptor table, and the path of each file, through mounts, as d_path() would name it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernel/kernel_view.h"

namespace inquest::kernel {

struct OpenFile {
  unsigned fd = 0;
  VirtualAddress file, dentry, inode;      // null: not readable
  std::optional<uint64_t> mode;            // inode.i_mode
  std::string path;                        // "" = not known; "pipe:[123]" of what lies in no folder
};

struct OpenFiles {
  std::string root, current;               // its root and working directory, "" = not known
  std::vector<OpenFile> files;             // by descriptor
  std::string problem;                     // "" or why there are none, or not all
};
OpenFiles read_open_files(const object::Program& program, VirtualAddress task);
// "REG", "DIR", "CHR"…; "?" is none of them.
const char* file_type(std::optional<uint64_t> mode);

}  // namespace inquest::kernel
