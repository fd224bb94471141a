// Values that speak for themselves: include/linux/poison.h, include/linux/err.h.
#include "oops/spell_value.h"

#include <gtest/gtest.h>

namespace inquest::oops {
namespace {

TEST(SpellValue, ErrorPointers) {
  EXPECT_EQ(spell_value(~uint64_t{0} - 11), "ERR_PTR(-ENOMEM), an error used as a pointer");
  EXPECT_EQ(spell_value(~uint64_t{0} - 516), "ERR_PTR(-EPROBE_DEFER), an error used as a pointer");
  EXPECT_EQ(spell_value(~uint64_t{0}), "");  // -1 is a mask as often
  EXPECT_EQ(spell_value(0xfffffff4, false), "ERR_PTR(-ENOMEM), an error used as a pointer");
  EXPECT_EQ(spell_value(~uint64_t{0} - 4095), "");
}

TEST(SpellValue, ListPoisonWithTheMembersOffset) {
  EXPECT_TRUE(spell_value(0xdead000000000100).starts_with("LIST_POISON1: "));
  EXPECT_TRUE(spell_value(0xdead000000000108).starts_with("LIST_POISON1 + 0x8: "));
  EXPECT_TRUE(spell_value(0xdead000000000122).starts_with("LIST_POISON2: "));
  EXPECT_TRUE(spell_value(0xdead000000000200).starts_with("LIST_POISON2 (before 4.15): "));
}

TEST(SpellValue, BytePoison) {
  EXPECT_TRUE(spell_value(0x6b6b6b6b6b6b6b6b).starts_with("POISON_FREE: "));
  EXPECT_TRUE(spell_value(0x6b6b6b6b6b6b6c43).starts_with("POISON_FREE + 0xd8: "));
  EXPECT_TRUE(spell_value(0x5a5a5a5a5a5a5a5a).starts_with("POISON_INUSE: "));
  EXPECT_TRUE(spell_value(0x6b6b6b9b, false).starts_with("POISON_FREE + 0x30: "));
}

TEST(SpellValue, TextAndNonsense) {
  EXPECT_EQ(spell_value(0x6f6c2f7273752f2e), "text: \"./usr/lo\"");
  EXPECT_EQ(spell_value(0x00ffff8880123456), "");
  EXPECT_TRUE(spell_value(0x1234ffff88801234).starts_with("not an address"));
  EXPECT_EQ(spell_value(0xffff888012345678), "");
  EXPECT_EQ(spell_value(0), "");
  EXPECT_EQ(spell_value(0xdffffc0000000003), "the KASAN shadow of 0x18 to 0x1f");
}

}  // namespace
}  // namespace inquest::oops
