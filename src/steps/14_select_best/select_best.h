// SPDX-License-Identifier: Apache-2.0
// Step 14: one winner among the valid models, by validation rows and never by test rows, with the
// reason for each of the others.
#pragma once

#include "base/spec.h"
#include "steps/step.h"

namespace kingpost::steps::select_best {

inline constexpr int kVersion = 1;

const Field& spec();
void check(CheckContext& context);
/// What the step reads of other sections.
Result<Json> key_parts(KeyContext& context);
/// Leaves winner.json. When no model meets the constraints, the outcome carries the verdict
/// `select_best.no_winner`.
Result<Outcome> run(RunContext& context);

}  // namespace kingpost::steps::select_best
