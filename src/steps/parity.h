// SPDX-License-Identifier: Apache-2.0
// The trained model beside the graph that stands for it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "records/tensor.h"
#include "steps/trained_models.h"

namespace kingpost::steps {

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

  /// Leaves and classes are equal, and no answer differs by more than that.
  bool holds(double max_abs) const {
    return other_leaves == 0 && other_classes == 0 && largest <= max_abs;
  }
};

/// "1,000 rows: 0 other leaves, 0 other classes, largest difference 1e-07".
std::string words_of(const Parity& parity);

/// What the graph of a model made of some rows.
struct GraphAnswers {
  /// Kept columns of the matrix, [rows, kept].
  records::Tensor features;
  /// As scores_of has them, [rows, outputs].
  std::vector<double> scores;
};

/// `trees` is LightGBM's text of the model where it has one. Fails with what reading and running it
/// fail with.
Result<Parity> compare(const TrainedModels& trained, const TrainedModel& model,
                       const std::optional<std::string>& trees, const GraphAnswers& graph,
                       double max_abs);

}  // namespace kingpost::steps
