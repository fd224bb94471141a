#include "cli/emit.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/cache_folder.h"
#include "base/cursor.h"

namespace inquest::cli {

namespace {

Result<void> write_into(std::FILE* file, const std::string& name, const std::string& text) {
  bool good = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  good = std::fflush(file) == 0 && good;
  int e = errno;
  return good ? Result<void>() : Error(ErrorCode::kIo, name + ": cannot write: " + std::strerror(e));
}

}  // namespace

Result<void> emit(const std::string& output, const std::string& text) {
  if (output.empty() || output == "-") return write_into(stdout, "standard output", text);
  struct stat status {};
  bool exists = ::stat(output.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) return Error(ErrorCode::kIo, output + ": cannot write: it is a folder");
  if (exists && !S_ISREG(status.st_mode)) {
    std::FILE* file = std::fopen(output.c_str(), "wb");
    if (!file) return Error(ErrorCode::kIo, output + ": cannot write: " + std::strerror(errno));
    auto written = write_into(file, output, text);
    std::fclose(file);
    return written;
  }
  // Behind a symbolic link the file is replaced, not the link.
  char* real = exists ? ::realpath(output.c_str(), nullptr) : nullptr;
  std::string path = real ? real : output;
  std::free(real);
  return write_file_atomically(path, {as_bytes_of(text)});
}

}  // namespace inquest::cli
