// SPDX-License-Identifier: Apache-2.0
#include "records/inference.h"

#include <gtest/gtest.h>

#include <limits>

namespace kingpost::records {
namespace {

TEST(Inference, EveryDatatypeIsFoundByItsWord) {
  for (int i = 0; i <= static_cast<int>(Datatype::kBytes); ++i) {
    const auto datatype = static_cast<Datatype>(i);
    EXPECT_EQ(datatype_of(datatype_word(datatype)), datatype);
  }
  EXPECT_EQ(element_size(Datatype::kInt64), 8U);
  EXPECT_EQ(element_size(Datatype::kBf16), 2U);
  EXPECT_EQ(element_size(Datatype::kBytes), 0U);
  EXPECT_EQ(datatype_of("fp32"), std::nullopt);
  EXPECT_EQ(datatype_of(""), std::nullopt);
}

std::optional<std::int64_t> count(std::vector<std::int64_t> shape) {
  return element_count(shape);
}

TEST(Inference, CountsOfElements) {
  constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(count({}), 1);
  EXPECT_EQ(count({3, 4}), 12);
  EXPECT_EQ(count({kHuge, 0, kHuge}), 0);
  EXPECT_EQ(count({-1, 4}), std::nullopt);
  EXPECT_EQ(count({0, -1}), std::nullopt);
  EXPECT_EQ(count({std::int64_t{1} << 32, std::int64_t{1} << 32}), std::nullopt);
  EXPECT_EQ(count({std::int64_t{1} << 31, std::int64_t{1} << 31}), std::int64_t{1} << 62);
  EXPECT_EQ(count({kHuge}), std::nullopt);
}

TEST(Inference, AClearedRequestIsAsNew) {
  InferRequest request;
  request.model = "m";
  request.inputs.push_back({});
  request.outputs.push_back({});
  request.timeout = std::chrono::microseconds(5);
  request.priority = 2;
  request.clear();
  EXPECT_TRUE(request.model.empty());
  EXPECT_TRUE(request.inputs.empty());
  EXPECT_TRUE(request.outputs.empty());
  EXPECT_EQ(request.timeout.count(), 0);
  EXPECT_EQ(request.priority, 0U);
}

}  // namespace
}  // namespace kingpost::records
