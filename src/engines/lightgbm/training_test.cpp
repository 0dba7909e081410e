// SPDX-License-Identifier: Apache-2.0
// The text of a model that is larger than what is asked for at first.
#include "engines/lightgbm/training.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "engines/lightgbm/model_text.h"

namespace kingpost::lightgbm {
namespace {

constexpr std::int32_t kColumns = 3;
constexpr std::int32_t kRounds = 40;
constexpr std::size_t kRoom = 4'194'304;

TEST(LightGbmTraining, ALargeTextComesWhole) {
  Random random(5, 1);
  std::vector<float> values;
  std::vector<float> labels;
  for (int row = 0; row < 4000; ++row) {
    for (int i = 0; i < kColumns; ++i) values.push_back(static_cast<float>(random.below(100'000)));
    labels.push_back(static_cast<float>(random.below(100'000)) / 7);
  }
  Data data;
  data.values = values.data();
  data.rows = 4000;
  data.columns = kColumns;
  data.labels = labels.data();
  Settings settings;
  settings.parameters = {{"num_leaves", "2000"}, {"min_data_in_leaf", "1"}};
  settings.rounds = kRounds;
  settings.threads = 1;
  const auto set = TrainingSet::bin(data, nullptr, settings);
  ASSERT_TRUE(set) << render(set.error());
  const auto booster = Booster::train(**set, settings, {});
  ASSERT_TRUE(booster) << render(booster.error());
  const std::string& text = (*booster)->text();
  EXPECT_GT(text.size(), kRoom);
  EXPECT_EQ(text.find('\0'), std::string::npos);
  EXPECT_NE(text.find("\nend of parameters"), std::string::npos);
  const auto trees = parse_model(text);
  ASSERT_TRUE(trees) << render(trees.error());
  EXPECT_EQ(trees->trees.size(), static_cast<std::size_t>(kRounds));
}

}  // namespace
}  // namespace kingpost::lightgbm
