// SPDX-License-Identifier: Apache-2.0
// In the graph each tree has an output of its own, and the value of a leaf is its number.
#include "steps/10_train/tree_scores.h"

#include "engines/onnx/models.h"

namespace kingpost::steps::train {
namespace {

using records::Tree;
using records::TreeEnsemble;
using records::TreeNode;

// The answers of a slice, which has a column for each tree, should stay in the processor's caches.
constexpr std::int64_t kMostTrees = 4096;
constexpr std::int64_t kLeastLeaves = 1'000'000;

}  // namespace

bool TreeScores::are_worth_it(const TreeEnsemble& ensemble, std::int64_t rows) {
  const std::int64_t trees = std::ssize(ensemble.trees);
  return trees <= kMostTrees && trees * rows >= kLeastLeaves;
}

Result<TreeScores> TreeScores::of(const TreeEnsemble& ensemble) {
  TreeScores out;
  out.outputs_ = static_cast<std::size_t>(ensemble.outputs);
  TreeEnsemble numbered = ensemble;
  numbered.outputs = static_cast<std::int32_t>(ensemble.trees.size());
  for (Tree& tree : numbered.trees) {
    const std::size_t begin = out.values_.size();
    out.begins_.push_back(begin);
    for (TreeNode& node : tree.nodes) {
      if (node.feature >= 0) continue;
      out.values_.push_back(node.value);
      node.value = static_cast<double>(out.values_.size() - 1 - begin);
    }
  }
  onnx::Graph graph("leaves");
  const auto features = graph.input("features", onnx::TensorType::kFloat, ensemble.features);
  graph.output("leaves", onnx::add_trees(graph, numbered, features), numbered.outputs);
  TRY(out.model_, onnx::Model::load(graph.bytes(), onnx::kRowsAtOnce, onnx::Engine::kOwnColumns));
  return out;
}

void TreeScores::add_up(const std::vector<float>& leaves, double* out) const {
  const std::size_t trees = begins_.size();
  for (std::size_t at = 0; at < leaves.size(); at += trees, out += outputs_) {
    for (std::size_t tree = 0; tree < trees; ++tree) {
      const auto leaf = static_cast<std::size_t>(static_cast<std::int32_t>(leaves[at + tree]));
      out[tree % outputs_] += values_[begins_[tree] + leaf];
    }
  }
}

Result<std::vector<double>> TreeScores::scores(const LabelledRows& rows, int threads) const {
  std::vector<double> out(static_cast<std::size_t>(rows.rows()) * outputs_);
  TRY_STATUS(onnx::run_slices(*model_, rows.values, rows.columns, threads,
                              [&](std::int64_t from, const std::vector<records::Tensor>& made) {
                                const std::size_t at = static_cast<std::size_t>(from) * outputs_;
                                add_up(made[0].floats(), out.data() + at);
                              }));
  return out;
}

}  // namespace kingpost::steps::train
