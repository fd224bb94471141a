#include <gtest/gtest.h>

#include "kernel/locks.h"

namespace inquest::kernel {
namespace {

TEST(LockNames, TheLongestKnownBeginningDecides) {
  EXPECT_EQ(lock_kind_of("__mutex_lock.constprop.0"), LockKind::kMutex);
  EXPECT_EQ(lock_kind_of("down_read_killable"), LockKind::kRwsem);
  EXPECT_EQ(lock_kind_of("__down_read_common"), LockKind::kRwsem);
  EXPECT_EQ(lock_kind_of("__down_timeout"), LockKind::kSemaphore);
  EXPECT_EQ(lock_kind_of("folio_wait_bit_common"), LockKind::kFolio);
  EXPECT_EQ(lock_kind_of("schedule"), std::nullopt);
  EXPECT_TRUE(is_lock_function("schedule_timeout"));
  EXPECT_FALSE(is_lock_function("schedule_work"));
  EXPECT_FALSE(is_lock_function("vfs_read"));
}

}  // namespace
}  // namespace inquest::kernel
