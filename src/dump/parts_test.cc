// The pieces a format is made of, each by itself: extents, bitmap ranks, page cache, page codecs.
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "base/worker_pool.h"
#include "dump/extents.h"
#include "dump/page_bitmap.h"
#include "dump/page_cache.h"
#include "dump/page_codec.h"

namespace inquest::dump {
namespace {

std::string drawn(const std::vector<Extent>& extents) {
  std::string s;
  for (const Extent& e : extents)
    s += std::to_string(e.start) + "+" + std::to_string(e.size) + "@" + std::to_string(e.target) + " ";
  return s;
}

TEST(Extents, LaterWinsAmongEqualsHigherRankAlways) {
  EXPECT_EQ(drawn(resolve_overlaps({{10, 5, 100}, {0, 5, 200}})), "0+5@200 10+5@100 ");
  EXPECT_EQ(drawn(resolve_overlaps({{0, 10, 100}, {3, 2, 500}})), "0+3@100 3+2@500 5+5@105 ");
  EXPECT_EQ(drawn(resolve_overlaps({{3, 2, 500}, {0, 10, 100}})), "0+10@100 ");
  EXPECT_EQ(drawn(resolve_overlaps({{0, 10, 100, 1}, {3, 20, 500, 0}})), "0+10@100 10+13@507 ");
  EXPECT_EQ(drawn(resolve_overlaps({{0, 0, 1}, {5, 0, 1}})), "");
  EXPECT_EQ(drawn(resolve_overlaps({{~uint64_t{0} - 3, 100, 7}})), std::to_string(~uint64_t{0} - 3) + "+3@7 ");
}

TEST(Extents, AgainstOneByteAtATime) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; round++) {
    std::vector<Extent> extents;
    std::vector<uint64_t> truth(100, 0);
    std::vector<int> rank(100, -1);
    for (uint64_t i = 0; i < 1 + random() % 12; i++) {
      Extent e{random() % 80, random() % 20, 1000 * (i + 1), uint32_t(random() % 2)};
      extents.push_back(e);
      for (uint64_t at = e.start; at < e.end(); at++)
        if (int(e.rank) >= rank[at]) truth[at] = e.target + at - e.start, rank[at] = int(e.rank);
    }
    const std::vector<Extent> sorted = resolve_overlaps(extents);
    for (uint64_t at = 0; at < 100; at++) {
      const Extent* e = find_extent(sorted, at);
      ASSERT_EQ(e ? e->target + at - e->start : 0, truth[at]) << round << " " << at;
    }
  }
}

std::string noise_bits(size_t bytes, unsigned seed) {
  std::mt19937 random(seed);
  std::string s(bytes, '\0');
  for (size_t i = 0; i < bytes; i++)
    if (random() % 3) s[i] = char(random());
  return s;
}

TEST(PageBitmap, RanksAgainstCounting) {
  const uint64_t pages = 3 * PageBitmap::kBlockBits + 12345;
  const std::string bits = noise_bits(10 + pages / 8 + 1, 3);
  for (uint64_t first : {uint64_t{0}, uint64_t{777}, PageBitmap::kBlockBits, PageBitmap::kBlockBits + 4567}) {
    PageBitmap bitmap(view_of(as_bytes_of(bits)), 10, pages, first);
    auto bit = [&](uint64_t p) { return bits[10 + p / 8] >> (p % 8) & 1; };
    EXPECT_EQ(bitmap.rank(first), 0u);
    uint64_t n = 0;
    for (uint64_t p = first; p < pages; p++) {
      if (p % 97 == 0 || p % PageBitmap::kLineBits < 2 || p % PageBitmap::kBlockBits < 2) {
        ASSERT_EQ(bitmap.rank(p), n) << p;
        ASSERT_EQ(bitmap.at(p), bit(p) != 0);
      }
      n += uint64_t(bit(p));
    }
    EXPECT_EQ(bitmap.rank(pages), n);
    EXPECT_FALSE(bitmap.rank(pages + 1));
    EXPECT_FALSE(bitmap.at(pages));
    if (first) {
      EXPECT_FALSE(bitmap.rank(first - 1));
    }
  }
}

