// SPDX-License-Identifier: Apache-2.0
// Files that belong together, and whose turn it is.
#include "base/new_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "base/files.h"
#include "support/step_harness.h"

namespace kingpost {
namespace {

TEST(NewFiles, BothTakeTheirPlacesOrNeither) {
  const test::TempFolder folder;
  const std::string a = folder.write("a", "old");
  const std::string b = folder.path() + "/b";
  {
    NewFile first(a);
    NewFile second(b);
    ASSERT_TRUE(first.write("one"));
    ASSERT_TRUE(second.write("two"));
    ASSERT_TRUE(keep_both(first, second));
  }
  EXPECT_EQ(read_file(a).value(), "one");
  EXPECT_EQ(read_file(b).value(), "two");
  ASSERT_TRUE(make_folders(folder.path() + "/taken"));
  {
    NewFile first(a);
    NewFile second(folder.path() + "/taken");
    ASSERT_TRUE(first.write("three"));
    ASSERT_TRUE(second.write("four"));
    EXPECT_EQ(keep_both(first, second).error().id(), "file.not_regular");
  }
  EXPECT_EQ(read_file(a).value(), "one");
  EXPECT_EQ(entries_of(folder.path()).size(), 3U);
}

TEST(FolderTurns, AreWaitedForAndLeaveNothing) {
  const test::TempFolder folder;
  const int other = ::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_EQ(::flock(other, LOCK_EX), 0);
  const auto busy = FolderTurn::take(folder.path(), std::chrono::milliseconds(50));
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().id(), "file.folder_busy");
  constexpr std::chrono::milliseconds kHeld{100};
  std::thread ends([&] {
    std::this_thread::sleep_for(kHeld);
    ::close(other);
  });
  const auto from = std::chrono::steady_clock::now();
  EXPECT_TRUE(FolderTurn::take(folder.path()));
  EXPECT_GE(std::chrono::steady_clock::now() - from, kHeld / 2);
  ends.join();
  EXPECT_TRUE(entries_of(folder.path()).empty());
  EXPECT_FALSE(FolderTurn::take(folder.path() + "/nowhere"));
}

}  // namespace
}  // namespace kingpost
