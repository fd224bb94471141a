// VMCOREINFO, and where a kernel lies, over dumps of a few pages written for the purpose.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "dump/testing/dump_recipe.h"
#include "target/kernel_layout.h"

namespace inquest::target {
namespace {

using dump::PageOrigin;
using dump::testing::DumpRecipe;
using ::testing::HasSubstr;
using namespace std::string_literals;

TEST(Vmcoreinfo, Parses) {
  Vmcoreinfo note = Vmcoreinfo::parse(
      "OSRELEASE=6.1.0 x=y\nPAGESIZE=4096\nSYMBOL(_stext)=ffffffff81000000\nOFFSET(page.flags)=8\nSIZE(page)=64\n"
      "LENGTH(mem_section)=2048\nNUMBER(phys_base)=-16777216\nNUMBER(kimage_voffset)=0xffff7fffc0000000\nKERNELOFFSET=1e00000\n");
  EXPECT_EQ(note.text("OSRELEASE"), "6.1.0 x=y");
  EXPECT_EQ(note.symbol("_stext"), 0xffffffff81000000u);
  EXPECT_EQ(note.offset("page.flags"), 8u);
  EXPECT_EQ(note.size("page"), 64u);
  EXPECT_EQ(note.length("mem_section"), 2048u);
  EXPECT_EQ(note.number("phys_base"), -16777216);
  EXPECT_EQ(uint64_t(note.number("kimage_voffset").value_or(0)), 0xffff7fffc0000000u);
  EXPECT_EQ(note.hex("KERNELOFFSET"), 0x1e00000u);
  EXPECT_EQ(note.symbol("nothing"), std::nullopt);
}

TEST(Vmcoreinfo, HostileText) {
  EXPECT_TRUE(Vmcoreinfo::parse("").empty());
  EXPECT_TRUE(Vmcoreinfo::parse("\n\n\n").empty());
  EXPECT_TRUE(Vmcoreinfo::parse("no equals sign").empty());
  EXPECT_TRUE(Vmcoreinfo::parse("\0OSRELEASE=x\n"s).empty()) << "nothing behind a NUL";
  Vmcoreinfo note = Vmcoreinfo::parse(
      "A=1\nA=2\nNUMBER(empty)=\nNUMBER(words)=many\nNUMBER(huge)=99999999999999999999\nNUMBER(minus)=-\nNUMBER(twice)=--1\n"
      "NUMBER(least)=-9223372036854775808\nSYMBOL(over)=1ffffffffffffffff\nSYMBOL(open=1\n=nameless\nLAST=end");
  EXPECT_EQ(note.text("A"), "1") << "the first counts";
  for (const char* bad : {"empty", "words", "huge", "minus", "twice"}) EXPECT_EQ(note.number(bad), std::nullopt) << bad;
  EXPECT_EQ(note.number("least"), INT64_MIN);
  EXPECT_EQ(note.symbol("over"), std::nullopt);
  EXPECT_EQ(note.symbol("open"), std::nullopt);
  EXPECT_EQ(note.text("LAST"), "end");
}

// A dump of `recipe`, with words and texts put into its pages first.
class Machine {
 public:
  explicit Machine(std::string_view recipe) : recipe_(DumpRecipe::parse(recipe)) {}
  Machine& put(uint64_t at, std::string_view bytes) {
    auto& page = recipe_.pages[at / 4096];
    page.origin = PageOrigin::kStored;
    page.bytes.resize(4096);
    page.bytes.replace(at % 4096, bytes.size(), bytes);
    return *this;
  }
  Machine& word(uint64_t at, uint64_t value) { return put(at, {reinterpret_cast<const char*>(&value), 8}); }
  const dump::Dump& dump() {
    file_ = recipe_.kdump();
    auto opened = dump::Dump::open_bytes({as_bytes_of(file_)}, {"vmcore"}, ledger);
    EXPECT_TRUE(opened.ok()) << opened.error().message();
    dump_.emplace(*std::move(opened));
    return *dump_;
  }
  LossLedger ledger;

