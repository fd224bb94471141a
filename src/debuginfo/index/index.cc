#include "debuginfo/index/index.h"

#include <algorithm>

namespace inquest::debuginfo::index {

namespace {

// How far back a range that holds an address may begin before another that also begins below it.
constexpr int kMaxOverlap = 64;

}  // namespace

std::string_view NameStrings::at(NameRef ref) const {
  const Bytes* sections[] = {&debug_str, &strtab, &pool, &line_str};
  return dwarf::ByteReader(*sections[ref >> 30], ref & kNameOffsetMask).cstring();
}

size_t record_size(TableId id) {
  switch (id) {
    case kUnits: return sizeof(dwarf::UnitHeader);
    case kBuckets: return sizeof(uint32_t);
    case kEntries: return sizeof(Entry);
    case kSymbols: return sizeof(SymbolRecord);
    case kTypes: return sizeof(TypeRecord);
    case kFunctions: return sizeof(FunctionRecord);
    case kFunctionRanges:
    case kUnitRanges: return sizeof(CodeRange);
    case kVariables: return sizeof(VariableRecord);
    case kEnumerators: return sizeof(EnumeratorRecord);
    case kFrames: return sizeof(FrameRecord);
    default: return 1;
  }
}

Result<Index> Index::open(Bytes blob, const Subject& subject) {
  if (blob.size() < sizeof(Header)) return Error(ErrorCode::kTruncated, "index: no room for its header");
  if (reinterpret_cast<uintptr_t>(blob.data()) % 8) return Error(ErrorCode::kUsage, "index: not aligned");
  Index index;
  index.blob_ = blob;
  const Header& header = index.header();
  if (header.magic != kMagic || header.version != kVersion || header.byte_order != kByteOrderMark)
    return Error(ErrorCode::kMismatch, "index: of another version");
  if (header.header_hash != hash_block(blob.first(offsetof(Header, header_hash))))
    return Error(ErrorCode::kCorrupt, "index: header damaged");
  if (!(header.subject == subject)) return Error(ErrorCode::kMismatch, "index: of another file");
  if (header.total_size != blob.size() || header.bucket_bits > 31)
    return Error(ErrorCode::kTruncated, "index: cut short");
  for (uint32_t i = 0; i < kTableCount; i++) {
    const TablePlace& place = header.tables[i];
    uint64_t room = place.offset <= blob.size() ? blob.size() - place.offset : 0;
    if (place.offset % 8 || place.count > room / record_size(TableId(i)))
      return Error(ErrorCode::kCorrupt, "index: table out of bounds");
  }
  if (header.tables[kBuckets].count != (uint64_t{1} << header.bucket_bits) + 1)
    return Error(ErrorCode::kCorrupt, "index: bucket count");
  if (header.content_hash != hash_block(blob.subspan(sizeof(Header))))
    return Error(ErrorCode::kCorrupt, "index: contents damaged");
  return index;
}

std::span<const Entry> Index::bucket(uint32_t hash) const {
  std::span<const uint32_t> starts = table<uint32_t>(kBuckets);
  std::span<const Entry> entries = table<Entry>(kEntries);
  uint32_t bits = header().bucket_bits;
  size_t number = bits ? hash >> (32 - bits) : 0;
  uint32_t begin = starts[number], end = starts[number + 1];
  if (begin > end || end > entries.size()) return {};
  return entries.subspan(begin, end - begin);
}

const CodeRange* Index::find_range(std::span<const CodeRange> ranges, uint64_t address) {
  auto after = std::ranges::upper_bound(ranges, address, {}, &CodeRange::low);
  for (int i = 0; i < kMaxOverlap && after != ranges.begin(); i++) {
    --after;
    if (address - after->low < after->size) return &*after;
  }
  return nullptr;
}

}  // namespace inquest::debuginfo::index
