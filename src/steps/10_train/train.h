// SPDX-License-Identifier: Apache-2.0
// Step 10: draws parameters, trains, compares on validation rows or over the folds, and makes of
// the best trial of each candidate a graph that answers.
#pragma once

#include "steps/step.h"

namespace kingpost::steps::train {

inline constexpr int kVersion = 2;

const Field& spec();
void check(CheckContext& context);
/// Leaves trials.json and, of each candidate that could be trained, its model's files.
Result<Outcome> run(RunContext& context);

}  // namespace kingpost::steps::train
