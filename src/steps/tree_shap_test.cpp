// SPDX-License-Identifier: Apache-2.0
// Tree SHAP against its definition over all subsets, and against LightGBM's own contributions.
#include "steps/tree_shap.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/random.h"
#include "engines/lightgbm/lightgbm.h"
#include "engines/lightgbm/model_text.h"

namespace kingpost::steps {
namespace {

using records::Tree;
using records::TreeEnsemble;
using records::TreeNode;

TreeNode split(std::int32_t feature, double threshold, std::int32_t left, std::int32_t right,
               double cover) {
  TreeNode node;
  node.feature = feature;
  node.threshold = threshold;
  node.left = left;
  node.right = right;
  node.cover = cover;
  return node;
}

TreeNode leaf(double value, double cover) {
  TreeNode node;
  node.value = value;
  node.cover = cover;
  return node;
}

// The score when only the features of `known` are known of the row.
double score(const Tree& tree, std::int32_t at, const float* row, unsigned known) {
  const TreeNode& node = tree.nodes[static_cast<std::size_t>(at)];
  if (node.feature < 0) return node.value;
  if ((known >> static_cast<unsigned>(node.feature) & 1U) != 0) {
    return score(tree, records::goes_left(node, row[node.feature]) ? node.left : node.right, row,
                 known);
  }
  const double left = tree.nodes[static_cast<std::size_t>(node.left)].cover;
  const double right = tree.nodes[static_cast<std::size_t>(node.right)].cover;
  return (left * score(tree, node.left, row, known) + right * score(tree, node.right, row, known)) /
         (left + right);
}

double factorial(int n) {
  return std::tgamma(n + 1.0);
}

// Shapley's formula, term by term.
double by_definition(const Tree& tree, const float* row, int features, int feature) {
  double sum = 0;
  for (unsigned set = 0; set < 1U << static_cast<unsigned>(features); ++set) {
    if ((set >> static_cast<unsigned>(feature) & 1U) != 0) continue;
    const int size = __builtin_popcount(set);
    const double weight = factorial(size) * factorial(features - size - 1) / factorial(features);
    sum += weight * (score(tree, 0, row, set | 1U << static_cast<unsigned>(feature)) -
                     score(tree, 0, row, set));
  }
  return sum;
}

// Feature 0 twice on one path, an unused feature 3, a split by category.
TreeEnsemble hand_made() {
  Tree tree;
  tree.nodes = {split(0, 0, 1, 2, 100),
                split(1, 5, 3, 4, 60),
                split(2, 1, 5, 6, 40),
                split(0, -3, 7, 8, 45),
                leaf(2.5, 15),
                leaf(-1, 30),
                leaf(7, 10),
                leaf(0.5, 5),
                leaf(-4, 40)};
  tree.nodes[2].is_categorical = true;
  tree.nodes[2].categories = {2, 4};
  tree.nodes[1].missing_left = true;
  TreeEnsemble out;
  out.features = 4;
  out.trees = {tree, {{leaf(0.25, 100)}}};
  return out;
}

TEST(TreeShap, IsShapleysFormula) {
  const TreeEnsemble ensemble = hand_made();
  const TreeShap shap(ensemble);
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<std::vector<float>> rows = {
      {-5, 1, 2, 0}, {-1, 9, 2, 0}, {3, 1, 4, 0}, {3, 1, 3, 0}, {-1, kNan, kNan, 0}};
  for (const auto& row : rows) {
    const auto values = shap.values(row.data());
    double sum = values[4];
    for (int f = 0; f < 4; ++f) {
      const double expected = by_definition(ensemble.trees[0], row.data(), 4, f);
      EXPECT_NEAR(values[static_cast<std::size_t>(f)], expected, 1e-12);
      sum += expected;
    }
    EXPECT_NEAR(sum, records::raw_scores(ensemble, row.data())[0], 1e-12);
  }
  EXPECT_EQ(shap.expected()[0], (5 * 0.5 - 4 * 40 + 15 * 2.5 - 30 + 70) / 100 + 0.25);
  EXPECT_EQ(shap.work(), 4 * 4 * 2 + 3 * 3 * 3 + 1);
}

TEST(TreeShap, LeavesOutWhereNoRowEverWent) {
  TreeEnsemble ensemble = hand_made();
  ensemble.trees[0].nodes[7].cover = 0;
  ensemble.trees[0].nodes[8].cover = 45;
  for (const float first : {-5.0F, -1.0F, 3.0F}) {
    const std::vector<float> row = {first, 1, 2, 0};
    const auto values = TreeShap(ensemble).values(row.data());
    double sum = 0;
    for (const double value : values) sum += value;
    EXPECT_NEAR(sum, records::raw_scores(ensemble, row.data())[0], 1e-12);
  }
}

struct Made {
  std::vector<float> values;
  std::vector<float> labels;
};

Made made(std::int64_t rows, std::int32_t classes) {
  Made out;
  Random random(5, classes);
  for (std::int64_t i = 0; i < rows; ++i) {
    const auto a = static_cast<float>(random.below(1000)) / 100;
    const auto code = static_cast<float>(random.below(12));
    const auto b = static_cast<float>(random.below(9));
    const float holes =
        random.below(3) == 0 ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(b - 4);
    out.values.insert(out.values.end(), {a, code, b, holes});
    const double score = std::sin(static_cast<double>(a)) + static_cast<int>(code) % 3 +
                         (std::isnan(holes) ? 1 : 0) + 0.01 * random.below(60);
    out.labels.push_back(
        static_cast<float>(classes > 0 ? std::fmod(std::floor(score + 1), classes) : score));
  }
  return out;
}

void compare_with_lightgbm(const std::string& objective, std::int32_t classes) {
  constexpr std::int64_t kRows = 1500;
  const Made rows = made(kRows, classes);
  lightgbm::Data data;
  data.values = rows.values.data();
  data.rows = kRows;
  data.columns = 4;
  data.labels = rows.labels.data();
  data.categorical = {1};
  lightgbm::Settings settings;
  settings.objective = objective;
  settings.classes = objective == "multiclass" ? classes : 0;
  settings.rounds = 40;
  settings.threads = 1;
  settings.parameters = {{"num_leaves", "31"}, {"min_data_in_leaf", "5"}};
  const auto set = lightgbm::TrainingSet::bin(data, nullptr, settings);
  ASSERT_TRUE(set) << set.error().what();
  const auto booster = lightgbm::Booster::train(**set, settings);
  ASSERT_TRUE(booster) << booster.error().what();
  const auto ensemble = lightgbm::parse_model((*booster)->text());
  ASSERT_TRUE(ensemble) << ensemble.error().what();
  const TreeShap shap(*ensemble);
  constexpr std::int64_t kSample = 300;
  const auto native = (*booster)->contributions(rows.values.data(), kSample, 4);
  ASSERT_TRUE(native);
  const auto width = native->size() / kSample;
  double largest = 0;
  for (std::size_t i = 0; i < kSample; ++i) {
    const auto values = shap.values(rows.values.data() + i * 4);
    ASSERT_EQ(values.size(), width);
    for (std::size_t k = 0; k < width; ++k) {
      largest = std::max(largest, std::abs(values[k] - (*native)[i * width + k]));
    }
  }
  EXPECT_LT(largest, 1e-6) << objective;
}

TEST(TreeShap, IsLightGbmsContribution) {
  compare_with_lightgbm("regression", 0);
  compare_with_lightgbm("binary", 2);
  compare_with_lightgbm("multiclass", 3);
}

TEST(LinearShap, IsWeightTimesDistanceFromTheMean) {
  records::LinearModel model;
  model.features = 2;
  model.intercepts = {1};
  model.weights = {{3, 0}};
  model.categories = {{1, {{0.5, -2, 4}}}};
  const std::vector<float> rows = {1, 0, 3, 1, 5, 2, 3, 9};
  const LinearShap shap(model, rows.data(), 4);
  EXPECT_NEAR(shap.means()[0], 9, 1e-12);
  EXPECT_NEAR(shap.means()[1], 2.5 / 4, 1e-12);
  const std::vector<float> row = {5, 1};
  const auto values = shap.values(row.data());
  EXPECT_NEAR(values[0], 3 * (5 - 3), 1e-12);
  EXPECT_NEAR(values[1], -2 - 2.5 / 4, 1e-12);
  EXPECT_NEAR(values[2], 1 + 9 + 2.5 / 4, 1e-12);
  EXPECT_NEAR(values[0] + values[1] + values[2], records::raw_scores(model, row.data())[0], 1e-12);
  EXPECT_EQ(LinearShap(model, shap.means()).values(row.data()), values);
}

}  // namespace
}  // namespace kingpost::steps
