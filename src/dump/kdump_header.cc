#include "dump/kdump_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "dump/notes.h"

namespace inquest::dump {

namespace {

constexpr std::string_view kSignature = "KDUMP   ";
constexpr size_t kHeaderBytes = 464, kSubHeaderBytes = 104;
constexpr size_t kUtsAt = 12, kUtsField = 65, kTimeAt = 408, kStatusAt = 424, kBlockSizeAt = 428;
constexpr size_t kBlockSizeAt32 = 416;                // where a 32-bit machine's header has it
constexpr uint64_t kMaxPhysical = uint64_t{1} << 52;  // neither architecture can address more
constexpr uint32_t kMaxVersion = 64;  // only to tell byte orders apart: fields were always added at the end

bool plausible_block(uint64_t size) { return std::has_single_bit(size) && size >= 4096 && size <= (1u << 20); }
bool plausible_version(uint32_t version) { return version >= 1 && version <= kMaxVersion; }

// A header that makes no sense as 64-bit little-endian: as what does it?
Error other_layout(Bytes header) {
  auto u32 = [&](size_t at, ByteOrder order) { return load_unchecked<uint32_t>(header.data() + at, order); };
  if (plausible_version(u32(8, ByteOrder::kBig)) && !plausible_version(u32(8, ByteOrder::kLittle)))
    return Error(ErrorCode::kUnsupported, "a kdump-compressed dump of a big-endian machine: unsupported");
  if (plausible_version(u32(8, ByteOrder::kLittle)) && plausible_block(u32(kBlockSizeAt32, ByteOrder::kLittle)))
    return Error(ErrorCode::kUnsupported, "a kdump-compressed dump of a 32-bit machine: unsupported");
  return Error(ErrorCode::kCorrupt,
               fmt::format("kdump header: version {} at offset 8, block size {} at offset {}",
                           u32(8, ByteOrder::kLittle), u32(kBlockSizeAt, ByteOrder::kLittle), kBlockSizeAt));
}

void read_sub_header(Bytes bytes, KdumpHeader& h, uint64_t& max_mapnr) {
  Cursor c(bytes);
  h.phys_base = c.u64();
  const auto level = int32_t(c.u32());
  const uint32_t split = c.u32();
  if (h.version >= 1) h.dump_level = level;
  h.start_pfn = c.u64();
  h.end_pfn = c.u64();
  h.split = h.version >= 2 && split != 0;
  auto range = [&](int since) {
    const uint64_t start = c.u64(), size = c.u64();
    return h.version >= since ? FileRange{start, size} : FileRange{};
  };
  h.vmcoreinfo = range(3);
  h.notes = range(4);
  h.eraseinfo = range(5);
  if (h.version < 6) return;
  h.start_pfn = c.u64();
  h.end_pfn = c.u64();
  if (const uint64_t wide = c.u64()) max_mapnr = wide;
}

}  // namespace

bool has_kdump_signature(const FileView& file) { return as_text(file.piece(0, kSignature.size())) == kSignature; }

Result<KdumpHeader> read_kdump_header(const FileView& file) {
  if (!has_kdump_signature(file)) return Error(ErrorCode::kNotMine, "no KDUMP signature");
  std::vector<std::byte> scratch;
  std::optional<Bytes> header = file.gather(0, kHeaderBytes, scratch);
  if (!header)
    return Error(ErrorCode::kTruncated, fmt::format("the file ({} bytes) ends inside its kdump header", file.size()));
  KdumpHeader h;
  Cursor c(*header, ByteOrder::kLittle, 8);
  const uint32_t version = c.u32();
  c.seek(kStatusAt);
  h.status = c.u32();
  h.block_size = c.u32();
  if (!plausible_version(version) || !plausible_block(h.block_size)) return other_layout(*header);
  h.version = int(version);
  for (size_t i = 0; i < h.uts.size(); i++) h.uts[i] = text_of(header->subspan(kUtsAt + i * kUtsField, kUtsField));
  h.sub_blocks = c.u32();
  h.bitmap_blocks = c.u32();
  h.max_mapnr_32 = c.u32();
  c.seek(kTimeAt);
  h.seconds = c.u64();

  if (h.sub_blocks > (1u << 20))
    return Error(ErrorCode::kCorrupt, fmt::format("kdump header: a sub header of {} blocks", h.sub_blocks));
  uint64_t max_mapnr = h.max_mapnr_32;
  if (h.sub_blocks > 0) {
    std::vector<std::byte> sub_scratch;
    std::optional<Bytes> sub = file.gather(h.block_size, kSubHeaderBytes, sub_scratch);
    if (!sub)
      return Error(ErrorCode::kTruncated,
                   fmt::format("the file ({} bytes) ends inside its kdump sub header", file.size()));
    read_sub_header(*sub, h, max_mapnr);
  }
  const uint64_t bits = h.bitmap_bytes() * 8;
  h.two_bitmaps =
      max_mapnr <= bits / 2;  // old diskdump files had one bitmap; so does crash's diskdump.c tell them apart
  h.max_pfn = std::min({max_mapnr, h.two_bitmaps ? bits / 2 : bits, kMaxPhysical / h.block_size});
  if (h.split && (h.start_pfn > h.end_pfn || h.start_pfn > h.max_pfn))
    return Error(ErrorCode::kCorrupt, fmt::format("kdump sub header: split part of pages {:#x} to {:#x}, of {:#x}",
                                                  h.start_pfn, h.end_pfn, h.max_pfn));
  h.end_pfn = h.split ? std::min(h.end_pfn, h.max_pfn) : h.max_pfn;
  if (!h.split) h.start_pfn = 0;
  return h;
}

}  // namespace inquest::dump
