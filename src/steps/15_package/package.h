// SPDX-License-Identifier: Apache-2.0
// Step 15: everything that a model needs to be used, judged and reproduced, as one set of files
// whose bytes depend on nothing but data and pipeline file.
#pragma once

#include "base/spec.h"
#include "steps/step.h"

namespace kingpost::steps::package {

inline constexpr int kVersion = 6;

const Field& spec();
void check(CheckContext& context);
/// The program's version, the team's text, the sections that the lineage names, and the public half
/// of the key that signs.
Result<Json> key_parts(KeyContext& context);
/// Leaves the files `bundle/NAME`, `bundle/SHA256SUMS` and, where a key is named,
/// `bundle/SHA256SUMS.sig` (steps/bundle.h).
Result<Outcome> run(RunContext& context);

}  // namespace kingpost::steps::package
