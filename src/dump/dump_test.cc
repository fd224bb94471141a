#include "dump/dump.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <mutex>

#include "dump/testing/dump_recipe.h"
#include "elf/testing/elf_builder.h"

namespace inquest::dump {
namespace {

using testing::DumpRecipe;
using testing::flatten;
using ::testing::HasSubstr;
using testing::PageTruth;

const char* const kSmall = R"(
  level 31
  uname Linux victim 6.1.0-test #1 x86_64 (none)
  time 1700000000
  vmcoreinfo OSRELEASE=6.1.0-test
  vmcoreinfo CRASHTIME=1699999999
  eraseinfo erase cred
  cpu 17
  cpu 0
  end 100
  pattern 1..9
  random 9..12
  zero 12..16
  text 16 a page of text
  filtered 20..40
  pattern 40..43
  zero 60..62
  pattern 90..92
)";

// The files must outlive the dump, so they are named, never temporaries.
Result<Dump> open(const std::vector<std::string_view>& files, LossLedger& ledger) {
  std::vector<Bytes> bytes;
  std::vector<std::string> names;
  for (std::string_view f : files)
    bytes.push_back(as_bytes_of(f)), names.push_back("dump" + std::to_string(names.size()));
  return Dump::open_bytes(bytes, names, ledger);
}

// Every page of the dump is as the recipe says; `elf`: zero pages are stored like others, and loss cannot be told from
// filtering.
void expect_truth(const PhysicalMemory& memory, const DumpRecipe& recipe, bool elf = false) {
  for (uint64_t page = 0; page < recipe.end + 5; page++) {
    const PageTruth truth = page < recipe.end ? recipe.at(page) : PageTruth{};
    PageOrigin expected = truth.origin;
    if (elf && expected == PageOrigin::kZeroPage) expected = PageOrigin::kStored;
    if (elf && expected == PageOrigin::kLost) expected = PageOrigin::kFiltered;
    Chunk c = memory.chunk(PhysicalAddress(page * recipe.block), recipe.block);
    EXPECT_EQ(name_of(c.origin), std::string(name_of(expected))) << "page " << page << ": " << c.why;
    ASSERT_GE(c.size, 1u);
    if (!has_bytes(c.origin)) continue;
    ASSERT_EQ(c.bytes.size(), recipe.block);
    EXPECT_TRUE(as_text(c.bytes) == truth.bytes) << "page " << page;
    Chunk middle = memory.chunk(PhysicalAddress(page * recipe.block + 1000), 8);
    ASSERT_GE(middle.bytes.size(), 8u);
    EXPECT_EQ(std::memcmp(middle.bytes.data(), truth.bytes.data() + 1000, 8), 0);
  }
}

// scan() and stored_ranges() show exactly the pages that have bytes.
void expect_scan(const PhysicalMemory& memory, const DumpRecipe& recipe) {
  std::mutex mutex;
  std::map<uint64_t, std::string> seen;
  for (unsigned workers : {1u, 3u}) {
    seen.clear();
    memory.scan(
        [&](PhysicalAddress at, Bytes bytes) {
          std::lock_guard lock(mutex);
          EXPECT_EQ(at.value % recipe.block, 0u);
          for (uint64_t done = 0; done < bytes.size(); done += recipe.block)
            seen[(at.value + done) / recipe.block] = as_text(bytes.subspan(done, recipe.block));
        },
        workers);
    uint64_t stored = 0;
    for (const auto& [page, truth] : recipe.pages) {
      if (!has_bytes(truth.origin)) continue;
      stored++;
      EXPECT_TRUE(seen[page] == truth.bytes) << page;
    }
    EXPECT_EQ(seen.size(), stored);
    EXPECT_EQ(memory.count_pages().stored, stored);
  }
  uint64_t ranged = 0, last = 0;
  for (const PhysicalRange& r : memory.stored_ranges()) {
    EXPECT_TRUE(ranged == 0 || r.start.value > last);
    ranged += r.size;
    last = r.start.value + r.size;
  }
  EXPECT_EQ(ranged, seen.size() * recipe.block);
}

class EveryCodec : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Kdump, EveryCodec, ::testing::Values("raw", "zlib", "lzo", "snappy", "zstd"),
                         [](const auto& i) { return std::string(i.param); });

