#include "oops/line.h"

#include <gtest/gtest.h>

#include "oops/mend.h"

namespace inquest::oops {
namespace {

TEST(Line, EveryPrefixStyle) {
  struct Case {
    const char *raw, *text, *caller;
    double time;
  };
  for (const Case& c : {Case{"[   12.345678] text", "text", "", 12.345678},
                        Case{"[   12.345678][  T123] text", "text", "T123", 12.345678},
                        Case{"[   12.345678][    C0]  f+0x1/0x2", " f+0x1/0x2", "C0", 12.345678},
                        Case{"[    0.043841 ][    T0 ] text", "text", "T0", 0.043841},
                        Case{"<4>[   12.345678] text", "text", "", 12.345678},
                        Case{"<4>text", "text", "", -1},
                        Case{"kern  :warn  : [    3.078160] [      T0] text", "text", "T0", 3.078160},
                        Case{"Nov  1 12:00:00 host kernel: [   12.345678] text", "text", "", 12.345678},
                        Case{"Nov 01 12:00:00 host kernel: text", "text", "", -1},
                        Case{"Jan 15 00:53:02 kernel: text", "text", "", -1},
                        Case{"2025-01-21T12:07:18.015541+01:00 host kernel: [   T313] text", "text", "T313", -1},
                        Case{"[Wed Jan 29 10:11:17 2025] text", "text", "", -1},
                        Case{"[    6.123456] 003: text", "text", "003", 6.123456},
                        Case{"> > [   12.345678] text", "text", "", 12.345678},
                        Case{"| [   12.345678] text", "text", "", 12.345678},
                        Case{"host login: [   12.345678] text", "text", "", 12.345678}}) {
    Line line = read_line(c.raw, 1);
    EXPECT_EQ(line.text(), c.text) << c.raw;
    EXPECT_EQ(line.caller, c.caller) << c.raw;
    EXPECT_DOUBLE_EQ(line.time, c.time) << c.raw;
    EXPECT_TRUE(line.prefixed) << c.raw;
    EXPECT_FALSE(line.foreign) << c.raw;
  }
}

TEST(Line, CleansWhatCarriersAdd) {
  EXPECT_EQ(read_line("[    1.000000]\xc2\xa0RIP: 0010:f+0x1/0x2\r", 1).text(), "RIP: 0010:f+0x1/0x2");
  EXPECT_EQ(read_line("\x1b[31;1mBUG: x\x1b[0m", 1).text(), "BUG: x");
  EXPECT_TRUE(read_line("Nov 01 12:00:00 host postgres[7]: WARNING: x", 1).foreign);
  EXPECT_EQ(read_line(std::string(1 << 20, 'x'), 1).raw.size(), kMaxLineBytes);
}

std::vector<Record> mended(const std::vector<const char*>& raw) {
  std::vector<Line> lines;
  for (size_t i = 0; i < raw.size(); i++) lines.push_back(read_line(raw[i], i + 1));
  std::vector<const Line*> pointers;
  for (const Line& line : lines) pointers.push_back(&line);
  return mend(pointers);
}

TEST(Mend, JoinsAndSplits) {
  auto records = mended({"[    1.000000] CPU: 5 PID: 3 Comm: kworker/u12:3 Tainted: G        W", "OE   4.14.99 #1", "[    1.000001] pc :", "f+0x1/0x2",
                         "[    1.000002] NIP: c0 LR: c1 [    1.000003] GPR00: 0 1"});
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records[0].text, "CPU: 5 PID: 3 Comm: kworker/u12:3 Tainted: G        W OE   4.14.99 #1");
  EXPECT_EQ(records[0].last, 2u);
  EXPECT_EQ(records[1].text, "pc : f+0x1/0x2");
  EXPECT_EQ(records[2].text, "NIP: c0 LR: c1");
  EXPECT_EQ(records[3].text, "GPR00: 0 1");
  EXPECT_DOUBLE_EQ(records[3].time, 1.000003);
}

TEST(Mend, LeavesFramesAlone) {
  auto records = mended({"[<c001>] a+0x1/0x2 [m]", "[<c002>] b+0x1/0x2 [m]", "[c0000000f0001000] [c000000000001000] c+0x1/0x2 [m]"});
  EXPECT_EQ(records.size(), 3u);
}

}  // namespace
}  // namespace inquest::oops
