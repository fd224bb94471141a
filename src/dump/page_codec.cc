#include "dump/page_codec.h"

#include <fmt/format.h>
#include <libdeflate.h>
#include <lzo/lzo1x.h>
#include <snappy.h>
#include <zstd.h>

#include <cstring>

namespace inquest::dump {

struct PageInflater::State {
  libdeflate_decompressor* zlib = nullptr;
  ZSTD_DCtx* zstd = nullptr;
};

namespace {

const char* const kNoSense = "the packed bytes make no sense";

Error corrupt(const char* codec, Bytes stored, size_t page, const std::string& why) {
  return Error(ErrorCode::kCorrupt,
               fmt::format("{} page of {} bytes does not inflate to {}: {}", codec, stored.size(), page, why));
}

Result<void> inflate_lzo(Bytes stored, std::span<std::byte> page) {
  lzo_uint out = page.size();
  const int status = lzo1x_decompress_safe(reinterpret_cast<const unsigned char*>(stored.data()), stored.size(),
                                           reinterpret_cast<unsigned char*>(page.data()), &out, nullptr);
  if (status != LZO_E_OK) return corrupt("lzo", stored, page.size(), fmt::format("lzo error {}", status));
  if (out != page.size()) return corrupt("lzo", stored, page.size(), fmt::format("it holds {} bytes", out));
  return {};
}

Result<void> inflate_snappy(Bytes stored, std::span<std::byte> page) {
  const char* data = reinterpret_cast<const char*>(stored.data());
  size_t out = 0;
  if (!snappy::GetUncompressedLength(data, stored.size(), &out))
    return corrupt("snappy", stored, page.size(), kNoSense);
  if (out != page.size()) return corrupt("snappy", stored, page.size(), fmt::format("it holds {} bytes", out));
  if (!snappy::RawUncompress(data, stored.size(), reinterpret_cast<char*>(page.data())))
    return corrupt("snappy", stored, page.size(), kNoSense);
  return {};
}

}  // namespace

const char* codec_name(uint32_t flags) {
  switch (flags) {
    case kPageRaw: return "";
    case kPageZlib: return "zlib";
    case kPageLzo: return "lzo";
    case kPageSnappy: return "snappy";
    case kPageZstd: return "zstd";
    default: return nullptr;
  }
}

PageInflater::PageInflater() : state_(std::make_unique<State>()) {}
PageInflater::~PageInflater() {
  if (state_->zlib) libdeflate_free_decompressor(state_->zlib);
  if (state_->zstd) ZSTD_freeDCtx(state_->zstd);
}

Result<void> PageInflater::inflate(uint32_t flags, Bytes stored, std::span<std::byte> page) {
  switch (flags) {
    case kPageRaw:
      if (stored.size() != page.size()) return corrupt("raw", stored, page.size(), "another size");
      std::memcpy(page.data(), stored.data(), page.size());
      return {};
    case kPageZlib: {
      if (!state_->zlib) state_->zlib = libdeflate_alloc_decompressor();
      if (!state_->zlib) return Error(ErrorCode::kLimit, "no memory for a zlib decompressor");
      const libdeflate_result status =
          libdeflate_zlib_decompress(state_->zlib, stored.data(), stored.size(), page.data(), page.size(), nullptr);
      if (status == LIBDEFLATE_SUCCESS) return {};
      return corrupt("zlib", stored, page.size(),
                     status == LIBDEFLATE_BAD_DATA ? kNoSense : "it holds another number of bytes");
    }
    case kPageLzo: return inflate_lzo(stored, page);
    case kPageSnappy: return inflate_snappy(stored, page);
    case kPageZstd: {
      if (!state_->zstd) state_->zstd = ZSTD_createDCtx();
      if (!state_->zstd) return Error(ErrorCode::kLimit, "no memory for a zstd decompressor");
      const size_t out = ZSTD_decompressDCtx(state_->zstd, page.data(), page.size(), stored.data(), stored.size());
      if (ZSTD_isError(out)) return corrupt("zstd", stored, page.size(), ZSTD_getErrorName(out));
      if (out != page.size()) return corrupt("zstd", stored, page.size(), fmt::format("it holds {} bytes", out));
      return {};
    }
    default:
      return Error(ErrorCode::kUnsupported, fmt::format("a page with flags {:#x}: no codec is known for them", flags));
  }
}

InflaterPool::Loan InflaterPool::borrow(uint64_t key) {
  const size_t slot = size_t(key) % kSlots;
  {
    std::lock_guard lock(slots_[slot].mutex);
    if (!slots_[slot].idle.empty()) {
      std::unique_ptr<PageInflater> inflater = std::move(slots_[slot].idle.back());
      slots_[slot].idle.pop_back();
      return Loan(*this, slot, std::move(inflater));
    }
  }
  return Loan(*this, slot, std::make_unique<PageInflater>());
}

InflaterPool::Loan::~Loan() {
  Slot& slot = pool_.slots_[slot_];
  std::lock_guard lock(slot.mutex);
  slot.idle.push_back(std::move(inflater_));
}

bool all_zero(Bytes bytes) {
  // The first word decides for nearly all pages; then the rest is compared with itself, moved by one byte.
  if (bytes.empty()) return true;
  for (size_t i = 0; i < bytes.size() && i < 8; i++)
    if (bytes[i] != std::byte{0}) return false;
  return bytes.size() <= 8 || std::memcmp(bytes.data(), bytes.data() + 8, bytes.size() - 8) == 0;
}

}  // namespace inquest::dump
