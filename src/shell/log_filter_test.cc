// What the filter does not touch passes byte for byte, at once, whatever it is.
#include "shell/log_filter.h"

#include <gtest/gtest.h>

namespace inquest::shell {
namespace {

struct Filtered {
  LossLedger ledger;
  std::string out;
  std::vector<std::string> warnings;
  std::optional<Symbolizer> symbolizer;
  std::optional<LogFilter> filter;

  Filtered() {
    auto finder = debuginfo::Finder::make({}, false, nullptr, ledger);
    symbolizer.emplace(std::move(*finder), debuginfo::OpenOptions{}, "", ledger);
    filter.emplace(*symbolizer, false, [this](std::string_view text) { out += text; }, [this](std::string_view why) { warnings.emplace_back(why); });
  }
};

TEST(LogFilter, WithoutDebuginfoEverythingPasses) {
  std::string log = "a\r\n[   1.0] RIP: 0010:f+0x1/0x2 [m]\n\n+0x/0x +0x1/0x\0\xff\n f+0x10/0x20\n";
  log += std::string("NUL \0 inside\n", 13) + "no end f+0x1/0x9";
  for (size_t step : {1u, 2u, 7u, 4096u}) {
    Filtered f;
    for (size_t at = 0; at < log.size(); at += step) f.filter->feed(std::string_view(log).substr(at, step));
    f.filter->finish();
    EXPECT_EQ(f.out, log) << step;
    EXPECT_LE(f.warnings.size(), 2u);  // once a file, not once a line
  }
}

TEST(LogFilter, ALineComesOutAsSoonAsItIsIn) {
  Filtered f;
  f.filter->feed("first\nsec");
  EXPECT_EQ(f.out, "first\n");
  f.filter->feed("ond\n");
  EXPECT_EQ(f.out, "first\nsecond\n");
}

TEST(LogFilter, AnEndlessLineIsPassedOnInBoundedMemory) {
  Filtered f;
  std::string piece(LogFilter::kMaxLine / 2, 'x');
  for (int i = 0; i < 8; i++) f.filter->feed(piece);
  EXPECT_GE(f.out.size(), 6 * piece.size());
  f.filter->feed("\nf+0x1/0x2\n");
  EXPECT_TRUE(f.out.ends_with("\nf+0x1/0x2\n"));
  EXPECT_EQ(f.out.size(), 8 * piece.size() + 11);
}

}  // namespace
}  // namespace inquest::shell
