#include "base/cache_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace inquest {

CacheFolder CacheFolder::from_environment(const char* inquest_cache, const char* xdg_cache_home, const char* home) {
  if (inquest_cache && *inquest_cache) return CacheFolder(inquest_cache);
  if (xdg_cache_home && *xdg_cache_home) return CacheFolder(std::string(xdg_cache_home) + "/inquest");
  if (home && *home) return CacheFolder(std::string(home) + "/.cache/inquest");
  return CacheFolder("");
}

Result<MappedFile> CacheFolder::open(const std::string& name) const {
  if (path_.empty()) return Error(ErrorCode::kNotFound, "no cache folder");
  return MappedFile::open(path_of(name));
}

Result<void> CacheFolder::store(const std::string& name, std::initializer_list<Bytes> pieces) const {
  if (path_.empty()) return Error(ErrorCode::kNotFound, "no cache folder");
  TRY_VOID(make_folders(path_));
  return write_file_atomically(path_of(name), pieces);
}

Result<void> make_folders(const std::string& path) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    std::string part = path.substr(0, slash);
    if (!part.empty() && ::mkdir(part.c_str(), 0777) != 0 && errno != EEXIST)
      return Error(ErrorCode::kIo, part + ": cannot make this folder: " + std::strerror(errno));
    if (slash == std::string::npos) return {};
  }
}

static bool write_all(int fd, Bytes bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes = bytes.subspan(size_t(n));
  }
  return true;
}

Result<void> write_file_atomically(const std::string& path, std::initializer_list<Bytes> pieces) {
  std::string temporary = path + ".XXXXXX";
  int fd = ::mkstemp(temporary.data());
  if (fd < 0) return Error(ErrorCode::kIo, path + ": cannot write here: " + std::strerror(errno));
  bool good = true;
  for (Bytes piece : pieces) good = good && write_all(fd, piece);
  good = good && ::fchmod(fd, 0644) == 0;
  int e = errno;
  good = ::close(fd) == 0 && good;
  if (good && ::rename(temporary.c_str(), path.c_str()) == 0) return {};
  if (good) e = errno;
  ::unlink(temporary.c_str());
  return Error(ErrorCode::kIo, path + ": cannot write: " + std::strerror(e));
}

}  // namespace inquest
