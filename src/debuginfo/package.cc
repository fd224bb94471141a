#include "debuginfo/package.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string_view>

namespace inquest::debuginfo {

namespace {

constexpr size_t kBlock = size_t{1} << 18;
// The largest vmlinux with debuginfo is some 1.5 GB.
constexpr uint64_t kMaxMember = uint64_t{8} << 30;

struct Closer {
  void operator()(archive* a) const { archive_read_free(a); }
};
using Reader = std::unique_ptr<archive, Closer>;

Error failure(const std::string& path, archive* a) {
  const char* why = archive_error_string(a);
  return Error(ErrorCode::kCorrupt, path + ": " + (why ? why : "not readable"));
}

Reader new_reader(bool raw) {
  Reader reader(archive_read_new());
  archive_read_support_filter_all(reader.get());
  if (raw) {
    archive_read_support_format_raw(reader.get());
    return reader;
  }
  archive_read_support_format_ar(reader.get());
  archive_read_support_format_tar(reader.get());
  archive_read_support_format_cpio(reader.get());
  return reader;
}

// Copies the entry that `reader` stands at into a temporary file, or into memory that can be mapped like one.
Result<MappedFile> copy_entry(archive* reader, const std::string& path, const std::string& scratch,
                              const std::function<void()>& tick) {
  std::string temporary = scratch + "/extracting.XXXXXX";
  int fd = scratch.empty() ? -1 : ::mkostemp(temporary.data(), O_CLOEXEC);
  bool on_disk = fd >= 0 && ::fchmod(fd, 0644) == 0;  // shared like the rest of the cache
  if (!on_disk) fd = ::memfd_create("inquest", MFD_CLOEXEC);
  if (fd < 0) return Error(ErrorCode::kIo, path + ": no memory to inflate into");
  auto copied = [&]() -> Result<MappedFile> {
    const void* block = nullptr;
    size_t size = 0;
    la_int64_t offset = 0;
    uint64_t total = 0;
    for (int status; (status = archive_read_data_block(reader, &block, &size, &offset)) != ARCHIVE_EOF;) {
      if (status < ARCHIVE_WARN) return failure(path, reader);
      if (uint64_t(offset) + size > kMaxMember) return Error(ErrorCode::kLimit, path + ": too large");
      for (size_t done = 0; done < size;) {
        ssize_t n = ::pwrite(fd, static_cast<const char*>(block) + done, size - done, off_t(offset + la_int64_t(done)));
        if (n <= 0) return Error(ErrorCode::kIo, path + ": no room to inflate it");
        done += size_t(n);
      }
      total = uint64_t(offset) + size;
      tick();
    }
    if (total == 0) return Error(ErrorCode::kCorrupt, path + ": empty");
    return MappedFile::open(on_disk ? temporary : "/proc/self/fd/" + std::to_string(fd));
  }();
  ::close(fd);
  if (on_disk && !copied) ::unlink(temporary.c_str());
  return copied;
}

// Feeds the data of an outer archive's entry (data.tar.xz) to an inner one.
struct Nested {
  archive* outer;
  std::vector<char> buffer = std::vector<char>(kBlock);
  static la_ssize_t read(archive*, void* self, const void** block) {
    Nested& nested = *static_cast<Nested*>(self);
    *block = nested.buffer.data();
    return archive_read_data(nested.outer, nested.buffer.data(), nested.buffer.size());
  }
};

class Walker {
 public:
  Walker(const std::string& path, const std::function<Take(const PackageMember&)>& choose,
         const std::function<void(const PackageMember&, MappedFile)>& deliver, const std::string& scratch,
         const PackageProgress& progress)
      : path_(path), choose_(choose), deliver_(deliver), scratch_(scratch), progress_(progress) {}

  Result<void> run() {
    struct stat st;
    if (::stat(path_.c_str(), &st) != 0) return Error(ErrorCode::kNotFound, path_ + ": cannot open");
    total_ = uint64_t(st.st_size);
    Reader outer = new_reader(false);
    outer_ = outer.get();
    if (archive_read_open_filename(outer.get(), path_.c_str(), kBlock) != ARCHIVE_OK)
      return failure(path_, outer.get());
    return entries(outer.get(), 0);
  }

 private:
  Result<void> entries(archive* reader, int depth) {
    archive_entry* entry = nullptr;
    for (int status; !stopped_ && (status = archive_read_next_header(reader, &entry)) != ARCHIVE_EOF;) {
      if (status < ARCHIVE_WARN) return failure(path_, reader);
      tick();
      const char* name = archive_entry_pathname(entry);
      if (!name || archive_entry_filetype(entry) != AE_IFREG) continue;
      PackageMember member{name, uint64_t(archive_entry_size(entry))};
      while (member.path.starts_with("./") || member.path.starts_with("/"))
        member.path.erase(0, member.path[0] == '.' ? 2 : 1);
      if (depth == 0 && archive_format(reader) >> 16 == ARCHIVE_FORMAT_AR >> 16) {
        if (member.path.starts_with("data.tar")) TRY_VOID(nested(reader, depth));
      } else {
        TRY_VOID(take(reader, member));
      }
    }
    return {};
  }

  Result<void> nested(archive* reader, int depth) {
    Nested source{reader};
    Reader inner = new_reader(false);
    if (archive_read_open(inner.get(), &source, nullptr, Nested::read, nullptr) != ARCHIVE_OK)
      return failure(path_, inner.get());
    return entries(inner.get(), depth + 1);
  }

  Result<void> take(archive* reader, const PackageMember& member) {
    Take decision = choose_(member);
    if (decision == Take::kStop) stopped_ = true;
    if (decision != Take::kTake) return {};
    TRY(MappedFile file, copy_entry(reader, path_ + "!/" + member.path, scratch_, [this] { tick(); }));
    std::string temporary = file.path();
    deliver_(member, std::move(file));
    if (!scratch_.empty() && temporary.starts_with(scratch_)) ::unlink(temporary.c_str());  // unless it was renamed
    return {};
  }

  void tick() const {
    if (progress_) progress_("reading " + path_, uint64_t(archive_filter_bytes(outer_, -1)), total_);
  }

  const std::string& path_;
  const std::function<Take(const PackageMember&)>& choose_;
  const std::function<void(const PackageMember&, MappedFile)>& deliver_;
  const std::string& scratch_;
  const PackageProgress& progress_;
  archive* outer_ = nullptr;
  uint64_t total_ = 0;
  bool stopped_ = false;
};

}  // namespace

Result<void> walk_package(const std::string& path, const std::function<Take(const PackageMember&)>& choose,
                          const std::function<void(const PackageMember&, MappedFile)>& deliver,
                          const std::string& scratch, const PackageProgress& progress) {
  return Walker(path, choose, deliver, scratch, progress).run();
}

Result<MappedFile> inflate_file(const std::string& path) {
  Reader reader = new_reader(true);
  archive_entry* entry = nullptr;
  if (archive_read_open_filename(reader.get(), path.c_str(), kBlock) != ARCHIVE_OK ||
      archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK)
    return failure(path, reader.get());
  return copy_entry(reader.get(), path, "", [] {});
}

}  // namespace inquest::debuginfo