TEST_P(EveryCodec, PagesAndFacts) {
  DumpRecipe recipe = DumpRecipe::parse(kSmall);
  recipe.codec = GetParam();
  LossLedger ledger;
  const std::string file = recipe.kdump();
  Result<Dump> dump = open({file}, ledger);
  ASSERT_TRUE(dump.ok()) << dump.error().message();
  expect_truth(dump->memory(), recipe);
  expect_truth(dump->memory(), recipe);  // once more, from the cache
  expect_scan(dump->memory(), recipe);
  const DumpFacts& facts = dump->facts();
  EXPECT_EQ(facts.format, recipe.codec == "raw" ? "kdump" : "kdump-" + recipe.codec);
  EXPECT_EQ(facts.arch, &arch::x86_64());
  EXPECT_EQ(facts.uts[2], "6.1.0-test");
  EXPECT_EQ(facts.header_version, 6);
  EXPECT_EQ(facts.dump_level, 31);
  EXPECT_TRUE(facts.partial);
  EXPECT_FALSE(facts.incomplete);
  EXPECT_EQ(facts.crash_time, 1700000000u);
  EXPECT_EQ(facts.phys_base, 0x1000000u);
  EXPECT_EQ(facts.vmcoreinfo, "OSRELEASE=6.1.0-test\nCRASHTIME=1699999999\n");
  EXPECT_EQ(facts.eraseinfo, "erase cred\n");
  EXPECT_TRUE(ledger.entries().empty());
  PageCounts n = dump->memory().count_pages();
  EXPECT_EQ(n.stored, 23u);
  EXPECT_EQ(n.filtered, 20u);
  EXPECT_EQ(n.lost, 0u);
  EXPECT_EQ(dump->memory().end(), 100u * 4096);
}

TEST_P(EveryCodec, Blocks64K) {
  DumpRecipe recipe = DumpRecipe::parse(
      "arch aarch64\nblock 65536\nlevel 1\nend 40\npattern 3..8\nrandom 8..10\nzero 10..14\npattern 39");
  recipe.codec = GetParam();
  LossLedger ledger;
  const std::string file = recipe.kdump();
  Result<Dump> dump = open({file}, ledger);
  ASSERT_TRUE(dump.ok()) << dump.error().message();
  EXPECT_EQ(dump->facts().arch, &arch::aarch64());
  EXPECT_EQ(dump->memory().block_size(), 65536u);
  EXPECT_FALSE(dump->facts().partial);
  expect_truth(dump->memory(), recipe);
}

TEST(Kdump, RegistersOfEveryCpu) {
  DumpRecipe recipe = DumpRecipe::parse(kSmall);
  LossLedger ledger;
  const std::string file = recipe.kdump();
  Result<Dump> dump = open({file}, ledger);
  ASSERT_TRUE(dump.ok());
  ASSERT_EQ(dump->facts().cpus.size(), 2u);
  const CpuState& cpu = dump->facts().cpus[1];
  EXPECT_EQ(cpu.cpu, 1);
  EXPECT_EQ(cpu.pid, 0);
  EXPECT_FALSE(cpu.from_qemu);
  EXPECT_EQ(cpu.registers.get(arch::x86::kRip), 0x2000u + arch::x86::kRip);
  EXPECT_FALSE(cpu.registers.get(arch::x86::kCr3));
}

TEST(Kdump, EveryHeaderVersion) {
  for (int version = 1; version <= 7; version++) {
    DumpRecipe recipe = DumpRecipe::parse(kSmall);
    recipe.version = version;
    LossLedger ledger;
    const std::string file = recipe.kdump();
    Result<Dump> dump = open({file}, ledger);
    ASSERT_TRUE(dump.ok()) << version << dump.error().message();
    expect_truth(dump->memory(), recipe);
    EXPECT_EQ(dump->facts().header_version, version);
    EXPECT_EQ(dump->facts().vmcoreinfo.empty(), version < 3);
    EXPECT_EQ(dump->facts().cpus.empty(), version < 4);
    EXPECT_EQ(dump->facts().eraseinfo.empty(), version < 5);
  }
}

