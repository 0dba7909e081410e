// SPDX-License-Identifier: Apache-2.0
// Files that belong together, and whose turn it is.
#include "base/new_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
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

// By how many of this process's descriptors.
std::ptrdiff_t times_open(const std::string& folder) {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return std::count_if(begin(all), end(all), [&](const auto& each) {
    std::error_code gone;
    return std::filesystem::read_symlink(each.path(), gone) == folder;
  });
}

TEST(FolderTurns, AreWaitedForAndLeaveNothing) {
  const test::TempFolder folder;
  const int other = ::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_EQ(::flock(other, LOCK_EX), 0);
  const auto busy = FolderTurn::take(folder.path(), std::chrono::milliseconds(50));
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().id(), "file.folder_busy");
  std::atomic<bool> is_taken = false;
  std::thread waits([&] {
    EXPECT_TRUE(FolderTurn::take(folder.path()));
    is_taken = true;
  });
  while (times_open(folder.path()) < 2 && !is_taken) std::this_thread::yield();
  EXPECT_FALSE(is_taken);
  ::close(other);
  waits.join();
  EXPECT_TRUE(is_taken);
  EXPECT_TRUE(entries_of(folder.path()).empty());
  EXPECT_FALSE(FolderTurn::take(folder.path() + "/nowhere"));
}

}  // namespace
}  // namespace kingpost
