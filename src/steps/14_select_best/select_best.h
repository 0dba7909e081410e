// SPDX-License-Identifier: Apache-2.0
// Step 14: one winner among the valid models, by validation rows and never by test rows, with the
// reason for each of the others.
#pragma once

#include "base/spec.h"
#include "steps/step.h"

namespace kingpost::steps::select_best {

inline constexpr int kVersion = 2;

const Field& spec();
void check(CheckContext& context);
/// What the step reads of other sections, and whom the winner must beat.
Result<Json> key_parts(KeyContext& context);
/// Leaves winner.json, with "champion" (champion.h) or null, "contest" (the digest of what decided)
/// and "against" (the champion's bundle or null). When no model meets the constraints, the outcome
/// carries the verdict `select_best.no_winner`.
Result<Outcome> run(RunContext& context);

}  // namespace kingpost::steps::select_best