// QEMU names no kernel, and on arm64 no machine; its registers are the CPU's own.
TEST(Kdump, WrittenByQemu) {
  DumpRecipe recipe = DumpRecipe::parse("arch aarch64\nblock 65536\nlevel 1\ncpu 1\ncpu 2\npattern 0..3");
  recipe.uname = {"", "", "", "", "Unknown", ""};
  std::string file = recipe.kdump();
  std::memset(file.data() + 12, 0, 390);
  std::memcpy(file.data() + 12 + 4 * 65, "Unknown", 7);
  LossLedger ledger;
  Result<Dump> dump = open({file}, ledger);
  ASSERT_TRUE(dump.ok()) << dump.error().message();
  EXPECT_EQ(dump->facts().arch, &arch::aarch64());
  EXPECT_FALSE(dump->facts().phys_base);
  ASSERT_EQ(dump->facts().cpus.size(), 2u);
  EXPECT_TRUE(dump->facts().cpus[0].from_qemu);
  EXPECT_FALSE(dump->facts().cpus[0].pid);
  EXPECT_EQ(dump->facts().cpus[1].registers.get(arch::a64::kPc), 0x2000u + arch::a64::kPc);
}

TEST(Kdump, ZeroPagesShareOneCopyAndSayItIsZero) {
  DumpRecipe recipe = DumpRecipe::parse("level 1\nend 10\nzero 0..9");
  LossLedger ledger;
  const std::string file = recipe.kdump();
  Result<Dump> dump = open({file}, ledger);
  ASSERT_TRUE(dump.ok());
  expect_truth(dump->memory(), recipe);
  PageOrigin origin = PageOrigin::kLost;
  std::byte bytes[16];
  EXPECT_TRUE(dump->memory().read(PhysicalAddress(4096 * 3 - 8), bytes, &origin).ok());
  EXPECT_EQ(origin, PageOrigin::kZeroPage);
}

TEST(Kdump, ReadsAcrossPagesAndSaysWhereItStops) {
  DumpRecipe recipe = DumpRecipe::parse(kSmall);
  LossLedger ledger;
  const std::string file = recipe.kdump();
  Result<Dump> dump = open({file}, ledger);
  ASSERT_TRUE(dump.ok());
  std::vector<std::byte> bytes(3 * 4096);
  PageOrigin origin = PageOrigin::kLost;
  ASSERT_TRUE(dump->memory().read(PhysicalAddress(4096 + 100), bytes, &origin).ok());
  EXPECT_EQ(origin, PageOrigin::kStored);
  EXPECT_TRUE(
      as_text(bytes) ==
      (recipe.at(1).bytes + recipe.at(2).bytes + recipe.at(3).bytes + recipe.at(4).bytes).substr(100, bytes.size()));
  Result<void> end = dump->memory().read(PhysicalAddress(16 * 4096 + 8), bytes);
  ASSERT_FALSE(end.ok());
  EXPECT_EQ(end.error().code(), ErrorCode::kUnreadable);
  EXPECT_THAT(end.error().message(), HasSubstr("0x11000: not RAM"));
  EXPECT_THAT(dump->memory().read_u64(PhysicalAddress(20 * 4096)).error().message(), HasSubstr("filtered"));
  EXPECT_EQ(*dump->memory().read_u64(PhysicalAddress(8 + 4096)), uint64_t{1} << 32);
}

TEST(Kdump, HolesReachAsFarAsTheyAreAlike) {
  DumpRecipe recipe = DumpRecipe::parse("end 3000\npattern 5\nfiltered 100..2100");
  LossLedger ledger;
  const std::string file = recipe.kdump();
  Result<Dump> dump = open({file}, ledger);
  ASSERT_TRUE(dump.ok());
  auto reach = [&](uint64_t page, uint64_t wanted) {
    return dump->memory().chunk(PhysicalAddress(page * 4096), wanted * 4096).size / 4096;
  };
  EXPECT_EQ(reach(100, 1), 1u);
  EXPECT_EQ(reach(100, 10000), 2000u);
  EXPECT_EQ(reach(130, 10000), 1970u);
  EXPECT_EQ(reach(6, 10000), 94u);
  EXPECT_EQ(reach(2100, 10000), 900u);
}

