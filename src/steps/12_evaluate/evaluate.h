// SPDX-License-Identifier: Apache-2.0
// Step 12: measures the valid models on test rows, which no earlier step has looked at, and says
// how sure each number is, where the models fail, and what they go by.
#pragma once

#include "base/spec.h"
#include "steps/step.h"

namespace kingpost::steps::evaluate {

inline constexpr int kVersion = 2;

const Field& spec();
void check(CheckContext& context);
/// What the step reads of other sections.
Result<Json> key_parts(KeyContext& context);
/// Leaves evaluation.json and the table `predictions`.
Result<Outcome> run(RunContext& context);

}  // namespace kingpost::steps::evaluate
