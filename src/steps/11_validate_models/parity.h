// SPDX-License-Identifier: Apache-2.0
// The trained model beside the graph that stands for it.
#pragma once

#include "steps/trained_models.h"

namespace kingpost::steps::validate_models {

struct Parity {
  std::int64_t rows = 0;
  /// Difference of the answers; of values beyond 1 relative to the value, of a linear model
  /// relative to the sum of its terms without their signs.
  double largest = 0;
  /// Rows and trees in which the graph's trees end in another leaf than the model's own.
  std::int64_t other_leaves = 0;
  /// Rows with another class, where the model's own answer is not within `max_abs` of a tie.
  std::int64_t other_classes = 0;
  /// The model has no form but the graph.
  bool graph_only = false;
};

/// Over the given rows of the training set. Fails as reading and running models do.
Result<Parity> compare(const RunContext& context, const TrainedModels& trained,
                       const TrainedModel& model, const std::vector<std::int64_t>& numbers,
                       double max_abs);

}  // namespace kingpost::steps::validate_models
