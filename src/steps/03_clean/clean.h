// SPDX-License-Identifier: Apache-2.0
// Step 3: repairs values and takes out repeated or unwanted rows, rule by rule, with a count each.
#pragma once

#include "base/spec.h"
#include "steps/step.h"

namespace kingpost::steps::clean {

inline constexpr int kVersion = 2;

/// The section's field table.
const Field& spec();
/// Checks every rule against the catalog and changes it to what leaves the step.
void check(CheckContext& context);
/// Applies the rules of each table in their order.
Result<Outcome> run(RunContext& context);

}  // namespace kingpost::steps::clean
