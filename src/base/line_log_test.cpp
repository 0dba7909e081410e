// SPDX-License-Identifier: Apache-2.0
#include "base/line_log.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/files.h"
#include "base/scratch.h"
#include "base/text.h"

namespace kingpost {
namespace {

TEST(LineLog, EveryLineOnceWhoeverWritesIt) {
  const auto folder = Scratch::make("line_log");
  const std::string path = folder->path() + "/log";
  {
    const auto log = LineLog::open(path).value();
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&log] {
        for (int i = 0; i < 1000; ++i) log->add("line");
      });
    }
    for (std::thread& each : threads) each.join();
    EXPECT_EQ(log->dropped(), 0U);
  }
  EXPECT_EQ(split(read_file(path).value(), '\n').size(), 4001U);
}

TEST(LineLog, WhatDoesNotFitIsCountedAndNobodyWaits) {
  EXPECT_EQ(LineLog::open("/nowhere/log").error().id(), "file.not_found");
  const auto log = LineLog::open("/dev/full").value();
  const std::string line(1 << 20, 'x');
  for (int i = 0; i < 20; ++i) log->add(line);
  while (log->dropped() == 0) std::this_thread::yield();
  EXPECT_GT(log->dropped(), 0U);
}

}  // namespace
}  // namespace kingpost