TEST(Kdump, IncompleteDumpsSayWhatIsLost) {
  DumpRecipe recipe = DumpRecipe::parse("status 8\nend 50\npattern 0..10\nlost 10..20\nzero 20\nlost 21");
  LossLedger ledger;
  const std::string file = recipe.kdump();
  Result<Dump> dump = open({file}, ledger);
  ASSERT_TRUE(dump.ok());
  EXPECT_TRUE(dump->facts().incomplete);
  expect_truth(dump->memory(), recipe);
  expect_scan(dump->memory(), recipe);
  EXPECT_EQ(dump->memory().count_pages().lost, 11u);
  ASSERT_EQ(ledger.entries().size(), 1u);
  EXPECT_EQ(ledger.entries()[0].loss, Loss::kDumpIncomplete);
}

TEST(Flattened, InAnyOrderAndRecordSize) {
  DumpRecipe recipe = DumpRecipe::parse(kSmall);
  const std::string plain = recipe.kdump(), elf = recipe.elf();
  for (size_t record : {100u, 1000u, 4096u, 5000u, 1u << 20}) {
    for (bool shuffled : {false, true}) {
      LossLedger ledger;
      const std::string file = flatten(plain, record, shuffled), elf_file = flatten(elf, record, shuffled);
      Result<Dump> dump = open({file}, ledger), core = open({elf_file}, ledger);
      ASSERT_TRUE(dump.ok()) << dump.error().message();
      ASSERT_TRUE(core.ok()) << core.error().message();
      EXPECT_EQ(dump->facts().format, "kdump-zlib (flattened)");
      EXPECT_EQ(core->facts().format, "elf (flattened)");
      EXPECT_EQ(core->facts().cpus.size(), 2u);
      EXPECT_FALSE(dump->facts().incomplete);
      expect_truth(dump->memory(), recipe);
      expect_scan(dump->memory(), recipe);
      std::vector<std::byte> two(8192);
      ASSERT_TRUE(core->memory().read(PhysicalAddress(2 * 4096), two).ok());
      EXPECT_TRUE(as_text(two) == recipe.at(2).bytes + recipe.at(3).bytes);
    }
  }
}

TEST(Split, PartsInAnyOrderAndMissingOnes) {
  DumpRecipe recipe = DumpRecipe::parse(kSmall);
  const std::vector<std::string> parts = {recipe.kdump_part(true, 41, 100), recipe.kdump_part(true, 0, 10),
                                          recipe.kdump_part(true, 10, 41)};
  LossLedger ledger;
  Result<Dump> whole = open({parts[0], parts[1], parts[2]}, ledger);
  ASSERT_TRUE(whole.ok()) << whole.error().message();
  EXPECT_EQ(whole->facts().format, "kdump-zlib (split, 3 parts)");
  EXPECT_EQ(whole->paths(), (std::vector<std::string>{"dump1", "dump2", "dump0"}));
  EXPECT_FALSE(whole->facts().incomplete);
  expect_truth(whole->memory(), recipe);
  expect_scan(whole->memory(), recipe);

  for (auto& [page, truth] : recipe.pages)
    if (page >= 10 && page < 41 && has_bytes(truth.origin)) truth = {PageOrigin::kLost, ""};
  Result<Dump> two = open({parts[0], parts[1]}, ledger);
  ASSERT_TRUE(two.ok());
  EXPECT_TRUE(two->facts().incomplete);
  expect_truth(two->memory(), recipe);
  expect_scan(two->memory(), recipe);
}

TEST(Split, PartsOfOtherDumpsAreRefused) {
  DumpRecipe recipe = DumpRecipe::parse(kSmall);
  const std::string a = recipe.kdump_part(true, 0, 10), alone = recipe.kdump();
  recipe.time++;
  const std::string b = recipe.kdump_part(true, 10, 100);
  LossLedger ledger;
  EXPECT_EQ(open({a, b}, ledger).error().code(), ErrorCode::kMismatch);
  EXPECT_EQ(open({a, alone}, ledger).error().code(), ErrorCode::kUsage);
}

