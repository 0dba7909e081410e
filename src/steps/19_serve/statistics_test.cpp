// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kingpost::steps::serve {
namespace {

using testing::ElementsAre;

TEST(Statistics, BatchesBySize) {
  Statistics statistics;
  for (const std::int64_t rows : {1, 1, 128, 129, 256, 257, 1000000}) statistics.executed(rows, {});
  std::vector<std::int64_t> sizes;
  for (const BatchCount& each : statistics.batches()) sizes.push_back(each.rows);
  EXPECT_THAT(sizes, ElementsAre(1, 128, 256, 512, 1048576));
  EXPECT_EQ(statistics.batches()[0].infer.count, 2U);
  EXPECT_EQ(statistics.rows(), 1000772U);
}

TEST(Statistics, DurationsFallIntoTheBucketThatHoldsThem) {
  Histogram histogram;
  for (const std::int64_t ns : {std::int64_t{1}, std::int64_t{25'000}, std::int64_t{25'001},
                                std::int64_t{60} * 1'000'000'000}) {
    histogram.add(Nanos(ns));
  }
  const std::vector<std::uint64_t> buckets = histogram.buckets();
  EXPECT_EQ(buckets[0], 2U);
  EXPECT_EQ(buckets[1], 1U);
  EXPECT_EQ(buckets.back(), 1U);
  EXPECT_EQ(histogram.total().count, 4U);
}

}  // namespace
}  // namespace kingpost::steps::serve
