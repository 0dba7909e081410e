// SPDX-License-Identifier: Apache-2.0
// Step 20 as part of `kingpost run`: the section's file of curated rows through a registered
// version, as `kingpost infer` does it. Only where the file has the section.
#pragma once

#include "base/spec.h"
#include "steps/step.h"

namespace kingpost::steps::infer {

inline constexpr int kVersion = 2;

const Field& spec();
/// Files that are read, those of the pipeline and of the store are no places for answers.
void check(CheckContext& context);
/// The digests of the rows, and of the model's bundle where the section names one. Fails as
/// Registry::resolve and files do, with the place in the file; before the run has come to the step
/// (no `input`) not for versions that it may register itself.
Result<Json> key_parts(KeyContext& context);
/// Leaves the answers as the file `predictions.ENDING`, and as `rejected.ndjson` the rows that
/// could not be scored; both lie at their places too. Fails as score_file.
Result<Outcome> run(RunContext& context);
/// Puts both at their places again where others lie there.
Status restore(const RestoreContext& context);

}  // namespace kingpost::steps::infer