 private:
  DumpRecipe recipe_;
  std::string file_;
  std::optional<dump::Dump> dump_;
};

LinkSymbol link_to(std::map<std::string, uint64_t, std::less<>> symbols) {
  return [symbols](std::string_view name) -> std::optional<uint64_t> {
    auto it = symbols.find(name);
    if (it == symbols.end()) return std::nullopt;
    return it->second;
  };
}

bool lost(const LossLedger& ledger, Loss loss) {
  for (const auto& entry : ledger.entries())
    if (entry.loss == loss) return true;
  return false;
}

// The image at physical 0x200000 is mapped at 0xffffffff83000000; its page table is in the image, at +0x1000.
void map_x86(Machine& m) {
  m.word(0x201000 + 8 * 511, 0x202000 | 3).word(0x202000 + 8 * 510, 0x203000 | 3).word(0x203000 + 8 * 24, 0x200000 | 0x83);
  m.put(0x200000, "code");
}
const char* const kX86Note =
    "OSRELEASE=6.1.0-test\nBUILD-ID=abcd\nPAGESIZE=4096\nSYMBOL(init_top_pgt)=ffffffff83001000\nSYMBOL(_stext)=ffffffff83000000\n"
    "NUMBER(phys_base)=-48234496\nNUMBER(pgtable_l5_enabled)=0\nKERNELOFFSET=2000000\n";
const char* const kX86Banner = "Linux version 6.1.0-test (gcc) #1 SMP\n";

TEST(Locate, ByTheNotePageInMemoryX86) {
  Machine m("arch x86_64\nend 1024\npattern 1..4");
  map_x86(m);
  m.put(0x5100, "OSRELEASE=decoy, not on a page\nPAGESIZE=4096\nSYMBOL(x)=1\n");
  m.put(0x6000, "OSRELEASE=decoy without the rest\n");
  m.put(0x7000, kX86Note);
  auto identity = identify(m.dump(), m.ledger);
  ASSERT_TRUE(identity.ok()) << identity.error().message();
  EXPECT_EQ(identity->release, "6.1.0-test");
  EXPECT_EQ(identity->build_id, "abcd");
  EXPECT_THAT(identity->how, HasSubstr("0x7000"));
  auto layout = locate(m.dump(), *identity, {}, m.ledger);
  ASSERT_TRUE(layout.ok()) << layout.error().message();
  EXPECT_EQ(layout->root.value, 0x201000u);
  EXPECT_EQ(layout->kaslr_offset, 0x2000000u);
  EXPECT_EQ(layout->format.levels(), 4u);
  EXPECT_TRUE(lost(m.ledger, Loss::kNoVmcoreinfo));
  auto by_symbols = locate(m.dump(), *identity, link_to({{"_stext", 0xffffffff82000000}}), m.ledger);
  ASSERT_TRUE(by_symbols.ok());
  EXPECT_EQ(by_symbols->kaslr_offset, 0x1000000u) << "two names of one place say more than KERNELOFFSET";
}

TEST(Locate, ANoteThatItsPageTablesContradict) {
  Machine m("arch x86_64\nend 1024\npattern 1..4");
  m.put(0x7000, kX86Note).word(0x201000, 0);  // an empty table where the note says
  auto identity = identify(m.dump(), m.ledger);
  ASSERT_TRUE(identity.ok());
  auto layout = locate(m.dump(), *identity, {}, m.ledger);
  ASSERT_FALSE(layout.ok());
  EXPECT_THAT(layout.error().message(), HasSubstr("page tables at physical 0x201000 do not map the kernel's code at 0xffffffff83000000"));
}

TEST(Locate, ANoteThatLacksThePageTable) {
  Machine m("arch x86_64\nend 64\npattern 1..4\nvmcoreinfo OSRELEASE=6.1.0");
  auto identity = identify(m.dump(), m.ledger);
  ASSERT_TRUE(identity.ok());
  EXPECT_EQ(identity->how, "VMCOREINFO note");
  EXPECT_FALSE(lost(m.ledger, Loss::kNoVmcoreinfo));
  EXPECT_THAT(locate(m.dump(), *identity, {}, m.ledger).error().message(), HasSubstr("init_top_pgt"));
}

TEST(Locate, ByTheBannerX86) {
  Machine m("arch x86_64\nend 1024\npattern 1..4");
  map_x86(m);
  m.put(0x3000, "[    0.0] Linux version 6.1.0-test (gcc) #1 SMP\0"s);  // the log's copy: no newline
  m.put(0x204010, kX86Banner);
  auto identity = identify(m.dump(), m.ledger);
  ASSERT_TRUE(identity.ok()) << identity.error().message();
  EXPECT_EQ(identity->release, "6.1.0-test");
  EXPECT_EQ(identity->banner_at, PhysicalAddress(0x204010));
  EXPECT_EQ(identity->banner, kX86Banner);
  EXPECT_TRUE(lost(m.ledger, Loss::kNoVmcoreinfo));

  auto good = locate(m.dump(), *identity, link_to({{"_text", 0xffffffff81000000}, {"linux_banner", 0xffffffff81004010}, {"init_top_pgt", 0xffffffff81001000}}), m.ledger);
  ASSERT_TRUE(good.ok()) << good.error().message();
  EXPECT_EQ(good->kaslr_offset, 0x2000000u);
  EXPECT_EQ(good->root.value, 0x201000u);

  auto without = locate(m.dump(), *identity, {}, m.ledger);
  ASSERT_FALSE(without.ok());
  EXPECT_THAT(without.error().message(), HasSubstr("needs the vmlinux it ran"));
  EXPECT_THAT(without.error().message(), HasSubstr("6.1.0-test"));

  auto wrong = locate(m.dump(), *identity, link_to({{"_text", 0xffffffff81000000}, {"linux_banner", 0xffffffff81a00010}, {"init_top_pgt", 0xffffffff81002000}}), m.ledger);
  ASSERT_FALSE(wrong.ok());
  EXPECT_THAT(wrong.error().message(), HasSubstr("not found where its vmlinux says"));
}

// 4K pages, 48 bits: the image at physical 0x200000 is mapped at 0xffff800008000000 by a block.
void map_arm(Machine& m) {
  m.word(0x201000 + 8 * 256, 0x202000 | 3).word(0x202000, 0x203000 | 3).word(0x203000 + 8 * 64, 0x200000 | 0x701);
  m.put(0x200000 + 56, "ARM\x64").word(0x200000 + 24, 2);
}

TEST(Locate, ByTheBannerAarch64) {
  Machine m("arch aarch64\nend 1024\npattern 1..4");
  map_arm(m);
  m.put(0x204010, "Linux version 6.1.0-arm64 (gcc) #1 SMP\n");
  auto identity = identify(m.dump(), m.ledger);
  ASSERT_TRUE(identity.ok()) << identity.error().message();
  auto layout = locate(m.dump(), *identity, link_to({{"_text", 0xffff800000000000}, {"linux_banner", 0xffff800000004010}, {"swapper_pg_dir", 0xffff800000001000}}), m.ledger);
  ASSERT_TRUE(layout.ok()) << layout.error().message();
  EXPECT_EQ(layout->kaslr_offset, 0x8000000u);
  EXPECT_EQ(layout->format.page_shift, 12u);
  EXPECT_EQ(layout->format.virtual_bits, 48u);
  EXPECT_EQ(layout->pac_mask, 0xff7f000000000000u);
  EXPECT_FALSE(locate(m.dump(), *identity, link_to({{"_text", 0xffff800000000000}, {"linux_banner", 0xffff800000008010}, {"swapper_pg_dir", 0xffff800000001000}}), m.ledger).ok());
}

TEST(Locate, ByTheNotePageInMemoryAarch64) {
  Machine m("arch aarch64\nend 1024\npattern 1..4");
  map_arm(m);
  m.put(0x7000, "OSRELEASE=6.1.0-arm64\nPAGESIZE=4096\nSYMBOL(swapper_pg_dir)=ffff800008001000\nSYMBOL(_stext)=ffff800008000000\n"
                "NUMBER(VA_BITS)=48\nNUMBER(kimage_voffset)=0xffff800007e00000\nKERNELPACMASK=7f000000000000\n");
  auto identity = identify(m.dump(), m.ledger);
  ASSERT_TRUE(identity.ok());
  auto layout = locate(m.dump(), *identity, {}, m.ledger);
  ASSERT_TRUE(layout.ok()) << layout.error().message();
  EXPECT_EQ(layout->root.value, 0x201000u);
  EXPECT_EQ(layout->pac_mask, 0x7f000000000000u);
}

TEST(Locate, NonsenseInAnAarch64NoteIsAnError) {
  for (const char* line : {"PAGESIZE=12345", "NUMBER(VA_BITS)=200", "NUMBER(VA_BITS)=-1", "NUMBER(TCR_EL1_T1SZ)=47"}) {
    Machine m("arch aarch64\nend 64\npattern 1..4\nvmcoreinfo "s + line + "\nvmcoreinfo SYMBOL(swapper_pg_dir)=ffff800008001000\nvmcoreinfo NUMBER(kimage_voffset)=1");
    auto identity = identify(m.dump(), m.ledger);
    ASSERT_TRUE(identity.ok());
    auto layout = locate(m.dump(), *identity, {}, m.ledger);
    ASSERT_FALSE(layout.ok()) << line;
    EXPECT_EQ(layout.error().code(), ErrorCode::kCorrupt) << line;
  }
}

TEST(Identify, NoKernelAtAll) {
  Machine m("arch x86_64\nend 64\npattern 1..4\ntext 5 Linux version of nothing");
  auto identity = identify(m.dump(), m.ledger);
  ASSERT_FALSE(identity.ok());
  EXPECT_EQ(identity.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(identity.error().message(), HasSubstr("no kernel found in this dump"));
}

// Virtual pages 0.. of 0xffff888000000000, to physical 0x10000, 0x30000 (not its neighbour), a zero page, a filtered one, a hole, 0x11000.
class AddressSpaceTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kBase = 0xffff888000000000;
  AddressSpaceTest() : m_("arch x86_64\nlevel 1\nend 64\npattern 1..2\nzero 32\nfiltered 33") {
    m_.word(0x1000 + 8 * 273, 0x2003).word(0x2000, 0x3003).word(0x3000, 0x4003);
    m_.word(0x4000, 0x10003).word(0x4008, 0x30003).word(0x4010, 0x20003).word(0x4018, 0x21003).word(0x4028, 0x11003);
    m_.put(0x10ffa, "across").put(0x30000, " two pages\0"s).put(0x11ffc, "tail");
    space_.emplace(m_.dump().memory(), arch::PageTableFormat{arch::ArchId::kX86_64, 12, 48, false, 0}, PhysicalAddress(0x1000));
  }
  Machine m_;
  std::optional<AddressSpace> space_;
};

TEST_F(AddressSpaceTest, ReadsAcrossPagesThatAreNoNeighbours) {
  const VirtualAddress at(kBase + 0xffa);
  EXPECT_EQ(space_->read_string(at).value_or(""), "across two pages");
  EXPECT_EQ(space_->read_string(at, 6).value_or(""), "across");
  std::string text(16, '?');
  PageOrigin origin{};
  ASSERT_TRUE(space_->read(at, std::as_writable_bytes(std::span(text)), &origin).ok());
  EXPECT_EQ(text, "across two pages");
  EXPECT_EQ(origin, PageOrigin::kStored);
  EXPECT_EQ(space_->read_u32(VirtualAddress(kBase + 0xffe)).value_or(0), 0x74207373u);  // "ss t"
  EXPECT_EQ(space_->translate(VirtualAddress(kBase + 0x1008))->value, 0x30008u);
  EXPECT_EQ(space_->translate(VirtualAddress(kBase + 0x1010))->value, 0x30010u) << "from the translation cache";
}

TEST_F(AddressSpaceTest, AZeroPageIsToldFromStoredZeroes) {
  std::vector<std::byte> bytes(32, std::byte{1});
  PageOrigin origin{};
  ASSERT_TRUE(space_->read(VirtualAddress(kBase + 0x1ff0), bytes, &origin).ok());
  EXPECT_EQ(origin, PageOrigin::kZeroPage) << "any byte of one";
  EXPECT_EQ(bytes.back(), std::byte{0});
}

TEST_F(AddressSpaceTest, WhatCannotBeReadSaysWhereAndWhy) {
  std::vector<std::byte> bytes(64);
  auto filtered = space_->read(VirtualAddress(kBase + 0x2fe0), bytes);
  ASSERT_FALSE(filtered.ok());
  EXPECT_EQ(filtered.error().code(), ErrorCode::kUnreadable);
  EXPECT_THAT(filtered.error().message(), HasSubstr("0xffff888000003000"));
  EXPECT_THAT(filtered.error().message(), HasSubstr("filtered"));
  auto unmapped = space_->read_u64(VirtualAddress(kBase + 0x4000));
  ASSERT_FALSE(unmapped.ok());
  EXPECT_EQ(unmapped.error().code(), ErrorCode::kUnreadable);
  EXPECT_THAT(unmapped.error().message(), HasSubstr("0xffff888000004000"));
  EXPECT_THAT(unmapped.error().message(), HasSubstr("not mapped"));
  EXPECT_FALSE(space_->read_u64(VirtualAddress(0x0000900000000000)).ok()) << "not canonical";
  EXPECT_FALSE(space_->read_u64(VirtualAddress(~uint64_t{0} - 3)).ok()) << "over the end of memory";
  EXPECT_EQ(space_->read_unsigned(VirtualAddress(kBase), 9).error().code(), ErrorCode::kUsage);
  EXPECT_EQ(space_->read_unsigned(VirtualAddress(kBase), 0).error().code(), ErrorCode::kUsage);
}

TEST_F(AddressSpaceTest, APrefixEndsAtTheFirstHole) {
  EXPECT_EQ(space_->read_prefix(VirtualAddress(kBase + 0x2ff0), 100).size(), 16u);
  EXPECT_EQ(space_->read_prefix(VirtualAddress(kBase + 0x5ffc), 100).size(), 4u);
  EXPECT_TRUE(space_->read_prefix(VirtualAddress(kBase + 0x4000), 100).empty());
  EXPECT_EQ(space_->read_string(VirtualAddress(kBase + 0x5ffc), 4).value_or(""), "tail");
  EXPECT_FALSE(space_->read_string(VirtualAddress(kBase + 0x5ffc)).ok()) << "no NUL before the hole";
}

}  // namespace
}  // namespace inquest::target
