// SPDX-License-Identifier: Apache-2.0
#include "steps/16_register/trees_file.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engines/lightgbm/lightgbm.h"
#include "engines/lightgbm/model_text.h"

namespace kingpost::steps::registering {
namespace {

constexpr std::int32_t kColumns = 2;

std::string trained(const std::string& objective, std::int32_t classes) {
  std::vector<float> values;
  std::vector<float> labels;
  for (int row = 0; row < 400; ++row) {
    const auto a = static_cast<float>(row % 37) / 3;
    values.push_back(row % 11 == 0 ? NAN : a);
    values.push_back(static_cast<float>(row % 23));
    labels.push_back(static_cast<float>(static_cast<int>(a) % (classes == 0 ? 2 : classes)));
  }
  const lightgbm::Data data{values.data(), std::ssize(labels), kColumns, labels.data()};
  lightgbm::Settings settings;
  settings.objective = objective;
  settings.classes = classes;
  settings.rounds = 10;
  const auto set = lightgbm::TrainingSet::bin(data, nullptr, settings);
  EXPECT_TRUE(set) << set.error().what();
  const auto booster = lightgbm::Booster::train(**set, settings);
  EXPECT_TRUE(booster) << booster.error().what();
  return (*booster)->text();
}

class TreesFileTest : public testing::TestWithParam<std::pair<std::string, std::int32_t>> {};

TEST_P(TreesFileTest, AnswersAsLightGbmDoesOrIsRefused) {
  const std::string text = trained(GetParam().first, GetParam().second);
  const auto trees = lightgbm::parse_model(text);
  ASSERT_TRUE(trees) << trees.error().what();
  const auto names = feature_names(text, trees->features);
  ASSERT_TRUE(names) << names.error().what();
  ASSERT_EQ(names->size(), 2U);
  const auto parity = compare_trees(text, *trees, tree_graph(*trees, *names), *names);
  ASSERT_TRUE(parity) << parity.error().what();
  EXPECT_EQ(parity->other_leaves, 0);
  EXPECT_LE(parity->largest, 1e-5);
  EXPECT_GT(parity->rows, 2000);

  records::TreeEnsemble other = *trees;
  for (auto& node : other.trees.front().nodes) {
    if (node.feature < 0) node.value += 0.5;
  }
  const auto by_value = compare_trees(text, *trees, tree_graph(other, *names), *names);
  ASSERT_FALSE(by_value);
  EXPECT_EQ(by_value.error().id(), "register.parity_failed");

  // One float32 further: only a row at the threshold itself can tell.
  other = *trees;
  auto& root = other.trees.front().nodes.front();
  ASSERT_GE(root.feature, 0);
  root.threshold = std::nextafter(static_cast<float>(root.threshold), -INFINITY);
  const auto by_leaf = compare_trees(text, other, tree_graph(other, *names), *names);
  ASSERT_FALSE(by_leaf);
  EXPECT_EQ(by_leaf.error().id(), "register.parity_failed");
}

INSTANTIATE_TEST_SUITE_P(Objectives, TreesFileTest,
                         testing::Values(std::pair{std::string("regression"), 0},
                                         std::pair{std::string("binary"), 0},
                                         std::pair{std::string("multiclass"), 3}));

}  // namespace
}  // namespace kingpost::steps::registering
