// What damage may do to a dump: take pages away, and say so. Never a crash, never bytes that were not there.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "dump/dump.h"
#include "dump/testing/dump_recipe.h"

namespace inquest::dump {
namespace {

using testing::DumpRecipe;
using testing::flatten;

const char* const kTiny = R"(
  level 31
  uname Linux victim 6.1.0-test #1 x86_64 (none)
  vmcoreinfo OSRELEASE=6.1.0-test
  cpu 17
  cpu 0
  end 60
  pattern 1..4
  random 4
  zero 5..7
  text 7 a page of text
  filtered 8..20
  pattern 40..42
  zero 42
)";

// Asks a damaged dump everything. `exact`: what has bytes must have the right ones.
void ask_everything(const Dump& dump, const DumpRecipe& recipe, bool exact) {
  const PhysicalMemory& memory = dump.memory();
  uint64_t readable = 0;
  for (uint64_t page = 0; page < recipe.end + 3; page++) {
    Chunk c = memory.chunk(PhysicalAddress(page * recipe.block), recipe.block);
    ASSERT_GE(c.size, 1u);
    ASSERT_EQ(c.bytes.empty(), !has_bytes(c.origin));
    if (!has_bytes(c.origin)) continue;
    readable++;
    const std::string truth = page < recipe.end ? recipe.at(page).bytes : "";
    if (exact) {
      ASSERT_TRUE(std::string_view(truth).starts_with(as_text(c.bytes).substr(0, recipe.block))) << "page " << page;
    }
  }
  uint64_t scanned = 0, ranged = 0;
  memory.scan([&](PhysicalAddress, Bytes bytes) { scanned += bytes.size(); }, 1);
  for (const PhysicalRange& r : memory.stored_ranges()) ranged += r.size;
  if (exact) {
    EXPECT_EQ((scanned + recipe.block - 1) / recipe.block, readable);
  }
  EXPECT_LE(scanned, ranged + recipe.block * 60);
  (void)memory.count_pages();
}

Result<Dump> open_one(std::string_view file) {
  LossLedger ledger;
  return Dump::open_bytes({as_bytes_of(file)}, {"damaged"}, ledger);
}

std::vector<std::pair<std::string, std::string>> forms(const DumpRecipe& recipe) {
  return {{"kdump", recipe.kdump()},
          {"elf", recipe.elf()},
          {"flattened kdump", flatten(recipe.kdump(), 1000, true)},
          {"flattened elf", flatten(recipe.elf(), 1000)},
          {"split part", recipe.kdump_part(true, 0, 41)}};
}

TEST(Damage, EveryTruncation) {
  for (const char* codec : {"zlib", "raw", "lzo"}) {
    DumpRecipe recipe = DumpRecipe::parse(kTiny);
    recipe.codec = codec;
    for (const auto& [name, whole] : forms(recipe)) {
      SCOPED_TRACE(name + " " + codec);
      // Every length where headers are, then in steps that meet every alignment.
      for (size_t size = 0; size < whole.size(); size += size < 600 || size + 600 > whole.size() ? 1 : 37) {
        SCOPED_TRACE(size);
        const std::string cut = whole.substr(0, size);
        Result<Dump> dump = open_one(cut);
        if (!dump.ok()) {
          EXPECT_FALSE(dump.error().message().empty());
          EXPECT_EQ(dump.error().message().find('\n'), std::string::npos);
          continue;
        }
        ask_everything(*dump, recipe, true);
        if (::testing::Test::HasFailure()) return;
      }
    }
  }
}

TEST(Damage, TruncatedDumpsSaySo) {
  DumpRecipe recipe = DumpRecipe::parse(kTiny);
  for (const auto& [name, whole] : forms(recipe)) {
    for (double share : {0.5, 0.99}) {
      const std::string cut = whole.substr(0, size_t(double(whole.size()) * share));
      Result<Dump> dump = open_one(cut);
      if (dump.ok()) {
        EXPECT_TRUE(dump->facts().incomplete) << name << " " << share;
      }
    }
  }
}

TEST(Damage, NoiseAnywhere) {
  std::mt19937 random(7);
  for (const char* codec : {"zlib", "lzo", "snappy", "zstd"}) {
    DumpRecipe recipe = DumpRecipe::parse(kTiny);
    recipe.codec = codec;
    for (const auto& [name, whole] : forms(recipe)) {
      SCOPED_TRACE(name + " " + codec);
      for (int round = 0; round < 150; round++) {
        std::string noisy = whole;
        // The headers of half of the rounds are left alone, so that what lies behind them is met.
        const size_t from = round % 2 ? 8192 : 0, length = 1 + random() % 300,
                     at = from + random() % (noisy.size() - from);
        for (size_t i = at; i < std::min(at + length, noisy.size()); i++) noisy[i] = char(random());
        Result<Dump> dump = open_one(noisy);
        if (dump.ok()) ask_everything(*dump, recipe, false);
      }
    }
  }
}

// zlib streams are checked, so noise in them takes the page away and leaves its neighbours alone.
TEST(Damage, NoiseInOnePage) {
  DumpRecipe recipe = DumpRecipe::parse("end 10\npattern 0..10");
  const std::string whole = recipe.kdump();
  const size_t table = 4 * 4096;
  for (uint64_t page = 0; page < 10; page++) {
    std::string noisy = whole;
    const auto at = load_unchecked<uint64_t>(as_bytes_of(noisy).data() + table + 24 * page);
    noisy[at + 20] = char(noisy[at + 20] ^ 0x5a);
    Result<Dump> dump = open_one(noisy);
    ASSERT_TRUE(dump.ok());
    for (uint64_t p = 0; p < 10; p++) {
      Chunk c = dump->memory().chunk(PhysicalAddress(p * 4096), 4096);
      EXPECT_EQ(c.origin, p == page ? PageOrigin::kCorrupt : PageOrigin::kStored);
      EXPECT_EQ(c.why.empty(), p != page);
    }
  }
}

TEST(Damage, DescriptorsThatPointAnywhere) {
  DumpRecipe recipe = DumpRecipe::parse("end 4\npattern 0..4");
  const std::string whole = recipe.kdump();
  struct Case {
    uint64_t offset;
    uint32_t size, flags;
    PageOrigin origin;
  };
  for (const Case& c :
       {Case{0, 100, 1, PageOrigin::kLost}, Case{100, 100, 1, PageOrigin::kCorrupt},
        Case{~uint64_t{0}, 100, 1, PageOrigin::kLost}, Case{~uint64_t{0} - 50, 100, 1, PageOrigin::kLost},
        Case{uint64_t(whole.size()) - 10, 11, 1, PageOrigin::kLost}, Case{20000, 5000, 1, PageOrigin::kCorrupt},
        Case{20000, 0, 1, PageOrigin::kCorrupt}, Case{16500, 100, 3, PageOrigin::kCorrupt},
        Case{16500, 100, 0, PageOrigin::kCorrupt}, Case{16500, 0xffffffff, 0, PageOrigin::kCorrupt}}) {
    std::string file = whole;
    char* descriptor = file.data() + 4 * 4096 + 24;
    std::memcpy(descriptor, &c.offset, 8);
    std::memcpy(descriptor + 8, &c.size, 4);
    std::memcpy(descriptor + 12, &c.flags, 4);
    Result<Dump> dump = open_one(file);
    ASSERT_TRUE(dump.ok());
    Chunk chunk = dump->memory().chunk(PhysicalAddress(4096), 1);
    EXPECT_EQ(name_of(chunk.origin), std::string(name_of(c.origin))) << c.offset << " " << c.size << " " << chunk.why;
    EXPECT_TRUE(has_bytes(dump->memory().chunk(PhysicalAddress(8192), 1).origin));
  }
}

// Headers that promise far more than the file has must cost neither memory nor time.
TEST(Damage, HeadersThatPromiseTheMoon) {
  DumpRecipe recipe = DumpRecipe::parse(kTiny);
  const std::string whole = recipe.kdump();
  for (uint32_t bitmap_blocks : {0u, 1u, 2u, 0x7fffffffu, 0xffffffffu}) {
    for (uint64_t max_mapnr : {uint64_t{0}, uint64_t{60}, uint64_t{1} << 40, ~uint64_t{0}}) {
      std::string file = whole;
      std::memcpy(file.data() + 436, &bitmap_blocks, 4);
      std::memcpy(file.data() + 4096 + 96, &max_mapnr, 8);
      Result<Dump> dump = open_one(file);
      if (!dump.ok()) continue;
      for (uint64_t address = 1; address; address <<= 1)
        (void)dump->memory().chunk(PhysicalAddress(address), ~uint64_t{0});
      EXPECT_LE(dump->memory().end(), uint64_t{1} << 52);
    }
  }
}

TEST(Unread, EveryFileGetsOneClearLine) {
  struct Case {
    std::string bytes;
    ErrorCode code;
    const char* says;
  };
  std::string process = DumpRecipe::parse("pattern 1\npattern 3").elf();
  for (size_t at : {64 + 56 + 24, 64 + 56 + 56 + 24}) process.replace(at, 8, std::string(8, '\0'));
  std::string big = DumpRecipe::parse(kTiny).kdump(), narrow = big;
  big.replace(8, 4, std::string("\0\0\0\6", 4));
  narrow.replace(428, 4, std::string(4, '\0'));
  narrow.replace(416, 4, std::string("\0\x10\0\0", 4));
  std::string kernel = DumpRecipe::parse(kTiny).elf(), elf32 = kernel, riscv = kernel;
  kernel[16] = 2;
  elf32[4] = 1;
  riscv[18] = char(243);
  for (const Case& c : {Case{"", ErrorCode::kTruncated, "empty"},
                        Case{"[    0.0] Linux version 6.1\n", ErrorCode::kNotMine, "text"},
                        Case{std::string(4096, '\0'), ErrorCode::kNotMine, "no ELF magic"},
                        Case{"DISKDUMP and more", ErrorCode::kUnsupported, "diskdump"},
                        Case{"\xed\x23\x8f\x61\x73\x01\x19\xa8", ErrorCode::kUnsupported, "LKCD"},
                        Case{std::string("sadump\0\0", 8), ErrorCode::kUnsupported, "sadump"},
                        Case{"\xd2\xbe\xd2\xbe", ErrorCode::kUnsupported, "VMware"},
                        Case{"\xed\xeb\x0f\xf0", ErrorCode::kUnsupported, "Xen"},
                        Case{"QEVM", ErrorCode::kUnsupported, "QEMU"},
                        Case{"LibvirtQemudSave", ErrorCode::kUnsupported, "libvirt"},
                        Case{"\xa8\x19\x01\x73\x61\x8f\x23\xfd", ErrorCode::kUnsupported, "s390"},
                        Case{"\x1f\x8b\x08", ErrorCode::kUnsupported, "gzip"},
                        Case{process, ErrorCode::kUnsupported, "process"},
                        Case{big, ErrorCode::kUnsupported, "big-endian"},
                        Case{narrow, ErrorCode::kUnsupported, "32-bit"},
                        Case{kernel, ErrorCode::kUnsupported, "not a core"},
                        Case{elf32, ErrorCode::kUnsupported, "32-bit"},
                        Case{riscv, ErrorCode::kUnsupported, "riscv"},
                        Case{"makedumpfile", ErrorCode::kTruncated, "flattened"},
                        Case{"KDUMP   ", ErrorCode::kTruncated, "kdump header"}}) {
    Result<Dump> dump = open_one(c.bytes);
    ASSERT_FALSE(dump.ok()) << c.says;
    EXPECT_EQ(name_of(dump.error().code()), std::string(name_of(c.code))) << dump.error().message();
    EXPECT_NE(dump.error().message().find(c.says), std::string::npos) << dump.error().message();
    EXPECT_TRUE(dump.error().message().starts_with("damaged: ")) << dump.error().message();
    EXPECT_EQ(dump.error().message().find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace inquest::dump
