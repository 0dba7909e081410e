// SPDX-License-Identifier: Apache-2.0
#include "base/line_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "base/files.h"
#include "base/scratch.h"
#include "base/text.h"
#include "support/wait.h"

namespace kingpost {
namespace {

class LineLogTest : public testing::Test {
 protected:
  const Result<Scratch> folder_ = Scratch::make("line_log");
  const std::string path_ = folder_->path() + "/log";
};

TEST_F(LineLogTest, EveryLineOnceWhoeverWritesIt) {
  {
    const auto log = LineLog::open(path_).value();
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&log] {
        for (int i = 0; i < 1000; ++i) log->add("line");
      });
    }
    for (std::thread& each : threads) each.join();
    EXPECT_EQ(log->dropped(), 0U);
  }
  EXPECT_EQ(split(read_file(path_).value(), '\n').size(), 4001U);
}

TEST_F(LineLogTest, WhatDoesNotFitIsCountedAndNobodyWaits) {
  EXPECT_EQ(LineLog::open("/nowhere/log").error().id(), "file.not_found");
  const auto log = LineLog::open("/dev/full").value();
  const std::string line(1 << 20, 'x');
  for (int i = 0; i < 20; ++i) log->add(line);
  while (log->dropped() == 0) std::this_thread::yield();
  EXPECT_GT(log->dropped(), 0U);
}

TEST_F(LineLogTest, AFileThatIsLargeGoesOnInANewOne) {
  ASSERT_TRUE(write_durably(path_, "old\n", 0600));
  for (int i = 0; i < 6; ++i) {
    const auto log = LineLog::open(path_, {.rotate_bytes = 8, .keep = 2, .mode = 0600}).value();
    log->add(format("new {}", i));
  }
  EXPECT_EQ(read_file(path_ + ".2").value(), "new 1\nnew 2\n");
  EXPECT_EQ(read_file(path_ + ".1").value(), "new 3\nnew 4\n");
  EXPECT_EQ(read_file(path_).value(), "new 5\n");
  EXPECT_FALSE(exists(path_ + ".3"));
}

TEST_F(LineLogTest, WhereNoFileCanBeMadeItGoesOnInTheOldOne) {
  ASSERT_TRUE(write_durably(path_ + ".1", "kept\n"));
  ASSERT_TRUE(make_folders(path_ + ".new/in"));
  for (int i = 0; i < 2; ++i) {
    const auto log = LineLog::open(path_, {.rotate_bytes = 4}).value();
    log->add(format("new {}", i));
  }
  EXPECT_EQ(read_file(path_).value(), "new 0\nnew 1\n");
  EXPECT_EQ(read_file(path_ + ".1").value(), "kept\n");
  EXPECT_FALSE(exists(path_ + ".2"));
}

TEST_F(LineLogTest, OneThatSomebodyRemovedIsBegunAnew) {
  // What an earlier one may have left.
  ASSERT_TRUE(write_durably(path_ + ".new", "left\n"));
  auto log = LineLog::open(path_, {.rotate_bytes = 4}).value();
  ASSERT_TRUE(remove_file(path_));
  log->add("lost");
  ASSERT_TRUE(test::within_a_minute([&] { return exists(path_); }));
  log->add("line");
  log.reset();
  EXPECT_EQ(read_file(path_ + ".1").value(), "line\n");
  EXPECT_EQ(read_file(path_).value(), "");
  EXPECT_FALSE(exists(path_ + ".new"));
}

TEST_F(LineLogTest, LostLinesAreToldOfWhenThereIsRoom) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  const int reader = ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  auto log = LineLog::open(path_, {.tells_dropped = true}).value();
  // Nobody reads: after six of them at most the others find no room.
  const std::string line(1 << 20, 'x');
  for (int i = 0; i < 12; ++i) log->add(line);
  const std::uint64_t dropped = log->dropped();
  EXPECT_GT(dropped, 0U);
  ASSERT_EQ(::fcntl(reader, F_SETFL, 0), 0);
  std::thread ends([&log] { log.reset(); });
  std::string text;
  std::vector<char> piece(65536);
  for (ssize_t size = 1; size > 0;) {
    size = ::read(reader, piece.data(), piece.size());
    if (size > 0) text.append(piece.data(), static_cast<std::size_t>(size));
  }
  ends.join();
  ::close(reader);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'),
            12 - static_cast<std::int64_t>(dropped) + 1);
  EXPECT_NE(text.find(format("\n{} lines of this log are lost\n", dropped)), std::string::npos);
}

TEST_F(LineLogTest, WhatTheProcessSaysItselfGoesAlong) {
  auto log = LineLog::open(path_, {.rotate_bytes = 1, .mode = 0600}).value();
  const int kept = ::dup(STDERR_FILENO);
  const int same = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  ::dup2(same, STDERR_FILENO);
  log->add("line");
  log.reset();
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, "said\n", 5);
  ::dup2(kept, STDERR_FILENO);
  ::close(kept);
  ::close(same);
  EXPECT_EQ(read_file(path_ + ".1").value(), "line\n");
  EXPECT_EQ(read_file(path_).value(), "said\n");
  struct stat seen{};
  ASSERT_EQ(::stat(path_.c_str(), &seen), 0);
  EXPECT_EQ(seen.st_mode & 0777U, 0600U);
}

}  // namespace
}  // namespace kingpost
