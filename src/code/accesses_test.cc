// Who writes and who reads a member: functions that have its offset in them, followed to the type it is an offset in.
#include "code/accesses.h"

#include <gtest/gtest.h>

#include "code/testing/described_code.h"

namespace inquest::code {
namespace {

using arch::x86::kRsi;

class AccessesTest : public ::testing::Test {
 protected:
  AccessesTest() : d(arch::x86_64(), "struct reel { long id; int count, depth; struct reel *next; }; struct spool { long id; int turns; };") {
    d.function("reset", 0x100, "c7470800000000 c3", {{"reel", "struct reel *"}});                            // movl $0,8(%rdi)
    d.function("set", 0x200, "897708 c3", {{"reel", "struct reel *"}, {"count", "int", kRsi}});              // mov %esi,8(%rdi)
    d.function("get", 0x300, "8b4708 c3", {{"reel", "struct reel *"}});                                      // mov 8(%rdi),%eax
    d.function("turn", 0x400, "c7470801000000 c3", {{"spool", "struct spool *"}});                           // another type's member there
    d.function("raw", 0x500, "c7470801000000 c3");                                                           // through nobody knows what
    d.function("other", 0x600, "c7470c01000000 c3", {{"reel", "struct reel *"}});                            // reel->depth
    d.function("add", 0x700, "83470801 c3", {{"reel", "struct reel *"}});                                    // addl $1,8(%rdi)
    d.function("stack", 0x800, "c744240801000000 c3", {{"reel", "struct reel *"}});                          // movl $1,8(%rsp)
    d.function("far", 0x900, "488b4710 c7400807000000 c3", {{"reel", "struct reel *"}});                     // reel->next->count = 7
  }
  Accesses find(bool writes, bool reads) {
    AccessQuery q;
    q.object = d.debug.types.find(TypeKind::kStruct, "reel");
    q.offset = 8;
    q.size = 4;
    q.writes = writes;
    q.reads = reads;
    q.module = module;
    q.seconds = seconds;
    return find_accesses(d.program(), q);
  }
  static std::string names(const Accesses& a) {
    std::string all;
    for (const Access& one : a.found) all += (all.empty() ? "" : " ") + one.function;
    return all;
  }
  testing::DescribedCode d;
  std::string module;
  double seconds = 20;
};

TEST_F(AccessesTest, Writers) {
  Accesses a = find(true, false);
  EXPECT_EQ(names(a), "reset set add far");
  EXPECT_TRUE(a.complete);
  EXPECT_EQ(a.unread, 0u);
  EXPECT_EQ(a.functions, 9u);
  ASSERT_EQ(a.found.size(), 4u);
  EXPECT_EQ(a.found[0].text, "reel->count");
  EXPECT_EQ(a.found[0].value, "0");
  EXPECT_EQ(a.found[0].pc, d.kernel.at("reset"));
  EXPECT_EQ(a.found[1].value, "count");
  EXPECT_EQ(a.found[2].value, "");  // what an addition stores is not told
  EXPECT_EQ(a.found[3].text, "reel->next->count");
  EXPECT_EQ(a.found[3].value, "7");
}

TEST_F(AccessesTest, Readers) {
  EXPECT_EQ(names(find(false, true)), "get add");
  EXPECT_EQ(names(find(true, true)), "reset set get add far");
}

TEST_F(AccessesTest, FunctionsThatDoNotMentionTheOffsetAreNotFollowed) {
  d.function("long_way", 0xa00, "8b4704 c3", {{"reel", "struct reel *"}});
  EXPECT_EQ(find(true, true).followed, 7u);  // not other, stack, long_way
}

TEST_F(AccessesTest, AValueThatOnlyACallerKnowsIsNotTold) {
  d.function("keep", 0xa00, "897708 c3", {{"reel", "struct reel *"}});  // mov %esi,8(%rdi), and nobody names rsi
  Accesses a = find(true, false);
  ASSERT_EQ(names(a), "reset set add far keep");
  EXPECT_EQ(a.found[4].value, "");
}

TEST_F(AccessesTest, SourceAndModule) {
  d.line("reset", 0, 42);
  Accesses a = find(true, false);
  ASSERT_FALSE(a.found.empty());
  ASSERT_EQ(a.found[0].source.size(), 1u);
  EXPECT_EQ(a.found[0].source[0].line, 42);
  EXPECT_EQ(a.found[0].module, "");
}

TEST_F(AccessesTest, AModuleThatIsNotThereHasNone) {
  module = "spooler";
  Accesses a = find(true, true);
  EXPECT_TRUE(a.found.empty());
  EXPECT_EQ(a.functions, 0u);
}

TEST_F(AccessesTest, OutOfTimeIsSaid) {
  seconds = -1;
  Accesses a = find(true, true);
  EXPECT_FALSE(a.complete);
  EXPECT_TRUE(a.found.empty());
}

TEST_F(AccessesTest, CodeThatIsNotAtHandIsSaid) {
  d.debug.add_symbol("gone", d.kernel.missing().value, 16, true);
  d.debug.add_symbol("huge", d.kernel.at("far", 0x10).value, kMaxFunctionBytes + 1, true);
  d.debug.add_symbol("lying", d.kernel.text().value + 0x3ff0, 0x100, true);  // runs over the end of what is there
  Accesses a = find(true, false);
  EXPECT_EQ(names(a), "reset set add far");
  EXPECT_EQ(a.unread, 3u);
  EXPECT_TRUE(a.complete);
}

TEST_F(AccessesTest, ATypeNobodyHasIsFoundNowhere) {
  EXPECT_TRUE(find_accesses(d.program(), {}).found.empty());
  debuginfo::testing::TextTypes others;
  others.add("struct elsewhere { long id; int count; };");
  AccessQuery q;
  q.object = others.find(TypeKind::kStruct, "elsewhere");
  q.offset = 8;
  EXPECT_EQ(find_accesses(d.program(), q).functions, 0u);
}

// The same name and size in another file's types: a module's copy of a kernel struct.
TEST_F(AccessesTest, AnotherFilesCopyOfTheTypeIsTheSame) {
  debuginfo::testing::TextTypes copy;
  copy.add("struct reel { long id; int count, depth; struct reel *next; };");
  AccessQuery q;
  q.object = copy.find(TypeKind::kStruct, "reel");
  q.offset = 8;
  q.size = 4;
  EXPECT_EQ(names(find_accesses(d.program(), q)), "reset set add far");
}

class AccessesA64 : public ::testing::Test {
 protected:
  AccessesA64() : d(arch::aarch64(), "struct reel { long id, first, second; };") {
    // DWARF's register 0 is x0.
    d.function("fill", 0x100, "810080d2 a20080d2 018800a9 c0035fd6", {{"reel", "struct reel *", 0}});  // mov x1, #4; mov x2, #5; stp x1, x2, [x0, #8]; ret
  }
  Accesses writers(uint64_t offset) {
    AccessQuery q;
    q.object = d.debug.types.find(TypeKind::kStruct, "reel");
    q.offset = offset;
    return find_accesses(d.program(), q);
  }
  testing::DescribedCode d;
};

TEST_F(AccessesA64, BothHalvesOfAPair) {
  Accesses first = writers(8), second = writers(16);
  ASSERT_EQ(first.found.size(), 1u);
  EXPECT_EQ(first.found[0].text, "reel->first");
  EXPECT_EQ(first.found[0].value, "4");
  ASSERT_EQ(second.found.size(), 1u);
  EXPECT_EQ(second.found[0].text, "reel->second");
  EXPECT_EQ(second.found[0].value, "5");
}

TEST_F(AccessesA64, AnExchangeIsNoPair) {
  d.function("compare_and_swap", 0x200, "027ca1c8 c0035fd6", {{"reel", "struct reel *", 0}});  // cas x1, x2, [x0]; ret
  Accesses id = writers(0);
  ASSERT_EQ(id.found.size(), 1u);
  EXPECT_EQ(id.found[0].function, "compare_and_swap");
  ASSERT_EQ(writers(8).found.size(), 1u);
  EXPECT_EQ(writers(8).found[0].function, "fill");
}

}  // namespace
}  // namespace inquest::code
