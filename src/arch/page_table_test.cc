// Tables are written as texts: "1000[1ff] = 2003" puts 0x2003 at physical 0x1000 + 8 * 0x1ff. All numbers are hex.
#include "arch/page_table.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace inquest::arch {
namespace {

class Tables {
 public:
  explicit Tables(const std::string& text) {
    std::istringstream in(text);
    std::string slot, equals;
    uint64_t value;
    while (in >> slot >> equals >> std::hex >> value) {
      size_t bracket = slot.find('[');
      uint64_t base = std::stoull(slot.substr(0, bracket), nullptr, 16);
      uint64_t index = std::stoull(slot.substr(bracket + 1), nullptr, 16);
      words_[base + 8 * index] = value;
      pages_[base >> 12] = true;
    }
  }
  // Words of a table that is mentioned read as zero; other memory is not in the dump.
  ReadWord reader() const {
    return [this](PhysicalAddress a) -> Result<uint64_t> {
      if (auto found = words_.find(a.value); found != words_.end()) return found->second;
      if (pages_.contains(a.value >> 12)) return uint64_t{0};
      return Error(ErrorCode::kUnreadable, "not in the dump");
    };
  }

 private:
  std::map<uint64_t, uint64_t> words_;
  std::map<uint64_t, bool> pages_;
};

PageTableFormat x86(unsigned virtual_bits, uint64_t ignored = 0) {
  PageTableFormat f;
  f.virtual_bits = virtual_bits;
  f.ignored_bits = ignored;
  return f;
}

PageTableFormat a64(unsigned page_shift, unsigned virtual_bits, bool wide = false) {
  PageTableFormat f;
  f.arch = ArchId::kAarch64;
  f.page_shift = page_shift;
  f.virtual_bits = virtual_bits;
  f.wide_physical = wide;
  return f;
}

struct Case {
  const char* name;
  PageTableFormat format;
  const char* tables;
  uint64_t address, physical, size;
  const char* rights;  // of "wxu"
};

class Translate : public testing::TestWithParam<Case> {};

TEST_P(Translate, Finds) {
  const Case& c = GetParam();
  Tables tables(c.tables);
  auto mapping = translate(c.format, PhysicalAddress(0x1000), VirtualAddress(c.address), tables.reader());
  ASSERT_TRUE(mapping.ok()) << mapping.error().message();
  EXPECT_EQ(mapping->size, c.size);
  EXPECT_EQ(mapping->virtual_start.value, c.address & ~(c.size - 1));
  EXPECT_EQ(mapping->physical_start.value + (c.address & (c.size - 1)), c.physical)
      << std::hex << mapping->physical_start.value;
  std::string rights =
      std::string(mapping->writable ? "w" : "") + (mapping->executable ? "x" : "") + (mapping->user ? "u" : "");
  EXPECT_EQ(rights, c.rights);
  // The enumeration of that page alone agrees with the look-up.
  std::vector<uint64_t> found;
  uint64_t start = mapping->virtual_start.value;
  auto unreadable = for_each_mapping(c.format, PhysicalAddress(0x1000), VirtualAddress(start),
                                     VirtualAddress(start + 1), tables.reader(), [&](const Mapping& m) {
                                       EXPECT_EQ(m.physical_start, mapping->physical_start);
                                       found.push_back(m.virtual_start.value);
                                       return true;
                                     });
  ASSERT_TRUE(unreadable.ok()) << unreadable.error().message();
  EXPECT_EQ(found, std::vector<uint64_t>{start});
}

constexpr uint64_t kSme = uint64_t{1} << 47;

INSTANTIATE_TEST_SUITE_P(
    Geometries, Translate,
    testing::Values(
        // 0xffffffff81000123: PGD 1ff, PUD 1fe, PMD 8, offset 0x123 in a 2 MB page.
        Case{"x86_kernel_text", x86(48), "1000[1ff] = 2067  2000[1fe] = 3063  3000[8] = 10001e1", 0xffffffff81000123,
             0x1000123, 0x200000, "x"},
        // The direct map by a 1 GB page whose PAT bit (12) is set: no part of the address.
        Case{"x86_1g", x86(48), "1000[111] = 2067  2000[2] = 80000000400011e3", 0xffff8880'80001000, 0x40001000,
             0x40000000, "w"},
        Case{"x86_4k", x86(48), "1000[1ff] = 2067  2000[1ff] = 3067  3000[1fb] = 4067  4000[1] = 8000000fee001173",
             0xffffffff'ff601888, 0xf'ee001888, 0x1000, "w"},
        Case{"x86_user", x86(48), "1000[0] = 2067  2000[0] = 3067  3000[2] = 4067  4000[0] = 5025", 0x400010, 0x5010,
             0x1000, "xu"},
        Case{"x86_sme", x86(48, kSme), "1000[111] = 800000002067  2000[0] = 800000003067  3000[0] = 80008000002000e3",
             0xffff8880'00000040, 0x200040, 0x200000, "w"},
        Case{"x86_5_level", x86(57),
             "1000[111] = 2067  2000[0] = 3067  3000[0] = 4067  4000[1] = 5067  5000[3] = 8000000012345063",
             0xff11'0000'0020'3008, 0x12345008, 0x1000, "w"},
        // 4K, 39 bits: three tables, the first of them level 1.
        Case{"a64_4k_39", a64(12, 39), "1000[1ff] = 2003  2000[0] = 3003  3000[10] = 78000040210703",
             0xffffffff'c0010008, 0x40210008, 0x1000, "w"},
        Case{"a64_4k_48_block_1g", a64(12, 48), "1000[0] = 2003  2000[1] = 60000040000781", 0xffff0000'40000018,
             0x40000018, 0x40000000, ""},
        Case{"a64_4k_48_text_2m", a64(12, 48), "1000[100] = 2003  2000[0] = 3003  3000[40] = 40000080000791",
             0xffff8000'08000100, 0x80000100, 0x200000, "x"},
        // DBM (51) with AP[2] (7): clean, but writable.
        Case{"a64_4k_48_clean", a64(12, 48),
             "1000[100] = 2003  2000[0] = 3003  3000[0] = 4003  4000[5] = 68000080000f83", 0xffff8000'00005000,
             0x80000000, 0x1000, "w"},
        // APTable 62:61 and PXNTable 59 take away what the page would allow.
        Case{"a64_table_rights", a64(12, 39), "1000[0] = 6800000000002003  2000[0] = 3003  3000[0] = 80000743",
             0xffffff80'00000000, 0x80000000, 0x1000, ""},
        Case{"a64_4k_52_lpa2", a64(12, 52, true),
             "1000[f] = 2003  2000[1ff] = 3003  3000[1ff] = 4003  4000[1ff] = 5003  5000[1ff] = 7B000123456303",
             0xffffffff'fffff010, 0xf'0001'2345'6010, 0x1000, "w"},
        Case{"a64_16k_36", a64(14, 36), "1000[7ff] = 8003  8000[7ff] = 60000040004703", 0xffffffff'ffffc000, 0x40004000,
             0x4000, "w"},
        Case{"a64_16k_47", a64(14, 47), "1000[0] = 8003  8000[1] = c003  c000[7] = 60000040004703", 0xffff8000'0201c004,
             0x40004004, 0x4000, "w"},
        Case{"a64_16k_48_block_32m", a64(14, 48), "1000[1] = 8003  8000[0] = c003  c000[1] = 60000042000701",
             0xffff8000'02000004, 0x42000004, 0x2000000, "w"},
        Case{"a64_16k_52_lpa2", a64(14, 52, true),
             "1000[1f] = 8003  8000[7ff] = c003  c000[7ff] = 10003  10000[7ff] = 63000040004303", 0xffffffff'ffffc000,
             0xf'0000'40004000, 0x4000, "w"},
        Case{"a64_64k_42", a64(16, 42), "1000[1fff] = 20003  20000[1] = 60000040010703", 0xffffffff'e0010000,
             0x40010000, 0x10000, "w"},
        // The seed's: 64K pages, 48-bit VA, three tables, 64 entries in the first.
        Case{"a64_64k_48", a64(16, 48), "1000[12] = 20003  20000[1dde] = 30003  30000[630] = 60000070630713",
             0xffff4bbb'c63002f0, 0x706302f0, 0x10000, "w"},
        Case{"a64_64k_48_block_512m", a64(16, 48), "1000[20] = 20003  20000[1] = 600000a0000701", 0xffff8000'20000040,
             0xa0000040, 0x20000000, "w"},
        Case{"a64_64k_52_lpa", a64(16, 52, true),
             "1000[3c0] = 2a003  a000000020000[0] = 30003  30000[1] = 6000004001f703", 0xffff0000'00010020,
             0xf'0000'4001'0020, 0x10000, "w"}),
    [](const auto& tested) { return std::string(tested.param.name); });

ErrorCode code_of(const PageTableFormat& format, const char* text, uint64_t address) {
  Tables tables(text);
  auto mapping = translate(format, PhysicalAddress(0x1000), VirtualAddress(address), tables.reader());
  return mapping.ok() ? ErrorCode::kUsage : mapping.error().code();
}

TEST(Translate, SaysWhyNot) {
  // Absent, PROT_NONE (present clear, bit 8 set), non-canonical, a table outside the dump, PS in a PGD entry.
  EXPECT_EQ(code_of(x86(48), "1000[1ff] = 0", 0xffffffff81000000), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(x86(48), "1000[0] = 2067  2000[0] = 3067  3000[2] = 4067  4000[0] = fffffffffa120", 0x400010),
            ErrorCode::kNotFound);
  EXPECT_EQ(code_of(x86(48), "1000[1ff] = 2067", 0x8000'0000'0000'0000), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(x86(48), "1000[1ff] = 2067", 0xffffffff81000000), ErrorCode::kUnreadable);
  EXPECT_EQ(code_of(x86(48), "1000[1ff] = 20e7", 0xffffffff81000000), ErrorCode::kCorrupt);
  // aarch64: a block in the last table, a block in the first, an address of the other half, a geometry nobody has.
  EXPECT_EQ(code_of(a64(12, 39), "1000[0] = 2003  2000[0] = 3003  3000[0] = 80000701", 0xffffff80'00000000),
            ErrorCode::kCorrupt);
  EXPECT_EQ(code_of(a64(12, 48), "1000[0] = 80000701", 0xffff0000'00000000), ErrorCode::kCorrupt);
  EXPECT_EQ(code_of(a64(12, 48), "1000[0] = 2003", 0x18), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(a64(13, 48), "1000[0] = 2003", 0xffff0000'00000000), ErrorCode::kUnsupported);
  EXPECT_EQ(code_of(a64(16, 60), "1000[0] = 2003", 0xffff0000'00000000), ErrorCode::kUnsupported);
}

TEST(Translate, NamesTheLevelAndThePlace) {
  Tables tables("1000[1ff] = 2067");
  auto mapping = translate(x86(48), PhysicalAddress(0x1000), VirtualAddress(0xffffffff81000000), tables.reader());
  ASSERT_FALSE(mapping.ok());
  EXPECT_EQ(mapping.error().message(), "PUD table of 0xffffffff81000000: not in the dump");
}

TEST(Translate, UserHalfOfA64) {
  Tables tables("1000[0] = 2003  2000[0] = 3003  3000[0] = 800000000f43");
  PageTableFormat format = a64(12, 39);
  format.user_half = true;
  auto mapping = translate(format, PhysicalAddress(0x1000), VirtualAddress(0x18), tables.reader());
  ASSERT_TRUE(mapping.ok());
  EXPECT_TRUE(mapping->user);
  EXPECT_FALSE(translate(format, PhysicalAddress(0x1000), VirtualAddress(0xffffff80'00000018), tables.reader()).ok());
}

TEST(Translate, IgnoresThePcidInCr3) {
  Tables tables("1000[1ff] = 2067  2000[1fe] = 3063  3000[8] = 10001e1");
  auto mapping = translate(x86(48), PhysicalAddress(0x1806), VirtualAddress(0xffffffff81000000), tables.reader());
  EXPECT_TRUE(mapping.ok());
}

TEST(Format, LevelsAndHalves) {
  EXPECT_EQ(x86(48).levels(), 4u);
  EXPECT_EQ(x86(57).levels(), 5u);
  struct {
    unsigned shift, bits, levels;
  } cases[] = {{12, 36, 3}, {12, 39, 3}, {12, 48, 4}, {12, 52, 5}, {14, 36, 2}, {14, 47, 3},
               {14, 48, 4}, {14, 52, 4}, {16, 42, 2}, {16, 48, 3}, {16, 52, 3}};
  for (auto& c : cases) EXPECT_EQ(a64(c.shift, c.bits).levels(), c.levels) << c.shift << " " << c.bits;
  EXPECT_TRUE(x86(48).is_kernel_address(VirtualAddress(0xffff8000'00000000)));
  EXPECT_FALSE(x86(48).is_kernel_address(VirtualAddress(0xff110000'00000000)));
  EXPECT_TRUE(x86(57).is_kernel_address(VirtualAddress(0xff110000'00000000)));
  EXPECT_TRUE(a64(16, 48).is_kernel_address(VirtualAddress(0xffff4bbb'c63002f0)));
  EXPECT_FALSE(a64(12, 39).is_kernel_address(VirtualAddress(0xffff4bbb'c63002f0)));
  EXPECT_FALSE(a64(16, 48).is_kernel_address(VirtualAddress(0x18)));
}

std::string list(const PageTableFormat& format, const char* text, uint64_t from, uint64_t to,
                 uint64_t max_tables = 100) {
  Tables tables(text);
  std::ostringstream out;
  auto answer = for_each_mapping(
      format, PhysicalAddress(0x1000), VirtualAddress(from), VirtualAddress(to), tables.reader(),
      [&](const Mapping& m) {
        out << std::hex << m.virtual_start.value << "=" << m.physical_start.value << "+" << m.size << " ";
        return m.physical_start.value != 0xdead000;
      },
      max_tables);
  if (!answer.ok()) return name_of(answer.error().code());
  out << *answer << " unread";
  return out.str();
}

TEST(ForEach, BothHalvesInOrderAndHolesCounted) {
  const char* text =
      "1000[0] = 2067 2000[0] = 3067 3000[2] = 4067 4000[1] = 7025  1000[100] = 9067  1000[1ff] = 5067 5000[1ff] = "
      "6067 6000[1ff] = c00001e3";
  EXPECT_EQ(list(x86(48), text, 0, ~uint64_t{0}), "401000=7000+1000 ffffffffffe00000=c0000000+200000 1 unread");
  EXPECT_EQ(list(x86(48), text, 0xffff900000000000, ~uint64_t{0}), "ffffffffffe00000=c0000000+200000 0 unread");
  EXPECT_EQ(list(x86(48), text, 0xffffffffffe01000, ~uint64_t{0}), "0 unread");  // its start lies before
  EXPECT_EQ(list(x86(48), text, 0x401000, 0x401000), "0 unread");
}

TEST(ForEach, StopsWhenTold) {
  EXPECT_EQ(list(a64(12, 39), "1000[0] = 2003 2000[0] = 3003 3000[0] = dead703 3000[1] = 5703", 0xffffff80'00000000,
                 ~uint64_t{0}),
            "ffffff8000000000=dead000+1000 0 unread");
}

TEST(ForEach, ATableInItselfEnds) {
  EXPECT_EQ(list(x86(48), "1000[1ff] = 1067 1000[1fe] = 1067", 0, ~uint64_t{0}, 5), "limit");
}

}  // namespace
}  // namespace inquest::arch