TEST(PageBitmap, RanksEndWhereTheBitsDo) {
  const uint64_t pages = 2 * PageBitmap::kBlockBits;
  const std::string bits = noise_bits(PageBitmap::kBlockBits / 8 + 100, 5);
  PageBitmap bitmap(view_of(as_bytes_of(bits)), 0, pages);
  EXPECT_TRUE(bitmap.rank(PageBitmap::kBlockBits + 800));
  EXPECT_FALSE(bitmap.rank(PageBitmap::kBlockBits + 801));
  EXPECT_FALSE(bitmap.rank(pages));
  EXPECT_FALSE(bitmap.at(PageBitmap::kBlockBits + 800));
  uint64_t present = 0;
  (void)bitmap.word((PageBitmap::kBlockBits + 768) / 64, &present);
  EXPECT_EQ(present, 0xffffffffu);
  EXPECT_TRUE(bitmap.rank(5));
}

TEST(PageBitmap, ManyThreadsAskAtOnce) {
  const uint64_t pages = 8 * PageBitmap::kBlockBits;
  const std::string bits = noise_bits(pages / 8, 9);
  PageBitmap one(view_of(as_bytes_of(bits)), 0, pages), many(view_of(as_bytes_of(bits)), 0, pages);
  std::vector<uint64_t> expected;
  for (uint64_t i = 0; i < 512; i++) expected.push_back(*one.rank(i * 7919 * 2 % pages));
  std::atomic<int> wrong{0};
  parallel_for(
      512, [&](size_t i, unsigned) { wrong += many.rank(i * 7919 * 2 % pages) != expected[i]; }, 8);
  EXPECT_EQ(wrong, 0);
}

CachedPagePointer page_of(char c, size_t size) {
  auto page = std::make_shared<CachedPage>();
  page->bytes.reset(new std::byte[size]);
  page->size = size;
  for (size_t i = 0; i < size; i++) page->bytes[i] = std::byte(c);
  return page;
}

TEST(PageCache, KeepsNoMoreThanItsLimit) {
  PageCache cache(4096, 32 * 4 * 4096);
  EXPECT_FALSE(cache.find(1));
  CachedPagePointer a = page_of('a', 4096);
  EXPECT_EQ(cache.keep(1, a), a);
  EXPECT_EQ(cache.find(1), a);
  EXPECT_EQ(cache.keep(1, page_of('b', 4096)), a);  // the first stays
  for (uint64_t p = 2; p < 5000; p++) {
    (void)cache.keep(p, page_of('x', 4096));
    (void)cache.find(1);  // used again and again, so it survives
  }
  EXPECT_LE(cache.pages_kept(), 128u);
  EXPECT_GE(cache.pages_kept(), 100u);
  EXPECT_EQ(cache.find(1), a);
}

TEST(PageCache, ManyThreads) {
  PageCache cache(64, 32 * 8 * 64);
  std::atomic<int> wrong{0};
  parallel_for(
      64,
      [&](size_t t, unsigned) {
        for (uint64_t i = 0; i < 2000; i++) {
          const uint64_t page = (i * 31 + t) % 400;
          CachedPagePointer p = cache.find(page);
          if (!p) p = cache.keep(page, page_of(char(page), 64));
          if (p->bytes[5] != std::byte(char(page))) wrong++;
        }
      },
      8);
  EXPECT_EQ(wrong, 0);
}

TEST(PageCodec, NamesAndUnknownFlags) {
  EXPECT_STREQ(codec_name(kPageZlib), "zlib");
  EXPECT_STREQ(codec_name(kPageRaw), "");
  EXPECT_EQ(codec_name(3), nullptr);
  PageInflater inflater;
  std::vector<std::byte> page(4096);
  EXPECT_EQ(inflater.inflate(0x40, page, page).error().code(), ErrorCode::kUnsupported);
  EXPECT_EQ(inflater.inflate(kPageRaw, Bytes(page).first(100), page).error().code(), ErrorCode::kCorrupt);
  for (uint32_t flag : {kPageZlib, kPageLzo, kPageSnappy, kPageZstd}) {
    EXPECT_FALSE(inflater.inflate(flag, Bytes{}, page).ok()) << flag;
    EXPECT_FALSE(inflater.inflate(flag, Bytes(page).first(100), page).ok()) << flag;
  }
}

TEST(PageCodec, AllZero) {
  std::vector<std::byte> page(4096);
  EXPECT_TRUE(all_zero(page));
  for (size_t at : {0u, 7u, 8u, 9u, 100u, 4095u}) {
    page[at] = std::byte{1};
    EXPECT_FALSE(all_zero(page)) << at;
    page[at] = std::byte{0};
  }
  EXPECT_TRUE(all_zero(Bytes(page).first(3)));
}

}  // namespace
}  // namespace inquest::dump
