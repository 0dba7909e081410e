// SPDX-License-Identifier: Apache-2.0
// Step 2, validate_data: looks at every row once, says what is wrong in words, keeps failing rows
// apart and lets nothing pass that the file does not allow.
#pragma once

#include "base/spec.h"
#include "steps/step.h"

namespace kingpost::steps::validate_data {

inline constexpr int kVersion = 2;

/// The section's field table: tables, each with a list of checks.
const Field& spec();

/// Adds every fault of the section. The catalog leaves as it entered.
void check(CheckContext& context);

/// Checks all tables and profiles them.
Result<Outcome> run(RunContext& context);

/// The clock, when freshness is checked, and the bytes of the files that sql checks name.
Result<Json> key_parts(KeyContext& context);

}  // namespace kingpost::steps::validate_data
