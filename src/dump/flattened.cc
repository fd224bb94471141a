#include "dump/flattened.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "dump/extents.h"

namespace inquest::dump {

namespace {

constexpr std::string_view kSignature = "makedumpfile";
constexpr uint64_t kHeaderSize = 4096, kRecordHeader = 16;
constexpr uint64_t kMaxOffset = uint64_t{1} << 62;

constexpr std::array<std::byte, 65536> kZeroes{};

class FlattenedView : public FileView {
 public:
  FlattenedView(std::shared_ptr<const FileView> file, std::vector<Extent> extents, bool zero_holes)
      : file_(std::move(file)), extents_(std::move(extents)), zero_holes_(zero_holes) {}

  uint64_t size() const override { return extents_.empty() ? 0 : extents_.back().end(); }

  Bytes piece(uint64_t offset, uint64_t wanted) const override {
    if (const Extent* e = find_extent(extents_, offset)) {
      const uint64_t into = offset - e->start;
      return file_->piece(e->target + into, std::min(wanted, e->size - into));
    }
    if (!zero_holes_) return {};
    const Extent* next = next_extent(extents_, offset);
    if (!next) return {};
    return Bytes(kZeroes).first(std::min({wanted, next->start - offset, uint64_t{kZeroes.size()}}));
  }

  uint64_t absent(uint64_t offset) const override {
    if (find_extent(extents_, offset)) return 0;
    const Extent* next = next_extent(extents_, offset);
    if (!next) return std::numeric_limits<uint64_t>::max() - offset;
    return zero_holes_ ? 0 : next->start - offset;
  }

  FileRange next_data(uint64_t offset) const override {
    if (const Extent* e = find_extent(extents_, offset)) return {offset, e->end() - offset};
    const Extent* next = next_extent(extents_, offset);
    return next ? FileRange{next->start, next->size} : FileRange{size(), 0};
  }

  void will_read(uint64_t offset, uint64_t count) const override {
    hint(offset, count, [&](uint64_t at, uint64_t n) { file_->will_read(at, n); });
  }
  void done_with(uint64_t offset, uint64_t count) const override {
    hint(offset, count, [&](uint64_t at, uint64_t n) { file_->done_with(at, n); });
  }

 private:
  // Records of one writer lie in the file about as they do in the dump: the hint covers the span of both ends.
  template <typename Function>
  void hint(uint64_t offset, uint64_t count, Function f) const {
    if (count == 0) return;
    const Extent* first = find_extent(extents_, offset);
    const Extent* last = find_extent(extents_, offset + count - 1);
    if (!first || !last || last->target < first->target) return;
    const uint64_t from = first->target + (offset - first->start);
    const uint64_t to = last->target + (offset + count - last->start);
    if (to > from && to - from < 4 * count) f(from, to - from);
  }

  std::shared_ptr<const FileView> file_;
  std::vector<Extent> extents_;
  bool zero_holes_;
};

}  // namespace

bool is_flattened(const FileView& file) { return as_text(file.piece(0, kSignature.size())) == kSignature; }

Result<Flattened> open_flattened(std::shared_ptr<const FileView> file) {
  if (!is_flattened(*file)) return Error(ErrorCode::kNotMine, "no makedumpfile signature");
  Cursor header(file->piece(0, kHeaderSize), ByteOrder::kBig, kSignature.size());
  header.seek(16);
  const uint64_t type = header.u64(), version = header.u64();
  if (!header.ok()) return Error(ErrorCode::kTruncated, "flattened: the file ends inside its header");
  if (type != 1 || version != 1)
    return Error(ErrorCode::kUnsupported,
                 fmt::format("flattened file of type {} version {}: only 1 and 1 are known", type, version));

  Flattened result;
  std::vector<Extent> extents;
  for (uint64_t at = kHeaderSize; at < file->size();) {
    Cursor record(file->piece(at, kRecordHeader), ByteOrder::kBig);
    const uint64_t offset = record.u64(), size = record.u64();
    if (!record.ok()) break;
    if (offset == ~uint64_t{0}) {
      result.complete = size == ~uint64_t{0};
      break;
    }
    if (offset > kMaxOffset || size > kMaxOffset) break;  // nonsense: what follows cannot be found
    at += kRecordHeader;
    const uint64_t there = std::min(size, file->size() - at);
    if (there) extents.push_back({offset, there, at, 0});
    result.records++;
    at += there;
  }
  if (extents.empty()) return Error(ErrorCode::kTruncated, "flattened: the file holds no record");
  result.view = std::make_shared<FlattenedView>(std::move(file), resolve_overlaps(std::move(extents)), result.complete);
  return result;
}

}  // namespace inquest::dump
