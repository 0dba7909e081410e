// SPDX-License-Identifier: Apache-2.0
// What one number cannot say about a model: its curves, as JSON ready to draw.
#pragma once

#include "base/json.h"
#include "records/features.h"
#include "steps/metrics.h"

namespace kingpost::steps::evaluate {

/// binary: roc, pr, calibration, gain, confusion; multiclass: calibration (of the class decided),
/// confusion; number: residuals (quantiles of prediction minus label), predicted_vs_actual. A curve
/// that is not defined (one class) is left out. At most 200 points each.
Json curves(const ScoredRows& rows, const records::Target& target);

}  // namespace kingpost::steps::evaluate
