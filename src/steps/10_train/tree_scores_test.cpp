// SPDX-License-Identifier: Apache-2.0
// Scores by leaves against the plain walk through each tree, bit for bit.
#include "steps/10_train/tree_scores.h"

#include <gtest/gtest.h>

#include <limits>
#include <numeric>

#include "base/random.h"

namespace kingpost::steps::train {
namespace {

using records::Tree;
using records::TreeEnsemble;
using records::TreeNode;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr std::int32_t kColumns = 3;
constexpr std::uint32_t kCodes = 40;

// Thirds, whose sums depend on the order that they are added up in.
double leaf_value(Random& random) {
  return static_cast<double>(random.below(2000)) / 3 - 300;
}

// Columns 0 and 1 hold numbers, 2 codes; some sets are empty.
std::int32_t grow(Tree& tree, Random& random, int depth) {
  const std::size_t at = tree.nodes.size();
  tree.nodes.emplace_back().value = leaf_value(random);
  if (depth == 0 || random.below(8) == 0) return static_cast<std::int32_t>(at);
  TreeNode node;
  node.feature = static_cast<std::int32_t>(random.below(3));
  node.is_categorical = node.feature == 2;
  node.threshold = static_cast<double>(random.below(100));
  node.missing_left = random.below(2) == 1;
  const std::uint32_t share = random.below(4);
  for (std::uint32_t code = 0; node.is_categorical && code < kCodes; ++code) {
    if (random.below(4) < share) node.categories.push_back(static_cast<std::int32_t>(code));
  }
  node.left = grow(tree, random, depth - 1);
  node.right = grow(tree, random, depth - 1);
  tree.nodes[at] = std::move(node);
  return static_cast<std::int32_t>(at);
}

TreeEnsemble forest(std::size_t trees, std::int32_t outputs, int depth) {
  Random random(static_cast<std::int64_t>(trees), 7);
  TreeEnsemble out;
  out.features = kColumns;
  out.outputs = outputs;
  for (std::size_t i = 0; i < trees; ++i) grow(out.trees.emplace_back(), random, depth);
  return out;
}

LabelledRows make_rows(std::size_t count) {
  Random random(static_cast<std::int64_t>(count), 3);
  LabelledRows out;
  out.columns = kColumns;
  out.numbers.resize(count);
  std::iota(out.numbers.begin(), out.numbers.end(), 0);
  for (std::size_t i = 0; i < count * kColumns; ++i) {
    const bool is_code = i % kColumns == 2;
    const auto value = static_cast<float>(random.below(is_code ? kCodes + 2 : 120)) - 1;
    out.values.push_back(random.below(12) == 0 ? kNan : value);
  }
  return out;
}

void expect_plain_scores(const TreeEnsemble& ensemble, const LabelledRows& rows) {
  std::vector<double> plain;
  for (std::int64_t row = 0; row < rows.rows(); ++row) {
    const auto each = records::raw_scores(ensemble, rows.values.data() + row * kColumns);
    plain.insert(plain.end(), each.begin(), each.end());
  }
  const auto made = TreeScores::of(ensemble);
  ASSERT_TRUE(made) << render(made.error());
  for (const int threads : {0, 1, 3}) {
    const auto scores = made->scores(rows, threads);
    ASSERT_TRUE(scores) << render(scores.error());
    EXPECT_EQ(*scores, plain) << ensemble.trees.size() << " trees, " << threads << " threads";
  }
}

TEST(TreeScores, AreThoseOfThePlainWalk) {
  for (const std::size_t rows : {0U, 1U, 256U, 1000U}) {
    expect_plain_scores(forest(60, 1, 6), make_rows(rows));
  }
}

TEST(TreeScores, TreesGoRoundOverTheOutputs) {
  expect_plain_scores(forest(63, 3, 5), make_rows(700));
}

TEST(TreeScores, TreesMayBeOneLeaf) {
  expect_plain_scores(forest(20, 2, 0), make_rows(300));
}

TEST(TreeScores, LargeTreesHaveTheSameSums) {
  expect_plain_scores(forest(5, 1, 12), make_rows(600));
}

TEST(TreeScores, AGraphIsMadeForManyRowsOfSomeTrees) {
  const auto of = [](std::size_t trees) { return forest(trees, 1, 0); };
  EXPECT_FALSE(TreeScores::are_worth_it(of(100), 9999));
  EXPECT_TRUE(TreeScores::are_worth_it(of(100), 10000));
  EXPECT_TRUE(TreeScores::are_worth_it(of(4096), 10000));
  EXPECT_FALSE(TreeScores::are_worth_it(of(4097), 10000));
  EXPECT_FALSE(TreeScores::are_worth_it(of(0), 10000));
}

}  // namespace
}  // namespace kingpost::steps::train
