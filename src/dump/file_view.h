// FileView: a dump file as its format sees it: bytes by offset, wherever they really lie.
//
// A plain file is one piece; a flattened one (flattened.h) is many records put in order. Bytes that are not
// there (behind the end, or never written) are absent, which is not the same as zero. Offsets and sizes are in bytes.
// Immutable, so all calls are thread-safe; the spans live as long as the view.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cursor.h"
#include "base/result.h"

namespace inquest::dump {

struct FileRange {
  uint64_t start = 0, size = 0;
  uint64_t end() const { return start + size; }
};

class FileView {
 public:
  virtual ~FileView() = default;

  // One past the last byte that is there.
  virtual uint64_t size() const = 0;
  // The bytes at `offset` that lie in one piece, at most `wanted`; empty where they are absent.
  virtual Bytes piece(uint64_t offset, uint64_t wanted) const = 0;
  // How many bytes from `offset` on are absent: 0 if the first is there.
  virtual uint64_t absent(uint64_t offset) const = 0;
  // The next stretch at or behind `offset` that may hold anything but zeroes: what lies before it need not be read.
  // Empty (start = size()) if there is none.
  virtual FileRange next_data(uint64_t offset) const = 0;
  // Hints: a range will be read soon; it will not be read again soon (its memory may be given back).
  virtual void will_read(uint64_t, uint64_t) const {}
  virtual void done_with(uint64_t, uint64_t) const {}

  // Fills `into`, or says no if a byte of it is absent.
  bool copy(uint64_t offset, std::span<std::byte> into) const;
  // The range in one piece: in place where it lies so, else copied into `scratch`. Nothing if a byte of it is absent.
  std::optional<Bytes> gather(uint64_t offset, uint64_t count, std::vector<std::byte>& scratch) const;
};

// A whole file, mapped.
Result<std::shared_ptr<const FileView>> open_file_view(const std::string& path);
// Bytes that lie in memory and outlive the view.
std::shared_ptr<const FileView> view_of(Bytes bytes);

}  // namespace inquest::dump
