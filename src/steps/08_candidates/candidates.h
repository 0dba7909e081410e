// SPDX-License-Identifier: Apache-2.0
// Step 8: the model families to try, each with the space of its parameters, and why the others are
// not tried. A constant baseline is always among them.
#pragma once

#include "steps/step.h"

namespace kingpost::steps::candidates {

inline constexpr int kVersion = 1;

const Field& spec();
void check(CheckContext& context);
Result<Json> key_parts(KeyContext& context);
/// Leaves candidates.json.
Result<Outcome> run(RunContext& context);

}  // namespace kingpost::steps::candidates
