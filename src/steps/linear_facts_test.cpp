// SPDX-License-Identifier: Apache-2.0
// A linear model comes back from its facts, and what does not fit is none.
#include "steps/linear_facts.h"

#include <gtest/gtest.h>

#include <string>

namespace kingpost::steps {
namespace {

Json json(const std::string& text) {
  auto out = parse_json(text);
  if (!out) ADD_FAILURE() << out.error().what();
  return std::move(out).value();
}

constexpr const char* kTwo = R"({"intercepts": [1, 2], "weights": [[3, 0], [4, 0]],
    "categories": [{"feature": 1, "weights": [[5, 6, 7], [8, 9, 10]]}]})";

TEST(LinearFacts, ComeBack) {
  const auto model = linear_of(json(kTwo), 2);
  ASSERT_TRUE(model);
  EXPECT_EQ(model->outputs, 2);
  const std::vector<float> row = {10, 2};
  EXPECT_EQ(records::raw_scores(*model, row.data()), (std::vector<double>{38, 52}));
  const std::vector<double> means = {1, 2, 3, 4};
  const Json written = linear_means_json(*model, means);
  EXPECT_EQ(written.dump(), R"({"means":[[1.0,2.0],[3.0,4.0]]})");
  EXPECT_EQ(linear_means_of(written, *model), means);
}

TEST(LinearFacts, WhatDoesNotFitIsNone) {
  EXPECT_FALSE(linear_of(Json(), 2));
  EXPECT_FALSE(linear_of(json(kTwo), 3));
  for (const char* wrong : {
           R"({"intercepts": [1], "weights": []})",
           R"({"intercepts": [1], "weights": [[1, 2]],
               "categories": [{"feature": 2, "weights": [[1]]}]})",
           R"({"intercepts": [1], "weights": [[1, 2]],
               "categories": [{"feature": -1, "weights": [[1]]}]})",
           R"({"intercepts": [1], "weights": [[1, 2]],
               "categories": [{"feature": 1e300, "weights": [[1]]}]})",
           R"({"intercepts": [1], "weights": [[1, 2]],
               "categories": [{"feature": 1, "weights": []}]})",
       }) {
    EXPECT_FALSE(linear_of(json(wrong), 2)) << wrong;
  }
  const auto model = linear_of(json(kTwo), 2);
  for (const char* wrong :
       {"{}", R"({"means": [[1, 2]]})", R"({"means": [[1, 2], [3]]})", R"({"means": 4})"}) {
    EXPECT_FALSE(linear_means_of(json(wrong), *model)) << wrong;
  }
}

}  // namespace
}  // namespace kingpost::steps
