// SPDX-License-Identifier: Apache-2.0
// LightGBM's text as a graph over named columns, compared with LightGBM itself.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "records/trees.h"

namespace kingpost::steps::registering {

/// The names of the features, as the text has them. Fails with `register.feature_name` where one is
/// no name of a column, stands twice, or is that of an output.
Result<std::vector<std::string>> feature_names(const std::string& text, std::int32_t features);

/// From one float64 input [rows, 1] per name, read as float32, to the answers.
std::string tree_graph(const records::TreeEnsemble& trees, const std::vector<std::string>& names);

struct TreeParity {
  std::int64_t rows = 0;
  /// |own - graph| / max(1, |own|), at most.
  double largest = 0;
  /// Leaves that other rows end in than LightGBM says.
  std::int64_t other_leaves = 0;
};

/// Rows at every threshold and beside it, of no value, of categories known and unknown, and mixed:
/// the answers of the graph beside those of LightGBM. Fails with `register.parity_failed` where a
/// leaf is another or an answer is further away than 1e-5.
Result<TreeParity> compare_trees(const std::string& text, const records::TreeEnsemble& trees,
                                 const std::string& graph, const std::vector<std::string>& names);

}  // namespace kingpost::steps::registering
