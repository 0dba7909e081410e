// SPDX-License-Identifier: Apache-2.0
// Fitted models as plain values, between the library that trained them and the graph that answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace kingpost::records {

/// From raw scores to answers. kOneVsRest: the sigmoid of each score, divided by their sum.
enum class Link { kIdentity, kSigmoid, kSoftmax, kOneVsRest };

struct TreeNode {
  /// Index of the feature; -1 for a leaf.
  std::int32_t feature = -1;
  /// A numeric split: value <= threshold goes left. It is a float32 value, because features are.
  double threshold = 0;
  /// A split by category: a code of this list (ascending) goes left, everything else right, NaN and
  /// negative codes too. Empty for a numeric split.
  std::vector<std::int32_t> categories{};
  bool is_categorical = false;
  /// Where NaN goes in a numeric split.
  bool missing_left = false;
  std::int32_t left = -1;
  std::int32_t right = -1;
  /// Of a leaf: what it adds to the score.
  double value = 0;
  /// Training rows that came by here.
  double cover = 0;
};

/// Root first.
struct Tree {
  std::vector<TreeNode> nodes;
};

/// Tree i adds to output i % outputs.
struct TreeEnsemble {
  std::int32_t features = 0;
  /// 1 for numbers and two classes, else the number of classes.
  std::int32_t outputs = 1;
  std::vector<Tree> trees;
  Link link = Link::kIdentity;
};

/// Which way a value of the node's feature goes. Requires: not a leaf.
bool goes_left(const TreeNode& node, float value);
/// The index of the leaf that a row [features] ends in. A fractional code counts as the whole
/// number towards 0.
std::size_t leaf_of(const Tree& tree, const float* row);
/// Sums of leaf values per output, before the link, in double precision and in the order of the
/// trees.
std::vector<double> raw_scores(const TreeEnsemble& ensemble, const float* row);

/// score[o] = intercept[o] + sum over numeric columns of weight * value + sum over categorical
/// columns of the weight of the code. A code without a weight adds 0.
struct LinearModel {
  std::int32_t features = 0;
  std::int32_t outputs = 1;
  std::vector<double> intercepts;
  /// [outputs][features]; 0 for categorical columns.
  std::vector<std::vector<double>> weights;
  struct CategoryWeights {
    std::int32_t feature = 0;
    /// [outputs][codes], by code from 0.
    std::vector<std::vector<double>> weights;
  };
  std::vector<CategoryWeights> categories;
  Link link = Link::kIdentity;
};

/// [outputs], before the link, in double precision.
std::vector<double> raw_scores(const LinearModel& model, const float* row);

}  // namespace kingpost::records
