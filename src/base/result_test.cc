#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace inquest {
namespace {

Result<int> half_of(int n) {
  if (n % 2) return Error(ErrorCode::kUsage, std::to_string(n) + " is odd");
  return n / 2;
}
Result<int> quarter_of(int n) {
  TRY(int half, half_of(n));
  return half_of(half).in("the half");
}
Result<void> must_be_even(int n) {
  TRY_VOID(half_of(n));
  return {};
}

TEST(Result, CarriesAValueOrAnError) {
  auto good = half_of(8);
  ASSERT_TRUE(good);
  EXPECT_EQ(*good, 4);
  auto bad = half_of(7);
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().code(), ErrorCode::kUsage);
  EXPECT_EQ(bad.error().message(), "7 is odd");
  EXPECT_EQ(bad.value_or(-1), -1);
  EXPECT_EQ(good.value_or(-1), 4);
  EXPECT_EQ(half_of(7).maybe(), std::nullopt);
  EXPECT_EQ(half_of(6).maybe(), 3);
}

TEST(Result, ContextGrowsInFrontAndTheCodeStays) {
  auto nested = quarter_of(6).in("opening X");
  ASSERT_FALSE(nested.ok());
  EXPECT_EQ(nested.error().message(), "opening X: the half: 3 is odd");
  EXPECT_EQ(nested.error().code(), ErrorCode::kUsage);
  EXPECT_EQ(quarter_of(12).in("opening X").value(), 3);
  EXPECT_EQ(quarter_of(5).error().message(), "5 is odd");
}

TEST(Result, OfNothing) {
  EXPECT_TRUE(must_be_even(2).ok());
  EXPECT_TRUE(must_be_even(2).in("here").ok());
  EXPECT_EQ(must_be_even(3).in("here").error().message(), "here: 3 is odd");
}

TEST(Result, MovesWhatCannotBeCopied) {
  Result<std::unique_ptr<int>> made = std::make_unique<int>(5);
  ASSERT_TRUE(made.ok());
  std::unique_ptr<int> taken = *std::move(made);
  EXPECT_EQ(*taken, 5);
  Result<std::string> converted = "text";
  EXPECT_EQ(converted->size(), 4u);
}

TEST(Result, EveryCodeHasAName) {
  std::vector<std::string> names;
  for (int code = int(ErrorCode::kNotFound); code <= int(ErrorCode::kUsage); code++) {
    const std::string name = name_of(ErrorCode(code));
    EXPECT_NE(name, "unknown");
    for (const auto& other : names) EXPECT_NE(name, other);
    names.push_back(name);
  }
}

}  // namespace
}  // namespace inquest
