// SPDX-License-Identifier: Apache-2.0
// Step 7: which columns of the matrix the models may read, and why each other one is dropped.
// Only train rows are looked at, of each fold those outside of it.
#pragma once

#include "steps/step.h"

namespace kingpost::steps::select_features {

inline constexpr int kVersion = 1;

const Field& spec();
void check(CheckContext& context);
Result<Json> key_parts(KeyContext& context);
/// Leaves selection.json.
Result<Outcome> run(RunContext& context);

}  // namespace kingpost::steps::select_features
