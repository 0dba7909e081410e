// SPDX-License-Identifier: Apache-2.0
// Trees over many rows, several times as fast as the library that made them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engines/onnx/runtime.h"
#include "records/trees.h"
#include "steps/training_rows.h"

namespace kingpost::steps::train {

/// A graph says which leaves the rows end in. The leaves' values are added up in double precision
/// and in the order of the trees, so the sums are those of records::raw_scores, bit for bit.
class TreeScores {
 public:
  /// Whether making the graph is worth its time. Requires for `of`: there is a tree.
  static bool are_worth_it(const records::TreeEnsemble& ensemble, std::int64_t rows);
  static Result<TreeScores> of(const records::TreeEnsemble& ensemble);

  /// Raw scores [rows, outputs], before the link, on up to `threads` threads (0: all).
  Result<std::vector<double>> scores(const LabelledRows& rows, int threads) const;

 private:
  TreeScores() = default;
  void add_up(const std::vector<float>& leaves, double* out) const;

  std::size_t outputs_ = 1;
  std::unique_ptr<onnx::Model> model_;
  /// Values of all leaves, tree by tree, and where those of each tree begin.
  std::vector<double> values_;
  std::vector<std::size_t> begins_;
};

}  // namespace kingpost::steps::train
