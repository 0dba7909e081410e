// SPDX-License-Identifier: Apache-2.0
// TreeEnsembleRegressor and TreeEnsembleClassifier (ai.onnx.ml 1 to 5), as other programs write
// trees, made into a TreeEnsemble and what is done with its sums. Included only by this folder's
// sources.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engines/onnx/graph_state.h"

namespace kingpost::onnx {

/// What a classifier makes of the sums of its leaves.
struct ClassRule {
  enum class Transform : std::uint8_t { kNone, kLogistic, kSoftmax };
  Transform transform = Transform::kNone;
  /// Of two classes, of which there is one sum, of the second.
  bool is_binary = false;
  /// Leaves that are all at least 0 are chances already, others are log odds.
  bool are_chances = false;
  /// One for each class.
  std::variant<std::vector<std::int64_t>, std::vector<std::string>> labels;

  std::size_t classes() const {
    return std::visit([](const auto& each) { return each.size(); }, labels);
  }
};

struct LegacyTrees {
  /// The trees as a TreeEnsemble of float32, a target for each sum.
  GraphNode sums;
  /// Added to each sum; none: nothing is added.
  std::vector<float> base;
  /// Nothing for a regressor.
  std::optional<ClassRule> rule;
};

/// Nothing where they are not sound, or split, add up or decide in a way that is not known here.
std::optional<LegacyTrees> read_legacy_trees(const GraphNode& node);

}  // namespace kingpost::onnx
