#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace inquest {

Result<MappedFile> MappedFile::open(const std::string& path) {
  auto refused = [&](const char* what) {
    int e = errno;
    return Error(e == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo, path + ": " + what + ": " + std::strerror(e));
  };
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return refused("cannot open");
  struct stat st;
  if (::fstat(fd, &st) != 0) {
    Error e = refused("cannot stat");
    ::close(fd);
    return e;
  }
  if (!S_ISREG(st.st_mode)) {
    ::close(fd);
    return Error(ErrorCode::kIo, path + ": not a regular file");
  }
  MappedFile file;
  file.path_ = path;
  size_t size = size_t(st.st_size);
  if (size > 0) {
    void* p = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) {
      Error e = refused("cannot map");
      ::close(fd);
      return e;
    }
    file.mapping_ = std::shared_ptr<const void>(p, [size](const void* q) { ::munmap(const_cast<void*>(q), size); });
    file.bytes_ = Bytes(static_cast<const std::byte*>(p), size);
  }
  ::close(fd);
  return file;
}

void MappedFile::will_read(uint64_t offset, uint64_t size) const {
  if (offset >= bytes_.size()) return;
  size = std::min<uint64_t>(size, bytes_.size() - offset);
  uint64_t aligned = offset & ~uint64_t{4095};
  ::madvise(const_cast<std::byte*>(bytes_.data()) + aligned, size + (offset - aligned), MADV_WILLNEED);
}

}  // namespace inquest
