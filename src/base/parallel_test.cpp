// SPDX-License-Identifier: Apache-2.0
#include "base/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace kingpost {
namespace {

TEST(Parallel, TakesEachTurnOnce) {
  for (const int threads : {0, 1, 2, 7}) {
    for (const std::size_t count : {0U, 1U, 2U, 1000U}) {
      std::vector<std::atomic<int>> taken(count);
      parallel(count, threads, [&](std::size_t i) { ++taken[i]; });
      for (const auto& each : taken) EXPECT_EQ(each, 1);
    }
  }
  EXPECT_GE(threads_or_all(0), 1);
  EXPECT_EQ(threads_or_all(3), 3);
}

}  // namespace
}  // namespace kingpost
