#include "oops/pattern.h"

#include <gtest/gtest.h>

#include "oops/demangle.h"
#include "oops/word_search.h"

namespace inquest::oops {
namespace {

TEST(Pattern, LiteralsAndRuns) {
  EXPECT_TRUE(matches("abc", "xxabcxx"));
  EXPECT_FALSE(matches("^abc", "xabc"));
  EXPECT_TRUE(matches("a*c$", "x a b c"));
  EXPECT_FALSE(matches("a*c$", "a b c d"));
}

TEST(Pattern, Captures) {
  auto m = match("BUG: KASAN: <k> in <f>", "BUG: KASAN: use-after-free in fput.cold.3+0x1/0x2");
  ASSERT_TRUE(m);
  ASSERT_EQ(m->captures, 2u);
  EXPECT_EQ(m->capture[0], "use-after-free");
  EXPECT_EQ(m->capture[1], "fput");
  m = match("{Read|Write} of size <d>", "  Write of size 8 at");
  ASSERT_TRUE(m);
  EXPECT_EQ(m->capture[0], "Write");
  EXPECT_EQ(m->capture[1], "8");
  m = match("at <s> <f>", "WARNING: CPU: 0 PID: 1 at net/core/dev.c:12 f+0x1/0x2");
  ASSERT_TRUE(m);
  EXPECT_EQ(m->capture[0], "net/core/dev.c:12");
  EXPECT_TRUE(matches("at: <p><f>", "at: [<ffffffff81000000>] f+0x1/0x2"));
  EXPECT_TRUE(matches("at: <p><f>", "at: f+0x1/0x2"));
  EXPECT_FALSE(matches("at: <P><f>", "at: f+0x1/0x2"));
}

TEST(Pattern, JunkIsBounded) {
  std::string text(20000, 'a');
  EXPECT_FALSE(matches("a*a*a*a*b", text));
}

TEST(WordSearch, FindsTheLeftmost) {
  constexpr std::string_view kSome[] = {"BUG:", "WARNING:", "Oops"};
  WordSearch search(kSome);
  EXPECT_EQ(search.find("nothing here", 0), std::string_view::npos);
  EXPECT_EQ(search.find("xx Oops BUG:", 0), 3u);
  EXPECT_EQ(search.find("xx Oops BUG:", 4), 8u);
  EXPECT_EQ(search.find("BUG:", 0), 0u);
  EXPECT_EQ(search.find("BUG", 0), std::string_view::npos);
  EXPECT_EQ(search.find("", 0), std::string_view::npos);
  EXPECT_EQ(count_newlines("a\n\n\nbcdefghijkl\n"), 4u);
}

TEST(Demangle, RustAndCxx) {
  EXPECT_EQ(demangle("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE"), "core::fmt::Write::write_fmt");
  EXPECT_EQ(demangle("_Z3addii"), "add");
  EXPECT_EQ(demangle("_RNvCs1234_7mycrate3foo"), "mycrate::foo");
  EXPECT_EQ(demangle("_RNvXCs1_1aNtB2_1SNtB2_1T1f"), "<a::S as a::T>::f");
  EXPECT_EQ(demangle("_RNvCs1234_7mycrate99foo"), "_RNvCs1234_7mycrate99foo");
  EXPECT_EQ(demangle("vfs_read"), "vfs_read");
}

}  // namespace
}  // namespace inquest::oops
