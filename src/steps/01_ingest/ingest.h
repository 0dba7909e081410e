// SPDX-License-Identifier: Apache-2.0
// Step 1: files become immutable, typed, content-addressed snapshots; what cannot be read as
// declared is kept beside with its file, line, column, value and reason.
#pragma once

#include "steps/step.h"

namespace kingpost::steps::ingest {

inline constexpr int kVersion = 2;

const Field& spec();
void check(CheckContext& context);
Result<Outcome> run(RunContext& context);
/// The sha256 of every source file, and the clock where freshness asks for it.
Result<Json> key_parts(KeyContext& context);

}  // namespace kingpost::steps::ingest
