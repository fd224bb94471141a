#include "dump/physical_memory.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/worker_pool.h"

namespace inquest::dump {

namespace {
constexpr uint64_t kScanPiece = uint64_t{4} << 20;
}

const char* name_of(PageOrigin origin) {
  switch (origin) {
    case PageOrigin::kStored: return "stored";
    case PageOrigin::kZeroPage: return "zero page";
    case PageOrigin::kFiltered: return "filtered";
    case PageOrigin::kLost: return "lost";
    case PageOrigin::kCorrupt: return "corrupt";
    case PageOrigin::kNotRam: return "not RAM";
  }
  return "unknown";
}

Result<void> PhysicalMemory::read(PhysicalAddress address, std::span<std::byte> into, PageOrigin* origin) const {
  if (origin) *origin = PageOrigin::kStored;
  for (size_t done = 0; done < into.size();) {
    const PhysicalAddress at = address + done;
    Chunk c = chunk(at, into.size() - done);
    if (!has_bytes(c.origin) || c.bytes.empty()) {
      return Error(ErrorCode::kUnreadable, fmt::format("physical address {:#x}: {}{}{}", at.value, name_of(c.origin),
                                                       c.why.empty() ? "" : ": ", c.why));
    }
    const size_t n = std::min(c.bytes.size(), into.size() - done);
    std::copy_n(c.bytes.data(), n, into.data() + done);
    if (origin && c.origin == PageOrigin::kZeroPage) *origin = PageOrigin::kZeroPage;
    done += n;
  }
  return {};
}

Result<uint64_t> PhysicalMemory::read_u64(PhysicalAddress address, ByteOrder order) const {
  std::byte bytes[8];
  TRY_VOID(read(address, bytes));
  return load_unchecked<uint64_t>(bytes, order);
}

void PhysicalMemory::scan(const std::function<void(PhysicalAddress, Bytes)>& visit, unsigned workers) const {
  std::vector<PhysicalRange> pieces;
  for (const PhysicalRange& r : stored_ranges())
    for (uint64_t done = 0; done < r.size; done += kScanPiece)
      pieces.push_back({r.start + done, std::min(kScanPiece, r.size - done)});
  parallel_for(
      pieces.size(),
      [&](size_t index, unsigned) {
        const PhysicalRange& piece = pieces[index];
        for (uint64_t done = 0; done < piece.size;) {
          Chunk c = chunk(piece.start + done, piece.size - done);
          const uint64_t n = std::min(std::max<uint64_t>(c.size, 1), piece.size - done);
          if (!c.bytes.empty()) visit(piece.start + done, c.bytes.first(std::min<uint64_t>(n, c.bytes.size())));
          done += n;
        }
      },
      workers);
}

}  // namespace inquest::dump
