// SPDX-License-Identifier: Apache-2.0
// Step 4: brings every table to one schema: names, texts, categories, types, zones and units.
#pragma once

#include "base/spec.h"
#include "steps/step.h"

namespace kingpost::steps::standardise {

inline constexpr int kVersion = 2;

/// The section's field table.
const Field& spec();
/// Checks every entry against the catalog and changes it to the schema that leaves the step.
void check(CheckContext& context);
/// Converts each table; rows with a value that cannot be converted are kept beside.
Result<Outcome> run(RunContext& context);

}  // namespace kingpost::steps::standardise
