// SPDX-License-Identifier: Apache-2.0
// The lock between two holders in one process; its file description makes them strangers.
#include "store/lock.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/files.h"
#include "support/step_harness.h"

namespace kingpost::store {
namespace {

TEST(LockTest, ASecondHolderIsRefusedUntilTheFirstEnds) {
  const test::TempFolder folder;
  EXPECT_FALSE(Lock::holder(folder.path()).has_value());
  {
    auto first = Lock::acquire(folder.path(), "kingpost run");
    ASSERT_TRUE(first);
    const Lock moved = std::move(first).value();
    const auto second = Lock::acquire(folder.path(), "kingpost gc");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().id(), "store.locked");
    EXPECT_EQ(second.error().code(), Code::kConflict);
    const std::string who = format("process {}, `kingpost run`, since 20", ::getpid());
    EXPECT_NE(second.error().what().find(who), std::string::npos) << second.error().what();
    EXPECT_EQ(Lock::holder(folder.path())->substr(0, who.size()), who);
  }
  EXPECT_FALSE(Lock::holder(folder.path()).has_value());
  EXPECT_TRUE(Lock::acquire(folder.path(), "kingpost gc"));
}

TEST(LockTest, AHolderThatHasNotYetWrittenItsNameIsStillNamed) {
  const test::TempFolder folder;
  const auto first = Lock::acquire(folder.path(), "kingpost run");
  ASSERT_TRUE(first);
  ASSERT_TRUE(write_file(folder.path() + "/lock", ""));
  EXPECT_EQ(*Lock::holder(folder.path()), "a process that has just begun");
}

}  // namespace
}  // namespace kingpost::store
