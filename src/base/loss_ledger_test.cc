#include "base/loss_ledger.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/worker_pool.h"

namespace inquest {
namespace {

TEST(LossLedger, EmptyAtFirst) { EXPECT_TRUE(LossLedger().entries().empty()); }

TEST(LossLedger, CountsAllAndKeepsTheFirstDistinctDetails) {
  LossLedger ledger;
  for (int i = 0; i < 20; i++) ledger.add(Loss::kPageLost, "page " + std::to_string(i / 2));
  ledger.add(Loss::kDumpIncomplete, "ends at 0x1000");
  auto entries = ledger.entries();
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].loss, Loss::kDumpIncomplete) << "in the order of losses.def";
  EXPECT_EQ(entries[0].count, 1u);
  EXPECT_EQ(entries[1].loss, Loss::kPageLost);
  EXPECT_EQ(entries[1].count, 20u);
  ASSERT_EQ(entries[1].details.size(), LossLedger::kMaxDetails);
  EXPECT_EQ(entries[1].details.front(), "page 0");
  EXPECT_EQ(entries[1].details.back(), "page 7");
}

TEST(LossLedger, TakesFromManyThreads) {
  LossLedger ledger;
  parallel_for(1000, [&](size_t i, unsigned) { ledger.add(Loss::kPageCorrupt, std::to_string(i % 3)); }, 4);
  auto entries = ledger.entries();
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].count, 1000u);
  EXPECT_EQ(entries[0].details.size(), 3u);
}

TEST(LossLedger, EveryLossHasANameOfItsOwnAndASentence) {
  std::set<std::string> names;
  for (size_t i = 0; i < size_t(Loss::kCount); i++) {
    EXPECT_TRUE(names.insert(name_of(Loss(i))).second) << name_of(Loss(i));
    EXPECT_GT(std::string(sentence_of(Loss(i))).size(), 10u);
  }
  EXPECT_TRUE(names.contains("DumpIncomplete")) << "the k is left out";
}

}  // namespace
}  // namespace inquest