TEST(ElfCore, PagesAndFacts) {
  DumpRecipe recipe = DumpRecipe::parse(kSmall);
  LossLedger ledger;
  const std::string file = recipe.elf();
  Result<Dump> dump = open({file}, ledger);
  ASSERT_TRUE(dump.ok()) << dump.error().message();
  // Neighbouring pages come in one piece, in place.
  Chunk run = dump->memory().chunk(PhysicalAddress(4096), 1 << 20);
  EXPECT_EQ(run.bytes.size(), 16u * 4096);
  EXPECT_FALSE(run.keep);
  EXPECT_TRUE(run.bytes.data() > as_bytes_of(file).data() && run.bytes.data() < as_bytes_of(file).data() + file.size());
  for (auto& [page, truth] : recipe.pages) {
    std::vector<std::byte> bytes(4096);
    EXPECT_EQ(dump->memory().read(PhysicalAddress(page * 4096), bytes).ok(), has_bytes(truth.origin)) << page;
    EXPECT_TRUE(!has_bytes(truth.origin) || as_text(bytes) == truth.bytes) << page;
  }
  expect_scan(dump->memory(), recipe);
  const DumpFacts& facts = dump->facts();
  EXPECT_EQ(facts.format, "elf");
  EXPECT_EQ(facts.crash_time, 1699999999u);
  EXPECT_TRUE(facts.partial);
  EXPECT_EQ(facts.eraseinfo, "erase cred\n");
  ASSERT_EQ(facts.cpus.size(), 2u);
  EXPECT_EQ(facts.cpus[0].pid, 17);
  EXPECT_EQ(dump->memory().count_pages().filtered, 20u);
  EXPECT_EQ(dump->memory().chunk(PhysicalAddress(20 * 4096), 1).origin, PageOrigin::kFiltered);
  EXPECT_EQ(dump->memory().chunk(PhysicalAddress(17 * 4096), 1).size, 3u * 4096);
}

TEST(ElfCore, QemuNotesCompleteTheRegisters) {
  DumpRecipe recipe = DumpRecipe::parse("cpu 1\ncpu 2\nqemu\npattern 0..3");
  LossLedger ledger;
  const std::string file = recipe.elf();
  Result<Dump> dump = open({file}, ledger);
  ASSERT_TRUE(dump.ok());
  ASSERT_EQ(dump->facts().cpus.size(), 2u);
  const CpuState& cpu = dump->facts().cpus[1];
  EXPECT_TRUE(cpu.from_qemu);
  EXPECT_FALSE(cpu.pid);
  using namespace arch::x86;
  EXPECT_EQ(cpu.registers.get(kRbx), 0x2000u + kRbx);
  EXPECT_EQ(cpu.registers.get(kCr3), 0xc0000u + 0x2000 + 3);
  EXPECT_EQ(cpu.registers.get(kCr4), 0xc0000u + 0x2000 + 4);
  EXPECT_EQ(cpu.registers.get(kGsBase), 0xffff000000002004u);
  EXPECT_EQ(cpu.registers.get(kCs), 0x10u);
  EXPECT_EQ(cpu.kernel_gs_base, 0xeeee2000u);
}

TEST(ElfCore, OverlappingSegmentsStoredWins) {
  elf::testing::ElfBuilder b;
  b.add_load(0x1000, 0xffff888000001000, std::string(0x1000, 'a'), 0x8000);
  b.add_load(0x3000, 0xffffffff81000000, std::string(0x1000, 'k'));
  LossLedger ledger;
  const std::string file = b.build();
  Result<Dump> dump = open({file}, ledger);
  ASSERT_TRUE(dump.ok());
  EXPECT_EQ(*dump->memory().read_u64(PhysicalAddress(0x3ff8)), 0x6b6b6b6b6b6b6b6bu);
  EXPECT_EQ(dump->memory().chunk(PhysicalAddress(0x2000), 0x10000).size, 0x1000u);
  EXPECT_EQ(dump->memory().chunk(PhysicalAddress(0x4000), 0x10000).origin, PageOrigin::kFiltered);
  EXPECT_EQ(dump->memory().end(), 0x9000u);
}

TEST(ElfCore, MarkedIncomplete) {
  elf::testing::ElfBuilder b;
  b.flags = 1;
  b.add_load(0x1000, 0, std::string(0x1000, 'a'));
  LossLedger ledger;
  const std::string file = b.build();
  Result<Dump> dump = open({file}, ledger);
  ASSERT_TRUE(dump.ok());
  EXPECT_TRUE(dump->facts().incomplete);
}

}  // namespace
}  // namespace inquest::dump
