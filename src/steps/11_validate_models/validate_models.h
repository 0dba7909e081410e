// SPDX-License-Identifier: Apache-2.0
// Step 11: a verdict in words per model. It looks at validation rows, never at test rows. What
// could not be computed counts as failed.
#pragma once

#include "base/spec.h"
#include "steps/step.h"

namespace kingpost::steps::validate_models {

inline constexpr int kVersion = 2;

const Field& spec();
void check(CheckContext& context);
/// What the step reads of other sections.
Result<Json> key_parts(KeyContext& context);
/// Leaves verdicts.json. When no model is valid, the outcome carries the verdict
/// `validate_models.no_valid_model`.
Result<Outcome> run(RunContext& context);

}  // namespace kingpost::steps::validate_models
