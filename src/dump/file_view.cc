#include "dump/file_view.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "base/mapped_file.h"

namespace inquest::dump {

namespace {

constexpr uint64_t kHostPage = 4096;  // a smaller page than the host's only makes the hints weaker
// A file up to this size stays mapped when it was scanned: giving it back and faulting it in again costs 5 % of a scan.
constexpr uint64_t kKeptWhole = uint64_t{64} << 20;

class SpanView : public FileView {
 public:
  explicit SpanView(Bytes bytes) : bytes_(bytes) {}
  uint64_t size() const override { return bytes_.size(); }
  Bytes piece(uint64_t offset, uint64_t wanted) const override {
    if (offset >= bytes_.size()) return {};
    return bytes_.subspan(offset, std::min<uint64_t>(wanted, bytes_.size() - offset));
  }
  uint64_t absent(uint64_t offset) const override {
    return offset < bytes_.size() ? 0 : std::numeric_limits<uint64_t>::max() - offset;
  }
  FileRange next_data(uint64_t offset) const override {
    offset = std::min<uint64_t>(offset, bytes_.size());
    return {offset, bytes_.size() - offset};
  }

 protected:
  Bytes bytes_;
};

// Holes of a sparse file are found by SEEK_DATA, so its descriptor is kept. Only the answer is used, never the
// position, so threads do not meet there.
class MappedView : public SpanView {
 public:
  MappedView(MappedFile file, int fd) : SpanView(file.bytes()), file_(std::move(file)), fd_(fd) {}
  ~MappedView() override {
    if (fd_ >= 0) ::close(fd_);
  }
  MappedView(const MappedView&) = delete;
  MappedView& operator=(const MappedView&) = delete;

  FileRange next_data(uint64_t offset) const override {
    FileRange rest = SpanView::next_data(offset);
    if (fd_ < 0 || rest.size == 0) return rest;
    const off_t data = ::lseek(fd_, off_t(offset), SEEK_DATA);
    if (data < 0) return errno == ENXIO ? FileRange{size(), 0} : rest;
    const off_t hole = ::lseek(fd_, data, SEEK_HOLE);
    if (hole <= data) return rest;
    const uint64_t start = std::min<uint64_t>(uint64_t(data), size());
    return {start, std::min<uint64_t>(uint64_t(hole), size()) - start};
  }
  void will_read(uint64_t offset, uint64_t count) const override { file_.will_read(offset, count); }
  void done_with(uint64_t offset, uint64_t count) const override {
    if (offset >= size() || size() < kKeptWhole) return;
    const uint64_t first = (offset + kHostPage - 1) / kHostPage * kHostPage;
    const uint64_t last = std::min(size(), offset + std::min(count, size() - offset)) / kHostPage * kHostPage;
    // The mapping is private and never written, so dropping its pages only means that they are mapped again when read.
    if (first < last) ::madvise(const_cast<std::byte*>(bytes_.data()) + first, last - first, MADV_DONTNEED);
  }

 private:
  MappedFile file_;
  int fd_;
};

}  // namespace

bool FileView::copy(uint64_t offset, std::span<std::byte> into) const {
  while (!into.empty()) {
    Bytes part = piece(offset, into.size());
    if (part.empty()) return false;
    std::copy(part.begin(), part.end(), into.begin());
    offset += part.size();
    into = into.subspan(part.size());
  }
  return true;
}

std::optional<Bytes> FileView::gather(uint64_t offset, uint64_t count, std::vector<std::byte>& scratch) const {
  if (count == 0) return Bytes{};
  if (offset >= size() || count > size() - offset) return std::nullopt;
  Bytes whole = piece(offset, count);
  if (whole.size() == count) return whole;
  if (whole.empty()) return std::nullopt;
  scratch.resize(count);
  if (!copy(offset, scratch)) return std::nullopt;
  return Bytes(scratch);
}

Result<std::shared_ptr<const FileView>> open_file_view(const std::string& path) {
  TRY(MappedFile file, MappedFile::open(path));
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  return std::shared_ptr<const FileView>(std::make_shared<MappedView>(std::move(file), fd));
}

std::shared_ptr<const FileView> view_of(Bytes bytes) { return std::make_shared<SpanView>(bytes); }

}  // namespace inquest::dump
