// SPDX-License-Identifier: Apache-2.0
// What a model goes by: mean absolute Shapley values per feature.
#pragma once

#include "steps/trained_models.h"

namespace kingpost::steps::evaluate {

/// {"method", "rows", "expected": [outputs], "features": [{"feature", "mean_abs"}...]} of the raw
/// score, before link and calibration, most important first; summed over the outputs. The rows are
/// an even sample of `side`; fewer than asked for where the model is so large that it would take
/// more than a fixed amount of work. Null for a model without a known form.
Result<Json> explanations(const RunContext& context, const TrainedModels& trained,
                          const TrainedModel& model, const SideRows& side, std::int64_t rows);

}  // namespace kingpost::steps::evaluate
