// SPDX-License-Identifier: Apache-2.0
// How much each feature helps a quick model, told from train rows only.
#pragma once

#include <vector>

#include "steps/importance.h"
#include "steps/training_rows.h"

namespace kingpost::steps::select_features {

/// Trains boosted trees on three quarters of an even sample of the fold's train rows and shuffles
/// each feature's columns in the last quarter (permutation importance; Breiman 2001). Most
/// important first, then by name. Weights do not count. Fails with `metrics.undefined` where the
/// metric has no value on those rows, and as the engine does.
Result<std::vector<Importance>> quick_importances(const Matrices& matrices, std::int32_t fold,
                                                  const std::vector<std::int64_t>& columns,
                                                  const std::string& metric);

}  // namespace kingpost::steps::select_features
