// SPDX-License-Identifier: Apache-2.0
// Arrays on large pages are vectors like others, at every size.
#include "base/large_vector.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>

namespace kingpost {
namespace {

TEST(LargeVector, GrowsFromSmallPagesToLargeOnes) {
  constexpr std::int64_t kCount = 2'000'003;
  LargeVector<std::int64_t> values;
  for (std::int64_t i = 0; i < kCount; ++i) values.push_back(i);
  std::int64_t wrong = 0;
  for (std::int64_t i = 0; i < kCount; ++i) {
    if (values[static_cast<std::size_t>(i)] != i) ++wrong;
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(values.data()) % (std::uintptr_t{2} << 20U), 0U);
  const LargeVector<std::int64_t> copy = values;
  const LargeVector<std::int64_t> moved = std::move(values);
  EXPECT_EQ(copy, moved);
}

TEST(LargeVector, MayBeEmptyOrOfOne) {
  LargeVector<std::uint8_t> values;
  EXPECT_TRUE(values.empty());
  values.push_back(7);
  values.shrink_to_fit();
  EXPECT_EQ(values.front(), 7);
}

}  // namespace
}  // namespace kingpost
