// SPDX-License-Identifier: Apache-2.0
// Plain evaluation of fitted models, as the measure for the graph and for explanations.
#include "records/trees.h"

#include <algorithm>
#include <cmath>

namespace kingpost::records {
namespace {

// Beyond this no code exists, and the conversion to an integer would not be defined.
constexpr float kMostCode = 2147483520.0F;

}  // namespace

bool goes_left(const TreeNode& node, float value) {
  if (node.is_categorical) {
    if (std::isnan(value) || value <= -1.0F || value > kMostCode) return false;
    return std::binary_search(node.categories.begin(), node.categories.end(),
                              static_cast<std::int32_t>(value));
  }
  if (std::isnan(value)) return node.missing_left;
  return static_cast<double>(value) <= node.threshold;
}

std::size_t leaf_of(const Tree& tree, const float* row) {
  std::size_t at = 0;
  while (tree.nodes[at].feature >= 0) {
    const TreeNode& node = tree.nodes[at];
    at = static_cast<std::size_t>(goes_left(node, row[node.feature]) ? node.left : node.right);
  }
  return at;
}

std::vector<double> raw_scores(const TreeEnsemble& ensemble, const float* row) {
  const auto outputs = static_cast<std::size_t>(ensemble.outputs);
  std::vector<double> out(outputs);
  for (std::size_t i = 0; i < ensemble.trees.size(); ++i) {
    const Tree& tree = ensemble.trees[i];
    out[i % outputs] += tree.nodes[leaf_of(tree, row)].value;
  }
  return out;
}

std::vector<double> raw_scores(const LinearModel& model, const float* row) {
  std::vector<double> out = model.intercepts;
  for (std::size_t o = 0; o < out.size(); ++o) {
    std::vector<bool> is_category(static_cast<std::size_t>(model.features));
    for (const auto& category : model.categories) {
      is_category[static_cast<std::size_t>(category.feature)] = true;
      const float code = row[category.feature];
      const std::vector<double>& weights = category.weights[o];
      if (code >= 0 && code < static_cast<float>(weights.size())) {
        out[o] += weights[static_cast<std::size_t>(code)];
      }
    }
    for (std::size_t f = 0; f < is_category.size(); ++f) {
      if (!is_category[f]) out[o] += model.weights[o][f] * static_cast<double>(row[f]);
    }
  }
  return out;
}

}  // namespace kingpost::records
