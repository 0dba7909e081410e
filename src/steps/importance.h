// SPDX-License-Identifier: Apache-2.0
// Permutation importance (Breiman 2001): how much worse a metric becomes when the columns of one
// feature are shuffled together over the rows.
#pragma once

#include <string>
#include <vector>

#include "steps/trained_models.h"

namespace kingpost::steps {

struct Importance {
  std::string feature;
  /// Mean over the repeats, in units of the metric; positive: the feature helps.
  double value = 0;
  /// Deviation over the repeats.
  double deviation = 0;
};

struct Shuffling {
  std::string metric;
  std::int64_t rows = 2000;
  std::int64_t repeats = 3;
  std::int64_t seed = 13;
  std::int32_t threads = 0;
};

/// One per feature of the file that has a kept column, most important first, then by name. The rows
/// are an even sample of `side`. Fails with `metrics.undefined` where the sample has one class.
Result<std::vector<Importance>> importances(const RunContext& context, const TrainedModels& trained,
                                            const TrainedModel& model, const SideRows& side,
                                            const Shuffling& shuffling);

/// The part that the largest has in the sum of those above 0; 0 where there is none.
double largest_share(const std::vector<Importance>& importances);

}  // namespace kingpost::steps
