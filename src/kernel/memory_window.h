// MemoryWindow: a stretch of the dead kernel's memory, fetched page by page at the first touch and kept.
//
// For tables read in small pieces. One thread.
#pragma once

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/cursor.h"
#include "target/address_space.h"

namespace inquest::kernel {

class MemoryWindow {
 public:
  MemoryWindow(const target::AddressSpace& memory, VirtualAddress start, uint64_t size)
      : memory_(&memory), start_(start), size_(size), page_(memory.format().page_size()), lead_(start.value & (page_ - 1)) {}

  uint64_t size() const { return size_; }
  // Whether [offset, offset + into.size()) lies inside and was read.
  bool read(uint64_t offset, std::span<std::byte> into) {
    if (offset > size_ || into.size() > size_ - offset) return false;
    uint64_t at = offset + lead_;
    while (!into.empty()) {
      const std::vector<std::byte>* page = fetch(at / page_);
      if (!page) return false;
      size_t step = size_t(std::min<uint64_t>(page_ - at % page_, into.size()));
      std::memcpy(into.data(), page->data() + at % page_, step);
      into = into.subspan(step);
      at += step;
    }
    return true;
  }
  template <typename T>
  std::optional<T> integer(uint64_t offset) {
    std::byte bytes[sizeof(T)];
    if (!read(offset, bytes)) return std::nullopt;
    return load_unchecked<T>(bytes);
  }

 private:
  struct Page {
    bool tried = false;
    std::vector<std::byte> bytes;  // empty: not readable
  };
  const std::vector<std::byte>* fetch(uint64_t index) {
    Page& page = pages_[index];
    if (!page.tried) {
      page.tried = true;
      page.bytes.resize(page_);
      if (!memory_->read(start_ - lead_ + index * page_, page.bytes).ok()) page.bytes.clear();
    }
    return page.bytes.empty() ? nullptr : &page.bytes;
  }

  const target::AddressSpace* memory_;
  VirtualAddress start_;
  uint64_t size_, page_, lead_;
  std::unordered_map<uint64_t, Page> pages_;  // only what was touched: a hostile size costs nothing
};

}  // namespace inquest::kernel
